// SPDX-License-Identifier: Apache-2.0
/* vmm/cpio.c: what is written can be read as the format says, also by cpio(1), and no path leads out of the root. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_modules.h"
#include "vmm/cpio.h"

static int write_sample(struct cpio *cpio)
{
	int fd = memfd_create("cpio", 0);

	assert_true(fd >= 0);
	cpio_init(cpio, fd, 0, 1);
	assert_int_equal(cpio_directory(cpio, "dev", 0755), 0);
	assert_int_equal(cpio_device(cpio, "dev/console", S_IFCHR | 0600, 5, 1), 0);
	/* every length of the padding */
	assert_int_equal(cpio_file(cpio, "a", 0644, "", 0), 0);
	assert_int_equal(cpio_file(cpio, "ab", 0644, "1", 1), 0);
	assert_int_equal(cpio_file(cpio, "abc", 0755, "12", 2), 0);
	assert_int_equal(cpio_file(cpio, "abcd", 0644, "123\0005", 5), 0);
	assert_int_equal(cpio_end(cpio), 0);
	return fd;
}

static void members_come_back(void **state)
{
	struct archive archive;
	struct cpio cpio;
	int fd = write_sample(&cpio);

	(void)state;
	archive_read(&archive, fd, cpio.offset);
	assert_int_equal(archive.count, 6);
	assert_int_equal(archive_find(&archive, "dev")->mode, S_IFDIR | 0755);
	assert_int_equal(archive_find(&archive, "dev/console")->mode, S_IFCHR | 0600);
	assert_int_equal(archive_find(&archive, "dev/console")->major, 5);
	assert_int_equal(archive_find(&archive, "dev/console")->minor, 1);
	assert_int_equal(archive_find(&archive, "a")->len, 0);
	assert_int_equal(archive_find(&archive, "abc")->mode, S_IFREG | 0755);
	assert_int_equal(archive_find(&archive, "abcd")->len, 5);
	assert_memory_equal(archive_find(&archive, "abcd")->data, "123\0005", 5);
	archive_release(&archive);
	close(fd);
}

static void cpio_reads_it(void **state)
{
	char command[64], line[64];
	struct cpio cpio;
	unsigned lines = 0;

	(void)state;
	if (system("command -v cpio >/dev/null 2>&1")) {
		print_message("skipped: cpio is not installed\n");
		skip();
	}
	int fd = write_sample(&cpio);
	snprintf(command, sizeof(command), "cpio --quiet -t </proc/self/fd/%d", fd);
	FILE *list = popen(command, "r");
	assert_non_null(list);
	while (fgets(line, sizeof(line), list))
		lines++;
	assert_int_equal(pclose(list), 0);
	assert_int_equal(lines, 6);
	close(fd);
}

static void paths_stay_inside(void **state)
{
	static const char *const bad[] = { "", "/", "/etc/passwd", "..", ".", "a/../b", "a/..", "../a", "a//b", "a/", "./a", "a/." };
	static const char *const good[] = { "...", "a..b", ".a", "a/..b/c" };
	char *lengthy = malloc(PATH_MAX + 1);
	struct cpio cpio;
	int fd = memfd_create("cpio", 0);

	(void)state;
	cpio_init(&cpio, fd, 0, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(cpio_file(&cpio, bad[i], 0644, "x", 1), -EINVAL);
		assert_int_equal(cpio_directory(&cpio, bad[i], 0755), -EINVAL);
		assert_int_equal(cpio_device(&cpio, bad[i], S_IFCHR, 1, 3), -EINVAL);
	}
	memset(lengthy, 'x', PATH_MAX);
	lengthy[PATH_MAX] = '\0';
	assert_int_equal(cpio_file(&cpio, lengthy, 0644, "x", 1), -EINVAL);
	free(lengthy);
	assert_int_equal(cpio.offset, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(cpio_file(&cpio, good[i], 0644, "x", 1), 0);
	close(fd);
}

static void a_full_disk_is_reported(void **state)
{
	struct cpio cpio;
	int fd = memfd_create("cpio", MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	cpio_init(&cpio, fd, 0, 1);
	assert_int_equal(cpio_file(&cpio, "a", 0644, "x", 1), -EPERM);
	assert_int_equal(cpio.offset, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_back),
		cmocka_unit_test(cpio_reads_it),
		cmocka_unit_test(paths_stay_inside),
		cmocka_unit_test(a_full_disk_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
