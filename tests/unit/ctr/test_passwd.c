// SPDX-License-Identifier: Apache-2.0
/* ctr/passwd.c: --user against an image's files, good and bad. */
#include <errno.h>
#include <fcntl.h>
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

#include "ctr/passwd.h"
#include "vmm/util/io.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
			     "user:x:1000:1001:A User,,,:/var/user:/bin/sh\n";
static const char group[] = "root:x:0:\nadm:x:4:daemon,user\ntty:x:5:user\nusers:x:1001:\n";

static void is(const char *wanted, uint32_t uid, uint32_t gid, const char *home, unsigned groups)
{
	struct passwd_user user;

	assert_int_equal(passwd_resolve_in(&user, wanted, passwd, group), 0);
	assert_int_equal(user.uid, uid);
	assert_int_equal(user.gid, gid);
	assert_string_equal(user.home, home);
	assert_int_equal(user.group_count, groups);
}

static void good(void **state)
{
	struct passwd_user user;

	(void)state;
	is(NULL, 0, 0, "/root", 0);
	is("user", 1000, 1001, "/var/user", 2);
	is("1000", 1000, 1001, "/var/user", 2);
	is("daemon", 1, 1, "/usr/sbin", 1);
	is("4711", 4711, 0, "/", 0);
	/* A group that is named is the only one. */
	is("user:tty", 1000, 5, "/var/user", 0);
	is("user:77", 1000, 77, "/var/user", 0);
	is("0:0", 0, 0, "/root", 0);
	assert_int_equal(passwd_resolve_in(&user, "user", passwd, group), 0);
	assert_int_equal(user.groups[0], 4);
	assert_int_equal(user.groups[1], 5);
}

static void bad(void **state)
{
	static const char *const wanted[] = {
		"",           ":",     "ghost",      "0x0",      "0 ",      "+0",          "-1",        "1000x",
		"4294967295", "user:", "user:ghost", "user:0x5", "user:5 ", "99999999999", "user:tty:x"};
	struct passwd_user user;

	(void)state;
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		assert_int_equal(passwd_resolve_in(&user, wanted[i], passwd, group), -ENOENT);
	assert_int_equal(passwd_resolve_in(&user, "user", NULL, NULL), -ENOENT);
	assert_int_equal(passwd_resolve_in(&user, "12:13", NULL, NULL), 0);
	assert_int_equal(user.gid, 13);
}

static void odd_files(void **state)
{
	struct passwd_user user;
	char many[PASSWD_GROUPS_MAX * 32 + 200] = "";

	(void)state;
	/* Lines that are none are passed over. */
	assert_int_equal(passwd_resolve_in(&user, "user", "user\nuser:x\nuser:x:1\nuser:x:a:b:c:d:e\n:::\nuser:x:7:8::/h:\n", ""), 0);
	assert_int_equal(user.uid, 7);
	assert_string_equal(user.home, "/h");
	/* Root by a number that a number parser might take, but no file means. */
	assert_int_equal(passwd_resolve_in(&user, "evil", "evil:x:0x0:0::/:\n", ""), -ENOENT);
	assert_int_equal(passwd_resolve_in(&user, "user", "user:x:7:8::relative:\n", ""), 0);
	assert_string_equal(user.home, "/");
	for (unsigned i = 0; i < PASSWD_GROUPS_MAX + 5; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "g%u:x:%u:user\n", i, 100 + i);
	assert_int_equal(passwd_resolve_in(&user, "user", passwd, many), 0);
	assert_int_equal(user.group_count, PASSWD_GROUPS_MAX);
}

/* A file in the root of the image may be a link to anywhere: it is followed inside. */
static void in_a_root(void **state)
{
	char dir[] = "/tmp/test_passwd.XXXXXX", path[64], link_path[64];
	struct passwd_user user;

	(void)state;
	assert_non_null(mkdtemp(dir));
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	/* The host's own file has no such user. */
	assert_int_equal(symlinkat("/real", root, "etc/passwd"), 0);
	snprintf(path, sizeof(path), "%s/real", dir);
	assert_int_equal(write_file_atomic(path, "inside:x:77:78::/:\n", 19, 0644), 0);
	assert_int_equal(passwd_resolve(&user, "inside", root), 0);
	assert_int_equal(user.uid, 77);
	assert_int_equal(passwd_resolve(&user, "0", root), 0);
	/* Neither a FIFO nor a directory holds anybody up. */
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
	assert_int_equal(passwd_resolve(&user, "inside", root), -ENOENT);
	close(root);
	unlink(path);
	snprintf(link_path, sizeof(link_path), "%s/etc/passwd", dir);
	unlink(link_path);
	snprintf(link_path, sizeof(link_path), "%s/etc", dir);
	rmdir(link_path);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(odd_files),
		cmocka_unit_test(in_a_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
