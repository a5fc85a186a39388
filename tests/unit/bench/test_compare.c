// SPDX-License-Identifier: Apache-2.0
/* bench/compare.c and table.c: what is said of reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/compare.h"
#include "bench/report.h"
#include "bench/table.h"

/* Samples about `level`, on one rung, of a measure. */
static struct report *report_at(double level, bool more_is_better, const char *rung, const char *measure)
{
	struct report *r = report_new("p");

	r->rounds = 9;
	assert_int_equal(report_add_fact(r, "kernel", "one"), 0);
	assert_int_equal(report_add_fact(r, "load at the start", rung), 0);
	assert_int_equal(report_add_rung(r, "gone", "no <reason>"), 0);
	assert_int_equal(report_add_rung(r, rung, NULL), 0);
	struct report_measure *m = report_measure(r, measure, "a title", "ms", more_is_better);
	for (int i = -4; i <= 4; i++)
		assert_int_equal(report_add_sample(r, m, 1, level * (1 + 0.01 * i)), 0);
	return r;
}

static char said[8192];

static unsigned compared(struct report *a, struct report *b, double threshold)
{
	FILE *out = fmemopen(said, sizeof(said), "w");
	unsigned worse = compare_reports(out, a, b, threshold);

	assert_int_equal(fclose(out), 0);
	report_free(a);
	report_free(b);
	return worse;
}

static void test_judgement(void **state)
{
	(void)state;
	/* Less is better. */
	assert_int_equal(compared(report_at(10, false, "ctr", "m"), report_at(12, false, "ctr", "m"), 0.05), 1);
	assert_non_null(strstr(said, "WORSE"));
	assert_non_null(strstr(said, "x1.200"));
	assert_int_equal(compared(report_at(12, false, "ctr", "m"), report_at(10, false, "ctr", "m"), 0.05), 0);
	assert_non_null(strstr(said, "better"));
	/* More is. */
	assert_int_equal(compared(report_at(10, true, "ctr", "m"), report_at(12, true, "ctr", "m"), 0.05), 0);
	assert_int_equal(compared(report_at(12, true, "ctr", "m"), report_at(10, true, "ctr", "m"), 0.05), 1);
	/* Within noise, whatever the threshold; beyond noise, and within the threshold. */
	assert_int_equal(compared(report_at(10, false, "ctr", "m"), report_at(10.05, false, "ctr", "m"), 0), 0);
	assert_int_equal(compared(report_at(10, false, "ctr", "m"), report_at(12, false, "ctr", "m"), 0.25), 0);
	assert_null(strstr(said, "WORSE"));
	/* From nothing to something. */
	assert_int_equal(compared(report_at(0, false, "ctr", "m"), report_at(1, false, "ctr", "m"), 0.05), 1);
	assert_int_equal(compared(report_at(0, false, "ctr", "m"), report_at(0, false, "ctr", "m"), 0.05), 0);
}

static void test_what_only_one_has(void **state)
{
	(void)state;
	assert_int_equal(compared(report_at(1, false, "ctr", "m"), report_at(9, false, "vm", "m"), 0.05), 0);
	assert_non_null(strstr(said, "only in the first"));
	assert_non_null(strstr(said, "only in the second"));
	assert_int_equal(compared(report_at(1, false, "ctr", "m"), report_at(9, false, "ctr", "n"), 0.05), 0);
	assert_non_null(strstr(said, "only in the first"));
	assert_non_null(strstr(said, "only in the second"));
}

static void test_hosts(void **state)
{
	struct report *a = report_at(1, false, "ctr", "m"), *b = report_at(1, false, "ctr", "m");

	(void)state;
	free(b->fact[0].value);
	b->fact[0].value = strdup("another");
	b->command = strdup("true");
	assert_int_equal(compared(a, b, 0.05), 0);
	assert_non_null(strstr(said, "kernel: one, then another"));
	assert_non_null(strstr(said, "the ladder itself, then true"));
	/* A load is never the same. */
	assert_null(strstr(said, "load"));
}

static const char *table_of(const struct report *r, unsigned columns, bool blocks)
{
	FILE *out = fmemopen(said, sizeof(said), "w");

	table_print(out, r, columns, blocks);
	assert_int_equal(fclose(out), 0);
	return said;
}

static void test_table(void **state)
{
	struct report *r = report_at(10, false, "ctr", "m");
	struct report_measure *m = report_measure(r, "none", "another", "", true);

	(void)state;
	assert_int_equal(report_add_rung(r, "vm", NULL), 0);
	assert_int_equal(report_miss(r, &r->measure[0], 2, "it fell"), 0);
	assert_int_equal(report_miss(r, m, 2, "nobody can"), 0);
	assert_int_equal(report_add_sample(r, &r->measure[0], 1, 90), 0);
	const char *text = table_of(r, 100, false);
	assert_non_null(strstr(text, "gone left out: no <reason>"));
	assert_non_null(strstr(text, "m: a title, ms\n"));
	assert_non_null(strstr(text, "###"));
	assert_non_null(strstr(text, "(1 outlier of 10)"));
	assert_non_null(strstr(text, "-  it fell"));
	assert_non_null(strstr(text, "none left out: nobody can"));
	text = table_of(r, 100, true);
	assert_non_null(strstr(text, "█"));
	/* No room for bars. */
	text = table_of(r, 40, true);
	assert_null(strstr(text, "█"));
	assert_non_null(strstr(text, "10.1"));
	report_free(r);
}

static void test_numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} numbers[] = {{0, "0"}, {7, "7"}, {1.23456, "1.23"}, {12.3456, "12.3"}, {123.456, "123"}, {0.012345, "0.012"}, {-1.5, "-1.50"}, {3.2e9, "3.2e+09"}};
	char text[TABLE_NUMBER_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		assert_string_equal(table_number(text, numbers[i].value), numbers[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judgement), cmocka_unit_test(test_what_only_one_has), cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
