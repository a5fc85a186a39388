// SPDX-License-Identifier: Apache-2.0
/* bench/compare.c and table.c: what is said of reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/compare.h"
#include "bench/report.h"
#include "bench/table.h"
#include "tests/fakes/capture.h"

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
	struct comparison result = {.threshold = threshold};

	compare_reports(out, a, b, &result);

	assert_int_equal(fclose(out), 0);
	report_free(a);
	report_free(b);
	return result.worse;
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
	a = report_at(1, false, "ctr", "m");
	assert_int_equal(report_add_fact(a, "governor", "performance"), 0);
	assert_int_equal(compared(a, report_at(1, false, "ctr", "m"), 0.05), 0);
	assert_non_null(strstr(said, "governor: performance, then not said"));
}

/* `count` samples a hundredth apart, around a level. */
static struct report *some(double level, unsigned count, const char *unit)
{
	struct report *r = report_new("p");
	struct report_measure *m = report_measure(r, "m", "t", unit, false);

	assert_int_equal(report_add_rung(r, "ctr", NULL), 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(report_add_sample(r, m, 0, level * (1 + 0.01 * (double)i)), 0);
	return r;
}

/* Two samples are above two others by chance every third time. */
static void test_few(void **state)
{
	(void)state;
	assert_int_equal(compared(some(1, 1, "ms"), some(9, 1, "ms"), 0.05), 0);
	assert_non_null(strstr(said, "too few samples to tell"));
	assert_int_equal(compared(some(1, 3, "ms"), some(9, 3, "ms"), 0.05), 0);
	assert_non_null(strstr(said, "too few samples to tell"));
	/* 2 in (8 over 4), in (8 over 3), in (40 over 1) */
	assert_int_equal(compared(some(1, 4, "ms"), some(9, 4, "ms"), 0.05), 1);
	assert_int_equal(compared(some(1, 3, "ms"), some(9, 5, "ms"), 0.05), 1);
	assert_int_equal(compared(some(1, 1, "ms"), some(9, 39, "ms"), 0.05), 1);
	assert_int_equal(compared(some(1, 38, "ms"), some(9, 1, "ms"), 0.05), 0);
}

/* A median that may be 0 has no multiple: noise and threshold count nevertheless. */
static void test_near_nothing(void **state)
{
	static const double before[] = {0, 0, 1, 1, 1}, after[] = {0, 0, 1.01, 1.01, 1.01};
	struct report *a = some(0, 0, "ms"), *b = some(0, 0, "ms");

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(report_add_sample(a, &a->measure[0], 0, before[i]), 0);
		assert_int_equal(report_add_sample(b, &b->measure[0], 0, after[i]), 0);
	}
	assert_int_equal(compared(a, b, 0.05), 0);
	assert_null(strstr(said, "WORSE"));
	assert_int_equal(compared(some(5, 5, "ms"), some(0, 5, "ms"), 0.05), 0);
	assert_non_null(strstr(said, "better"));
}

static void test_other_unit(void **state)
{
	(void)state;
	assert_int_equal(compared(some(1, 5, "ms"), some(1000, 5, "us"), 0.05), 0);
	assert_non_null(strstr(said, "only in the first"));
	assert_non_null(strstr(said, "only in the second"));
}

/* The exit status, and what is said on standard error. */
static int status_of(const char *arg1, const char *arg2, const char *arg3, char err[512])
{
	char *argv[] = {"compare", strdup(arg1), strdup(arg2), arg3 ? strdup(arg3) : NULL, NULL};
	int saved_out, saved_err, out_fd, err_fd;

	(void)fflush(stdout);
	out_fd = capture_begin(STDOUT_FILENO, &saved_out);
	err_fd = capture_begin(STDERR_FILENO, &saved_err);
	int status = compare_main(arg3 ? 4 : 3, argv);
	(void)fflush(stdout);
	capture_end(STDERR_FILENO, saved_err, err_fd, err, 512);
	capture_end(STDOUT_FILENO, saved_out, out_fd, said, sizeof(said));
	for (unsigned i = 1; i < 4; i++)
		free(argv[i]);
	return status;
}

static void test_status(void **state)
{
	char dir[] = "/tmp/test-compare-XXXXXX", path[3][64], err[512];
	struct report *r[] = {some(1, 5, "ms"), some(2, 5, "ms"), some(1, 5, "s")};

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%u.json", dir, i);
		assert_int_equal(report_write_json(r[i], path[i]), 0);
		report_free(r[i]);
	}
	assert_int_equal(status_of(path[0], path[0], NULL, err), 0);
	assert_int_equal(status_of(path[0], path[1], NULL, err), 1);
	assert_non_null(strstr(said, "1 of 1 got worse, by more than 5 %"));
	assert_int_equal(status_of(path[1], path[0], NULL, err), 0);
	assert_int_equal(status_of(path[0], path[1], "--threshold=150", err), 0);
	assert_string_equal(err, "");
	/* Nothing was compared: no success for CI. */
	assert_int_equal(status_of(path[0], path[2], NULL, err), 2);
	assert_non_null(strstr(err, "no measure of a rung in common"));
	assert_int_equal(status_of(path[0], "/none", NULL, err), 2);
	assert_int_equal(status_of(path[0], path[1], path[1], err), 2);
	assert_int_equal(status_of(path[0], path[1], "--threshold=nan", err), 2);
	assert_int_equal(status_of(path[0], path[1], "--threshold=-1", err), 2);
	assert_int_equal(status_of(path[0], path[1], "--threshold=5x", err), 2);
	assert_non_null(strstr(err, "not a number of percent"));
	for (unsigned i = 0; i < 3; i++)
		unlink(path[i]);
	rmdir(dir);
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
	assert_non_null(strstr(text, "ratio out\n"));
	assert_non_null(strstr(text, "x1   1  ###"));
	assert_non_null(strstr(text, "-  it fell"));
	assert_non_null(strstr(text, "none left out: nobody can"));
	text = table_of(r, 100, true);
	assert_non_null(strstr(text, "█"));
	/* No room for bars; nor for the 95th percentile; nor for the interval. */
	text = table_of(r, 62, true);
	assert_null(strstr(text, "█"));
	assert_non_null(strstr(text, "95th"));
	text = table_of(r, 58, true);
	assert_null(strstr(text, "95th"));
	assert_non_null(strstr(text, "95 % interval"));
	text = table_of(r, 40, true);
	assert_null(strstr(text, "95 % interval"));
	assert_non_null(strstr(text, "10.1"));
	assert_non_null(strstr(text, "\n  ctr       10.1        x1   1\n"));
	report_free(r);
}

static void test_numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} numbers[] = {{0, "0"}, {7, "7"}, {1.23456, "1.23"}, {12.3456, "12.3"}, {123.456, "123"}, {0.012345, "0.012"}, {0.00012345, "0.000123"}, {-1e-9, "-1e-09"}, {-1.5, "-1.50"}, {3.2e9, "3.2e+09"}};
	char text[TABLE_NUMBER_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		assert_string_equal(table_number(text, numbers[i].value), numbers[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judgement), cmocka_unit_test(test_what_only_one_has), cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_few), cmocka_unit_test(test_near_nothing), cmocka_unit_test(test_other_unit), cmocka_unit_test(test_status),
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
