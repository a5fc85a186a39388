// SPDX-License-Identifier: Apache-2.0
/*
 * Writes a cpio archive of the "newc" kind, as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * Members are written in order and are whole multiples of four bytes, so members that were written elsewhere may be put between two of
 * them, and the archive is the same each time: no times, no owners. A directory has to come before what is in it. Paths are relative
 * ("dev/console"); -EINVAL for one that is absolute, empty, or has an empty, "." or ".." component; -EFBIG for a file of 4 GiB or more.
 */
#ifndef VMM_CPIO_H
#define VMM_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio {
	int fd;          /* not owned */
	uint64_t offset; /* where the next member goes */
	uint32_t inode;  /* of the next member */
};

/* `first_inode` keeps parts apart that are written separately. */
void cpio_init(struct cpio *cpio, int fd, uint64_t offset, uint32_t first_inode);
int cpio_directory(struct cpio *cpio, const char *path, uint32_t mode);
int cpio_file(struct cpio *cpio, const char *path, uint32_t mode, const void *data, size_t len);
/* `mode` has S_IFCHR or S_IFBLK in it. */
int cpio_device(struct cpio *cpio, const char *path, uint32_t mode, uint32_t major, uint32_t minor);
/* The member that ends the archive. */
int cpio_end(struct cpio *cpio);

#endif
