// SPDX-License-Identifier: Apache-2.0
/*
 * A disk image mounted without the privilege to mount it (rootfs_fuse.c): fuse2fs has it open, outside of the container but in its user namespace, where the
 * mount is made. So owners are as the image says, and no helper with privileges takes part.
 *
 * fuse2fs makes the mount in a mount namespace of its own, from which a copy of it is handed to who opens the root; its own is given up then. So
 * it ends when the container's last process does, and before that only if it, or tinyvmm, is ended.
 */
#ifndef CTR_ROOTFS_IMPL_H
#define CTR_ROOTFS_IMPL_H

#include "ctr/rootfs.h"

/* Where what has no place of its own yet is mounted: every kernel has this directory, and nobody looks into it. */
#define ROOTFS_PARKING "/proc/driver"

/* In the parent, before there is a child. -ENODEV: fuse2fs does not know that file system. 0 or a negative errno, not logged. */
int fuse_prepare(struct rootfs *rootfs);

/* In the parent: starts fuse2fs, in the user namespace of `userns_fd`, or in ours if that is -1. 0 or a negative errno, logged. */
int fuse_start(struct rootfs *rootfs, int userns_fd);

/* In the child: waits for the mount. Its descriptor, attached nowhere, or a negative errno, logged with what fuse2fs said. */
int fuse_take(struct rootfs *rootfs, const struct spec *spec);

/* In the parent: waits until all that was written is in the image, and fuse2fs has ended. */
void fuse_end(struct rootfs *rootfs);

#endif
