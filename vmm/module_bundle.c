// SPDX-License-Identifier: Apache-2.0
/* Bundles of modules, and their cache: see module_bundle.h. */
#include "vmm/module_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/protocol.h"
#include "vmm/cpio.h"
#include "vmm/modules.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"
#include "vmm/util/process.h"

#define MAGIC "tinyvmm-modules1"
#define BUNDLE_LIMIT_BYTES (512u << 20)
#define MODULES_DIR "modules"
/* Other members of the archive have smaller ones. */
#define FIRST_INODE 1000

/* --- sums ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

/* Against damage, not against forgery: the file is in a directory of the user's own. Four lanes, so that the multiplications overlap. */
static uint64_t sum_bytes(const char *data, size_t len)
{
	uint64_t lane[4] = { len, 1, 2, 3 }, word[4] = { 0 };
	size_t at = 0;

	for (; len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(word, data + at, sizeof(word));
		for (unsigned i = 0; i < 4; i++)
			lane[i] = mix(lane[i], word[i]);
	}
	memset(word, 0, sizeof(word));
	memcpy(word, data + at, len - at);
	for (unsigned i = 0; i < 4; i++)
		lane[i] = mix(lane[i], word[i]);
	return mix(mix(lane[0], lane[1]), mix(lane[2], lane[3]));
}

/* --- building -------------------------------------------------------------------------------------------------------------------- */

char *bundle_key(const struct bundle_request *request, size_t *len)
{
	char *key = NULL;
	FILE *out = open_memstream(&key, len);

	if (!out)
		return NULL;
	fprintf(out, "dir=%s%c", request->dir, 0);
	for (unsigned i = 0; i < request->module_count; i++)
		fprintf(out, "want%s=%s%c", request->module[i].optional ? "?" : "", request->module[i].name, 0);
	if (fclose(out)) {
		free(key);
		return NULL;
	}
	return key;
}

static void record_file(FILE *out, const char *dir, const char *name, const struct stat *st)
{
	fprintf(out, "file=%" PRIu64 " %" PRIu64 " %s%s%s%c", (uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec, dir, name[0] ? "/" : "", name, 0);
}

/* The directory's own time tells when an index appears or goes. */
static void record_indexes(FILE *out, const char *dir)
{
	static const char *const names[] = { "", "modules.builtin", "modules.dep", "modules.order", "modules.alias.bin" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[PATH_MAX];
		struct stat st;
		if (snprintf(path, sizeof(path), "%s/%s", dir, names[i]) < (int)sizeof(path) && !stat(path, &st))
			record_file(out, dir, names[i], &st);
	}
}

static int write_module(struct cpio *cpio, const struct module *m)
{
	char path[MODULE_NAME_MAX + 16];
	void *data = mmap(NULL, m->bytes, PROT_READ, MAP_PRIVATE, m->fd, 0);

	if (data == MAP_FAILED)
		return -errno;
	snprintf(path, sizeof(path), MODULES_DIR "/%s.ko", m->name);
	int err = cpio_file(cpio, path, 0644, data, m->bytes);
	munmap(data, m->bytes);
	return err;
}

static int write_modules(const struct module_list *list, const char *dir, struct cpio *cpio, FILE *records)
{
	int err = list->order_count ? cpio_directory(cpio, MODULES_DIR, 0755) : 0;

	for (unsigned i = 0; i < list->module_count; i++)
		record_file(records, dir, list->module[i]->path, &list->module[i]->file);
	for (unsigned i = 0; i < list->order_count && !err; i++) {
		const struct module *m = list->module[list->order[i]];
		err = write_module(cpio, m);
		fprintf(records, "%s=/" MODULES_DIR "/%s.ko%c", m->optional ? INIT_KEY_OPTIONAL : INIT_KEY_MODULE, m->name, 0);
		log_debug("module %s: %zu bytes, %s", m->name, m->bytes, m->path);
	}
	return err;
}

/* Adds the records and puts the header before it all. */
static int finish_file(int fd, uint64_t archive_end, const char *records, size_t record_bytes)
{
	struct bundle_header header = { .magic = MAGIC,
					.archive_bytes = archive_end - BUNDLE_ARCHIVE_OFFSET,
					.record_bytes = record_bytes };
	size_t bytes = (size_t)header.archive_bytes + record_bytes;
	int err = pwrite_full(fd, records, record_bytes, archive_end);

	if (err)
		return err;
	char *map = mmap(NULL, BUNDLE_ARCHIVE_OFFSET + bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	header.sum = sum_bytes(map + BUNDLE_ARCHIVE_OFFSET, bytes);
	munmap(map, BUNDLE_ARCHIVE_OFFSET + bytes);
	return pwrite_full(fd, &header, sizeof(header), 0);
}

static int build_records(const struct bundle_request *request, struct module_tree *tree, struct cpio *cpio, FILE *records)
{
	struct module_list list;
	int err;

	record_indexes(records, request->dir);
	err = module_tree_open(tree, request->dir);
	if (err) {
		log_error("cannot read the modules directory %s: %s", request->dir, strerror(-err));
		return err;
	}
	err = modules_resolve(&list, tree, request->module, request->module_count);
	if (!err) {
		err = write_modules(&list, request->dir, cpio, records);
		if (err)
			log_error("cannot put modules into the initramfs: %s", strerror(-err));
	}
	modules_release(&list);
	module_tree_release(tree);
	return err;
}

int bundle_build(const struct bundle_request *request, int fd)
{
	size_t len = 0, key_len = 0;
	char *text = NULL, *key = bundle_key(request, &key_len);
	FILE *records = open_memstream(&text, &len);
	struct module_tree tree;
	struct cpio cpio;
	int err = -ENOMEM;

	cpio_init(&cpio, fd, BUNDLE_ARCHIVE_OFFSET, FIRST_INODE);
	if (records && key) {
		fwrite(key, 1, key_len, records);
		err = build_records(request, &tree, &cpio, records);
	}
	if (records && fclose(records) && !err)
		err = -ENOMEM;
	if (!err)
		err = finish_file(fd, cpio.offset, text, len);
	free(text);
	free(key);
	return err;
}

/* --- reading --------------------------------------------------------------------------------------------------------------------- */

/* Mapped, since a copy would take half the time of a warm start. Nobody shortens the file: it is put in place complete, by a rename. */
static int map_file(struct module_bundle *bundle, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	/* In a cache that others can write to, anything may be. */
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < BUNDLE_ARCHIVE_OFFSET || st.st_size > BUNDLE_LIMIT_BYTES)
		return -EBADMSG;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	bundle->data = map;
	bundle->bytes = (size_t)st.st_size;
	return 0;
}

/* "SIZE MTIME PATH": is the file still so? */
static bool file_unchanged(const char *record)
{
	char size[24], mtime[24];
	struct stat st;
	int at = 0;

	if (sscanf(record, "%20[0-9] %20[0-9] %n", size, mtime, &at) != 2 || !at || stat(record + at, &st))
		return false;
	uint64_t bytes, ns;
	return !parse_u64(size, 0, UINT64_MAX, &bytes) && !parse_u64(mtime, 0, UINT64_MAX, &ns) && bytes == (uint64_t)st.st_size &&
	       ns == (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
}

/* After the key come the files, and after those what guest/init gets. */
static int check_records(struct module_bundle *bundle, const char *records, size_t len, size_t key_len)
{
	size_t at = key_len;

	while (at < len && !strncmp(records + at, "file=", 5)) {
		if (!file_unchanged(records + at + 5))
			return -ESTALE;
		at += strlen(records + at) + 1;
	}
	bundle->config = records + at;
	bundle->config_bytes = len - at;
	for (; at < len; at += strlen(records + at) + 1) {
		if (strncmp(records + at, INIT_KEY_MODULE "=", sizeof(INIT_KEY_MODULE)) &&
		    strncmp(records + at, INIT_KEY_OPTIONAL "=", sizeof(INIT_KEY_OPTIONAL)))
			return -EBADMSG;
	}
	return 0;
}

static int check(struct module_bundle *bundle, const char *key, size_t key_len)
{
	struct bundle_header header;
	size_t body = bundle->bytes - BUNDLE_ARCHIVE_OFFSET;

	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): it takes a call that failed for one that leaves errno 0 */
	memcpy(&header, bundle->data, sizeof(header));
	if (memcmp(header.magic, MAGIC, sizeof(header.magic)) || header.archive_bytes > body || header.archive_bytes % 4 ||
	    header.record_bytes != body - header.archive_bytes)
		return -EBADMSG;
	bundle->archive = bundle->data + BUNDLE_ARCHIVE_OFFSET;
	bundle->archive_bytes = (size_t)header.archive_bytes;
	const char *records = bundle->archive + bundle->archive_bytes;
	if (header.record_bytes < key_len || !key_len || records[header.record_bytes - 1])
		return -EBADMSG;
	if (memcmp(records, key, key_len))
		return -ESTALE;
	if (sum_bytes(bundle->archive, body) != header.sum)
		return -EBADMSG;
	return check_records(bundle, records, (size_t)header.record_bytes, key_len);
}

int bundle_read(struct module_bundle *bundle, int fd, const char *key, size_t key_len)
{
	*bundle = (struct module_bundle){ .data = NULL };
	int err = map_file(bundle, fd);
	if (!err)
		err = check(bundle, key, key_len);
	if (err)
		module_bundle_release(bundle);
	return err;
}

void module_bundle_release(struct module_bundle *bundle)
{
	if (bundle->data)
		munmap(bundle->data, bundle->bytes);
	*bundle = (struct module_bundle){ .data = NULL };
}

/* --- the cache ------------------------------------------------------------------------------------------------------------------- */

/* Where the bundle for this key is kept. False: nowhere. */
static bool cache_path(char path[PATH_MAX], const char *key, size_t key_len)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char dir[PATH_MAX];
	int n = 0;

	/* XDG Base Directory Specification: a relative path is to be ignored. */
	if (cache && cache[0] == '/')
		n = snprintf(dir, sizeof(dir), "%s/tinyvmm/modules", cache);
	else if (home && home[0] == '/')
		n = snprintf(dir, sizeof(dir), "%s/.cache/tinyvmm/modules", home);
	if (n <= 0 || n >= PATH_MAX)
		return false;
	return snprintf(path, PATH_MAX, "%s/%016" PRIx64, dir, sum_bytes(key, key_len)) < PATH_MAX;
}

static int read_cached(struct module_bundle *bundle, const char *path, const char *key, size_t key_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	int err = bundle_read(bundle, fd, key, key_len);
	close(fd);
	return err;
}

struct job {
	const struct bundle_request *request;
	int fd;
	const char *cache_path; /* or NULL */
};

/* A cache that can't be written costs time at the next start, and nothing else. */
static void write_cache(const struct job *job)
{
	char dir[PATH_MAX];
	struct stat st;
	int err = -EIO;

	snprintf(dir, sizeof(dir), "%s", job->cache_path);
	*strrchr(dir, '/') = '\0';
	void *map = fstat(job->fd, &st) ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, job->fd, 0);
	if (map == MAP_FAILED)
		return;
	err = make_dirs(dir);
	if (!err)
		err = write_file_atomic(job->cache_path, map, (size_t)st.st_size, 0600);
	munmap(map, (size_t)st.st_size);
	if (err)
		log_info("cannot keep the unpacked modules in %s: %s", job->cache_path, strerror(-err));
}

static int run_job(void *arg)
{
	const struct job *job = arg;
	int err = bundle_build(job->request, job->fd);

	if (!err && job->cache_path)
		write_cache(job);
	return err;
}

static int build_now(struct module_bundle *bundle, const struct bundle_request *request, const char *cache, const char *key, size_t key_len)
{
	struct job job = { .request = request, .cache_path = cache, .fd = memfd_create("tinyvmm-modules", MFD_CLOEXEC) };
	int err;

	if (job.fd < 0) {
		err = -errno;
		log_error("no memory for the initramfs: %s", strerror(-err));
		return err;
	}
	err = worker_run("modules", run_job, &job);
	if (!err) {
		err = bundle_read(bundle, job.fd, key, key_len);
		if (err)
			log_error("the modules in %s changed while they were read: try again", request->dir);
	}
	close(job.fd);
	return err;
}

int module_bundle_open(struct module_bundle *bundle, const struct bundle_request *request)
{
	size_t key_len;
	char path[PATH_MAX], *key = bundle_key(request, &key_len);
	bool cached = !request->no_cache && key && cache_path(path, key, key_len);
	int err = -ENOENT;

	*bundle = (struct module_bundle){ .data = NULL };
	if (!key)
		return -ENOMEM;
	if (cached)
		err = read_cached(bundle, path, key, key_len);
	if (err)
		err = build_now(bundle, request, cached ? path : NULL, key, key_len);
	free(key);
	return err;
}
