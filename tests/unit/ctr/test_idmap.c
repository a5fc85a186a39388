// SPDX-License-Identifier: Apache-2.0
/* ctr/idmap.c: ranges of /etc/subuid, and who is anybody in a map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctr/idmap.h"

static void range_is(const char *text, const char *user, uint32_t uid, uint32_t start, uint32_t count)
{
	struct idmap_extent extent = {0};

	assert_true(idmap_find_range(text, user, uid, 65536, &extent));
	assert_int_equal(extent.outside, start);
	assert_int_equal(extent.count, count);
	assert_int_equal(extent.inside, 0);
}

static void no_range(const char *text, const char *user, uint32_t uid)
{
	struct idmap_extent extent;

	assert_false(idmap_find_range(text, user, uid, 65536, &extent));
}

static void ranges(void **state)
{
	(void)state;
	range_is("alice:100000:65536\nbob:165536:65536\n", "bob", 1001, 165536, 65536);
	range_is("1001:165536:65537", "bob", 1001, 165536, 65537);
	/* The first that is large enough. */
	range_is("bob:5:10\nbob:100000:65536\nbob:300000:65536\n", "bob", 1001, 100000, 65536);
}

static void by_number_only(void **state)
{
	(void)state;
	no_range("bob:100000:65536\n", NULL, 1001);
	range_is("1001:100000:65536\n", NULL, 1001, 100000, 65536);
}

static void malformed(void **state)
{
	static const char *const lines[] = {
		"",
		"bob",
		"bob:100000",
		"bob:100000:",
		"bob::65536",
		"bob:-1:65536",
		"bob:100000:65536x",
		"bob:0:65536",
		"bob:100000:65536:1",
		"bob: 100000:65536",
		"bobby:100000:65536",
		"#bob:100000:65536",
		"bob:4294967295:65536",
		"bob:4294901761:65536",
		"bob:99999999999:65536",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		no_range(lines[i], "bob", 1001);
}

static void membership(void **state)
{
	static const struct idmap_extent extents[] = {{0, 1000, 1}, {1, 100000, 65536}};

	(void)state;
	assert_true(idmap_has(extents, 2, 0));
	assert_true(idmap_has(extents, 2, 65536));
	assert_false(idmap_has(extents, 2, 65537));
	assert_false(idmap_has(extents, 1, 1));
	/* No map at all: no user namespace, everybody is who he is. */
	assert_true(idmap_has(NULL, 0, 4000000000u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(by_number_only),
		cmocka_unit_test(malformed),
		cmocka_unit_test(membership),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
