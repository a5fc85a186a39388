// SPDX-License-Identifier: Apache-2.0
/*
 * devices/block/cow.c and cow_file.c: a disk on an overlay behaves as a disk, its base never changes, and a kept overlay is either what was
 * flushed or refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/block/block.h"
#include "devices/block/cow.h"
#include "tests/fakes/fake_disk.h"
#include "vmm/util/log.h"

/* A last block that is not whole, and more than one block of bitmap would be too slow: 4096 bytes of it are 128 MiB of disk. */
#define DISK_BYTES ((1u << 20) + 512)
#define SECTORS (DISK_BYTES / 512)

struct fixture {
	struct fake_disk disk;
	char overlay[DISK_PATH_MAX];
	struct block *block;
	uint8_t expected[DISK_BYTES];
};

static struct fixture fx;
static uint8_t found[DISK_BYTES];

/* The group runs once for each. */
static const struct disk_way *way;

static int open_overlay(const char *overlay, bool read_only)
{
	const struct block_config config = {
		.path = fx.disk.path,
		.cow = true,
		.cow_path = overlay,
		.read_only = read_only,
		.no_uring = way->no_uring,
		.never_here = way->never_here,
	};

	return block_open(&fx.block, &config);
}

static void close_overlay(void)
{
	block_close(fx.block);
	fx.block = NULL;
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	fake_disk_init(&fx.disk, DISK_BYTES);
	fake_disk_path(&fx.disk, "overlay", fx.overlay);
	for (unsigned i = 0; i < DISK_BYTES; i++)
		fx.expected[i] = disk_byte(i);
	return 0;
}

static void assert_base_untouched(void)
{
	int fd = open(fx.disk.path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, found, DISK_BYTES, 0), DISK_BYTES);
	close(fd);
	for (unsigned i = 0; i < DISK_BYTES; i++) {
		if (found[i] != disk_byte(i))
			fail_msg("byte %u of the base changed", i);
	}
}

static int tear_down(void **state)
{
	(void)state;
	close_overlay();
	assert_base_untouched();
	fake_disk_release(&fx.disk);
	return 0;
}

static void assert_content(void)
{
	assert_int_equal(disk_read(fx.block, 0, found, DISK_BYTES), 0);
	for (unsigned i = 0; i < DISK_BYTES; i++) {
		if (found[i] != fx.expected[i])
			fail_msg("byte %u: 0x%02x, not 0x%02x", i, found[i], fx.expected[i]);
	}
}

static void pick_range(unsigned *seed, uint64_t *offset, uint64_t *len)
{
	unsigned first = (unsigned)rand_r(seed) % SECTORS, count = 1 + (unsigned)rand_r(seed) % 40;

	/* Often a part of a block, sometimes many of them. */
	if (rand_r(seed) % 2)
		count = 1 + count % 8;
	if (count > SECTORS - first)
		count = SECTORS - first;
	*offset = (uint64_t)first * 512;
	*len = (uint64_t)count * 512;
}

static void change_at_random(unsigned *seed, unsigned times)
{
	static uint8_t data[DISK_BYTES];
	uint64_t offset, len;

	for (unsigned i = 0; i < times; i++) {
		pick_range(seed, &offset, &len);
		if (rand_r(seed) % 8) {
			for (uint64_t j = 0; j < len; j++)
				data[j] = (uint8_t)rand_r(seed);
			assert_int_equal(disk_write(fx.block, offset, data, len), 0);
			memcpy(fx.expected + offset, data, len);
		} else {
			assert_int_equal(disk_do(fx.block, BLOCK_WRITE_ZEROES, offset, len), 0);
			memset(fx.expected + offset, 0, len);
		}
		if (rand_r(seed) % 16 == 0)
			assert_int_equal(disk_do(fx.block, BLOCK_FLUSH, 0, 0), 0);
		pick_range(seed, &offset, &len);
		assert_int_equal(disk_read(fx.block, offset, data, len), 0);
		assert_memory_equal(data, fx.expected + offset, len);
	}
	assert_content();
}

/* --- as a disk ----------------------------------------------------------------------------------------------------- */

static void a_dropped_overlay_is_a_disk(void **state)
{
	unsigned seed = 1;

	(void)state;
	assert_int_equal(open_overlay(NULL, false), 0);
	assert_false(block_limits(fx.block)->read_only);
	assert_int_equal(block_limits(fx.block)->size_bytes, DISK_BYTES);
	assert_content();
	change_at_random(&seed, 300);
	close_overlay();
	/* And is gone. */
	for (unsigned i = 0; i < DISK_BYTES; i++)
		fx.expected[i] = disk_byte(i);
	assert_int_equal(open_overlay(NULL, false), 0);
	assert_content();
}

static void a_kept_overlay_is_kept(void **state)
{
	unsigned seed = 2;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(open_overlay(fx.overlay, false), 0);
		assert_content();
		change_at_random(&seed, 60);
		close_overlay();
	}
	/* Looking is allowed, too, and to several at once. */
	assert_int_equal(open_overlay(fx.overlay, true), 0);
	assert_content();
	assert_int_equal(disk_write(fx.block, 0, found, 512), -EROFS);
	assert_true(block_limits(fx.block)->read_only);
	close_overlay();
}

static void the_last_block_is_not_whole(void **state)
{
	uint8_t data[512];

	(void)state;
	memset(data, 0x77, sizeof(data));
	assert_int_equal(open_overlay(fx.overlay, false), 0);
	assert_int_equal(disk_write(fx.block, DISK_BYTES - 512, data, sizeof(data)), 0);
	memcpy(fx.expected + DISK_BYTES - 512, data, sizeof(data));
	assert_content();
	close_overlay();
	assert_int_equal(open_overlay(fx.overlay, false), 0);
	assert_content();
}

static void discard_leaves_the_rest_alone(void **state)
{
	(void)state;
	assert_int_equal(open_overlay(NULL, false), 0);
	if (!block_limits(fx.block)->discard_granularity_bytes) {
		print_message("skipped: this file system makes no holes\n");
		skip();
	}
	memset(found, 0x55, 16384);
	memset(fx.expected + 65536, 0x55, 16384);
	assert_int_equal(disk_write(fx.block, 65536, found, 16384), 0);
	/* Both halves of a block at each end stay; between, any content is right, but the base's neighbours are not touched. */
	assert_int_equal(disk_do(fx.block, BLOCK_DISCARD, 65536 + 512, 16384 - 1024), 0);
	assert_int_equal(disk_do(fx.block, BLOCK_DISCARD, 131072, 65536), 0);
	assert_int_equal(disk_read(fx.block, 65536 + 4096, fx.expected + 65536 + 4096, 8192), 0);
	assert_content();
}

/* Two writes under way in one block that the overlay has not got yet: neither may lose the other's bytes. */
#define NEIGHBOURS 64

static void count_done(struct block_request *request, int result)
{
	*(unsigned *)request->arg += result ? 1000 : 1;
}

static void neighbours_in_a_block(void **state)
{
	static struct block_request request[NEIGHBOURS];
	static struct iovec iov[NEIGHBOURS];
	static uint8_t data[NEIGHBOURS][512];
	unsigned done = 0;

	(void)state;
	assert_int_equal(open_overlay(NULL, false), 0);
	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		uint64_t offset = (uint64_t)(2 * i + 1) * 512;
		memset(data[i], (int)i, 512);
		memset(fx.expected + offset, (int)i, 512);
		iov[i] = (struct iovec){ .iov_base = data[i], .iov_len = 512 };
		request[i] = (struct block_request){ .op = BLOCK_WRITE,
						     .iov = &iov[i],
						     .iov_count = 1,
						     .offset_bytes = offset,
						     .len_bytes = 512,
						     .done = count_done,
						     .arg = &done };
		block_submit(fx.block, &request[i]);
	}
	block_submit_batch(fx.block);
	block_drain(fx.block);
	assert_int_equal(done, NEIGHBOURS);
	assert_content();
}

/* --- kill -9 ------------------------------------------------------------------------------------------------------- */

/* Writes its own number all over sector after sector, flushes, and says so. */
static void write_until_killed(int tell)
{
	uint8_t data[512];

	if (open_overlay(fx.overlay, false))
		_exit(1);
	for (uint32_t turn = 1;; turn++) {
		memset(data, (int)(turn % 251), sizeof(data));
		if (disk_write(fx.block, turn * 7 % SECTORS * 512, data, sizeof(data)))
			_exit(1);
		if (disk_do(fx.block, BLOCK_FLUSH, 0, 0) || write(tell, &turn, sizeof(turn)) != sizeof(turn))
			_exit(1);
	}
}

static void what_was_flushed_survives_a_kill(void **state)
{
	uint32_t turn = 0, last = 0;
	int tell[2];

	(void)state;
	assert_int_equal(pipe(tell), 0);
	pid_t pid = fork();
	if (!pid) {
		close(tell[0]);
		write_until_killed(tell[1]);
	}
	close(tell[1]);
	while (turn < 40 && read(tell[0], &turn, sizeof(turn)) == sizeof(turn))
		last = turn;
	kill(pid, SIGKILL);
	while (read(tell[0], &turn, sizeof(turn)) == sizeof(turn))
		last = turn;
	close(tell[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(last >= 40);

	for (turn = 1; turn <= last; turn++)
		memset(fx.expected + turn * 7 % SECTORS * 512, (int)(turn % 251), 512);
	assert_int_equal(open_overlay(fx.overlay, false), 0);
	assert_int_equal(disk_read(fx.block, 0, found, DISK_BYTES), 0);
	/* The sector that was being written may be either. */
	memcpy(fx.expected + turn * 7 % SECTORS * 512, found + turn * 7 % SECTORS * 512, 512);
	assert_content();
}

/* --- what is refused ----------------------------------------------------------------------------------------------- */

static void make_overlay(void)
{
	memset(found, 0x33, 4096);
	assert_int_equal(open_overlay(fx.overlay, false), 0);
	assert_int_equal(disk_write(fx.block, 4096, found, 4096), 0);
	close_overlay();
}

static void patch(uint64_t offset, const void *data, size_t len)
{
	int fd = open(fx.overlay, O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, data, len, (off_t)offset), len);
	close(fd);
}

static void assert_refused(int err)
{
	struct stat before, after;

	assert_int_equal(stat(fx.overlay, &before), 0);
	assert_int_equal(open_overlay(fx.overlay, false), err);
	assert_int_equal(open_overlay(fx.overlay, true), err);
	/* What is refused is not changed either. */
	assert_int_equal(stat(fx.overlay, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void damage_is_refused(void **state)
{
	static const uint8_t ones[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
	static const struct {
		uint64_t offset;
		size_t len;
		int err;
	} bad[] = {
		{ offsetof(struct cow_header, magic), 1, -EINVAL },
		{ offsetof(struct cow_header, version), 4, -EINVAL },
		{ offsetof(struct cow_header, block_bytes), 4, -EINVAL },
		{ offsetof(struct cow_header, size_bytes), 8, -ESTALE },
		{ offsetof(struct cow_header, base_path_bytes), 4, -EINVAL },
		{ 4096 + DISK_BYTES / 4096 / 8 + 1, 1, -EINVAL }, /* a bit past the disk's end */
		{ 8191, 1, -EINVAL },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		make_overlay();
		patch(bad[i].offset, ones, bad[i].len);
		assert_refused(bad[i].err);
		assert_int_equal(unlink(fx.overlay), 0);
	}
}

static void wrong_lengths_are_refused(void **state)
{
	static const int64_t length[] = { 1, 100, 4095, 4096, 5000, 8192, 8192 + DISK_BYTES - 1, 8192 + DISK_BYTES + 1 };

	(void)state;
	for (unsigned i = 0; i < sizeof(length) / sizeof(*length); i++) {
		make_overlay();
		assert_int_equal(truncate(fx.overlay, length[i]), 0);
		assert_refused(-EINVAL);
		assert_int_equal(unlink(fx.overlay), 0);
	}
	/* But an empty file is one to begin with. */
	close(open(fx.overlay, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(open_overlay(fx.overlay, false), 0);
	assert_content();
}

static void a_changed_base_is_refused(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	(void)state;
	make_overlay();
	assert_int_equal(utimensat(AT_FDCWD, fx.disk.path, times, 0), 0);
	assert_refused(-ESTALE);
	assert_int_equal(truncate(fx.disk.path, DISK_BYTES + 512), 0);
	assert_refused(-ESTALE);
	assert_int_equal(truncate(fx.disk.path, DISK_BYTES), 0);
}

static void other_things_are_refused(void **state)
{
	char missing[DISK_PATH_MAX];

	(void)state;
	fake_disk_path(&fx.disk, "no/such/overlay", missing);
	assert_int_equal(open_overlay(missing, false), -ENOENT);
	fake_disk_path(&fx.disk, "none", missing);
	assert_int_equal(open_overlay(missing, true), -ENOENT);
	assert_int_equal(open_overlay(fx.disk.path, false), -EINVAL); /* the base itself */
	assert_int_equal(open_overlay(fx.disk.dir, false), -EISDIR);
	assert_int_equal(open_overlay("/dev/null", false), -EINVAL);
}

static void one_machine_an_overlay(void **state)
{
	struct block *first;

	(void)state;
	assert_int_equal(open_overlay(fx.overlay, false), 0);
	first = fx.block;
	fx.block = NULL;
	assert_int_equal(open_overlay(fx.overlay, false), -EBUSY);
	assert_int_equal(open_overlay(fx.overlay, true), -EBUSY);
	block_close(first);
	fx.block = NULL;
	assert_int_equal(open_overlay(fx.overlay, false), 0);
}

#define DISK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest each_way[] = {
		DISK_TEST(a_dropped_overlay_is_a_disk),   DISK_TEST(a_kept_overlay_is_kept), DISK_TEST(the_last_block_is_not_whole),
		DISK_TEST(discard_leaves_the_rest_alone), DISK_TEST(neighbours_in_a_block),  DISK_TEST(what_was_flushed_survives_a_kill),
	};
	const struct CMUnitTest opening[] = {
		DISK_TEST(damage_is_refused),        DISK_TEST(wrong_lengths_are_refused), DISK_TEST(a_changed_base_is_refused),
		DISK_TEST(other_things_are_refused), DISK_TEST(one_machine_an_overlay),
	};
	int failed = 0;

	for (way = disk_ways; way < disk_ways + DISK_WAYS; way++)
		failed += cmocka_run_group_tests_name(way->name, each_way, NULL, NULL);
	way = &disk_ways[0];
	return failed + cmocka_run_group_tests_name("opening", opening, NULL, NULL);
}
