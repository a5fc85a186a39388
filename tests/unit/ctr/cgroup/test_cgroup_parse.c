// SPDX-License-Identifier: Apache-2.0
/* ctr/cgroup/parse.c: what each text means, which are refused, and that a refused one changes nothing; the scales and their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "ctr/cgroup/cgroup.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *parse_io(const char *text, struct cgroup_limits *limits)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", text);
	return cgroup_parse_io(copy, limits);
}

static const char *parse_device(bool allow, const char *text, struct cgroup_limits *limits)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", text);
	return cgroup_parse_device(allow, copy, limits);
}

static const char *parse_net_prio(const char *text, struct cgroup_limits *limits)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", text);
	return cgroup_parse_net_prio(copy, limits);
}

static void cpus(void **state)
{
	static const struct {
		const char *text;
		uint64_t millis;
	} good[] = {{"1", 1000},   {"1.5", 1500}, {"0.01", 10},  {"0.5", 500},      {"2.125", 2125},
		    {"00.5", 500}, {"64", 64000}, {"1.0", 1000}, {"8192", 8192000}, {"1.05", 1050}};
	static const char *const bad[] = {"",    "0",      "0.0",   "0.009", "8192.001", "8193", "1.",
					  ".5",  "1.2345", "-1",    "+1",    " 1",       "1 ",   "1.5x",
					  "1,5", "1..5",   "1.5.5", "99999", "0x10",     "1e1",  "99999999999999999999"};
	uint64_t millis = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_null(cgroup_parse_cpus(good[i].text, &millis));
		assert_int_equal(millis, good[i].millis);
	}
	millis = 7;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_non_null(cgroup_parse_cpus(bad[i], &millis));
		assert_int_equal(millis, 7);
	}
}

static void cpuset(void **state)
{
	static const char *const good[] = {"0", "0-3", "0-3,5", "1,0", "7-7", "8191", "0-1,3-4,8"};
	static const char *const bad[] = {"",  ",",   "0,",    ",0",   "3-1", "0-",  "-1",      "0--1",
					  "a", "0 1", "0-3-4", "8192", "0x1", "0\n", "0-3:1/2", "99999999999999999999"};
	char longest[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_null(cgroup_parse_cpuset(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_non_null(cgroup_parse_cpuset(bad[i]));
	memset(longest, '1', sizeof(longest));
	for (size_t i = 1; i < sizeof(longest); i += 2)
		longest[i] = ',';
	longest[sizeof(longest) - 1] = '\0';
	assert_non_null(cgroup_parse_cpuset(longest));
}

static void io(void **state)
{
	struct cgroup_limits l = {.io_count = 0};

	(void)state;
	assert_null(parse_io("8:16:rbps=10M,wiops=100", &l));
	assert_int_equal(l.io_count, 1);
	assert_int_equal(l.io[0].dev, makedev(8, 16));
	assert_int_equal(l.io[0].rbps, 10 << 20);
	assert_int_equal(l.io[0].wiops, 100);
	assert_int_equal(l.io[0].wbps, 0);
	assert_int_equal(l.io[0].riops, 0);
	assert_null(parse_io("4095:1048575:wbps=1,riops=4294967295", &l));
	assert_int_equal(l.io[1].dev, makedev(4095, 1048575));
	assert_int_equal(l.io[1].wbps, 1);
	assert_int_equal(l.io[1].riops, 4294967295);
	assert_int_equal(l.io_count, 2);
}

static void io_refused(void **state)
{
	static const char *const bad[] = {"",
					  "8:0",
					  "8:0:",
					  "rbps=1",
					  ":rbps=1",
					  "8:rbps=1",
					  "8:0:rbps",
					  "8:0:rbps=",
					  "8:0:rbps=0",
					  "8:0:rbps=-1",
					  "8:0:rbps=1x",
					  "8:0:riops=0",
					  "8:0:riops=4294967296",
					  "8:0:riops=1K",
					  "8:0:rbps=1,rbps=2",
					  "8:0:bps=1",
					  "8:0:rbps=1,,wbps=2",
					  "4096:0:rbps=1",
					  "8:1048576:rbps=1",
					  "a:0:rbps=1",
					  "8:0x:rbps=1",
					  "888888888:0:rbps=1",
					  "/dev/null:rbps=1",
					  "/nonexistent:rbps=1"};
	struct cgroup_limits l = {.io_count = 0};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_non_null(parse_io(bad[i], &l));
		assert_int_equal(l.io_count, 0);
	}
	assert_string_equal(parse_io("/nonexistent:1:rbps=1", &l), "there is no such disk");
	assert_string_equal(parse_io("/dev/null:rbps=1", &l), "that path is no block device");
	for (unsigned i = 0; i < CGROUP_IO_LIMITS_MAX; i++)
		assert_null(parse_io("8:0:rbps=1", &l));
	assert_non_null(parse_io("8:0:rbps=1", &l));
	assert_int_equal(l.io_count, CGROUP_IO_LIMITS_MAX);
}

static void assert_rule(const struct cgroup_device_rule *r, bool allow, char type, int64_t major_number, int64_t minor_number,
			const char *access)
{
	assert_int_equal(r->allow, allow);
	assert_int_equal(r->type, type);
	assert_int_equal(r->major, major_number);
	assert_int_equal(r->minor, minor_number);
	assert_int_equal(r->read, strchr(access, 'r') != NULL);
	assert_int_equal(r->write, strchr(access, 'w') != NULL);
	assert_int_equal(r->mknod, strchr(access, 'm') != NULL);
}

static void device(void **state)
{
	struct cgroup_limits l = {.device_count = 0};

	(void)state;
	assert_null(parse_device(true, "c:1:3:rwm", &l));
	assert_null(parse_device(false, "b:8:*:wr", &l));
	assert_null(parse_device(true, "a", &l));
	assert_null(parse_device(false, "a:*:*:m", &l));
	assert_null(parse_device(true, "c:4095:1048575:r", &l));
	assert_null(parse_device(true, "/dev/null:rw", &l));
	assert_null(parse_device(false, "/dev/zero", &l));
	assert_int_equal(l.device_count, 7);
	assert_true(l.devices_restricted);
	assert_rule(&l.device[0], true, 'c', 1, 3, "rwm");
	assert_rule(&l.device[1], false, 'b', 8, -1, "rw");
	assert_rule(&l.device[2], true, 'a', -1, -1, "rwm");
	assert_rule(&l.device[3], false, 'a', -1, -1, "m");
	assert_rule(&l.device[4], true, 'c', 4095, 1048575, "r");
	assert_rule(&l.device[5], true, 'c', 1, 3, "rw");
	assert_rule(&l.device[6], false, 'c', 1, 5, "rwm");
}

static void device_refused(void **state)
{
	static const char *const bad[] = {
		"",           "c",         "b",      "d:1:3:r",  "c:1:3",           "c:1:3:",        "c:1:3:x",      "c:1:3:rr",
		"c:1:3:rwmr", "c::3:r",    "c:1::r", "c:-1:3:r", "c:4096:0:r",      "c:0:1048576:r", "c 1:3 rw",     "cc:1:3:r",
		"c:1:3:r:w",  "c:1:3:rw ", "a:",     "/",        "/nonexistent:rw", "/dev/null:",    "/dev/null:rwx"};
	struct cgroup_limits l = {.device_count = 0};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_non_null(parse_device(true, bad[i], &l));
		assert_int_equal(l.device_count, 0);
		assert_false(l.devices_restricted);
	}
	for (unsigned i = 0; i < CGROUP_DEVICE_RULES_MAX; i++)
		assert_null(parse_device(true, "c:1:3:r", &l));
	assert_non_null(parse_device(true, "c:1:3:r", &l));
	assert_int_equal(l.device_count, CGROUP_DEVICE_RULES_MAX);
}

static void net_class(void **state)
{
	static const char *const bad[] = {"", ":", "1:", ":1", "10000:1", "1:10000", "g:1", "1:1:1", "4294967296", "-1", "0x1:1", "x"};
	struct cgroup_limits l = {.net_class_set = false};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_non_null(cgroup_parse_net_class(bad[i], &l));
		assert_false(l.net_class_set);
	}
	assert_null(cgroup_parse_net_class("10:1", &l));
	assert_true(l.net_class_set);
	assert_int_equal(l.net_class, 0x100001);
	assert_null(cgroup_parse_net_class("ffff:fffe", &l));
	assert_int_equal(l.net_class, 0xfffffffe);
	assert_null(cgroup_parse_net_class("0x100001", &l));
	assert_int_equal(l.net_class, 0x100001);
	assert_null(cgroup_parse_net_class("4294967295", &l));
	assert_int_equal(l.net_class, UINT32_MAX);
}

static void net_prio(void **state)
{
	static const char *const bad[] = {
		"", "eth0", "eth0:", ":5", "eth0:x", "eth0:4294967296", "eth 0:1", "a/b:1", "a:b:1", "abcdefghijklmnop:1", "eth0\n:1"};
	struct cgroup_limits l = {.net_prio_count = 0};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_non_null(parse_net_prio(bad[i], &l));
		assert_int_equal(l.net_prio_count, 0);
	}
	assert_null(parse_net_prio("eth0:5", &l));
	assert_null(parse_net_prio("abcdefghijklmno:4294967295", &l));
	assert_int_equal(l.net_prio_count, 2);
	assert_string_equal(l.net_prio[0].ifname, "eth0");
	assert_int_equal(l.net_prio[0].priority, 5);
	assert_string_equal(l.net_prio[1].ifname, "abcdefghijklmno");
	assert_int_equal(l.net_prio[1].priority, UINT32_MAX);
	while (l.net_prio_count < CGROUP_NET_PRIO_MAX)
		assert_null(parse_net_prio("lo:0", &l));
	assert_non_null(parse_net_prio("lo:0", &l));
}

static void scales(void **state)
{
	(void)state;
	assert_int_equal(cgroup_weight_from_shares(0), 1);
	assert_int_equal(cgroup_weight_from_shares(2), 1);
	assert_int_equal(cgroup_weight_from_shares(1024), 39);
	assert_int_equal(cgroup_weight_from_shares(262144), 10000);
	assert_int_equal(cgroup_weight_from_shares(UINT64_MAX), 10000);
	assert_int_equal(cgroup_blkio_weight(0), 10);
	assert_int_equal(cgroup_blkio_weight(1), 10);
	assert_int_equal(cgroup_blkio_weight(5000), 504);
	assert_int_equal(cgroup_blkio_weight(10000), 1000);
	assert_int_equal(cgroup_blkio_weight(UINT64_MAX), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpus),       cmocka_unit_test(cpuset),   cmocka_unit_test(io),
		cmocka_unit_test(io_refused), cmocka_unit_test(device),   cmocka_unit_test(device_refused),
		cmocka_unit_test(net_class),  cmocka_unit_test(net_prio), cmocka_unit_test(scales),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
