// SPDX-License-Identifier: Apache-2.0
/* Raw images and block devices: see raw.h. */
#include "devices/block/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devices/block/file.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

#define SECTOR_BYTES 512
#define PAGE_BYTES 4096

static void explain_open(const char *path, bool read_only, int err)
{
	switch (-err) {
	case ENOENT:
		log_error("disk '%s': no such file; check the path, or make an empty disk with 'truncate -s 8G FILE'", path);
		break;
	case EACCES:
	case EPERM:
		log_error("disk '%s': no permission to %s it; %s", path, read_only ? "read" : "write to",
			  read_only ? "check its owner and mode" : "check its owner and mode, or add ',ro' or ',cow' to only read it");
		break;
	case EROFS:
		log_error("disk '%s': on a read-only file system; add ',ro', or ',cow' to keep writes elsewhere", path);
		break;
	case EBUSY:
		log_error("disk '%s': the device is in use on this host (mounted?); release it first, or add ',ro'", path);
		break;
	case EISDIR:
		log_error("disk '%s': a directory; a disk is an image file or a block device", path);
		break;
	default:
		log_error("disk '%s': can't open it: %s", path, strerror(-err));
	}
}

/*
 * O_NONBLOCK, so that a FIFO can't hold us up. It must go again: io_uring takes it as a wish to fail rather than wait.
 */
static int open_file(const char *path, bool read_only)
{
	int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, 0)) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int file_limits(struct raw *raw)
{
	struct block_limits *limits = &raw->limits;

	limits->size_bytes = (uint64_t)raw->stat.st_size;
	limits->logical_block_bytes = SECTOR_BYTES;
	limits->physical_block_bytes = PAGE_BYTES; /* the page cache's unit: a smaller write may read first */
	/* A hole past the end changes nothing, and tells whether the file system makes holes at all. */
	uint64_t past_end = (limits->size_bytes + PAGE_BYTES) & ~(uint64_t)(PAGE_BYTES - 1);
	if (!limits->read_only && past_end < INT64_MAX - PAGE_BYTES && !file_punch(raw->fd, past_end, PAGE_BYTES))
		limits->discard_granularity_bytes = PAGE_BYTES;
	return 0;
}

/* A number the block layer shows of a device; 0 when it shows none. A partition's queue is its disk's. */
static uint64_t queue_attribute(dev_t dev, const char *name)
{
	static const char *const place[] = { "queue", "../queue" };
	char path[128], *text = NULL;
	uint64_t value = 0;
	size_t len;

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(dev), minor(dev), place[i], name);
		if (read_file(path, 64, &text, &len))
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (parse_u64(text, 0, UINT64_MAX, &value))
			value = 0;
		free(text);
		break;
	}
	return value;
}

static int device_limits(struct raw *raw, const char *path)
{
	struct block_limits *limits = &raw->limits;
	unsigned physical = 0, optimal = 0;
	int logical = 0, locked = 0;

	if (ioctl(raw->fd, BLKGETSIZE64, &limits->size_bytes) || ioctl(raw->fd, BLKSSZGET, &logical)) {
		int err = -errno;
		log_error("disk '%s': can't ask the device for its size: %s", path, strerror(-err));
		return err;
	}
	if (!limits->read_only && !ioctl(raw->fd, BLKROGET, &locked) && locked) {
		log_error("disk '%s': the device is write-protected; add ',ro' or ',cow'", path);
		return -EROFS;
	}
	if (ioctl(raw->fd, BLKPBSZGET, &physical))
		physical = 0;
	if (ioctl(raw->fd, BLKIOOPT, &optimal))
		optimal = 0;
	limits->logical_block_bytes = logical >= SECTOR_BYTES && logical <= 65536 ? (uint32_t)logical : SECTOR_BYTES;
	limits->physical_block_bytes = physical > limits->logical_block_bytes ? physical : limits->logical_block_bytes;
	limits->optimal_io_bytes = optimal;
	if (!limits->read_only && queue_attribute(raw->stat.st_rdev, "discard_max_bytes")) {
		uint64_t granularity = queue_attribute(raw->stat.st_rdev, "discard_granularity");
		limits->discard_granularity_bytes = granularity >= limits->logical_block_bytes && granularity <= UINT32_MAX
							    ? (uint32_t)granularity
							    : limits->logical_block_bytes;
	}
	return 0;
}

static int check_size(const struct raw *raw, const char *path)
{
	if (!raw->limits.size_bytes) {
		log_error("disk '%s': empty; give it a size, for example with 'truncate -s 8G FILE'", path);
		return -EINVAL;
	}
	if (raw->limits.size_bytes % raw->limits.logical_block_bytes) {
		log_error("disk '%s': %llu bytes are not a whole number of %u-byte sectors; the file is cut short, or no raw disk image",
			  path, (unsigned long long)raw->limits.size_bytes, raw->limits.logical_block_bytes);
		return -EINVAL;
	}
	return 0;
}

static int check_type(struct raw *raw, const char *path)
{
	if (fstat(raw->fd, &raw->stat))
		return -errno;
	if (S_ISDIR(raw->stat.st_mode)) {
		explain_open(path, true, -EISDIR);
		return -EISDIR;
	}
	raw->device = S_ISBLK(raw->stat.st_mode);
	if (!raw->device && !S_ISREG(raw->stat.st_mode)) {
		log_error("disk '%s': neither a file nor a block device", path);
		return -EINVAL;
	}
	return 0;
}

static int lock(struct raw *raw, const char *path)
{
	bool read_only = raw->limits.read_only;
	int err = file_lock(raw->fd, path, !read_only, &raw->lock_fd);

	if (err == -EAGAIN) {
		log_error("disk '%s': another program has it open%s; add ',cow' for each to have its own copy, or ',ro' to all of them",
			  path, read_only ? " for writing" : "");
		return -EBUSY;
	}
	if (err)
		explain_open(path, read_only, err);
	return err;
}

int raw_open(struct raw *raw, const char *path, bool read_only)
{
	*raw = (struct raw){ .fd = open_file(path, read_only), .lock_fd = -1 };
	if (raw->fd < 0) {
		int err = raw->fd;
		raw->fd = -1;
		explain_open(path, read_only, err);
		return err;
	}
	raw->limits.read_only = read_only;
	raw->limits.write_zeroes = !read_only;
	int err = check_type(raw, path);
	if (!err)
		err = lock(raw, path);
	if (!err)
		err = raw->device ? device_limits(raw, path) : file_limits(raw);
	if (!err)
		err = check_size(raw, path);
	if (err)
		raw_release(raw);
	return err;
}

void raw_release(struct raw *raw)
{
	close_fd(&raw->fd);
	close_fd(&raw->lock_fd);
}

/*
 * The kernel drops a range of a device from its page cache first; where somebody holds the device exclusively, only for him. That is our
 * lock's descriptor.
 */
static int range_fd(const struct raw *raw)
{
	return raw->device ? raw->lock_fd : raw->fd;
}

static int discard(const struct raw *raw, uint64_t offset, uint64_t len)
{
	uint64_t range[2] = { offset, len };
	int err;

	if (!len)
		return 0;
	if (raw->device)
		err = ioctl(range_fd(raw), BLKDISCARD, range) ? -errno : 0;
	else
		err = file_punch(raw->fd, offset, len);
	/* Only advice: what can't follow it has not failed. */
	return err == -EOPNOTSUPP ? 0 : err;
}

int raw_execute(const struct raw *raw, const struct block_request *request)
{
	const struct file_span span = { .iov = request->iov, .iov_count = request->iov_count, .len_bytes = request->len_bytes };

	if (raw->limits.read_only && request->op != BLOCK_READ && request->op != BLOCK_FLUSH)
		return -EROFS;
	switch (request->op) {
	case BLOCK_READ:
		return file_readv(raw->fd, &span, request->offset_bytes);
	case BLOCK_WRITE:
		return file_writev(raw->fd, &span, request->offset_bytes);
	case BLOCK_FLUSH:
		return raw->limits.read_only ? 0 : file_sync(raw->fd);
	case BLOCK_DISCARD:
		return discard(raw, request->offset_bytes, request->len_bytes);
	case BLOCK_WRITE_ZEROES:
		return file_zero(range_fd(raw), request->offset_bytes, request->len_bytes, request->may_unmap);
	}
	return -EINVAL;
}
