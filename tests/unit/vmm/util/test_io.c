// SPDX-License-Identifier: Apache-2.0
/* vmm/util/io.c: whole lengths over short reads and writes and over signals, and files that appear whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util/io.h"

struct place {
	char dir[64], path[128];
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/tinyvmm-io-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/file", p->dir);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

/* --- complete reads and writes ---------------------------------------------------------------------------------------- */

#define BULK_BYTES (1 << 20)

static void *write_bulk(void *arg)
{
	uint8_t *bulk = malloc(BULK_BYTES);

	for (size_t i = 0; i < BULK_BYTES; i++)
		bulk[i] = (uint8_t)(i * 31 + (i >> 8));
	int err = write_full(*(int *)arg, bulk, BULK_BYTES);
	free(bulk);
	return (void *)(intptr_t)err;
}

static void on_signal(int signal)
{
	(void)signal;
}

static void read_bulk(int fd, uint8_t *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, to + done, len - done);
		assert_true(n > 0);
		done += (size_t)n;
	}
}

/* A pipe takes 64 KiB at a time, and the writer is interrupted all the while. */
static void over_a_pipe_and_signals(void **state)
{
	struct sigaction action = { .sa_handler = on_signal }, before;
	uint8_t *bulk = malloc(BULK_BYTES);
	pthread_t writer;
	void *err;
	int fd[2];

	(void)state;
	sigaction(SIGUSR1, &action, &before);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_bulk, &fd[1]), 0);
	for (size_t at = 0; at < BULK_BYTES; at += BULK_BYTES / 64) {
		pthread_kill(writer, SIGUSR1);
		read_bulk(fd[0], bulk + at, BULK_BYTES / 64);
	}
	pthread_join(writer, &err);
	assert_null(err);
	for (size_t i = 0; i < BULK_BYTES; i++)
		assert_int_equal(bulk[i], (uint8_t)(i * 31 + (i >> 8)));
	close(fd[0]);
	close(fd[1]);
	sigaction(SIGUSR1, &before, NULL);
	free(bulk);
}

static void input_that_ends_early(void **state)
{
	struct place *p = *state;
	char buf[8];
	int file = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite_full(file, "hello", 5, 3), 0);
	assert_int_equal(pread_full(file, buf, 8, 0), 0);
	assert_memory_equal(buf, "\0\0\0hello", 8);
	assert_int_equal(pread_full(file, buf, 8, 1), -ENODATA);
	assert_int_equal(pread_full(file, buf, 0, 8), 0);
	assert_int_equal(pread_full(file, buf, 1, UINT64_MAX), -EINVAL);
	close(file);
}

static void errors_are_told(void **state)
{
	char buf[8] = "";

	(void)state;
	assert_int_equal(write_full(-1, buf, 1), -EBADF);
	assert_int_equal(pread_full(-1, buf, 1, 0), -EBADF);
	assert_int_equal(pwrite_full(-1, buf, 1, 0), -EBADF);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (full >= 0)
		assert_int_equal(write_full(full, buf, 1), -ENOSPC);
	close_fd(&full);
}

/* --- whole files ------------------------------------------------------------------------------------------------------ */

static void put_file(const char *path, size_t len)
{
	char *data = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (char)('a' + i % 26);
	assert_int_equal(write_file_atomic(path, data, len, 0600), 0);
	free(data);
}

static void files_of_many_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 32768, 100000 };
	struct place *p = *state;

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		char *data;
		size_t len;
		put_file(p->path, sizes[s]);
		assert_int_equal(read_file(p->path, 1 << 20, &data, &len), 0);
		assert_int_equal(len, sizes[s]);
		assert_int_equal(strlen(data), sizes[s]);
		if (len)
			assert_int_equal(data[len - 1], 'a' + (len - 1) % 26);
		free(data);
	}
}

static void a_file_over_the_limit(void **state)
{
	struct place *p = *state;
	char *data;
	size_t len;

	put_file(p->path, 1000);
	assert_int_equal(read_file(p->path, 999, &data, &len), -EFBIG);
	assert_int_equal(read_file(p->path, 1000, &data, &len), 0);
	free(data);
	/* Also where there is no end. */
	assert_int_equal(read_file("/dev/zero", 100000, &data, &len), -EFBIG);
}

static void files_that_cannot_be_read(void **state)
{
	struct place *p = *state;
	char *data;
	size_t len;

	assert_int_equal(read_file(p->path, 10, &data, &len), -ENOENT);
	assert_int_equal(read_file(p->dir, 10, &data, &len), -EISDIR);
}

static unsigned entries(const char *dir)
{
	char command[128];
	unsigned count = 0;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
	FILE *out = popen(command, "re");
	assert_int_equal(fscanf(out, "%u", &count), 1);
	pclose(out);
	return count;
}

/* Over an old file, with the mode that was asked for, and without a trace of the way there. */
static void an_atomic_write(void **state)
{
	struct place *p = *state;
	struct stat st;

	put_file(p->path, 10);
	int old = open(p->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(write_file_atomic(p->path, "new", 3, 0640), 0);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, 3);
	/* Whoever has the old one open goes on reading it. */
	assert_int_equal(fstat(old, &st), 0);
	assert_int_equal(st.st_size, 10);
	close(old);
	assert_int_equal(entries(p->dir), 1);
}

static void an_atomic_write_that_fails(void **state)
{
	struct place *p = *state;
	char path[256], *long_path = malloc(10000);

	snprintf(path, sizeof(path), "%s/missing/file", p->dir);
	assert_int_equal(write_file_atomic(path, "x", 1, 0600), -ENOENT);
	/* A directory is in the way: the temporary file goes. */
	assert_int_equal(mkdir(p->path, 0700), 0);
	snprintf(path, sizeof(path), "%s/x", p->path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(write_file_atomic(p->path, "x", 1, 0600) < 0);
	assert_int_equal(entries(p->dir), 1);
	rmdir(path);
	rmdir(p->path);
	memset(long_path, 'x', 9999);
	long_path[9999] = '\0';
	assert_int_equal(write_file_atomic(long_path, "x", 1, 0600), -ENAMETOOLONG);
	free(long_path);
}

/* --- directories ------------------------------------------------------------------------------------------------------ */

static void directories_are_made(void **state)
{
	struct place *p = *state;
	char a[160], b[192];
	struct stat st;

	snprintf(a, sizeof(a), "%s/a", p->dir);
	snprintf(b, sizeof(b), "%s//b/", a);
	for (unsigned twice = 0; twice < 2; twice++)
		assert_int_equal(make_dirs(b), 0);
	assert_int_equal(stat(b, &st), 0);
	assert_int_equal(st.st_mode & 07777 & 0077, 0);
	rmdir(b);
	rmdir(a);
	assert_int_equal(make_dirs("/"), 0);
}

static void directories_that_cannot_be_made(void **state)
{
	struct place *p = *state;
	char path[160];

	put_file(p->path, 1);
	snprintf(path, sizeof(path), "%s/x", p->path);
	assert_int_equal(make_dirs(path), -ENOTDIR);
	assert_int_equal(make_dirs(p->path), -ENOTDIR);
	assert_int_equal(make_dirs(""), -ENOENT);
}

static void a_descriptor_is_closed_once(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), same = fd;

	(void)state;
	close_fd(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(same, F_GETFD), -1);
	close_fd(&fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_a_pipe_and_signals),
		TEST(input_that_ends_early),
		cmocka_unit_test(errors_are_told),
		TEST(files_of_many_sizes),
		TEST(a_file_over_the_limit),
		TEST(files_that_cannot_be_read),
		TEST(an_atomic_write),
		TEST(an_atomic_write_that_fails),
		TEST(directories_are_made),
		TEST(directories_that_cannot_be_made),
		cmocka_unit_test(a_descriptor_is_closed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
