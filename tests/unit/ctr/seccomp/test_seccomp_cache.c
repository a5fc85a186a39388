// SPDX-License-Identifier: Apache-2.0
/*
 * ctr/seccomp/seccomp.c: compiled programs that are kept. That one was read and not made is seen by a program that nobody would compile: the last
 * instruction of a kept one is changed, and its sum put right.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/seccomp/seccomp.h"
#include "ctr/seccomp/seccomp_impl.h"
#include "tests/fakes/capture.h"
#include "vmm/util/hash.h"
#include "vmm/util/io.h"

#define MARK 0x00030bad /* SECCOMP_RET_TRAP, with data that no policy has */
#define PROFILE "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ERRNO\"}]}"

static char home[64], dir[128], profile[128];

/* --- files ------------------------------------------------------------------------------------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void clear(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* How many programs are kept; *path gets one of them. */
static unsigned kept(char path[PATH_MAX])
{
	DIR *d = opendir(dir);
	unsigned count = 0;

	for (const struct dirent *entry; d && (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, PATH_MAX, "%s/%s", dir, entry->d_name);
		count++;
	}
	if (d)
		closedir(d);
	return count;
}

static char *load(const char *path, size_t *len)
{
	char *data;

	assert_int_equal(read_file(path, 1 << 20, &data, len), 0);
	return data;
}

static void store(const char *path, const char *data, size_t len)
{
	assert_int_equal(write_file_atomic(path, data, len, 0600), 0);
}

static void put_sum_right(char *data, size_t len)
{
	struct seccomp_cache_header header;
	size_t skip = offsetof(struct seccomp_cache_header, sum) + sizeof(header.sum);

	memcpy(&header, data, sizeof(header));
	header.sum = fnv_hash(FNV_START, data + skip, len - skip);
	memcpy(data, &header, sizeof(header));
}

static struct sock_filter *last_instruction(char *data, size_t len)
{
	const struct seccomp_cache_header *header = (const void *)data;

	return (struct sock_filter *)(data + len - header->key_bytes) - 1;
}

static void mark(const char *path)
{
	size_t len;
	char *data = load(path, &len);

	last_instruction(data, len)->k = MARK;
	put_sum_right(data, len);
	store(path, data, len);
	free(data);
}

/* Makes or reads the default program, or the profile's; whether it came from a marked file. */
static bool is_marked(const char *path, uint64_t caps)
{
	struct seccomp_program program;

	assert_int_equal(path ? seccomp_load(&program, path, caps) : seccomp_default(&program, caps), 0);
	assert_non_null(program.filter);
	assert_true(program.count > 3);
	bool marked = program.filter[program.count - 1].k == MARK;
	seccomp_release(&program);
	return marked;
}

/* --- tests -------------------------------------------------------------------------------------------------------------------------------
 */

static void the_second_call_reads(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	assert_false(is_marked(NULL, 0));
	assert_int_equal(kept(path), 1);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(is_marked(NULL, 0));
	mark(path);
	assert_true(is_marked(NULL, 0));
	assert_true(is_marked(NULL, 0));
	assert_int_equal(kept(path), 1);
}

static void what_is_read_is_what_was_made(void **state)
{
	struct seccomp_program first, second;

	(void)state;
	assert_int_equal(seccomp_default(&first, 1), 0);
	assert_int_equal(seccomp_default(&second, 1), 0);
	assert_int_equal(first.count, second.count);
	assert_int_equal(first.flags, second.flags);
	assert_memory_equal(first.filter, second.filter, first.count * sizeof(*first.filter));
	seccomp_release(&first);
	seccomp_release(&second);
}

/* Every so often a byte, at each of the file's parts. */
static void a_damaged_file_is_made_anew(void **state)
{
	char path[PATH_MAX];
	size_t len, now_len;

	(void)state;
	assert_false(is_marked(profile, 0));
	assert_int_equal(kept(path), 1);
	char *good = load(path, &len);
	mark(path);
	char *marked = load(path, &len);
	for (size_t at = 0; at < len; at += at < 64 ? 1 : 37) {
		marked[at] ^= 0x10;
		store(path, marked, len);
		marked[at] ^= 0x10;
		assert_false(is_marked(profile, 0));
		char *now = load(path, &now_len);
		assert_int_equal(now_len, len);
		assert_memory_equal(now, good, len);
		free(now);
	}
	free(good);
	free(marked);
}

static void a_file_of_another_length_is_made_anew(void **state)
{
	char path[PATH_MAX];
	size_t len;

	(void)state;
	assert_false(is_marked(profile, 0));
	kept(path);
	mark(path);
	char *data = load(path, &len);
	const size_t lengths[] = {0, 1, 31, 32, 200, len / 2, len - 8, len - 1};
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		store(path, data, lengths[i]);
		assert_false(is_marked(profile, 0));
	}
	char *longer = calloc(1, len + 8);
	memcpy(longer, data, len);
	store(path, longer, len + 8);
	assert_false(is_marked(profile, 0));
	put_sum_right(longer, len + 8);
	store(path, longer, len + 8);
	assert_false(is_marked(profile, 0));
	free(longer);
	free(data);
}

static void a_file_that_others_may_write_is_made_anew(void **state)
{
	char path[PATH_MAX], elsewhere[PATH_MAX];
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		is_marked(NULL, 0);
		kept(path);
		mark(path);
		assert_int_equal(chmod(path, i ? 0620 : 0602), 0);
		assert_false(is_marked(NULL, 0));
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	/* A link to a file that would do. */
	mark(path);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", home);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_false(is_marked(NULL, 0));
	unlink(elsewhere);
	/* What is not even a file. */
	clear();
	assert_int_equal(make_dirs(path), 0);
	assert_false(is_marked(NULL, 0));
}

static void a_file_of_somebody_elses_is_made_anew(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can give a file away\n");
		skip();
	}
	is_marked(NULL, 0);
	kept(path);
	mark(path);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_false(is_marked(NULL, 0));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static void the_name_has_all_that_counts(void **state)
{
	char path[PATH_MAX], other[160];

	(void)state;
	is_marked(NULL, 0);
	is_marked(NULL, 1ull << CAP_SYS_ADMIN);
	assert_int_equal(kept(path), 2);
	is_marked(profile, 0);
	is_marked(profile, 1ull << CAP_SYS_ADMIN);
	assert_int_equal(kept(path), 4);
	/* The same bytes elsewhere are the same profile; one byte more is another. */
	snprintf(other, sizeof(other), "%s.other", profile);
	store(other, PROFILE, strlen(PROFILE));
	is_marked(other, 0);
	assert_int_equal(kept(path), 4);
	store(other, PROFILE "\n", strlen(PROFILE) + 1);
	is_marked(other, 0);
	assert_int_equal(kept(path), 5);
	unlink(other);
}

/* Whoever makes two profiles of one hash does not get the one's program for the other. */
static void another_profiles_file_is_made_anew(void **state)
{
	char path[PATH_MAX];
	size_t len;

	(void)state;
	is_marked(profile, 0);
	kept(path);
	mark(path);
	char *data = load(path, &len);
	data[len - 1] ^= 1;
	put_sum_right(data, len);
	store(path, data, len);
	assert_false(is_marked(profile, 0));
	free(data);
}

static void another_libseccomps_file_is_made_anew(void **state)
{
	static const size_t fields[] = {offsetof(struct seccomp_library, path) + 1, offsetof(struct seccomp_library, ino),
					offsetof(struct seccomp_library, bytes), offsetof(struct seccomp_library, mtime_ns)};
	char path[PATH_MAX];
	size_t len;

	(void)state;
	is_marked(profile, 0);
	kept(path);
	mark(path);
	char *data = load(path, &len);
	for (unsigned i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		char *changed = data + sizeof(struct seccomp_cache_header) + offsetof(struct seccomp_output, library) + fields[i];
		(*changed)++;
		put_sum_right(data, len);
		store(path, data, len);
		(*changed)--;
		assert_false(is_marked(profile, 0));
	}
	/* And the same one's would be read. */
	put_sum_right(data, len);
	store(path, data, len);
	assert_true(is_marked(profile, 0));
	free(data);
}

static void without_a_place_there_is_no_cache(void **state)
{
	char path[PATH_MAX];

	(void)state;
	setenv("XDG_CACHE_HOME", "relative", 1);
	assert_false(is_marked(NULL, 0));
	setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
	assert_false(is_marked(NULL, 0));
	setenv("XDG_CACHE_HOME", home, 1);
	assert_int_equal(kept(path), 0);
}

static void a_profile_at_fault_is_not_kept(void **state)
{
	struct seccomp_program program;
	char path[PATH_MAX], bad[160], said[512];
	int saved, memory;

	(void)state;
	snprintf(bad, sizeof(bad), "%s.bad", profile);
	store(bad, "{", 1);
	memory = capture_begin(STDERR_FILENO, &saved);
	assert_int_equal(seccomp_load(&program, bad, 0), -EINVAL);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_null(program.filter);
	assert_non_null(strstr(said, bad));
	assert_non_null(strstr(said, "line 1, column"));
	assert_int_equal(kept(path), 0);
	unlink(bad);
}

static int start_empty(void **state)
{
	(void)state;
	clear();
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(home, "/tmp/tinyvmm-seccomp-XXXXXX");
	if (!mkdtemp(home))
		return -1;
	snprintf(dir, sizeof(dir), "%s/tinyvmm/seccomp", home);
	snprintf(profile, sizeof(profile), "%s/profile.json", home);
	store(profile, PROFILE, strlen(PROFILE));
	unsetenv("HOME");
	return setenv("XDG_CACHE_HOME", home, 1);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_second_call_reads, start_empty),
		cmocka_unit_test_setup(what_is_read_is_what_was_made, start_empty),
		cmocka_unit_test_setup(a_damaged_file_is_made_anew, start_empty),
		cmocka_unit_test_setup(a_file_of_another_length_is_made_anew, start_empty),
		cmocka_unit_test_setup(a_file_that_others_may_write_is_made_anew, start_empty),
		cmocka_unit_test_setup(a_file_of_somebody_elses_is_made_anew, start_empty),
		cmocka_unit_test_setup(the_name_has_all_that_counts, start_empty),
		cmocka_unit_test_setup(another_profiles_file_is_made_anew, start_empty),
		cmocka_unit_test_setup(another_libseccomps_file_is_made_anew, start_empty),
		cmocka_unit_test_setup(without_a_place_there_is_no_cache, start_empty),
		cmocka_unit_test_setup(a_profile_at_fault_is_not_kept, start_empty),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
