// SPDX-License-Identifier: Apache-2.0
/* devices/block/probe.c: the root is found on images as people make them, with the usual tools. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_modules.h"
#include "devices/block/probe.h"

#define MIB (1ull << 20)
#define IMAGE_BYTES (40 * MIB)

struct fixture {
	struct fake_tree fake;
	char image[128];
	int fd;
};

static bool have_tool(const char *tool)
{
	char command[128];

	snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin command -v %s >/dev/null", tool);
	if (!system(command))
		return true;
	print_message("skipped: %s is not installed\n", tool);
	return false;
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[1024], full[1100];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(full, sizeof(full), "export PATH=$PATH:/usr/sbin:/sbin; %s", command);
	assert_int_equal(system(full), 0);
}

static int set_up(void **state)
{
	static struct fixture f;

	fake_tree_init(&f.fake);
	snprintf(f.image, sizeof(f.image), "%s", fake_tree_path(&f.fake, "disk.img"));
	f.fd = open(f.image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(f.fd >= 0);
	assert_int_equal(ftruncate(f.fd, IMAGE_BYTES), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	fake_tree_release(&f->fake);
	return 0;
}

static void partition(const struct fixture *f, const char *script)
{
	run("printf '%s' | sfdisk -q %s >/dev/null 2>&1", script, f->image);
}

/* An ext4 of 4 MiB at this place. */
static void ext4_at(const struct fixture *f, unsigned mib, const char *label)
{
	run("mkfs.ext4 -q -F -O ^has_journal -L '%s' -U 01234567-89ab-cdef-0123-456789abcd%02u -E offset=%u %s 4M 2>/dev/null", label, mib,
	    mib << 20, f->image);
}

static void probe_is(const struct fixture *f, unsigned expected, const char *fstype)
{
	struct disk_probe probe;

	assert_int_equal(disk_probe(f->fd, &probe), 0);
	assert_int_equal(probe.partition, expected);
	assert_string_equal(probe.fstype, fstype);
}

static void a_bare_file_system(void **state)
{
	struct fixture *f = *state;
	struct disk_probe probe;

	if (!have_tool("mkfs.ext4"))
		skip();
	run("mkfs.ext4 -q -F -U 01234567-89ab-cdef-0123-456789abcdef %s", f->image);
	probe_is(f, 0, "ext4");
	assert_int_equal(disk_probe(f->fd, &probe), 0);
	assert_string_equal(probe.uuid, "01234567-89ab-cdef-0123-456789abcdef");
}

static void nothing_there(void **state)
{
	struct fixture *f = *state;
	struct disk_probe probe;

	assert_int_equal(disk_probe(f->fd, &probe), -ENOENT);
	assert_int_equal(ftruncate(f->fd, 0), 0);
	assert_int_equal(disk_probe(f->fd, &probe), -ENOENT);
	assert_int_equal(ftruncate(f->fd, 512), 0);
	assert_int_equal(disk_probe(f->fd, &probe), -ENOENT);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(disk_probe(null, &probe), -ENOENT);
	close(null);
	if (!have_tool("sfdisk"))
		skip();
	assert_int_equal(ftruncate(f->fd, IMAGE_BYTES), 0);
	partition(f, "label: gpt\\n,8M\\n,8M\\n");
	assert_int_equal(disk_probe(f->fd, &probe), -ENOENT);
}

/* Swap is no file system, and of two that are one the larger is taken. */
static void an_mbr(void **state)
{
	struct fixture *f = *state;

	if (!have_tool("mkfs.ext4") || !have_tool("sfdisk"))
		skip();
	partition(f, "label: dos\\nstart=1M,size=8M,type=82\\nstart=9M,size=6M,type=83\\nstart=15M,size=7M,type=83\\n");
	ext4_at(f, 9, "");
	probe_is(f, 2, "ext4");
	ext4_at(f, 15, "");
	probe_is(f, 3, "ext4");
	ext4_at(f, 9, "rootfs");
	probe_is(f, 2, "ext4");
}

static void a_logical_partition(void **state)
{
	struct fixture *f = *state;

	if (!have_tool("mkfs.ext4") || !have_tool("sfdisk"))
		skip();
	partition(f, "label: dos\\nstart=1M,size=4M,type=83\\nstart=6M,size=20M,type=5\\nstart=7M,size=6M,type=83\\n");
	ext4_at(f, 7, "");
	probe_is(f, 5, "ext4");
}

static const char *root_type(void)
{
	struct utsname host;

	assert_int_equal(uname(&host), 0);
	return !strcmp(host.machine, "aarch64") ? "B921B045-1DF0-41C3-AF44-4C6F280D3FAE" : "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
}

static void a_gpt(void **state)
{
	struct fixture *f = *state;
	char script[512];

	if (!have_tool("mkfs.ext4") || !have_tool("sfdisk"))
		skip();
	snprintf(script, sizeof(script),
		 "label: gpt\\nstart=1M,size=5M,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\\n"
		 "start=6M,size=8M,name=data\\nstart=14M,size=6M,name=root\\n"
		 "start=20M,size=5M,type=%s\\n",
		 root_type());
	partition(f, script);
	ext4_at(f, 6, "data");
	probe_is(f, 2, "ext4");
	/* a partition's name, though it is smaller */
	ext4_at(f, 14, "");
	probe_is(f, 3, "ext4");
	/* a partition's type, though it is smaller still; no file system in it, no root */
	ext4_at(f, 20, "");
	probe_is(f, 4, "ext4");
}

/* The image ends before its partitions do. */
static void a_truncated_image(void **state)
{
	struct fixture *f = *state;
	struct disk_probe probe;

	if (!have_tool("mkfs.ext4") || !have_tool("sfdisk"))
		skip();
	partition(f, "label: dos\\nstart=1M,size=4M,type=83\\nstart=10M,size=20M,type=83\\n");
	ext4_at(f, 10, "");
	assert_int_equal(ftruncate(f->fd, 9 << 20), 0);
	assert_int_equal(disk_probe(f->fd, &probe), -ENOENT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bare_file_system),  TEST(nothing_there), TEST(an_mbr),
		TEST(a_logical_partition), TEST(a_gpt),         TEST(a_truncated_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
