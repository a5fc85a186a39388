// SPDX-License-Identifier: Apache-2.0
/*
 * devices/block/block.c with raw.c, ring.c and pool.c: what a guest may expect of a disk, on each of the three ways a request can go; and
 * what a user is told of an image that can't be one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/block/block.h"
#include "devices/block/ring.h"
#include "tests/fakes/fake_disk.h"
#include "vmm/util/log.h"

#define DISK_BYTES (1u << 20)

/* The group runs once for each. */
static const struct disk_way *way;

struct fixture {
	struct fake_disk disk;
	struct block *block;
};

static struct fixture fx;

static int open_disk(bool read_only)
{
	const struct block_config config = {
		.path = fx.disk.path, .read_only = read_only, .no_uring = way->no_uring, .never_here = way->never_here
	};

	return block_open(&fx.block, &config);
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	fake_disk_init(&fx.disk, DISK_BYTES);
	return open_disk(false);
}

static int tear_down(void **state)
{
	(void)state;
	block_close(fx.block);
	fx.block = NULL;
	fake_disk_release(&fx.disk);
	return 0;
}

static bool all_are(const uint8_t *data, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != value)
			return false;
	}
	return true;
}

static void limits_are_the_files(void **state)
{
	const struct block_limits *limits = block_limits(fx.block);

	(void)state;
	assert_int_equal(limits->size_bytes, DISK_BYTES);
	assert_int_equal(limits->logical_block_bytes, 512);
	assert_int_equal(limits->physical_block_bytes, 4096);
	assert_true(limits->write_zeroes);
	assert_false(limits->read_only);
}

static void reads_what_is_there(void **state)
{
	static uint8_t data[DISK_BYTES];

	(void)state;
	assert_int_equal(disk_read(fx.block, 0, data, sizeof(data)), 0);
	assert_true(disk_has_content(0, data, sizeof(data)));
	assert_int_equal(disk_read(fx.block, DISK_BYTES - 512, data, 512), 0);
	assert_true(disk_has_content(DISK_BYTES - 512, data, 512));
}

static void writes_reach_the_file(void **state)
{
	uint8_t data[1536], back[2560];

	(void)state;
	memset(data, 0xa5, sizeof(data));
	assert_int_equal(disk_write(fx.block, 512, data, sizeof(data)), 0);
	assert_int_equal(disk_do(fx.block, BLOCK_FLUSH, 0, 0), 0);
	int fd = open(fx.disk.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, back, sizeof(back), 0), sizeof(back));
	close(fd);
	assert_true(disk_has_content(0, back, 512));
	assert_memory_equal(back + 512, data, sizeof(data));
	assert_true(disk_has_content(2048, back + 2048, 512));
}

/* More pieces than one system call takes. */
static void many_pieces(void **state)
{
	enum { PIECES = 2048, PIECE_BYTES = 16 };
	static struct iovec iov[PIECES];
	static uint8_t data[PIECES * PIECE_BYTES];
	struct block_request request = {
		.op = BLOCK_READ, .iov = iov, .iov_count = PIECES, .offset_bytes = 512, .len_bytes = sizeof(data)
	};

	(void)state;
	/* Backwards in memory, so that a piece gone astray shows. */
	for (unsigned i = 0; i < PIECES; i++)
		iov[i] = (struct iovec){ .iov_base = data + (PIECES - 1 - i) * PIECE_BYTES, .iov_len = PIECE_BYTES };
	assert_int_equal(disk_run(fx.block, &request), 0);
	for (unsigned i = 0; i < PIECES; i++)
		assert_true(disk_has_content(512 + i * PIECE_BYTES, iov[i].iov_base, PIECE_BYTES));
	request.op = BLOCK_WRITE;
	request.offset_bytes = DISK_BYTES / 2;
	assert_int_equal(disk_run(fx.block, &request), 0);
	memset(data, 0, sizeof(data));
	assert_int_equal(disk_read(fx.block, DISK_BYTES / 2, data, sizeof(data)), 0);
	assert_true(disk_has_content(512, data, sizeof(data)));
}

static void zeroes_read_as_zero(void **state)
{
	uint8_t data[16384];
	struct block_request keep = { .op = BLOCK_WRITE_ZEROES, .offset_bytes = 32768 + 512, .len_bytes = 8192 + 512 };

	(void)state;
	assert_int_equal(disk_do(fx.block, BLOCK_WRITE_ZEROES, 512, 8192 + 512), 0);
	assert_int_equal(disk_read(fx.block, 0, data, sizeof(data)), 0);
	assert_true(disk_has_content(0, data, 512));
	assert_true(all_are(data + 512, 8192 + 512, 0));
	assert_true(disk_has_content(8192 + 1024, data + 8192 + 1024, sizeof(data) - 8192 - 1024));
	assert_int_equal(disk_run(fx.block, &keep), 0);
	assert_int_equal(disk_read(fx.block, 32768, data, sizeof(data)), 0);
	assert_true(all_are(data + 512, 8192 + 512, 0));
	assert_true(disk_has_content(32768 + 8192 + 1024, data + 8192 + 1024, 512));
	assert_int_equal(disk_do(fx.block, BLOCK_WRITE_ZEROES, DISK_BYTES - 4096, 4096), 0);
}

static void discard_gives_space_back(void **state)
{
	struct stat before, after;
	uint8_t data[512];

	(void)state;
	if (!block_limits(fx.block)->discard_granularity_bytes) {
		print_message("skipped: this file system makes no holes\n");
		skip();
	}
	assert_int_equal(stat(fx.disk.path, &before), 0);
	assert_int_equal(disk_do(fx.block, BLOCK_DISCARD, 65536, 524288), 0);
	assert_int_equal(stat(fx.disk.path, &after), 0);
	assert_true(after.st_blocks < before.st_blocks);
	assert_int_equal(after.st_size, DISK_BYTES);
	assert_int_equal(disk_read(fx.block, 65536 - 512, data, sizeof(data)), 0);
	assert_true(disk_has_content(65536 - 512, data, sizeof(data)));
}

static void an_image_that_shrank_is_an_error(void **state)
{
	uint8_t data[4096];

	(void)state;
	assert_int_equal(truncate(fx.disk.path, DISK_BYTES / 2 + 512), 0);
	assert_int_equal(disk_read(fx.block, DISK_BYTES - 4096, data, sizeof(data)), -EIO);
	assert_int_equal(disk_read(fx.block, DISK_BYTES / 2, data, sizeof(data)), -EIO);
	assert_int_equal(disk_read(fx.block, DISK_BYTES / 2, data, 512), 0);
}

static void a_file_size_limit_is_an_error(void **state)
{
	struct rlimit before, limit;
	uint8_t data[4096] = { 0 };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = DISK_BYTES / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int beyond = disk_write(fx.block, DISK_BYTES / 2, data, sizeof(data));
	int across = disk_write(fx.block, DISK_BYTES / 2 - 512, data, sizeof(data));
	int below = disk_write(fx.block, 0, data, sizeof(data));
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(beyond, -EFBIG);
	assert_int_equal(across, -EFBIG);
	assert_int_equal(below, 0);
}

/* --- many at a time ------------------------------------------------------------------------------------------------ */

#define CROWD 700

struct crowd {
	struct block_request request[CROWD];
	struct iovec iov[CROWD];
	uint8_t data[CROWD][512];
	unsigned done, failed, left;
	pthread_t thread;
};

static void one_done(struct block_request *request, int result)
{
	struct crowd *crowd = request->arg;

	crowd->done++;
	crowd->failed += result != 0;
	assert_true(pthread_equal(pthread_self(), crowd->thread));
	/* A completion may ask for more. */
	if (crowd->left) {
		crowd->left--;
		block_submit(fx.block, request);
	}
}

static void crowd_fill(struct crowd *crowd, enum block_op op)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->thread = pthread_self();
	for (unsigned i = 0; i < CROWD; i++) {
		memset(crowd->data[i], (int)(i & 0xff), sizeof(crowd->data[i]));
		crowd->iov[i] = (struct iovec){ .iov_base = crowd->data[i], .iov_len = 512 };
		crowd->request[i] = (struct block_request){
			.op = op,
			.iov = &crowd->iov[i],
			.iov_count = 1,
			.offset_bytes = (uint64_t)i * 512,
			.len_bytes = 512,
			.done = one_done,
			.arg = crowd,
		};
	}
}

static void crowd_submit(struct crowd *crowd)
{
	for (unsigned i = 0; i < CROWD; i++)
		block_submit(fx.block, &crowd->request[i]);
	block_submit_batch(fx.block);
}

static void a_crowd_is_served(void **state)
{
	static struct crowd crowd;
	struct block_request flush = { .op = BLOCK_FLUSH, .done = one_done, .arg = &crowd };

	(void)state;
	crowd_fill(&crowd, BLOCK_READ);
	crowd.left = 100;
	crowd_submit(&crowd);
	block_drain(fx.block);
	assert_int_equal(crowd.done, CROWD + 100);
	assert_int_equal(crowd.failed, 0);
	for (unsigned i = 0; i < CROWD; i++)
		assert_true(disk_has_content((uint64_t)i * 512, crowd.data[i], 512));

	crowd_fill(&crowd, BLOCK_WRITE);
	block_submit(fx.block, &flush);
	crowd_submit(&crowd);
	block_drain(fx.block);
	assert_int_equal(crowd.done, CROWD + 1);
	assert_int_equal(crowd.failed, 0);
	static uint8_t back[CROWD][512];
	assert_int_equal(disk_read(fx.block, 0, back, sizeof(back)), 0);
	for (unsigned i = 0; i < CROWD; i++)
		assert_true(all_are(back[i], 512, (uint8_t)i));
}

static void the_event_fd_tells_of_completions(void **state)
{
	static struct crowd crowd;
	struct pollfd wait = { .fd = block_event_fd(fx.block), .events = POLLIN };
	uint64_t count;

	(void)state;
	crowd_fill(&crowd, BLOCK_READ);
	crowd_submit(&crowd);
	while (crowd.done < CROWD) {
		assert_int_equal(poll(&wait, 1, 10000), 1);
		assert_int_equal(read(wait.fd, &count, sizeof(count)), sizeof(count));
		block_reap(fx.block);
	}
	assert_int_equal(crowd.failed, 0);
}

static void *drain_elsewhere(void *arg)
{
	struct crowd *crowd = arg;

	crowd->thread = pthread_self();
	block_drain(fx.block);
	return NULL;
}

/* A vCPU's thread may drain what the I/O thread submitted, and that thread may be gone. */
static void another_thread_may_drain(void **state)
{
	static struct crowd crowd;
	pthread_t thread;

	(void)state;
	crowd_fill(&crowd, BLOCK_READ);
	for (unsigned i = 0; i < CROWD; i++)
		block_submit(fx.block, &crowd.request[i]);
	assert_int_equal(pthread_create(&thread, NULL, drain_elsewhere, &crowd), 0);
	pthread_join(thread, NULL);
	assert_int_equal(crowd.done, CROWD);
	assert_int_equal(crowd.failed, 0);
}

static void read_only_is(void **state)
{
	uint8_t data[512] = { 0 };

	(void)state;
	block_close(fx.block);
	fx.block = NULL;
	assert_int_equal(open_disk(true), 0);
	assert_true(block_limits(fx.block)->read_only);
	assert_int_equal(block_limits(fx.block)->discard_granularity_bytes, 0);
	assert_int_equal(disk_read(fx.block, 0, data, sizeof(data)), 0);
	assert_int_equal(disk_write(fx.block, 0, data, sizeof(data)), -EROFS);
	assert_int_equal(disk_do(fx.block, BLOCK_WRITE_ZEROES, 0, 512), -EROFS);
	assert_int_equal(disk_do(fx.block, BLOCK_DISCARD, 0, 4096), -EROFS);
	assert_int_equal(disk_do(fx.block, BLOCK_FLUSH, 0, 0), 0);
}

static void the_ring_is_there_or_says_why(void **state)
{
	struct ring *ring;
	int fd = open(fx.disk.path, O_RDONLY | O_CLOEXEC);
	int err = ring_new(&ring, &fd, 1, block_event_fd(fx.block));

	(void)state;
	close(fd);
	if (err) {
		print_message("skipped: no io_uring here (%s): the ring's tests ran on threads\n", strerror(-err));
		skip();
	}
	ring_free(ring);
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

static int try_open(const char *path, bool read_only, bool cow)
{
	const struct block_config config = { .path = path, .read_only = read_only, .cow = cow };
	struct block *block = NULL;
	int err = block_open(&block, &config);

	block_close(block);
	return err;
}

static void locks(void **state)
{
	(void)state;
	/* The fixture writes. */
	assert_int_equal(try_open(fx.disk.path, false, false), -EBUSY);
	assert_int_equal(try_open(fx.disk.path, true, false), -EBUSY);
	assert_int_equal(try_open(fx.disk.path, false, true), -EBUSY);
	/* Closed, it is free at once. */
	block_close(fx.block);
	fx.block = NULL;
	assert_int_equal(try_open(fx.disk.path, false, false), 0);
	/* Readers share. */
	assert_int_equal(open_disk(true), 0);
	assert_int_equal(try_open(fx.disk.path, true, false), 0);
	assert_int_equal(try_open(fx.disk.path, false, true), 0);
	assert_int_equal(try_open(fx.disk.path, false, false), -EBUSY);
}

/* The end of a process frees its disks, whatever the kernel still has to clear away of its ring. */
static void a_killed_owner_leaves_no_lock(void **state)
{
	int ready[2];
	char c;

	(void)state;
	block_close(fx.block);
	fx.block = NULL;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (!pid) {
		if (open_disk(false) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	assert_int_equal(try_open(fx.disk.path, false, false), -EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(try_open(fx.disk.path, false, false), 0);
}

static void what_is_no_disk_is_refused(void **state)
{
	char path[DISK_PATH_MAX];

	(void)state;
	fake_disk_path(&fx.disk, "missing", path);
	assert_int_equal(try_open(path, false, false), -ENOENT);
	assert_int_equal(try_open(fx.disk.dir, false, false), -EISDIR);
	assert_int_equal(try_open(fx.disk.dir, true, false), -EISDIR);
	assert_int_equal(try_open("/dev/null", false, false), -EINVAL);

	fake_disk_path(&fx.disk, "fifo", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(try_open(path, true, false), -EINVAL);
	assert_int_equal(try_open(path, false, false), -EINVAL);

	fake_disk_path(&fx.disk, "odd", path);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(try_open(path, false, false), -EINVAL); /* empty */
	assert_int_equal(truncate(path, 1000), 0);
	assert_int_equal(try_open(path, false, false), -EINVAL);
	assert_int_equal(truncate(path, 1024), 0);
	assert_int_equal(try_open(path, false, false), 0);
}

/* Root may do all, so this gives its rights up in a child. */
static int without_permission(void)
{
	if (geteuid() == 0 && (chmod(fx.disk.dir, 0755) || setgid(65534) || setuid(65534)))
		return 1;
	if (try_open(fx.disk.path, false, false) != -EACCES)
		return 2;
	if (try_open(fx.disk.path, true, false) != 0)
		return 3;
	return try_open(fx.disk.path, false, true) ? 4 : 0;
}

static void permissions_are_respected(void **state)
{
	int status = 0;

	(void)state;
	block_close(fx.block);
	fx.block = NULL;
	assert_int_equal(chmod(fx.disk.path, 0444), 0);
	pid_t pid = fork();
	if (!pid)
		_exit(without_permission());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define DISK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest each_way[] = {
		DISK_TEST(reads_what_is_there),
		DISK_TEST(writes_reach_the_file),
		DISK_TEST(many_pieces),
		DISK_TEST(zeroes_read_as_zero),
		DISK_TEST(discard_gives_space_back),
		DISK_TEST(an_image_that_shrank_is_an_error),
		DISK_TEST(a_file_size_limit_is_an_error),
		DISK_TEST(a_crowd_is_served),
		DISK_TEST(the_event_fd_tells_of_completions),
		DISK_TEST(another_thread_may_drain),
		DISK_TEST(read_only_is),
	};
	const struct CMUnitTest opening[] = {
		DISK_TEST(limits_are_the_files),          DISK_TEST(the_ring_is_there_or_says_why), DISK_TEST(locks),
		DISK_TEST(a_killed_owner_leaves_no_lock), DISK_TEST(what_is_no_disk_is_refused),    DISK_TEST(permissions_are_respected),
	};
	int failed = 0;

	for (way = disk_ways; way < disk_ways + DISK_WAYS; way++)
		failed += cmocka_run_group_tests_name(way->name, each_way, NULL, NULL);
	way = &disk_ways[0];
	return failed + cmocka_run_group_tests_name("opening", opening, NULL, NULL);
}
