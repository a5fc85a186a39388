// SPDX-License-Identifier: Apache-2.0
/* The system-call filter's worker and cache: see seccomp.h; seccomp_impl.h has the parts. */
#include "ctr/seccomp/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ctr/seccomp/seccomp_impl.h"
#include "vmm/util/hash.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

_Static_assert(sizeof(struct sock_filter) == 8, "the kernel's instructions");

/* Where a program comes from. */
struct source {
	const char *name; /* for messages */
	const char *json; /* NULL: the default list */
	size_t len;
	uint64_t caps;
};

/* --- compiling -------------------------------------------------------------------------------------------------------------------------
 */

struct job {
	const struct source *source;
	int fd;
};

static int compile(void *arg)
{
	const struct job *job = arg;
	const struct source *s = job->source;
	struct seccomp_policy policy = {0};
	int err;

	if (s->json) {
		err = seccomp_profile_parse(&policy, s->json, s->len, s->name, s->caps);
	} else {
		err = seccomp_list_policy(&policy, s->caps);
		if (err)
			log_error("the default list of system calls can't be made: %s", strerror(-err));
	}
	if (!err)
		err = seccomp_compile(&policy, s->name, job->fd);
	seccomp_policy_release(&policy);
	return err;
}

/* Whether `len` bytes are a header and just the instructions that it says. */
static bool output_fits(const struct seccomp_output *output, size_t len)
{
	return len >= sizeof(*output) && output->count && output->count <= BPF_MAXINSNS &&
	       len - sizeof(*output) == output->count * sizeof(struct sock_filter);
}

/* What the worker wrote; the caller's to free. */
static int read_output(int fd, const struct source *s, struct seccomp_output **output, size_t *len)
{
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	*len = (size_t)st.st_size;
	if (*len > sizeof(**output) + BPF_MAXINSNS * sizeof(struct sock_filter)) {
		log_error("%s: %zu instructions come of it, the kernel takes %d: name fewer calls and arguments", s->name,
			  (*len - sizeof(**output)) / sizeof(struct sock_filter), BPF_MAXINSNS);
		return -E2BIG;
	}
	*output = malloc(*len + 1);
	err = *output ? pread_full(fd, *output, *len, 0) : -ENOMEM;
	if (!err && !output_fits(*output, *len))
		err = -EIO;
	if (err)
		log_error("%s: cannot take the filter over from its worker: %s", s->name, strerror(-err));
	return err;
}

static int run_worker(const struct source *s, struct seccomp_output **output, size_t *len)
{
	struct job job = {.source = s, .fd = memfd_create("seccomp", MFD_CLOEXEC)};
	int err;

	if (job.fd < 0) {
		err = -errno;
		log_error("no memory file for the system-call filter: %s", strerror(-err));
		return err;
	}
	err = worker_run("seccomp", compile, &job);
	if (!err)
		err = read_output(job.fd, s, output, len);
	close_fd(&job.fd);
	return err;
}

static int take_program(struct seccomp_program *program, const struct seccomp_output *output)
{
	size_t bytes = output->count * sizeof(struct sock_filter);

	program->filter = malloc(bytes);
	if (!program->filter)
		return -ENOMEM;
	memcpy(program->filter, output + 1, bytes);
	program->count = output->count;
	program->flags = output->flags;
	return 0;
}

/* --- the cache ---------------------------------------------------------------------------------------------------------------------------
 */

/*
 * All that a program depends on but for libseccomp's file, which is not known before it is loaded: that stands in the output, and is
 * looked at when the program is read.
 */
struct key {
	char *data;
	size_t bytes;
};

static bool make_key(struct key *key, const struct source *s)
{
	struct utsname host;
	int n;

	if (uname(&host))
		return false;
	/* A profile may ask for the kernel's version. */
	n = asprintf(&key->data, "tinyvmm %s\nmachine %s %s\ncaps %016llx\nlist %016llx\nprofile %zu\n", VERSION, host.machine,
		     s->json ? host.release : "", (unsigned long long)s->caps, s->json ? 0ull : (unsigned long long)seccomp_list_hash(),
		     s->len);
	if (n < 0) {
		key->data = NULL;
		return false;
	}
	key->bytes = (size_t)n;
	if (!s->json)
		return true;
	char *whole = realloc(key->data, key->bytes + s->len + 1);
	if (!whole)
		return false;
	memcpy(whole + key->bytes, s->json, s->len);
	key->data = whole;
	key->bytes += s->len;
	return true;
}

static int cache_path(char path[PATH_MAX], const struct key *key)
{
	/* XDG Base Directory Specification: relative paths are invalid and ignored */
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	bool xdg = cache && cache[0] == '/';

	if (!xdg && (!home || home[0] != '/'))
		return -ENOENT;
	int n = snprintf(path, PATH_MAX, "%s%s/tinyvmm/seccomp/%016llx", xdg ? cache : home, xdg ? "" : "/.cache",
			 (unsigned long long)fnv_hash(FNV_START, key->data, key->bytes));
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The file says in its own bytes which program it is, so nobody gains anything by putting one of our files in another's place. */
static const struct seccomp_output *check_entry(const char *data, size_t len, const struct key *key)
{
	static const size_t sum_end = offsetof(struct seccomp_cache_header, sum) + sizeof(uint64_t);
	const struct seccomp_cache_header *header = (const void *)data;
	const struct seccomp_output *output;
	struct seccomp_library now;

	if (memcmp(header->magic, SECCOMP_CACHE_MAGIC, sizeof(header->magic)) || header->key_bytes != key->bytes ||
	    header->sum != fnv_hash(FNV_START, data + sum_end, len - sum_end))
		return NULL;
	output = (const void *)(header + 1);
	if (!output_fits(output, len - sizeof(*header) - key->bytes) || memcmp(data + len - key->bytes, key->data, key->bytes))
		return NULL;
	memcpy(&now, &output->library, sizeof(now));
	now.path[sizeof(now.path) - 1] = '\0';
	if (seccomp_library_look(&now) || memcmp(&now, &output->library, sizeof(now)))
		return NULL;
	return output;
}

/* Ours, and nobody else's to write. 1: it was read. 0: it is no good. */
static int read_entry(int fd, const struct key *key, struct seccomp_program *program)
{
	const size_t least = sizeof(struct seccomp_cache_header) + sizeof(struct seccomp_output) + key->bytes;
	const struct seccomp_output *output = NULL;
	struct stat st;
	int found = 0;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return 0;
	size_t len = (size_t)st.st_size;
	if (len < least || len > least + BPF_MAXINSNS * sizeof(struct sock_filter))
		return 0;
	char *data = malloc(len);
	if (data && !pread_full(fd, data, len, 0))
		output = check_entry(data, len, key);
	if (output)
		found = !take_program(program, output);
	free(data);
	return found;
}

static bool find_entry(const char *path, const struct key *key, struct seccomp_program *program)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return false;
	bool found = read_entry(fd, key, program);
	close(fd);
	if (!found)
		log_debug("%s is no good, and made anew", path);
	return found;
}

static int write_entry(const char *path, const struct key *key, const struct seccomp_output *output, size_t len)
{
	struct seccomp_cache_header header = {.key_bytes = key->bytes};
	size_t bytes = sizeof(header) + len + key->bytes;
	char *data = malloc(bytes);
	int err;

	if (!data)
		return -ENOMEM;
	memcpy(header.magic, SECCOMP_CACHE_MAGIC, sizeof(header.magic));
	memcpy(data + sizeof(header), output, len);
	memcpy(data + sizeof(header) + len, key->data, key->bytes);
	header.sum = fnv_hash(FNV_START, &header.key_bytes, sizeof(header.key_bytes));
	header.sum = fnv_hash(header.sum, data + sizeof(header), len + key->bytes);
	memcpy(data, &header, sizeof(header));
	err = write_file_atomic(path, data, bytes, 0600);
	free(data);
	return err;
}

/* A program that can't be kept is no fault. */
static void keep(const char *path, const struct key *key, const struct seccomp_output *output, size_t len)
{
	char dir[PATH_MAX];
	int err;

	if (!output->library.path[0])
		return;
	strcpy(dir, path);
	*strrchr(dir, '/') = '\0';
	err = make_dirs(dir);
	if (!err)
		err = write_entry(path, key, output, len);
	if (err)
		log_debug("the system-call filter is not kept in %s: %s", path, strerror(-err));
}

/* --- from outside ------------------------------------------------------------------------------------------------------------------------
 */

static int make(struct seccomp_program *program, const struct source *s, const struct key *key, const char *path)
{
	struct seccomp_output *output = NULL;
	size_t len = 0;
	int err = run_worker(s, &output, &len);

	if (!err && output) {
		err = take_program(program, output);
		if (err)
			log_error("%s: %s", s->name, strerror(-err));
		else if (path)
			keep(path, key, output, len);
	}
	free(output);
	return err;
}

static int find_or_make(struct seccomp_program *program, const struct source *s)
{
	struct key key = {0};
	char path[PATH_MAX];
	bool cached;
	int err = 0;

	*program = (struct seccomp_program){0};
	cached = make_key(&key, s) && !cache_path(path, &key);
	if (!cached || !find_entry(path, &key, program))
		err = make(program, s, &key, cached ? path : NULL);
	free(key.data);
	return err;
}

int seccomp_default(struct seccomp_program *program, uint64_t caps)
{
	const struct source source = {.name = "the default list", .caps = caps};

	return find_or_make(program, &source);
}

int seccomp_load(struct seccomp_program *program, const char *path, uint64_t caps)
{
	struct source source = {.name = path, .caps = caps};
	char *json;
	int err;

	*program = (struct seccomp_program){0};
	err = read_file(path, SECCOMP_JSON_MAX, &json, &source.len);
	if (err) {
		log_error("cannot read the system-call profile %s: %s", path,
			  err == -EFBIG ? "it is larger than 1 MiB, which no profile is" : strerror(-err));
		return err;
	}
	source.json = json;
	err = find_or_make(program, &source);
	free(json);
	return err;
}

int seccomp_parse(struct seccomp_program *program, const char *json, size_t len, const char *name, uint64_t caps)
{
	const struct source source = {.name = name, .json = json, .len = len, .caps = caps};

	*program = (struct seccomp_program){0};
	return make(program, &source, NULL, NULL);
}

void seccomp_release(struct seccomp_program *program)
{
	free(program->filter);
	*program = (struct seccomp_program){0};
}
