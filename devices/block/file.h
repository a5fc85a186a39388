// SPDX-License-Identifier: Apache-2.0
/*
 * Complete, synchronous input and output on a file or block device, from and to scattered memory. All return 0 or a negative
 * errno, restart after a signal, continue what the kernel did in part, and may be called from any thread.
 */
#ifndef DEVICES_BLOCK_FILE_H
#define DEVICES_BLOCK_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* `len` bytes of `iov`, from `skip` bytes into it. A file that ends too early is -EIO: an image that shrank has lost data. */
struct file_span {
	const struct iovec *iov;
	unsigned iov_count;
	uint64_t skip_bytes, len_bytes;
};

int file_readv(int fd, const struct file_span *span, uint64_t offset_bytes);
int file_writev(int fd, const struct file_span *span, uint64_t offset_bytes);

/* Makes a range read as zero, inside the file's size. With may_unmap it may become a hole. */
int file_zero(int fd, uint64_t offset_bytes, uint64_t len_bytes, bool may_unmap);
int file_punch(int fd, uint64_t offset_bytes, uint64_t len_bytes);

int file_sync(int fd);

/*
 * Locks the whole file that `fd` has open under `path`, through a descriptor of its own, *lock_fd, for the caller to close. It is an OFD
 * lock; on a device, an exclusive one also claims it from the host (-EBUSY when mounted). -EAGAIN: another program has a lock that
 * conflicts; -ESTALE: `path` names another file by now. A file system without locks gives 0 with a warning.
 *
 * Why not `fd` itself: an io_uring keeps its files open until the kernel has torn it down, some time after its process has ended. The
 * disk must be free at once then.
 */
int file_lock(int fd, const char *path, bool exclusive, int *lock_fd);

/*
 * Fills `part` with the pieces of `iov` that lie in [skip, skip + len), as many as fit. Returns their number, their bytes in *bytes.
 */
unsigned iov_slice(const struct file_span *span, struct iovec *part, unsigned part_max, uint64_t *bytes);

#endif
