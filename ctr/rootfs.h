// SPDX-License-Identifier: Apache-2.0
/*
 * The container's root: where it comes from and what becomes of writes. Opened and attached by the child in its own mount namespace, in which
 * nothing that it mounts is seen outside, and from which everything is gone when its last process is.
 */
#ifndef CTR_ROOTFS_H
#define CTR_ROOTFS_H

#include "ctr/archive/archive.h"
#include "ctr/idmap.h"
#include "ctr/spec.h"
#include "vmm/util/process.h"

struct rootfs {
	int fd;		/* O_PATH, the root as the container will see it */
	int lock_fd;	/* the parent's: holds the image's lock, as a machine's disk does; -1: no image */
	int fuse_fd[2]; /* socket pair: [0] fuse2fs's, [1] of who gets its mount; -1: it is not needed (rootfs_impl.h) */
	struct worker fuse; /* the parent's: fuse2fs */
	bool disk_read_only;
	int bind_fd[SPEC_BINDS_MAX]; /* the parent's: --bind's sources, attached nowhere, where only the parent may map their owners; -1: the child's */
	int disk_fd;	/* the parent's: the image or archive, opened before privileges or namespaces change; -1: none */
	int lower_fd;	/* the parent's: a mount, attached nowhere, of what only the parent may mount or map; -1: none */
	int writes_fd;	/* the parent's: a mount, attached nowhere, of spec->writes_path; -1: the child makes it */
	uint64_t offset_bytes, len_bytes; /* of the file system in the image */
	char fstype[32];
	bool userns;	/* overlayfs has to keep its notes in user.* attributes */
	bool one_id;	/* the container has one user, so files are all that one's */
	bool view;	/* the caller's: only to be looked at, so nothing is written anywhere; not of an archive */
	bool fresh;	/* an overlay or memory of our own: what is missing may be made in it */
	struct archive_config image; /* ROOT_IMAGE: what the image says of its command, once it is open */
};

void rootfs_init(struct rootfs *rootfs);

/*
 * In the parent: finds the root and opens what it can. Logs what is wrong with it: missing, no directory, no file system. `map`: who the container's
 * users are.
 */
int rootfs_prepare(struct rootfs *rootfs, const struct spec *spec, const struct idmap *map);

/* Makes the directories in spec->writes_path where they are missing, as rootfs_prepare() does. 0 or a negative errno, logged. */
int rootfs_make_writes(const struct spec *spec, const struct idmap *map);

/*
 * In the parent, once the child's user namespace, if there is one, has its map: the files of root's directories, images and binds belong to the same users
 * inside as they do outside (mount_setattr(2), MOUNT_ATTR_IDMAP), but for binds that can't have that and need not. An image that we may not mount gets its fuse2fs. 0
 * or a negative errno, logged.
 */
int rootfs_map(struct rootfs *rootfs, const struct spec *spec, pid_t child);

/*
 * In the child: mounts it and makes rootfs->fd. On the chroot rung a directory is only opened. 0 or a negative errno, logged.
 */
int rootfs_open(struct rootfs *rootfs, const struct spec *spec);

/* Makes it the root of the calling process, by pivot_root(2), or by chroot(2) on that rung; the working directory is / after it. */
int rootfs_enter(const struct rootfs *rootfs, const struct spec *spec);

void rootfs_release(struct rootfs *rootfs);

#endif
