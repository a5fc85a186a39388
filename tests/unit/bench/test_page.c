// SPDX-License-Identifier: Apache-2.0
/* bench/page*.c: what is in a page. How it looks is tests/pages/test_pages.sh's. */
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

#include "bench/contrast.h"
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
	static const double values[][4] = {{1, 10, 1000, 100000},     {-5, 5, 0, 1},         {3, 3, 3, 3}, {0, 0, 0, 0},
					   {1e308, -1e308, 1e300, 0}, {1e-300, 1e-299, 0, 1}};

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

/* Who did not take part is named, with the reason; and who took part and has nothing. */
static void test_reasons(void **state)
{
	struct report *r = some_report(2, 1, 3);

	(void)state;
	assert_int_equal(report_add_rung(r, "vm", "no /dev/kvm & no way"), 0);
	assert_int_equal(report_add_rung(r, "late", NULL), 0);
	assert_int_equal(report_add_rung(r, "mute", NULL), 0);
	assert_int_equal(report_miss(r, &r->measure[0], 3, "it was late"), 0);
	assert_int_equal(report_add_warning(r, "Mind the step"), 0);
	char *page = page_of(r);
	assert_well_formed(page);
	assert_non_null(strstr(page, "<b>vm</b> is left out: no /dev/kvm &#38; no way"));
	assert_non_null(strstr(page, "<b>late</b>: no samples: it was late"));
	assert_non_null(strstr(page, "<b>mute</b>: no samples</p>"));
	/* Before any number */
	assert_true(strstr(page, "Mind the step") < strstr(page, "<svg"));
	free(page);
	report_free(r);
}

static void assert_shown(double value, const char *text)
{
	struct report *r = some_report(1, 0, 0);
	struct report_measure *m = report_measure(r, "m", "m", "s", false);
	char wanted[64];

	assert_int_equal(report_add_sample(r, m, 0, value), 0);
	char *page = page_of(r);
	snprintf(wanted, sizeof(wanted), "<td>%s</td>", text);
	if (!strstr(page, wanted))
		fail_msg("%g is not shown as %s", value, text);
	free(page);
	report_free(r);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_shown(0, "0");
	assert_shown(0.01234, "0.0123");
	assert_shown(0.9999, "1.00");
	assert_shown(1.234, "1.23");
	assert_shown(12.34, "12.3");
	assert_shown(99.96, "100");
	assert_shown(999.6, "1\u202f000");
	assert_shown(1234567, "1\u202f234\u202f567");
	assert_shown(-123456, "-123\u202f456");
	assert_shown(1.5e20, "1.5e+20");
	assert_shown(1.5e-9, "1.5e-09");
}

/* Of very many samples, those that would cover each other are one dot: a page stays one that a browser opens. */
static void test_many(void **state)
{
	struct report *r = some_report(1, 1, 0);

	(void)state;
	for (unsigned i = 0; i < REPORT_SAMPLES_MAX; i++)
		assert_int_equal(report_add_sample(r, &r->measure[0], 0, i % 2 ? 1 : 2), 0);
	char *page = page_of(r);
	assert_in_range(count_of(page, "<circle"), 2, 100);
	free(page);
	report_free(r);
}

static struct contrast *some_contrast(unsigned rungs, unsigned rows)
{
	struct contrast *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->program = "tinyvmm 0";
	c->rung_count = rungs;
	c->row_count = rows;
	for (unsigned i = 0; i < rungs; i++)
		c->rung[i] = (struct contrast_rung){.kind = RUNG_CTR, .name = "a <rung>", .layer = {"first", "second"}, .calls = (int)i};
	for (unsigned i = 0; i < rows; i++) {
		c->row[i] = (struct contrast_row){.key = "row", .title = "a row", .can = i % 2};
		for (unsigned r = 0; r < rungs; r++) {
			c->row[i].cell[r].verdict = (enum contrast_verdict)((r + i) % 5);
			snprintf(c->row[i].cell[r].text, CONTRAST_TEXT_MAX, "%s", "<b>&\"");
		}
	}
	return c;
}

static char *page_of_contrast(const struct contrast *contrast)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(page_contrast(contrast, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_well_formed(text);
	return text;
}

static void test_contrast(void **state)
{
	static const char *const words[] = {"unknown", "host", "part", "own", "no"};
	struct contrast *c = some_contrast(5, 4);

	(void)state;
	c->rung[4].skipped = "not <here>";
	c->rung[2].kind = RUNG_VM;
	c->rung[3].calls = -1;
	c->rung[3].calls_missing = "no <strace>";
	c->row[0].cell[1].by = "a & b";
	char *page = page_of_contrast(c);
	/* A stack and a column for each rung that took part, and no other */
	assert_int_equal(count_of(page, "<section>"), 4);
	assert_int_equal(count_of(page, "<td"), 4 * 4);
	assert_int_equal(count_of(page, "<th scope=\"row\">a row"), 4);
	assert_int_equal(count_of(page, "<li>second</li>"), 4);
	assert_int_equal(count_of(page, "<small>&#60;b&#62;&#38;&#34;</small>"), 4 * 4);
	for (unsigned i = 0; i < 5; i++) {
		char verdict[32];
		snprintf(verdict, sizeof(verdict), "</span> %s<", words[i]);
		assert_true(count_of(page, verdict) >= 2);
	}
	assert_non_null(strstr(page, "by a &#38; b"));
	assert_non_null(strstr(page, "not &#60;here&#62;"));
	assert_non_null(strstr(page, "no &#60;strace&#62;"));
	assert_non_null(strstr(page, ">2 of its system calls<"));
	/* As wide as its share of the most; a machine's kernel is thicker than what else there is */
	assert_non_null(strstr(page, "<i style=\"width:50.00%\">"));
	assert_int_equal(count_of(page, "class=\"v\""), 1);
	assert_null(strstr(page, "<rung>"));
	free(page);
	free(c);
}

/* Nothing; all that there can be; nobody whose calls were counted. */
static void test_contrast_sizes(void **state)
{
	(void)state;
	struct contrast *c = some_contrast(0, 0);
	char *page = page_of_contrast(c);
	assert_int_equal(count_of(page, "<section>"), 0);
	free(page);
	free(c);
	c = some_contrast(RUNGS_MAX, CONTRAST_ROWS_MAX);
	page = page_of_contrast(c);
	assert_int_equal(count_of(page, "<td"), RUNGS_MAX * CONTRAST_ROWS_MAX);
	free(page);
	free(c);
	c = some_contrast(2, 1);
	c->rung[0] = (struct contrast_rung){.kind = RUNG_NATIVE, .name = "n", .calls = 0};
	c->rung[1] = (struct contrast_rung){.kind = RUNG_FOREIGN, .name = "f", .calls = -1};
	page = page_of_contrast(c);
	assert_null(strstr(page, "nan"));
	assert_non_null(strstr(page, "(nothing)"));
	assert_non_null(strstr(page, "(its own means)"));
	assert_int_equal(count_of(page, "<i style"), 1);
	free(page);
	free(c);
}

static void test_file(void **state)
{
	char dir[] = "/tmp/page-XXXXXX", path[64], missing[64];
	struct report *r = some_report(1, 1, 1);
	struct contrast *c = some_contrast(1, 1);
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/page.html", dir);
	snprintf(missing, sizeof(missing), "%s/none/page.html", dir);
	assert_int_equal(page_write_contrast(c, path), 0);
	assert_int_equal(page_write_report(r, path), 0);
	assert_int_equal(stat(path, &st), 0);
	char *page = page_of(r);
	assert_int_equal(st.st_size, strlen(page));
	free(page);
	assert_true(page_write_report(r, missing) < 0);
	assert_true(page_write_contrast(c, missing) < 0);
	assert_int_equal(unlink(path), 0);
	/* Empty: nothing half-written is left */
	assert_int_equal(rmdir(dir), 0);
	report_free(r);
	free(c);
}

/* What a stream did not take is told. */
static void test_full(void **state)
{
	struct report *r = some_report(1, 1, 1);
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_true(page_report(r, full) < 0);
	fclose(full);
	report_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charts),         cmocka_unit_test(test_hostile), cmocka_unit_test(test_little),
		cmocka_unit_test(test_scales),         cmocka_unit_test(test_largest), cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_numbers),        cmocka_unit_test(test_many),    cmocka_unit_test(test_contrast),
		cmocka_unit_test(test_contrast_sizes), cmocka_unit_test(test_file),    cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
