// SPDX-License-Identifier: Apache-2.0
/* Where the root file system is on a disk image: a bare file system, or a partition of an MBR or GPT (libblkid). */
#ifndef DEVICES_BLOCK_PROBE_H
#define DEVICES_BLOCK_PROBE_H

#include <stdint.h>

struct disk_probe {
	unsigned partition; /* 0: the whole disk is one file system */
	uint64_t offset_bytes, len_bytes; /* of the file system; len 0: to the end of the image */
	char fstype[32];    /* as the kernel calls it: "ext4", "xfs", "btrfs", "squashfs", "erofs", "vfat", "iso9660" ... */
	char uuid[64];
};

/*
 * Reads the image on `fd`. Of several partitions the root is, in this order: the type GUID of the discoverable partitions specification for
 * this machine, the label "root" or "rootfs" (or cloudimg-rootfs, writable...), the only one with a Linux file system, the largest one with
 * a Linux file system. -ENOENT, not logged: nothing there can be a root. Loads libblkid, so call it in a worker.
 */
int disk_probe(int fd, struct disk_probe *probe);

#endif
