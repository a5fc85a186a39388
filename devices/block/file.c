// SPDX-License-Identifier: Apache-2.0
/* Synchronous vectored input and output, zeroing and locking of files: see file.h. */
#include "devices/block/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* Pieces per system call: well below IOV_MAX, and all that a virtio-blk request ever has. */
#define PARTS_MAX 256
/* What one write of the slow way to zero a range covers: this many times the same page of zeroes. */
#define ZERO_PAGE_BYTES 4096
#define ZERO_PAGES 64

unsigned iov_slice(const struct file_span *span, struct iovec *part, unsigned part_max, uint64_t *bytes)
{
	uint64_t skip = span->skip_bytes, left = span->len_bytes;
	unsigned count = 0;

	for (unsigned i = 0; i < span->iov_count && left && count < part_max; i++) {
		const struct iovec *iov = &span->iov[i];
		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		uint64_t len = iov->iov_len - skip;
		if (len > left)
			len = left;
		part[count++] = (struct iovec){ .iov_base = (char *)iov->iov_base + skip, .iov_len = len };
		left -= len;
		skip = 0;
	}
	*bytes = span->len_bytes - left;
	return count;
}

static int transfer(int fd, const struct file_span *span, uint64_t offset, bool write)
{
	struct file_span rest = *span;
	struct iovec part[PARTS_MAX];
	uint64_t bytes;

	while (rest.len_bytes) {
		unsigned count = iov_slice(&rest, part, PARTS_MAX, &bytes);
		if (!count)
			return -EINVAL; /* the span is longer than its memory */
		ssize_t n = write ? pwritev(fd, part, (int)count, (off_t)offset) : preadv(fd, part, (int)count, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		rest.skip_bytes += (uint64_t)n;
		rest.len_bytes -= (uint64_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int file_readv(int fd, const struct file_span *span, uint64_t offset_bytes)
{
	return transfer(fd, span, offset_bytes, false);
}

int file_writev(int fd, const struct file_span *span, uint64_t offset_bytes)
{
	return transfer(fd, span, offset_bytes, true);
}

static int allocate(int fd, int mode, uint64_t offset, uint64_t len)
{
	int err;

	do
		err = fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len) ? -errno : 0;
	while (err == -EINTR);
	return err;
}

int file_punch(int fd, uint64_t offset_bytes, uint64_t len_bytes)
{
	return allocate(fd, FALLOC_FL_PUNCH_HOLE, offset_bytes, len_bytes);
}

static bool unsupported(int err)
{
	return err == -EOPNOTSUPP || err == -EINVAL || err == -ENOSYS || err == -ENODEV;
}

static int write_zeroes(int fd, uint64_t offset, uint64_t len)
{
	char zero[ZERO_PAGE_BYTES];
	struct iovec iov[ZERO_PAGES];
	int err = 0;

	memset(zero, 0, sizeof(zero));
	for (unsigned i = 0; i < ZERO_PAGES; i++)
		iov[i] = (struct iovec){ .iov_base = zero, .iov_len = sizeof(zero) };
	while (len && !err) {
		uint64_t step = len < sizeof(zero) * ZERO_PAGES ? len : sizeof(zero) * ZERO_PAGES;
		const struct file_span span = { .iov = iov, .iov_count = ZERO_PAGES, .len_bytes = step };
		err = file_writev(fd, &span, offset);
		offset += step;
		len -= step;
	}
	return err;
}

/* fallocate(2) does all of this on block devices as well (Linux 4.9): a hole is then an unmapped range that reads as zero. */
int file_zero(int fd, uint64_t offset_bytes, uint64_t len_bytes, bool may_unmap)
{
	int err = -EOPNOTSUPP;

	if (!len_bytes)
		return 0;
	if (may_unmap)
		err = file_punch(fd, offset_bytes, len_bytes);
	if (unsupported(err))
		err = allocate(fd, FALLOC_FL_ZERO_RANGE, offset_bytes, len_bytes);
	if (unsupported(err))
		err = write_zeroes(fd, offset_bytes, len_bytes);
	return err;
}

int file_sync(int fd)
{
	int err;

	do
		err = fdatasync(fd) ? -errno : 0;
	while (err == -EINTR);
	return err;
}

static int set_lock(int fd, const char *path, bool exclusive)
{
	struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return -EAGAIN;
	log_warn("disk '%s': its file system has no locks (%s): nothing keeps a second program from writing to it", path, strerror(errno));
	return 0;
}

int file_lock(int fd, const char *path, bool exclusive, int *lock_fd)
{
	int flags = (exclusive ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat wanted, found;

	if (fstat(fd, &wanted))
		return -errno;
	/* O_EXCL without O_CREAT means something for block devices only. */
	if (exclusive && S_ISBLK(wanted.st_mode))
		flags |= O_EXCL;
	*lock_fd = open(path, flags);
	if (*lock_fd < 0)
		return -errno;
	int err = fstat(*lock_fd, &found) ? -errno : 0;
	if (!err && (found.st_dev != wanted.st_dev || found.st_ino != wanted.st_ino))
		err = -ESTALE;
	if (!err)
		err = set_lock(*lock_fd, path, exclusive);
	if (err)
		close_fd(lock_fd);
	return err;
}
