// SPDX-License-Identifier: Apache-2.0
/* Making, checking and closing copy-on-write overlays: see cow.h. */
#include "devices/block/cow_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/block/file.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

_Static_assert(sizeof(struct cow_header) <= COW_BLOCK_BYTES, "the header has a block of its own");

/* Bytes of the bitmap that are read at once. */
#define LOAD_BYTES (16 * COW_BLOCK_BYTES)

static uint64_t round_up(uint64_t value)
{
	return (value + COW_BLOCK_BYTES - 1) / COW_BLOCK_BYTES * COW_BLOCK_BYTES;
}

/* --- a dropped overlay --------------------------------------------------------------------------------------------- */

static int unlinked_file(const char *dir)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* Some file systems have no O_TMPFILE. */
	if (snprintf(path, sizeof(path), "%s/tinyvmm-cow.XXXXXX", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* /var/tmp before /tmp: the second is often in memory, and an overlay may grow as big as its disk. */
static int create_dropped(struct cow *cow)
{
	const char *wish = getenv("TMPDIR");
	const char *const dirs[] = { wish && *wish ? wish : "/var/tmp", wish && *wish ? NULL : "/tmp" };
	int err = 0;

	for (unsigned i = 0; i < 2 && dirs[i]; i++) {
		int fd = unlinked_file(dirs[i]);
		err = fd < 0 ? fd : 0;
		if (err)
			continue;
		cow->fd = fd;
		if (!ftruncate(fd, (off_t)(cow->data_offset + cow->size_bytes)))
			return 0;
		err = -errno;
		close_fd(&cow->fd);
	}
	log_error("can't make a temporary copy-on-write overlay in %s: %s; set TMPDIR to a directory with room", dirs[0], strerror(-err));
	return err;
}

/* --- a kept one ---------------------------------------------------------------------------------------------------- */

static void fill_header(const struct cow *cow, const char *base_path, struct cow_header *header)
{
	size_t path_bytes = strlen(base_path);

	if (path_bytes > COW_BASE_PATH_MAX)
		path_bytes = COW_BASE_PATH_MAX;
	*header = (struct cow_header){
		.magic = COW_MAGIC,
		.version = htole32(COW_VERSION),
		.block_bytes = htole32(COW_BLOCK_BYTES),
		.size_bytes = htole64(cow->size_bytes),
		.base_path_bytes = htole32((uint32_t)path_bytes),
	};
	/* A device's times say nothing of what is on it. */
	if (!cow->base->device) {
		header->base_mtime_s = (int64_t)htole64((uint64_t)cow->base->stat.st_mtim.tv_sec);
		header->base_mtime_ns = htole32((uint32_t)cow->base->stat.st_mtim.tv_nsec);
	}
	memcpy(header->base_path, base_path, path_bytes);
}

/* A new name is on stable storage when its directory is. Where a directory can't be synced, there is nothing to be done about it. */
static void sync_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	if (!dir)
		return;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
	close_fd(&fd);
	free(dir);
}

/* The size first: an overlay that ends here has no header, and is refused rather than read. */
static int create_kept(struct cow *cow, const char *base_path, const char *path)
{
	uint8_t block[COW_BLOCK_BYTES] = { 0 };
	struct cow_header header;
	int err = 0;

	fill_header(cow, base_path, &header);
	memcpy(block, &header, sizeof(header));
	if (ftruncate(cow->fd, (off_t)(cow->data_offset + cow->size_bytes)))
		err = -errno;
	if (!err)
		err = pwrite_full(cow->fd, block, sizeof(block), 0);
	if (!err)
		err = file_sync(cow->fd);
	if (err)
		log_error("overlay '%s': can't write it: %s", path, strerror(-err));
	else
		sync_name(path);
	return err;
}

/* The name of the base, as far as it is one: the file may be anybody's, and the terminal obeys more than letters. */
static void printable_base(const struct cow_header *header, uint32_t bytes, char text[COW_BASE_PATH_MAX + 1])
{
	uint32_t i;

	for (i = 0; i < bytes && header->base_path[i]; i++)
		text[i] = header->base_path[i] >= ' ' && header->base_path[i] <= '~' ? header->base_path[i] : '?';
	text[i] = '\0';
}

static int check_header(const struct cow *cow, const struct cow_header *header, const char *path)
{
	struct cow_header wanted;
	uint32_t base_path_bytes = le32toh(header->base_path_bytes);
	char base[COW_BASE_PATH_MAX + 1];

	fill_header(cow, "", &wanted);
	if (memcmp(header->magic, wanted.magic, sizeof(wanted.magic))) {
		log_error("overlay '%s': not a tinyvmm overlay; name another file, or delete this one if it may go", path);
		return -EINVAL;
	}
	if (header->version != wanted.version || header->block_bytes != wanted.block_bytes) {
		log_error("overlay '%s': made by another version of tinyvmm (format %u)", path, le32toh(header->version));
		return -EINVAL;
	}
	if (base_path_bytes > COW_BASE_PATH_MAX) {
		log_error("overlay '%s': damaged (impossible header)", path);
		return -EINVAL;
	}
	if (header->size_bytes != wanted.size_bytes || header->base_mtime_s != wanted.base_mtime_s ||
	    header->base_mtime_ns != wanted.base_mtime_ns) {
		printable_base(header, base_path_bytes, base);
		log_error("overlay '%s': its base '%s' is not this disk, or has changed since; together they would be garbage. "
			  "Use the base it was made for, or delete the overlay",
			  path, base);
		return -ESTALE;
	}
	return 0;
}

static bool all_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, COW_BLOCK_BYTES - 1);
}

/* Pages without a bit stay untouched, and so cost no memory. */
static int load_bitmap(struct cow *cow)
{
	uint8_t part[LOAD_BYTES];

	for (uint64_t at = 0; at < cow->bitmap_bytes; at += LOAD_BYTES) {
		size_t len = cow->bitmap_bytes - at < LOAD_BYTES ? cow->bitmap_bytes - at : LOAD_BYTES;
		int err = pread_full(cow->fd, part, len, COW_BITMAP_OFFSET + at);
		if (err)
			return err;
		for (size_t page = 0; page < len; page += COW_BLOCK_BYTES) {
			if (!all_zero(part + page))
				memcpy(cow->bitmap + at + page, part + page, COW_BLOCK_BYTES);
		}
	}
	return 0;
}

/* A bit for a block that the disk hasn't got would never be looked at, but it shows that the file isn't what we wrote. */
static bool bits_past_end(const struct cow *cow)
{
	uint64_t blocks = round_up(cow->size_bytes) / COW_BLOCK_BYTES;

	for (uint64_t block = blocks; block < (uint64_t)cow->bitmap_bytes * 8; block++) {
		if (cow->bitmap[block / 8] >> (block % 8) & 1)
			return true;
	}
	return false;
}

static int load_kept(struct cow *cow, uint64_t file_bytes, const char *path)
{
	struct cow_header header;
	int err = pread_full(cow->fd, &header, sizeof(header), 0);

	if (err && err != -ENODATA) {
		log_error("overlay '%s': can't read it: %s", path, strerror(-err));
		return err;
	}
	if (err)
		memset(&header, 0, sizeof(header));
	err = check_header(cow, &header, path);
	if (err)
		return err;
	unsigned long long wanted_bytes = cow->data_offset + cow->size_bytes;
	if (file_bytes != wanted_bytes) {
		log_error("overlay '%s': %llu bytes long where %llu belong; it was cut short or added to", path,
			  (unsigned long long)file_bytes, wanted_bytes);
		return -EINVAL;
	}
	err = load_bitmap(cow);
	if (!err && bits_past_end(cow))
		err = -EINVAL;
	if (err)
		log_error("overlay '%s': its block map %s", path, err == -EINVAL ? "is damaged" : "can't be read");
	return err;
}

static int open_file(struct cow *cow, const char *path, bool *made)
{
	const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	*made = false;
	if (cow->read_only) {
		cow->fd = open(path, O_RDONLY | flags);
		return cow->fd < 0 ? -errno : 0;
	}
	cow->fd = open(path, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
	*made = cow->fd >= 0;
	if (!*made && errno == EEXIST)
		cow->fd = open(path, O_RDWR | flags);
	return cow->fd < 0 ? -errno : 0;
}

/* Before a byte of it is read or written: is it a file, not the base itself, and nobody else's? */
static int claim_file(struct cow *cow, const char *path, struct stat *st)
{
	int err = 0;

	if (fcntl(cow->fd, F_SETFL, 0) || fstat(cow->fd, st))
		return -errno;
	if (!S_ISREG(st->st_mode)) {
		log_error("overlay '%s': not a regular file", path);
		return -EINVAL;
	}
	if (st->st_dev == cow->base->stat.st_dev && st->st_ino == cow->base->stat.st_ino) {
		log_error("overlay '%s': that is the disk image itself; an overlay is a file of its own", path);
		return -EINVAL;
	}
	err = file_lock(cow->fd, path, !cow->read_only, &cow->lock_fd);
	if (err == -EAGAIN) {
		log_error("overlay '%s': another program has it open; each machine needs an overlay of its own", path);
		return -EBUSY;
	}
	if (err)
		log_error("overlay '%s': can't lock it: %s", path, strerror(-err));
	/* The other one may have made it meanwhile. */
	if (!err && fstat(cow->fd, st))
		err = -errno;
	return err;
}

static int open_kept(struct cow *cow, const char *base_path, const char *path)
{
	struct stat st = { 0 };
	bool made;
	int err = open_file(cow, path, &made);

	if (err) {
		log_error("overlay '%s': can't open it: %s", path, strerror(-err));
		return err;
	}
	err = claim_file(cow, path, &st);
	if (err)
		return err;
	/* An empty file is as good as none: mktemp(1) makes such. */
	if (st.st_size || cow->read_only)
		return load_kept(cow, (uint64_t)st.st_size, path);
	err = create_kept(cow, base_path, path);
	if (err && made)
		unlink(path);
	return err;
}

/* --- both ---------------------------------------------------------------------------------------------------------- */

static int plan(struct cow *cow)
{
	uint64_t blocks = cow->size_bytes / COW_BLOCK_BYTES + (cow->size_bytes % COW_BLOCK_BYTES != 0);

	cow->bitmap_bytes = round_up(blocks / 8 + (blocks % 8 != 0));
	cow->data_offset = cow->kept ? COW_BITMAP_OFFSET + cow->bitmap_bytes : 0;
	if (cow->size_bytes > INT64_MAX - cow->data_offset)
		return -EFBIG;
	cow->bitmap = sparse_alloc(cow->bitmap_bytes);
	if (!cow->bitmap)
		return -ENOMEM;
	if (cow->kept)
		cow->dirty = calloc(cow->bitmap_bytes / COW_BLOCK_BYTES, 1);
	return cow->kept && !cow->dirty ? -ENOMEM : 0;
}

static void cow_free(struct cow *cow)
{
	sparse_free(cow->bitmap, cow->bitmap_bytes);
	free(cow->dirty);
	close_fd(&cow->fd);
	close_fd(&cow->lock_fd);
	pthread_mutex_destroy(&cow->lock);
	free(cow);
}

int cow_open(struct cow **cow_out, const struct raw *base, const char *base_path, const char *path, bool read_only)
{
	struct cow *cow = calloc(1, sizeof(*cow));

	if (!cow)
		return -ENOMEM;
	*cow = (struct cow){
		.base = base, .fd = -1, .lock_fd = -1, .kept = path != NULL, .read_only = read_only, .size_bytes = base->limits.size_bytes
	};
	pthread_mutex_init(&cow->lock, NULL);
	int err = plan(cow);
	if (err)
		log_error("disk '%s': no overlay for a disk of this size: %s", base_path, strerror(-err));
	else
		err = path ? open_kept(cow, base_path, path) : create_dropped(cow);
	if (err) {
		cow_free(cow);
		return err;
	}
	cow->may_punch = !read_only && !file_punch(cow->fd, round_up(cow->data_offset + cow->size_bytes), COW_BLOCK_BYTES);
	*cow_out = cow;
	return 0;
}

void cow_close(struct cow *cow)
{
	if (!cow)
		return;
	int err = cow_flush(cow);
	if (err)
		log_error("an overlay could not be brought to disk, what was written last may be lost: %s", strerror(-err));
	cow_free(cow);
}

int cow_fd(const struct cow *cow)
{
	return cow->fd;
}

void cow_limits(const struct cow *cow, struct block_limits *limits)
{
	*limits = cow->base->limits;
	/* Smaller writes are copied up. */
	if (limits->physical_block_bytes < COW_BLOCK_BYTES)
		limits->physical_block_bytes = COW_BLOCK_BYTES;
	limits->optimal_io_bytes = 0;
	limits->read_only = cow->read_only;
	limits->write_zeroes = !cow->read_only;
	limits->discard_granularity_bytes = cow->may_punch ? COW_BLOCK_BYTES : 0;
}
