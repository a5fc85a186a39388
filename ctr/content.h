// SPDX-License-Identifier: Apache-2.0
/*
 * What a container's root is filled with: fresh /proc, /sys, /dev and what belongs below them, hidden and read-only parts of them, --bind and
 * --tmpfs, host name and resolver files. In the child, before it enters the root.
 */
#ifndef CTR_CONTENT_H
#define CTR_CONTENT_H

#include "ctr/idmap.h"
#include "ctr/rootfs.h"
#include "ctr/spec.h"

struct content {
	const struct spec *spec;
	const struct idmap *map;
	const struct rootfs *rootfs;
	bool own_groups;	/* the container may make control groups below its own */
	const char *nameserver; /* for /etc/resolv.conf; NULL: the host's file */
};

/* What every container has. 0 or a negative errno, logged with the path that failed. */
int content_mount(const struct content *content);

/* After that, what is this one's: its control groups, which it is in by now, its --tmpfs and --bind. The same. */
int content_mount_own(const struct content *content);

/* After all mounts: the root itself becomes read-only where that is asked for. */
int content_seal(const struct content *content);

#endif
