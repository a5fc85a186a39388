// SPDX-License-Identifier: Apache-2.0
/*
 * devices/block/raw.c on what only root can make: a block device (a loop device on a file), and a file system that is full. Skipped where
 * the host refuses them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/block/block.h"
#include "tests/fakes/fake_disk.h"
#include "vmm/util/log.h"

#define DISK_BYTES (1u << 20)

struct fixture {
	struct fake_disk disk;
	char device[32];
	int loop_fd;
	bool mounted;
	struct block *block;
};

static struct fixture fx;

static void skip_because(const char *what)
{
	print_message("skipped: %s: %s\n", what, strerror(errno));
	skip();
}

/* Goes away by itself once nobody has it open. */
static int attach_loop(uint32_t block_bytes, uint32_t flags)
{
	struct loop_config config = { .block_size = block_bytes, .info = { .lo_flags = LO_FLAGS_AUTOCLEAR | flags } };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	if (control >= 0)
		close(control);
	if (number < 0)
		return -1;
	snprintf(fx.device, sizeof(fx.device), "/dev/loop%d", number);
	fx.loop_fd = open(fx.device, O_RDWR | O_CLOEXEC);
	config.fd = (uint32_t)open(fx.disk.path, O_RDWR | O_CLOEXEC);
	int err = fx.loop_fd < 0 ? -1 : ioctl(fx.loop_fd, LOOP_CONFIGURE, &config);
	close((int)config.fd);
	return err;
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	fx = (struct fixture){ .loop_fd = -1 };
	fake_disk_init(&fx.disk, DISK_BYTES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	block_close(fx.block);
	if (fx.loop_fd >= 0)
		close(fx.loop_fd);
	if (fx.mounted)
		umount2(fx.disk.dir, MNT_DETACH);
	fake_disk_release(&fx.disk);
	return 0;
}

static int open_device(struct block **block, bool read_only, bool cow)
{
	const struct block_config config = { .path = fx.device, .read_only = read_only, .cow = cow, .never_here = true };

	return block_open(block, &config);
}

static void a_block_device_is_a_disk(void **state)
{
	static uint8_t data[65536];

	(void)state;
	if (attach_loop(4096, 0))
		skip_because("no loop device");
	assert_int_equal(open_device(&fx.block, false, false), 0);
	const struct block_limits *limits = block_limits(fx.block);
	assert_int_equal(limits->size_bytes, DISK_BYTES);
	assert_int_equal(limits->logical_block_bytes, 4096);
	assert_true(limits->physical_block_bytes >= 4096);

	assert_int_equal(disk_read(fx.block, 4096, data, 4096), 0);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(data[i], disk_byte(4096 + i));
	memset(data, 0x99, sizeof(data));
	assert_int_equal(disk_write(fx.block, 65536, data, sizeof(data)), 0);
	assert_int_equal(disk_do(fx.block, BLOCK_WRITE_ZEROES, 65536, 8192), 0);
	assert_int_equal(disk_do(fx.block, BLOCK_FLUSH, 0, 0), 0);
	if (limits->discard_granularity_bytes)
		assert_int_equal(disk_do(fx.block, BLOCK_DISCARD, 131072, 65536), 0);
	assert_int_equal(disk_read(fx.block, 65536, data, sizeof(data)), 0);
	for (unsigned i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], i < 8192 ? 0 : 0x99);
}

static void a_device_in_use_is_refused(void **state)
{
	struct block *second = NULL;

	(void)state;
	if (attach_loop(512, 0))
		skip_because("no loop device");
	assert_int_equal(open_device(&fx.block, false, false), 0);
	assert_int_equal(open_device(&second, false, false), -EBUSY);
	assert_int_equal(open_device(&second, true, false), -EBUSY);
	block_close(fx.block);
	fx.block = NULL;
	/* Claimed by another, as a mounted one is. */
	int other = open(fx.device, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_true(other >= 0);
	assert_int_equal(open_device(&second, false, false), -EBUSY);
	close(other);
	assert_int_equal(open_device(&fx.block, false, true), 0);
	assert_int_equal(disk_do(fx.block, BLOCK_WRITE_ZEROES, 0, 512), 0);
}

static void a_write_protected_device_is_refused(void **state)
{
	(void)state;
	if (attach_loop(512, LO_FLAGS_READ_ONLY))
		skip_because("no loop device");
	int err = open_device(&fx.block, false, false);
	assert_true(err == -EROFS || err == -EACCES);
	fx.block = NULL;
	assert_int_equal(open_device(&fx.block, true, false), 0);
}

/* In a mount namespace of its own, so that nothing stays however this ends. */
static void a_full_file_system_is_enospc(void **state)
{
	static uint8_t data[262144];
	static const struct block_config ways[] = { { .never_here = false },
						    { .never_here = true },
						    { .never_here = true, .no_uring = true } };

	(void)state;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", fx.disk.dir, "tmpfs", 0, "size=128k"))
		skip_because("no file system of our own to fill");
	fx.mounted = true;
	int fd = open(fx.disk.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
	close(fd);
	memset(data, 1, sizeof(data));
	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct block_config config = ways[i];
		config.path = fx.disk.path;
		assert_int_equal(block_open(&fx.block, &config), 0);
		assert_int_equal(disk_write(fx.block, 0, data, 4096), 0);
		assert_int_equal(disk_write(fx.block, 4096, data, sizeof(data)), -ENOSPC);
		/* And once there is room again, all is well. */
		assert_int_equal(disk_do(fx.block, BLOCK_DISCARD, 0, DISK_BYTES), 0);
		assert_int_equal(disk_write(fx.block, 4096, data, 65536), 0);
		block_close(fx.block);
		fx.block = NULL;
	}
}

#define DEVICE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICE_TEST(a_block_device_is_a_disk),
		DEVICE_TEST(a_device_in_use_is_refused),
		DEVICE_TEST(a_write_protected_device_is_refused),
		DEVICE_TEST(a_full_file_system_is_enospc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
