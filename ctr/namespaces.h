// SPDX-License-Identifier: Apache-2.0
/* The kinds of namespaces by name: namespaces(7). What a container makes new, shares with the host, or joins. */
#ifndef CTR_NAMESPACES_H
#define CTR_NAMESPACES_H

#include <stdint.h>

#include "ctr/spec.h"

struct namespace_kind {
	const char *name;  /* in options: "net" */
	const char *file;  /* in /proc/PID/ns */
	uint64_t clone_flag;
};

extern const struct namespace_kind namespace_kinds[NS_COUNT];

/* Does the container get a new one of this kind? None on the chroot rung; a user namespace only where userns says so. */
bool namespace_is_new(const struct spec *spec, enum spec_namespace ns, bool userns);

/* Those flags together, for clone3(2). */
uint64_t namespaces_clone_flags(const struct spec *spec, bool userns);

/*
 * Opens what `ns` is joined by: a file, a PID, or a name under /run/netns. A descriptor that was seen to be a namespace of that kind, or a negative errno, logged.
 */
int namespace_open(enum spec_namespace ns, const char *join);

/* "net=host" of --share, "net=NAME|PID|FILE" of --join: NULL, or what is wrong with it. */
const char *namespace_parse_share(struct spec *spec, char *text);
const char *namespace_parse_join(struct spec *spec, char *text);

#endif
