// SPDX-License-Identifier: Apache-2.0
/*
 * Which numbers of the host a container's users and groups are: user_namespaces(7), subuid(5), newuidmap(1).
 *
 *   root                       no user namespace: 0 is 0; everything else that the ladder has still stands
 *   root with --userns         0 and up are root's subordinate range
 *   anybody else, with range   0 is the user, 1 and up are the subordinate range; written by newuidmap and newgidmap, which may
 *   anybody else               0 is the user and there is nobody else; setgroups(2) is denied
 */
#ifndef CTR_IDMAP_H
#define CTR_IDMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define IDMAP_EXTENTS_MAX 2

struct idmap_extent {
	uint32_t inside, outside, count;
};

struct idmap {
	bool userns;	  /* a new user namespace is made; else the rest is empty */
	bool by_helpers;  /* newuidmap and newgidmap have to write it */
	bool deny_groups; /* setgroups(2) has to be given up before a group can be mapped */
	struct idmap_extent uid[IDMAP_EXTENTS_MAX], gid[IDMAP_EXTENTS_MAX];
	unsigned uid_count, gid_count;
};

/*
 * The map of a container that the calling user starts; `wanted` is --userns. 0 or a negative errno, logged with the lines to add to
 * /etc/subuid and /etc/subgid.
 */
int idmap_choose(struct idmap *map, bool wanted);

/* Writes it for the process `pid`, a child of ours in its new user namespace. 0 or a negative errno, logged. */
int idmap_write(const struct idmap *map, pid_t pid);

/*
 * The first range of at least `min_count` for a user, named or by number, in a subuid(5) file's text: for idmap_choose() and the tests. The
 * file is root's, but is read strictly: a line that is not name:start:count is passed over. False: none.
 */
bool idmap_find_range(const char *text, const char *user, uint32_t uid, uint32_t min_count, struct idmap_extent *extent);

/* Is this number of the container anybody? */
bool idmap_has(const struct idmap_extent *extents, unsigned count, uint32_t inside);

#endif
