// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel cache, seen through kernel_open(): what is found there is what would have been unpacked, and whatever happens to its files, a
 * kernel is opened, and it is the right one.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_kernel.h"
#include "vmm/kernel.h"
#include "vmm/kernel_cache.h"
#include "vmm/kernel_load.h"
#include "vmm/util/io.h"

#define DEADLINE_S 20

struct fixture {
	char dir[64], cache[80], entries[96], path[80];
	struct blob elf, file;
	struct kernel_image image;
};

static void write_kernel(struct fixture *f)
{
	assert_int_equal(write_file_atomic(f->path, f->file.data, f->file.len, 0600), 0);
}

/* A kernel whose first byte of text is `mark`. */
static void make_kernel(struct fixture *f, uint8_t mark)
{
	blob_free(&f->elf);
	blob_free(&f->file);
	f->elf = fake_vmlinux();
	f->elf.data[fake_elf_segment(&f->elf, 0)->p_offset] = mark;
	struct blob payload = fake_pack(COMPRESSION_GZIP, &f->elf);
	f->file = fake_bzimage(&payload);
	blob_free(&payload);
	write_kernel(f);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_kernel_cache.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->cache, sizeof(f->cache), "%s/cache", f->dir);
	snprintf(f->entries, sizeof(f->entries), "%s/tinyvmm/kernel", f->cache);
	snprintf(f->path, sizeof(f->path), "%s/bzImage", f->dir);
	setenv("XDG_CACHE_HOME", f->cache, 1);
	setenv("HOME", f->dir, 1);
	f->image.fd = -1;
	make_kernel(f, 1);
	*state = f;
	return 0;
}

static void remove_tree(const char *path)
{
	char child[512];
	struct dirent *d;
	DIR *dir = opendir(path);

	while (dir && (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, d->d_name);
		if (unlink(child))
			remove_tree(child);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kernel_close(&f->image);
	blob_free(&f->elf);
	blob_free(&f->file);
	chmod(f->entries, 0700);
	remove_tree(f->dir);
	free(f);
	return 0;
}

/* Opens, and compares with the ELF that the kernel file was made of. */
static int open_kernel(struct fixture *f)
{
	const struct kernel_options options = {.path = f->path, .machine = EM_X86_64};
	uint8_t text[0x1000];

	kernel_close(&f->image);
	int err = kernel_open(&f->image, &options);
	if (err)
		return err;
	if (f->image.format != IMAGE_ELF || f->image.segment[0].gpa != FAKE_TEXT_GPA || f->image.segment[0].file_bytes != sizeof(text))
		return -EINVAL;
	err = pread_full(f->image.fd, text, sizeof(text), f->image.segment[0].file_offset);
	return err ? err : memcmp(text, f->elf.data + fake_elf_segment(&f->elf, 0)->p_offset, sizeof(text)) ? -EBADMSG : 0;
}

/* Counts the files whose names begin like this; the last one's path goes to `path`. */
static unsigned count_files(struct fixture *f, bool temp, char path[512])
{
	unsigned count = 0;
	struct dirent *d;
	DIR *dir = opendir(f->entries);

	while (dir && (d = readdir(dir))) {
		bool is_temp = !strncmp(d->d_name, "tmp.", 4);
		if (temp ? !is_temp : strlen(d->d_name) != 32)
			continue;
		count++;
		if (path)
			snprintf(path, 512, "%s/%s", f->entries, d->d_name);
	}
	if (dir)
		closedir(dir);
	return count;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

/* Fills the cache and gives the path of its one entry. */
static void fill(struct fixture *f, char entry[512])
{
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, entry), 1);
	assert_int_equal(count_files(f, true, NULL), 0);
}

/* The next run finds the entry, and leaves it alone. */
static void assert_hit(struct fixture *f, const char *entry)
{
	ino_t before = inode_of(entry);
	struct stat st;

	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(fstat(f->image.fd, &st), 0);
	assert_int_equal(st.st_ino, before);
	assert_int_equal(inode_of(entry), before);
}

/* --- hits -------------------------------------------------------------------------------------------------------------------- */

static void second_run_finds_it(void **state)
{
	struct fixture *f = *state;
	struct kernel_image first;
	char entry[512];

	fill(f, entry);
	first = f->image;
	assert_hit(f, entry);
	first.fd = f->image.fd;
	assert_memory_equal(&first, &f->image, sizeof(first));
	assert_string_equal(f->image.release, FAKE_SETUP_RELEASE);
	assert_int_equal(f->image.setup_bytes, 0x26c);
}

static void goes_by_content(void **state)
{
	struct fixture *f = *state;
	char entry[512], other[80];

	fill(f, entry);
	snprintf(other, sizeof(other), "%s/renamed", f->dir);
	assert_int_equal(rename(f->path, other), 0);
	strcpy(f->path, other);
	assert_hit(f, entry);
}

/* The same path, size and times with other bytes: the new kernel is what starts. */
static void changed_file(void **state)
{
	struct fixture *f = *state;
	struct timespec times[2];
	struct stat st;
	char entry[512];

	fill(f, entry);
	assert_int_equal(stat(f->path, &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	make_kernel(f, 2);
	assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, NULL), 2);
}

/* Fallbacks and explicit wishes are not kept, nor is anything looked up for them. */
static void not_wanted(void **state)
{
	struct fixture *f = *state;
	struct kernel_options options = {.path = f->path, .machine = EM_X86_64, .no_cache = true};

	assert_int_equal(kernel_open(&f->image, &options), 0);
	kernel_close(&f->image);
	options = (struct kernel_options){.path = f->path, .machine = EM_X86_64, .unpack_in_guest = true};
	assert_int_equal(kernel_open(&f->image, &options), 0);
	assert_int_equal(f->image.format, IMAGE_BZIMAGE);
	assert_int_equal(access(f->cache, F_OK), -1);
}

static void another_machine_is_still_refused(void **state)
{
	struct fixture *f = *state;
	const struct kernel_options options = {.path = f->path, .machine = EM_AARCH64};
	char entry[512];

	fill(f, entry);
	kernel_close(&f->image);
	assert_int_equal(kernel_open(&f->image, &options), -ENOEXEC);
	assert_hit(f, entry);
}

static void home_without_xdg(void **state)
{
	struct fixture *f = *state;

	/* A relative path is invalid and ignored. */
	setenv("XDG_CACHE_HOME", "relative", 1);
	snprintf(f->entries, sizeof(f->entries), "%s/.cache/tinyvmm/kernel", f->dir);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, NULL), 1);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	assert_int_equal(open_kernel(f), 0);
}

/* --- damage ------------------------------------------------------------------------------------------------------------------ */

/* Changes one byte of the entry, keeping its times as they were. */
static void flip(const char *entry, uint64_t at)
{
	struct stat st;
	uint8_t byte;

	assert_int_equal(stat(entry, &st), 0);
	assert_int_equal(chmod(entry, 0600), 0);
	int fd = open(entry, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread_full(fd, &byte, 1, at), 0);
	byte ^= 0x40;
	assert_int_equal(pwrite_full(fd, &byte, 1, at), 0);
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(fchmod(fd, 0400), 0);
	close(fd);
}

static void assert_replaced(struct fixture *f, const char *entry)
{
	ino_t before = inode_of(entry);

	/* Held open, so that its inode number can't come back. */
	int fd = open(entry, O_RDONLY | O_CLOEXEC);
	assert_int_equal(open_kernel(f), 0);
	assert_int_not_equal(inode_of(entry), before);
	close(fd);
	assert_hit(f, entry);
}

static void damaged_entry(void **state)
{
	struct fixture *f = *state;
	char entry[512];

	fill(f, entry);
	for (unsigned i = 0; i < f->image.segment_count; i++) {
		struct image_segment s = f->image.segment[i];
		if (!s.file_bytes)
			continue;
		flip(entry, s.file_offset);
		assert_replaced(f, entry);
		flip(entry, s.file_offset + s.file_bytes - 1);
		assert_replaced(f, entry);
	}
	for (uint64_t at = 0; at < 1200; at += 37) {
		flip(entry, at);
		assert_replaced(f, entry);
	}
}

/* What the loader reads from `fd`, against the seal; by two threads and by one. */
static bool loaded_is_whole(struct fixture *f, const struct kernel_seal *seal)
{
	struct kernel_load load = {.image = &f->image, .seal = seal};
	int by_two, by_one;

	for (unsigned i = 0; i < f->image.segment_count; i++) {
		load.to[i] = malloc(f->image.segment[i].file_bytes + 1);
		assert_non_null(load.to[i]);
	}
	kernel_load_begin(&load);
	by_two = kernel_load_finish(&load);
	by_one = kernel_load_here(&load);
	assert_true(!by_two || by_two == -EBADMSG);
	assert_int_equal(by_one, by_two);
	for (unsigned i = 0; i < f->image.segment_count; i++) {
		const struct image_segment *s = &f->image.segment[i];
		uint8_t *file = malloc(s->file_bytes + 1);
		assert_non_null(file);
		assert_int_equal(pread_full(f->image.fd, file, s->file_bytes, s->file_offset), 0);
		assert_memory_equal(load.to[i], file, s->file_bytes);
		free(file);
		free(load.to[i]);
	}
	return !by_two;
}

/* With a seal the header is checked at once, as always, and the segments by whoever loads them. */
static void left_to_the_loader(void **state)
{
	struct fixture *f = *state;
	struct kernel_seal seal = {0};
	const struct kernel_options options = {.path = f->path, .machine = EM_X86_64, .seal = &seal};
	char entry[512];

	/* Just unpacked: nothing is left to check. */
	assert_int_equal(kernel_open(&f->image, &options), 0);
	assert_false(seal.closed);
	assert_int_equal(count_files(f, false, entry), 1);
	kernel_close(&f->image);
	assert_int_equal(kernel_open(&f->image, &options), 0);
	assert_true(seal.closed);
	assert_true(loaded_is_whole(f, &seal));
	for (unsigned i = 0; i < f->image.segment_count; i++) {
		struct image_segment s = f->image.segment[i];
		if (!s.file_bytes)
			continue;
		flip(entry, s.file_offset + s.file_bytes - 1);
		kernel_close(&f->image);
		assert_int_equal(kernel_open(&f->image, &options), 0);
		assert_true(seal.closed);
		assert_false(loaded_is_whole(f, &seal));
		assert_replaced(f, entry);
	}
	flip(entry, 40);
	seal.closed = false;
	kernel_close(&f->image);
	assert_int_equal(kernel_open(&f->image, &options), 0);
	assert_false(seal.closed);
}

static void cut(const char *entry, off_t length)
{
	assert_int_equal(chmod(entry, 0600), 0);
	assert_int_equal(truncate(entry, length), 0);
	assert_int_equal(chmod(entry, 0400), 0);
}

static void truncated_entry(void **state)
{
	static const off_t lengths[] = {0, 1, 100, 4096, 65536, 65537, 70000};
	struct fixture *f = *state;
	char entry[512];
	struct stat st;

	fill(f, entry);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		cut(entry, lengths[i]);
		assert_replaced(f, entry);
	}
	assert_int_equal(stat(entry, &st), 0);
	cut(entry, st.st_size - 1);
	assert_replaced(f, entry);
	cut(entry, st.st_size + 1);
	assert_replaced(f, entry);
}

/* Another kernel's entry under this one's name is complete, and still wrong: only its name tells. */
static void entry_of_another_kernel(void **state)
{
	struct fixture *f = *state;
	char first[512], path[512];

	fill(f, first);
	make_kernel(f, 2);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, path), 2);
	/* Whichever of the two is listed last: put each in the other's place. */
	assert_int_equal(rename(first, f->path), 0);
	assert_int_equal(count_files(f, false, path), 1);
	assert_int_equal(rename(f->path, path), 0);
	write_kernel(f);
	assert_replaced(f, path);
}

static void damaged_key(void **state)
{
	struct fixture *f = *state;
	char entry[512], key[512];

	fill(f, entry);
	snprintf(key, sizeof(key), "%s/key", f->entries);
	assert_int_equal(truncate(key, 100), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, NULL), 2);
	/* A key that others can read keeps no secret: it is replaced too. */
	assert_int_equal(chmod(key, 0644), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, NULL), 3);
}

/* --- other people's files ---------------------------------------------------------------------------------------------------- */

static void writable_by_others(void **state)
{
	struct fixture *f = *state;
	char entry[512];

	fill(f, entry);
	assert_int_equal(chmod(entry, 0622), 0);
	assert_replaced(f, entry);
	assert_int_equal(chmod(f->entries, 0777), 0);
	ino_t before = inode_of(entry);
	struct stat st;
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(fstat(f->image.fd, &st), 0);
	assert_int_not_equal(st.st_ino, before);
}

static void foreign(void **state)
{
	struct fixture *f = *state;
	char entry[512];
	struct stat st;

	if (geteuid() != 0) {
		print_message("not run: only root can give a file away\n");
		skip();
	}
	fill(f, entry);
	assert_int_equal(chown(entry, 65534, 65534), 0);
	assert_replaced(f, entry);
	assert_int_equal(chown(f->entries, 65534, 65534), 0);
	ino_t before = inode_of(entry);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(fstat(f->image.fd, &st), 0);
	assert_int_not_equal(st.st_ino, before);
}

static void links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	char entry[512], moved[80], key[96];
	struct stat st;

	fill(f, entry);
	snprintf(moved, sizeof(moved), "%s/moved", f->dir);
	assert_int_equal(rename(entry, moved), 0);
	assert_int_equal(symlink(moved, entry), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(lstat(entry, &st), 0);
	assert_true(S_ISREG(st.st_mode));

	snprintf(moved, sizeof(moved), "%s/elsewhere", f->dir);
	assert_int_equal(rename(f->entries, moved), 0);
	assert_int_equal(symlink(moved, f->entries), 0);
	snprintf(key, sizeof(key), "%s/key", moved);
	assert_int_equal(unlink(key), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(access(key, F_OK), -1);
}

/* --- no room ----------------------------------------------------------------------------------------------------------------- */

static void no_directory(void **state)
{
	struct fixture *f = *state;

	/* A file where a directory should be stops root too. */
	assert_int_equal(write_file_atomic(f->cache, "", 0, 0600), 0);
	assert_int_equal(open_kernel(f), 0);
	setenv("XDG_CACHE_HOME", "/proc", 1);
	assert_int_equal(open_kernel(f), 0);
}

static void unwritable_directory(void **state)
{
	struct fixture *f = *state;
	bool root = geteuid() == 0;
	char entry[512];

	/* Root may write everywhere, so be somebody else meanwhile. */
	if (root) {
		assert_int_equal(chown(f->dir, 65534, 65534), 0);
		assert_int_equal(chown(f->path, 65534, 65534), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	fill(f, entry);
	assert_int_equal(unlink(entry), 0);
	assert_int_equal(chmod(f->entries, 0500), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, NULL), 0);
	assert_int_equal(chmod(f->entries, 0700), 0);
	fill(f, entry);
	if (root)
		assert_int_equal(seteuid(0), 0);
}

/* What stands where a new entry should go can't be replaced: the kernel is opened all the same, and nothing is left behind. */
static void name_is_taken(void **state)
{
	struct fixture *f = *state;
	char entry[512], child[600];

	fill(f, entry);
	assert_int_equal(unlink(entry), 0);
	snprintf(child, sizeof(child), "%s/child", entry);
	assert_int_equal(mkdir(entry, 0700), 0);
	assert_int_equal(mkdir(child, 0700), 0);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, true, NULL), 0);
}

/* --- many -------------------------------------------------------------------------------------------------------------------- */

/* The path of the entry that the open image is read from. */
static void entry_in_use(struct fixture *f, char path[512])
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", f->image.fd);
	ssize_t n = readlink(link, path, 511);
	assert_true(n > 0);
	path[n] = '\0';
}

static void old_entries_go(void **state)
{
	struct fixture *f = *state;
	char oldest[512], path[512];
	const struct timespec long_ago[2] = {{1000, 0}, {1000, 0}}, later[2] = {{2000, 0}, {2000, 0}};

	fill(f, oldest);
	assert_int_equal(utimensat(AT_FDCWD, oldest, long_ago, 0), 0);
	snprintf(path, sizeof(path), "%s/tmp.0123456789abcdef", f->entries);
	assert_int_equal(write_file_atomic(path, "x", 1, 0600), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	for (unsigned i = 2; i < 2 + KERNEL_CACHE_ENTRIES - 1; i++) {
		make_kernel(f, (uint8_t)i);
		assert_int_equal(open_kernel(f), 0);
	}
	assert_int_equal(count_files(f, false, NULL), KERNEL_CACHE_ENTRIES);
	assert_int_equal(count_files(f, true, NULL), 0);
	/* Used now, so that another is the oldest. */
	make_kernel(f, 1);
	assert_hit(f, oldest);
	make_kernel(f, 2);
	assert_int_equal(open_kernel(f), 0);
	entry_in_use(f, path);
	assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
	make_kernel(f, 100);
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(count_files(f, false, NULL), KERNEL_CACHE_ENTRIES);
	assert_int_equal(access(oldest, F_OK), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void at_once(void **state)
{
	struct fixture *f = *state;
	pid_t pid[6];
	char entry[512];

	for (unsigned i = 0; i < 6; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(open_kernel(f) ? 1 : 0);
	}
	for (unsigned i = 0; i < 6; i++) {
		int status = -1;
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_files(f, true, NULL), 0);
	/* Those that made the first key at once may each have written one; all but the last are pruned in time. */
	assert_in_range(count_files(f, false, entry), 1, 6);
	assert_int_equal(open_kernel(f), 0);
	ino_t inode = 0;
	struct stat st;
	assert_int_equal(fstat(f->image.fd, &st), 0);
	inode = st.st_ino;
	assert_int_equal(open_kernel(f), 0);
	assert_int_equal(fstat(f->image.fd, &st), 0);
	assert_int_equal(st.st_ino, inode);
}

/* Killed while it writes: what is there under an entry's name is complete, and the next run goes on from there. */
static void killed_while_writing(void **state)
{
	struct fixture *f = *state;
	struct blob big = {malloc(8 << 20), 8 << 20};
	time_t deadline = time(NULL) + DEADLINE_S;

	/* Slow to unpack: random bytes behind the kernel, through bzip2. */
	blob_free(&f->file);
	memcpy(big.data, f->elf.data, f->elf.len);
	srand(1);
	for (size_t i = f->elf.len; i < big.len; i++)
		big.data[i] = (uint8_t)(rand() >> 7);
	struct blob payload = fake_pack(COMPRESSION_BZIP2, &big);
	f->file = fake_bzimage(&payload);
	write_kernel(f);

	pid_t pid = fork();
	if (pid == 0)
		_exit(open_kernel(f) ? 1 : 0);
	while (!count_files(f, true, NULL) && !count_files(f, false, NULL) && time(NULL) < deadline)
		usleep(500);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(open_kernel(f), 0);
	char entry[512];
	assert_int_equal(count_files(f, false, entry), 1);
	assert_hit(f, entry);
	blob_free(&payload);
	blob_free(&big);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(second_run_finds_it),
		TEST(goes_by_content),
		TEST(changed_file),
		TEST(not_wanted),
		TEST(another_machine_is_still_refused),
		TEST(home_without_xdg),
		TEST(damaged_entry),
		TEST(left_to_the_loader),
		TEST(truncated_entry),
		TEST(entry_of_another_kernel),
		TEST(damaged_key),
		TEST(writable_by_others),
		TEST(foreign),
		TEST(links_are_not_followed),
		TEST(no_directory),
		TEST(unwritable_directory),
		TEST(name_is_taken),
		TEST(old_entries_go),
		TEST(at_once),
		TEST(killed_while_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
