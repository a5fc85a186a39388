// SPDX-License-Identifier: Apache-2.0
/* bench/page*.c: what is in a page. How it looks is tests/pages/test_pages.sh's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/page.h"
#include "bench/report.h"

static char *page_of(const struct report *report)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(page_report(report, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static unsigned count_of(const char *text, const char *piece)
{
	unsigned n = 0;

	for (; (text = strstr(text, piece)); text++)
		n++;
	return n;
}

/* Each element that is opened is closed, in order; those without content aside. */
static void assert_well_formed(const char *text)
{
	char open[64][16];
	unsigned depth = 0;

	for (const char *at = strchr(text, '<'); at; at = strchr(at + 1, '<')) {
		char name[16] = "";
		const char *end = strchr(at, '>');
		assert_non_null(end);
		if (at[1] == '!')
			continue;
		(void)sscanf(at + 1 + (at[1] == '/'), "%15[a-z0-9]", name);
		if (!strcmp(name, "style") && at[1] != '/') {
			at = strstr(at, "</style>") - 1;
			continue;
		}
		if (at[1] == '/') {
			if (!strcmp(name, "style"))
				continue;
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name);
		} else if (end[-1] != '/' && strcmp(name, "meta") != 0 && strcmp(name, "br") != 0 && strcmp(name, "link") != 0) {
			assert_true(depth < 64);
			strcpy(open[depth++], name);
		}
	}
	/* The end tags of html, head and body may be left out (HTML, 13.1.2.4). */
	while (depth && (!strcmp(open[depth - 1], "html") || !strcmp(open[depth - 1], "body")))
		depth--;
	assert_int_equal(depth, 0);
}

static struct report *some_report(unsigned rungs, unsigned measures, unsigned samples)
{
	struct report *r = report_new("tinyvmm 0");
	char name[16];

	for (unsigned i = 0; i < rungs; i++) {
		snprintf(name, sizeof(name), "rung%u", i);
		assert_int_equal(report_add_rung(r, name, NULL), 0);
	}
	for (unsigned m = 0; m < measures; m++) {
		snprintf(name, sizeof(name), "m%u", m);
		struct report_measure *measure = report_measure(r, name, name, "ms", m % 2);
		for (unsigned i = 0; i < rungs * samples; i++)
			assert_int_equal(report_add_sample(r, measure, i % rungs, 1 + i * 7 % 13), 0);
	}
	return r;
}

static void test_charts(void **state)
{
	struct report *r = some_report(3, 2, 5);
	char *page = page_of(r);

	(void)state;
	assert_well_formed(page);
	assert_int_equal(count_of(page, "<svg"), 2);
	/* Each sample is a dot: nothing is left out. */
	assert_int_equal(count_of(page, "<circle"), 2 * 3 * 5);
	assert_non_null(strstr(page, "less is better"));
	assert_non_null(strstr(page, "more is better"));
	assert_null(strstr(page, "logarithmic"));
	free(page);
	report_free(r);
}

static void test_hostile(void **state)
{
	struct report *r = some_report(1, 0, 0);
	static const char bad[] = "<script>alert(1)</script>\"'&";

	(void)state;
	assert_int_equal(report_add_fact(r, bad, bad), 0);
	assert_int_equal(report_add_warning(r, bad), 0);
	assert_int_equal(report_add_rung(r, bad, bad), 0);
	assert_int_equal(report_add_rung(r, bad, NULL), 0);
	r->command = strdup(bad);
	struct report_measure *m = report_measure(r, bad, bad, bad, false);
	assert_int_equal(report_add_sample(r, m, 2, 1), 0);
	assert_int_equal(report_miss(r, m, 0, bad), 0);
	char *page = page_of(r);
	assert_null(strstr(page, "<script"));
	assert_non_null(strstr(page, "&#60;script&#62;"));
	/* An attribute's end is not theirs to write. */
	assert_null(strstr(page, "</script>\""));
	assert_well_formed(page);
	free(page);
	report_free(r);
}

static void test_little(void **state)
{
	struct report *r = some_report(0, 0, 0);
	char *page = page_of(r);

	(void)state;
	assert_well_formed(page);
	assert_int_equal(count_of(page, "<svg"), 0);
	free(page);
	report_free(r);
	/* One sample; then a measure that nobody has. */
	r = some_report(1, 1, 1);
	assert_non_null(report_measure(r, "none", "none", "", true));
	page = page_of(r);
	assert_well_formed(page);
	assert_int_equal(count_of(page, "<circle"), 1);
	free(page);
	report_free(r);
}

/* Numbers far apart, below zero, all the same, all zero, and as large as there are. */
static void test_scales(void **state)
{
	static const double values[][4] = {{1, 10, 1000, 100000}, {-5, 5, 0, 1}, {3, 3, 3, 3}, {0, 0, 0, 0}, {1e308, -1e308, 1e300, 0}, {1e-300, 1e-299, 0, 1}};

	(void)state;
	for (unsigned v = 0; v < sizeof(values) / sizeof(*values); v++) {
		struct report *r = some_report(4, 0, 0);
		struct report_measure *m = report_measure(r, "m", "m", "", false);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(report_add_sample(r, m, i, values[v][i]), 0);
		char *page = page_of(r);
		assert_well_formed(page);
		assert_null(strstr(page, "nan"));
		assert_null(strstr(page, "inf"));
		assert_int_equal(!strstr(page, "logarithmic"), v != 0);
		free(page);
		report_free(r);
	}
}

static void test_largest(void **state)
{
	struct report *r = some_report(REPORT_RUNGS_MAX, REPORT_MEASURES_MAX, 2);
	char *page = page_of(r);

	(void)state;
	assert_well_formed(page);
	assert_int_equal(count_of(page, "<svg"), REPORT_MEASURES_MAX);
	free(page);
	report_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charts), cmocka_unit_test(test_hostile), cmocka_unit_test(test_little),
		cmocka_unit_test(test_scales), cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
