// SPDX-License-Identifier: Apache-2.0
/* ctr/mount.c: places for mounts, which no link of the image leads out of its root. */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/mount.h"

struct fixture {
	char dir[32];
	int root, outside; /* DIR/root, DIR/outside */
};

static int setup(void **state)
{
	static struct fixture f;

	strcpy(f.dir, "/tmp/test_mount.XXXXXX");
	if (!mkdtemp(f.dir))
		return -1;
	int dir = open(f.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	mkdirat(dir, "root", 0755);
	mkdirat(dir, "outside", 0755);
	f.root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	f.outside = openat(dir, "outside", O_PATH | O_DIRECTORY | O_CLOEXEC);
	close(dir);
	*state = &f;
	return f.root < 0 || f.outside < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	close(f->root);
	close(f->outside);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	return system(command);
}

/* Where a descriptor leads, seen from the fixture's directory. */
static void leads_to(const struct fixture *f, int fd, const char *expected)
{
	char proc[64], path[PATH_MAX] = "";

	assert_true(fd >= 0);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	assert_true(readlink(proc, path, sizeof(path) - 1) > 0);
	assert_string_equal(path + strlen(f->dir), expected);
	close(fd);
}

static void made(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(target_open(f->root, "/a/b/c", TARGET_DIR, false), -ENOENT);
	leads_to(f, target_open(f->root, "/a/b/c", TARGET_DIR, true), "/root/a/b/c");
	leads_to(f, target_open(f->root, "a//b/./c/", TARGET_DIR, true), "/root/a/b/c");
	leads_to(f, target_open(f->root, "a/file", TARGET_FILE, true), "/root/a/file");
	assert_int_equal(fstatat(f->root, "a/file", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(target_open(f->root, "a/file/x", TARGET_DIR, true), -ENOTDIR);
	assert_int_equal(target_open(f->root, "a/file", TARGET_DIR, true), -ENOTDIR);
}

static void links_stay_inside(void **state)
{
	struct fixture *f = *state;
	char outside[64];

	snprintf(outside, sizeof(outside), "%s/outside", f->dir);
	/* An absolute link is one inside the root, and there it leads nowhere. */
	assert_int_equal(symlinkat(outside, f->root, "absolute"), 0);
	assert_int_equal(target_open(f->root, "absolute/x", TARGET_DIR, true), -ENOENT);
	assert_int_equal(symlinkat("../../../../outside", f->root, "climbing"), 0);
	assert_int_equal(target_open(f->root, "climbing/x", TARGET_DIR, true), -ENOENT);
	assert_int_equal(faccessat(f->outside, "x", F_OK, 0), -1);
	assert_int_equal(mkdirat(f->root, "real", 0755), 0);
	assert_int_equal(symlinkat("/real", f->root, "good"), 0);
	leads_to(f, target_open(f->root, "good/sub", TARGET_DIR, true), "/root/real/sub");
	leads_to(f, target_open(f->root, "../../real", TARGET_DIR, true), "/root/real");
	assert_int_equal(symlinkat("loop", f->root, "loop"), 0);
	assert_int_equal(target_open(f->root, "loop/x", TARGET_DIR, true), -ELOOP);
	/* A link of /proc that leads to a descriptor of ours. */
	assert_int_equal(symlinkat("/proc/self/fd/0", f->root, "magic"), 0);
	assert_int_equal(target_open(f->root, "magic", TARGET_FILE, false), -ENOENT);
}

static void real_means_no_link(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->root, "real", 0755), 0);
	assert_int_equal(symlinkat("real", f->root, "proc"), 0);
	assert_int_equal(target_open_real(f->root, "proc", true), -ELOOP);
	assert_int_equal(target_open_real(f->root, "proc/sys", true), -ELOOP);
	leads_to(f, target_open_real(f->root, "real/sub", true), "/root/real/sub");
	assert_int_equal(target_open_real(f->root, "none", false), -ENOENT);
}

static void too_long(void **state)
{
	struct fixture *f = *state;
	char name[NAME_MAX + 2];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(target_open(f->root, name, TARGET_DIR, true), -ENAMETOOLONG);
	name[NAME_MAX] = '\0';
	int fd = target_open(f->root, name, TARGET_DIR, true);
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made, setup, teardown),
		cmocka_unit_test_setup_teardown(links_stay_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(real_means_no_link, setup, teardown),
		cmocka_unit_test_setup_teardown(too_long, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
