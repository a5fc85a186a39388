// SPDX-License-Identifier: Apache-2.0
/*
 * Mounts by descriptors: fsopen(2), open_tree(2), move_mount(2), mount_setattr(2), openat2(2); Linux 5.12 or later.
 *
 * A target in the container's root is always an O_PATH descriptor that was resolved inside that root: the image, and processes that run in it
 * already, can't lead a mount anywhere else by swapping a name for a link (CVE-2021-30465, CVE-2024-45310).
 */
#ifndef CTR_MOUNT_H
#define CTR_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/types.h>

/*
 * A new file system, not attached anywhere: `options` are "key=value" or "key", NULL-terminated; `attributes` MOUNT_ATTR_*. A descriptor or a
 * negative errno; not logged.
 */
int mount_new(const char *type, const char *const *options, uint64_t attributes);

/* A copy of the mount at `path` below `dir_fd` (of what is mounted beneath as well: AT_RECURSIVE in flags), not attached; not logged. */
int mount_clone(int dir_fd, const char *path, unsigned flags);
/* The same for a directory on which mounts follow: private, so that these are not seen where it was copied from. */
int mount_clone_private(int dir_fd, const char *path, unsigned flags);

/* Attaches it on top of `target_fd`. */
int mount_attach(int mount_fd, int target_fd);

/* mount_setattr(2) on all that the descriptor heads. */
int mount_restrict(int mount_fd, uint64_t attributes, bool recursive);

/*
 * The files' owners become those of the user namespace, by their numbers (MOUNT_ATTR_IDMAP), and the mount private. Takes privileges over the file system. -EINVAL: it, or this
 * kernel, can't do that. Not logged.
 */
int mount_map(int mount_fd, int userns_fd, bool recursive);

enum mount_target { TARGET_DIR, TARGET_FILE };

/*
 * The O_PATH descriptor of `path` inside `root_fd`, following links as a process with that root would. What is missing is made, component by
 * component, if `make`. -ENOTDIR, -ENOENT, -ELOOP ...; not logged.
 */
int target_open(int root_fd, const char *path, enum mount_target kind, bool make);
/* The same for /proc, /sys, /dev and what is below them, where a link has no business: none is followed (CVE-2019-19921). */
int target_open_real(int root_fd, const char *path, bool make);

#endif
