// SPDX-License-Identifier: Apache-2.0
/* bench/probe_lines.c: what comes from inside a rung. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/probe_lines.h"

static unsigned count_of(const char *text, struct probe_line *lines)
{
	static char copy[65536];

	strcpy(copy, text);
	return probe_lines(copy, lines, PROBE_LINES_MAX);
}

static void test_lines(void **state)
{
	struct probe_line l[PROBE_LINES_MAX];

	(void)state;
	assert_int_equal(count_of("syscall\t85210\tps\nfork-exec\t1\tps\n", l), 2);
	assert_string_equal(l[0].name, "syscall");
	assert_string_equal(l[0].value, "85210");
	assert_string_equal(l[0].text, "ps");
	assert_string_equal(l[1].name, "fork-exec");
	assert_int_equal(count_of("a\tb\tc d (e)\n", l), 1);
	assert_string_equal(l[0].text, "c d (e)");
}

static void test_hostile(void **state)
{
	struct probe_line l[PROBE_LINES_MAX];
	char many[65536] = "";

	(void)state;
	assert_int_equal(count_of("", l), 0);
	assert_int_equal(count_of("\n\n\t\t\n", l), 0);
	/* A line that was cut off may be a number that was. */
	assert_int_equal(count_of("a\t1\tps\nb\t12\tps", l), 1);
	assert_int_equal(count_of("a\t1\nb\nc\t\tps\n\t1\tps\n", l), 0);
	assert_int_equal(count_of("a b\t1\tps\na/../b\t1\tps\n<a>\t1\tps\n", l), 0);
	assert_int_equal(count_of("a\t1\t\033[31m\na\t\0011\tps\na\t1\t\xff\n", l), 0);
	assert_int_equal(count_of("a\t1\tps\textra\nok\t1\tps\n", l), 1);
	assert_string_equal(l[0].name, "ok");
	for (unsigned i = 0; i < 3 * PROBE_LINES_MAX; i++)
		strcat(many, "a\t1\tps\n");
	assert_int_equal(count_of(many, l), PROBE_LINES_MAX);
	memset(many, 'a', PROBE_FIELD_MAX + 1);
	strcpy(many + PROBE_FIELD_MAX + 1, "\t1\tps\n");
	assert_int_equal(count_of(many, l), 0);
	assert_int_equal(count_of(many + 1, l), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_hostile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
