// SPDX-License-Identifier: Apache-2.0
/* Unpacked kernels, kept between runs: see kernel_cache.h for the files, docs/adr/0002-kernel-cache.md for the reasons. */
#include "vmm/kernel_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/kernel_unpack.h"
#include "vmm/step.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define KEY_NAME "key"
#define TEMP_PREFIX "tmp."
#define TEMP_AGE_MAX_S 3600
#define USE_NOTED_S 86400
/* What an attempt to fill the directory with files costs us at most. */
#define PRUNE_SCAN_MAX 256

/* Part of the header, so that an entry of another build with another layout is no entry. */
#define ENTRY_MAGIC "tinyvmm kernel 2"

struct entry_header {
	char magic[16];
	uint64_t header_bytes, file_bytes;
	uint8_t name[KERNEL_HASH_BYTES];  /* the hash of the packed file: an entry is right under its own name only */
	struct kernel_image image;	    /* fd is -1 */
	uint8_t content[KERNEL_HASH_BYTES]; /* the hash of the segments' bytes, one after the other */
	uint8_t check[KERNEL_HASH_BYTES];   /* of all the above */
};

_Static_assert(sizeof(struct entry_header) <= KERNEL_UNPACK_OFFSET, "the header fits before the unpacked file");

struct entry_name {
	char text[2 * KERNEL_HASH_BYTES + 1];
};

static struct entry_name name_entry(const uint8_t digest[KERNEL_HASH_BYTES])
{
	struct entry_name name;

	for (unsigned i = 0; i < KERNEL_HASH_BYTES; i++)
		snprintf(name.text + 2 * i, 3, "%02x", digest[i]);
	return name;
}

static bool is_entry_name(const char *name)
{
	return strlen(name) == 2 * KERNEL_HASH_BYTES && strspn(name, "0123456789abcdef") == 2 * KERNEL_HASH_BYTES;
}

/* Ours alone: `forbidden` are mode bits that would let others at it. */
static bool is_ours(const struct stat *st, mode_t type, mode_t forbidden)
{
	return (st->st_mode & S_IFMT) == type && st->st_uid == geteuid() && !(st->st_mode & forbidden);
}

/* --- directory and key ------------------------------------------------------------------------------------------------------- */

static int find_directory(char path[PATH_MAX])
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	/* XDG Base Directory Specification: relative paths are invalid and ignored */
	if (cache && cache[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/tinyvmm/kernel", cache);
	else if (home && home[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/.cache/tinyvmm/kernel", home);
	else
		return -ENOENT;
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int open_directory(struct kernel_cache *cache, const char *path)
{
	struct stat st;
	int err = make_dirs(path);

	if (err)
		return err;
	cache->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (cache->dir_fd < 0 || fstat(cache->dir_fd, &st))
		return -errno;
	return is_ours(&st, S_IFDIR, S_IWGRP | S_IWOTH) ? 0 : -EPERM;
}

/* Opens a new file with a name that nobody else has. */
static int create_temp(struct kernel_cache *cache)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(cache->temp, sizeof(cache->temp), TEMP_PREFIX "%016lx", random);
	int fd = openat(cache->dir_fd, cache->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		cache->temp[0] = '\0';
		return -errno;
	}
	return fd;
}

static void drop_temp(struct kernel_cache *cache)
{
	if (cache->temp[0])
		unlinkat(cache->dir_fd, cache->temp, 0);
	cache->temp[0] = '\0';
}

static int name_temp(struct kernel_cache *cache, const char *name)
{
	if (renameat(cache->dir_fd, cache->temp, cache->dir_fd, name))
		return -errno;
	cache->temp[0] = '\0';
	return 0;
}

static int read_key(struct kernel_cache *cache)
{
	struct stat st;
	int fd = openat(cache->dir_fd, KEY_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	int err = fstat(fd, &st) || !is_ours(&st, S_IFREG, 077) || st.st_size != sizeof(cache->key) ? -EBADMSG : 0;
	if (!err)
		err = pread_full(fd, &cache->key, sizeof(cache->key), 0);
	close(fd);
	return err;
}

/* Of two that do this at once, the second's key stays, and the first's entry is never found: no harm. */
static int make_key(struct kernel_cache *cache)
{
	uint8_t *key = (uint8_t *)&cache->key;
	int err = 0;

	for (size_t done = 0; done < sizeof(cache->key);) {
		ssize_t n = getrandom(key + done, sizeof(cache->key) - done, 0);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	int fd = create_temp(cache);
	if (fd < 0)
		return fd;
	err = pwrite_full(fd, key, sizeof(cache->key), 0);
	if (!err)
		err = name_temp(cache, KEY_NAME);
	drop_temp(cache);
	close(fd);
	return err;
}

int kernel_cache_open(struct kernel_cache *cache)
{
	char path[PATH_MAX] = "(neither XDG_CACHE_HOME nor HOME tells a place)";
	int err;

	*cache = (struct kernel_cache){.dir_fd = -1};
	err = find_directory(path);
	if (!err)
		err = open_directory(cache, path);
	if (!err && read_key(cache))
		err = make_key(cache);
	if (err) {
		log_debug("no kernel cache in %s: %s", path, err == -EPERM ? "others may write to it, or it is not ours" : strerror(-err));
		kernel_cache_release(cache);
	}
	return err;
}

void kernel_cache_release(struct kernel_cache *cache)
{
	drop_temp(cache);
	close_fd(&cache->dir_fd);
	explicit_bzero(&cache->key, sizeof(cache->key));
}

/* --- hashing ----------------------------------------------------------------------------------------------------------------- */

static int hash_range(struct kernel_hash *hash, int fd, uint64_t offset, uint64_t bytes, uint8_t *buf)
{
	int err = 0;

	for (uint64_t done = 0; !err && done < bytes;) {
		size_t n = bytes - done < KERNEL_HASH_PIECE ? bytes - done : KERNEL_HASH_PIECE;
		err = pread_full(fd, buf, n, offset + done);
		if (!err)
			kernel_hash_update(hash, buf, n);
		done += n;
	}
	return err;
}

/* A part of a file, hashed on a thread of its own. */
struct hash_part {
	const struct kernel_cache *cache;
	int fd;
	uint64_t offset, bytes;
	struct kernel_hash hash;
};

static int hash_part(void *arg)
{
	struct hash_part *part = arg;
	uint8_t *buf = malloc(KERNEL_HASH_PIECE);
	int err;

	if (!buf)
		return -ENOMEM;
	kernel_hash_init(&part->hash, &part->cache->key);
	err = hash_range(&part->hash, part->fd, part->offset, part->bytes, buf);
	free(buf);
	return err;
}

int kernel_cache_hash_file(const struct kernel_cache *cache, int fd, uint64_t bytes, uint8_t digest[KERNEL_HASH_BYTES])
{
	uint64_t middle = kernel_hash_middle(bytes);
	struct hash_part first = { .cache = cache, .fd = fd, .bytes = middle };
	struct hash_part second = { .cache = cache, .fd = fd, .offset = middle, .bytes = bytes - middle };
	struct step step;

	step_begin(&step, hash_part, &second);
	int err = hash_part(&first), other = step_wait(&step);
	if (err || other)
		return err ? err : other;
	kernel_hash_append(&first.hash, &second.hash);
	kernel_hash_final(&first.hash, digest);
	return 0;
}

static int hash_content(const struct kernel_cache *cache, const struct kernel_image *image, int fd, uint8_t digest[KERNEL_HASH_BYTES])
{
	struct kernel_hash hash;
	uint8_t *buf = malloc(KERNEL_HASH_PIECE);
	int err = 0;

	if (!buf)
		return -ENOMEM;
	kernel_hash_init(&hash, &cache->key);
	for (unsigned i = 0; !err && i < image->segment_count; i++)
		err = hash_range(&hash, fd, image->segment[i].file_offset, image->segment[i].file_bytes, buf);
	kernel_hash_final(&hash, digest);
	free(buf);
	return err;
}

static void hash_header(const struct kernel_cache *cache, const struct entry_header *header, uint8_t digest[KERNEL_HASH_BYTES])
{
	struct kernel_hash hash;

	kernel_hash_init(&hash, &cache->key);
	kernel_hash_update(&hash, header, offsetof(struct entry_header, check));
	kernel_hash_final(&hash, digest);
}

bool kernel_seal_holds(const struct kernel_seal *seal, struct kernel_hash *content)
{
	uint8_t digest[KERNEL_HASH_BYTES];

	kernel_hash_final(content, digest);
	return !memcmp(digest, seal->content, sizeof(digest));
}

/* --- entries ----------------------------------------------------------------------------------------------------------------- */

static bool segments_fit(const struct entry_header *header)
{
	uint64_t end;

	if (header->image.segment_count > IMAGE_SEGMENTS_MAX)
		return false;
	for (unsigned i = 0; i < header->image.segment_count; i++) {
		const struct image_segment *s = &header->image.segment[i];
		if (__builtin_add_overflow(s->file_offset, s->file_bytes, &end) || end > header->file_bytes || s->file_bytes > s->mem_bytes)
			return false;
	}
	return true;
}

static int check_entry(const struct kernel_cache *cache, int fd, const uint8_t name[KERNEL_HASH_BYTES], struct entry_header *header,
		       struct stat *st)
{
	uint8_t check[KERNEL_HASH_BYTES];
	int err = fstat(fd, st) ? -errno : 0;

	if (!err && !is_ours(st, S_IFREG, S_IWGRP | S_IWOTH))
		return -EPERM;
	if (!err)
		err = pread_full(fd, header, sizeof(*header), 0);
	if (err)
		return err;
	if (memcmp(header->magic, ENTRY_MAGIC, sizeof(header->magic)) || header->header_bytes != sizeof(*header) ||
	    memcmp(header->name, name, sizeof(header->name)) || header->file_bytes != (uint64_t)st->st_size || !segments_fit(header))
		return -EBADMSG;
	hash_header(cache, header, check);
	return memcmp(check, header->check, sizeof(check)) ? -EBADMSG : 0;
}

static int check_content(const struct kernel_cache *cache, int fd, const struct entry_header *header)
{
	uint8_t content[KERNEL_HASH_BYTES];
	int err = hash_content(cache, &header->image, fd, content);

	return err ? err : memcmp(content, header->content, sizeof(content)) ? -EBADMSG : 0;
}

int kernel_cache_lookup(struct kernel_cache *cache, const uint8_t digest[KERNEL_HASH_BYTES], struct kernel_image *image,
			struct kernel_seal *seal)
{
	struct entry_name name = name_entry(digest);
	struct entry_header header;
	struct stat st;
	int fd = openat(cache->dir_fd, name.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -ENOENT;
	int err = check_entry(cache, fd, digest, &header, &st);
	if (!err && !seal)
		err = check_content(cache, fd, &header);
	if (err) {
		log_info("the cached kernel %s is not as it was written (%s): it is made anew", name.text, strerror(-err));
		unlinkat(cache->dir_fd, name.text, 0);
		close(fd);
		return -ENOENT;
	}
	/* Entries go by age of use; once a day is enough to know. */
	if (time(NULL) - st.st_mtime > USE_NOTED_S)
		futimens(fd, NULL);
	*image = header.image;
	image->fd = fd;
	if (seal) {
		seal->closed = true;
		seal->key = cache->key;
		memcpy(seal->content, header.content, sizeof(seal->content));
	}
	return 0;
}

int kernel_cache_create(struct kernel_cache *cache)
{
	int fd = create_temp(cache);

	if (fd < 0)
		log_debug("cannot write to the kernel cache: %s", strerror(-fd));
	return fd;
}

struct old_entry {
	struct entry_name name;
	struct timespec used;
};

static int newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct old_entry *)a)->used, *y = &((const struct old_entry *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

/* Drops entries beyond the newest, and what a killed run left half-written. */
static void prune(struct kernel_cache *cache)
{
	struct old_entry entry[PRUNE_SCAN_MAX];
	unsigned count = 0;
	struct dirent *d;
	struct stat st;
	int fd = openat(cache->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		close_fd(&fd);
		return;
	}
	while (count < PRUNE_SCAN_MAX && (d = readdir(dir))) {
		bool temp = !strncmp(d->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX));
		if ((!temp && !is_entry_name(d->d_name)) || fstatat(cache->dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (temp && time(NULL) - st.st_mtime > TEMP_AGE_MAX_S)
			unlinkat(cache->dir_fd, d->d_name, 0);
		if (temp)
			continue;
		memcpy(entry[count].name.text, d->d_name, sizeof(entry[count].name.text));
		entry[count++].used = st.st_mtim;
	}
	closedir(dir);
	qsort(entry, count, sizeof(*entry), newest_first);
	for (unsigned i = KERNEL_CACHE_ENTRIES; i < count; i++)
		unlinkat(cache->dir_fd, entry[i].name.text, 0);
}

/*
 * No fsync: a crash of the host may leave a complete name on incomplete contents, but then the check on reading finds out; waiting for the
 * disk would cost every first start its time.
 */
int kernel_cache_publish(struct kernel_cache *cache, const uint8_t digest[KERNEL_HASH_BYTES], const struct kernel_image *image)
{
	struct entry_header header;
	struct stat st;
	int fd = image->fd;
	int err = fstat(fd, &st) ? -errno : 0;

	/* Padding is hashed and written too. */
	memset(&header, 0, sizeof(header));
	memcpy(header.magic, ENTRY_MAGIC, sizeof(header.magic));
	header.header_bytes = sizeof(header);
	header.file_bytes = (uint64_t)st.st_size;
	memcpy(header.name, digest, sizeof(header.name));
	memcpy(&header.image, image, sizeof(*image));
	header.image.fd = -1;
	if (!err)
		err = hash_content(cache, image, fd, header.content);
	hash_header(cache, &header, header.check);
	if (!err)
		err = pwrite_full(fd, &header, sizeof(header), 0);
	if (!err && fchmod(fd, 0400))
		err = -errno;
	if (!err)
		err = name_temp(cache, name_entry(digest).text);
	if (err)
		log_debug("cannot keep the unpacked kernel in the cache: %s", strerror(-err));
	else
		prune(cache);
	return err;
}
