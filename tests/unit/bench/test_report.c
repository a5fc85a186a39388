// SPDX-License-Identifier: Apache-2.0
/* bench/report.c, report_json.c: what is written is read again, and what may not be read is refused, with the reason. */
#include <errno.h>
#include <fcntl.h>
#include <float.h>
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

#include "bench/report.h"
#include "tests/fakes/capture.h"
#include "vmm/util/io.h"

static char path[64];

static int begin(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/tinyvmm-report.XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
	(void)state;
	return unlink(path);
}

static struct report *sample_report(void)
{
	struct report *r = report_new("tinyvmm 1.2.3");

	assert_non_null(r);
	r->seed = UINT64_MAX;
	r->rounds = 3;
	r->warmups = 1;
	r->time = strdup("2026-11-23T01:02:03Z");
	r->command = strdup("sh -c \"é, <b>\"");
	assert_int_equal(report_add_fact(r, "kernel", "Linux 6.1"), 0);
	assert_int_equal(report_add_warning(r, "It is emulated."), 0);
	assert_int_equal(report_add_rung(r, "native", NULL), 0);
	assert_int_equal(report_add_rung(r, "vm", "no KVM"), 0);
	assert_int_equal(report_add_rung(r, "ctr", NULL), 0);
	struct report_measure *m = report_measure(r, "start.exit", "start, to its end", "ms", false);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(report_add_sample(r, m, 0, 1.5 * i), 0);
	assert_int_equal(report_miss(r, m, 2, "it fell"), 0);
	assert_int_equal(report_miss(r, m, 2, "a second reason"), 0);
	assert_int_equal(report_add_sample(r, report_measure(r, "cpu.copy", "copy", "MiB/s", true), 2, 1e10 / 3), 0);
	return r;
}

static void test_round_trip(void **state)
{
	struct report *r = sample_report(), *back;

	(void)state;
	assert_int_equal(report_write_json(r, path), 0);
	assert_int_equal(report_read_json(&back, path), 0);
	assert_string_equal(back->program, "tinyvmm 1.2.3");
	assert_string_equal(back->time, r->time);
	assert_string_equal(back->command, r->command);
	assert_true(back->seed == UINT64_MAX);
	assert_int_equal(back->rounds, 3);
	assert_int_equal(back->warmups, 1);
	assert_string_equal(back->fact[0].value, "Linux 6.1");
	assert_string_equal(back->warning[0], "It is emulated.");
	assert_int_equal(back->rung_count, 3);
	assert_string_equal(back->rung[1].skipped, "no KVM");
	assert_int_equal(report_find_rung(back, "ctr"), 2);
	assert_int_equal(report_find_rung(back, "none"), -1);
	const struct report_measure *m = report_find_measure(back, "start.exit");
	assert_int_equal(m->series[0].count, 5);
	assert_true(m->series[0].sample[4] > 5.999 && m->series[0].sample[4] < 6.001);
	assert_string_equal(m->series[2].missing, "it fell");
	assert_false(m->more_is_better);
	m = report_find_measure(back, "cpu.copy");
	assert_true(m->more_is_better);
	assert_true(m->series[2].sample[0] > 3.333333e9 && m->series[2].sample[0] < 3.333334e9);
	assert_null(report_find_measure(back, "cpu"));
	report_free(back);
	report_free(r);
}

static void test_bounds(void **state)
{
	struct report *r = sample_report();
	struct report_measure *m = report_measure(r, "start.exit", "", "", true);

	(void)state;
	assert_ptr_equal(m, &r->measure[0]);
	assert_int_equal(report_add_sample(r, m, 3, 1), -EINVAL);
	assert_int_equal(report_add_sample(r, m, UINT32_MAX, 1), -EINVAL);
	assert_int_equal(report_add_sample(r, m, 0, 0.0 / (double)(m->series[1].count)), -EINVAL);
	assert_int_equal(report_miss(r, m, 3, "x"), -EINVAL);
	while (m->series[0].count < REPORT_SAMPLES_MAX)
		assert_int_equal(report_add_sample(r, m, 0, 1), 0);
	assert_int_equal(report_add_sample(r, m, 0, 1), -ENOSPC);
	for (unsigned i = r->rung_count; i < REPORT_RUNGS_MAX; i++)
		assert_int_equal(report_add_rung(r, "x", NULL), 0);
	assert_int_equal(report_add_rung(r, "x", NULL), -ENOSPC);
	for (unsigned i = r->measure_count; i < REPORT_MEASURES_MAX; i++) {
		char name[16];
		snprintf(name, sizeof(name), "m%u", i);
		assert_non_null(report_measure(r, name, "", "", true));
	}
	assert_null(report_measure(r, "one more", "", "", true));
	for (unsigned i = r->fact_count; i < REPORT_FACTS_MAX; i++)
		assert_int_equal(report_add_fact(r, "x", "y"), 0);
	assert_int_equal(report_add_fact(r, "x", "y"), -ENOSPC);
	report_free(r);
}

static void test_csv(void **state)
{
	struct report *r = sample_report();
	char *text;
	size_t len;

	(void)state;
	assert_non_null(report_measure(r, "odd,\"name\"", "", "a b", false));
	assert_int_equal(report_add_sample(r, report_measure(r, "odd,\"name\"", "", "", false), 0, 0.25), 0);
	assert_int_equal(report_write_csv(r, path), 0);
	assert_int_equal(read_file(path, 1 << 20, &text, &len), 0);
	assert_string_equal(text, "measure,unit,rung,round,value\n"
				  "start.exit,ms,native,1,0\nstart.exit,ms,native,2,1.5\nstart.exit,ms,native,3,3\nstart.exit,ms,native,4,4.5\n"
				  "start.exit,ms,native,5,6\ncpu.copy,MiB/s,ctr,1,3.33333333e+09\n\"odd,\"\"name\"\"\",a b,native,1,0.25\n");
	free(text);
	report_free(r);
	char said[512];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	r = sample_report();
	assert_int_equal(report_write_csv(r, "/no/such/dir/x.csv"), -ENOENT);
	assert_int_equal(report_write_json(r, "/no/such/dir/x.json"), -ENOENT);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_non_null(strstr(said, "/no/such/dir/x.json"));
	report_free(r);
}

static void is_shown_as(const char *text, const char *wanted)
{
	char *shown = report_text(text);

	assert_string_equal(shown, wanted);
	free(shown);
}

static void test_texts(void **state)
{
	(void)state;
	is_shown_as("", "");
	is_shown_as("plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7", "plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7");
	is_shown_as("\x1b[31mred\x7f\n\t", "?[31mred???");
	is_shown_as("C1: \xc2\x9b", "C1: ??");
	is_shown_as("turned: \xe2\x80\xae \xe2\x81\xa6", "turned: ??? ???");
	is_shown_as("no UTF-8: \xff \xc0\xaf \xe2\x82 \xed\xa0\x80 \xf4\x90\x80\x80", "no UTF-8: ? ?? ?? ??? ????");
	/* Across the bound, a whole character goes. */
	char *text = malloc(REPORT_TEXT_MAX + 10);
	memset(text, 'a', REPORT_TEXT_MAX + 9);
	memcpy(text + REPORT_TEXT_MAX - 1, "\xe2\x82\xac", 4);
	char *cut = report_text(text);
	assert_int_equal(strlen(cut), REPORT_TEXT_MAX - 1);
	free(cut);
	free(text);
}

/* Whatever a rung said, and whatever was measured: it can be written, and what was written is read. */
static void test_odd_is_written(void **state)
{
	struct report *r = report_new("p\xff"), *back;
	struct report_measure *m = report_measure(r, "m", "\x1b[31m", "\xc2\x9b", false);

	(void)state;
	assert_int_equal(report_add_fact(r, "name\n", "\xff"), 0);
	assert_int_equal(report_add_warning(r, "\xff\n"), 0);
	assert_int_equal(report_add_rung(r, "a", "\xff"), 0);
	assert_int_equal(report_add_rung(r, "b", NULL), 0);
	assert_int_equal(report_miss(r, m, 0, "sh: \xff\x1b"), 0);
	assert_int_equal(report_add_sample(r, m, 1, DBL_MAX), 0);
	assert_int_equal(report_add_sample(r, m, 1, -DBL_MAX), 0);
	assert_int_equal(report_write_json(r, path), 0);
	assert_int_equal(report_read_json(&back, path), 0);
	assert_string_equal(back->program, "p?");
	assert_string_equal(back->measure[0].series[0].missing, "sh: ??");
	assert_int_equal(back->measure[0].series[1].count, 2);
	report_free(back);
	report_free(r);
}

/* Root's --csv /dev/null must not become the machine's /dev/null. */
static void test_no_file(void **state)
{
	char pipe_path[] = "/tmp/test-report-pipe-XXXXXX", got[64] = "";
	struct report *r = sample_report();
	struct stat st;

	(void)state;
	close(mkstemp(pipe_path));
	unlink(pipe_path);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	int fd = open(pipe_path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_int_equal(report_write_csv(r, pipe_path), 0);
	assert_true(read(fd, got, sizeof(got) - 1) > 0);
	assert_int_equal(strncmp(got, "measure,unit,", 13), 0);
	assert_int_equal(report_write_json(r, pipe_path), 0);
	assert_int_equal(lstat(pipe_path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	close(fd);
	unlink(pipe_path);
	/* A link stays one, and what it points to is written. */
	assert_int_equal(symlink(path, pipe_path), 0);
	assert_int_equal(report_write_csv(r, pipe_path), 0);
	assert_int_equal(lstat(pipe_path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 100);
	unlink(pipe_path);
	report_free(r);
}

/* A report with one piece in another form, and what is then said. */
static void refused(const char *piece, const char *instead, const char *word)
{
	static const char good[] = "{\"format\": \"tinyvmm-bench\", \"version\": 1, \"program\": \"p\", \"seed\": 1, \"rounds\": 1, \"warmups\": 1, "
				   "\"host\": {\"kernel\": \"k\"}, \"warnings\": [\"w\"], \"rungs\": [{\"name\": \"ctr\"}], \"measures\": [{\"name\": \"m\", "
				   "\"title\": \"t\", \"unit\": \"ms\", \"better\": \"less\", \"rungs\": {\"ctr\": {\"samples\": [1.5]}}}]}";
	char text[2048], said[1024];
	const char *at = strstr(good, piece);
	struct report *r;

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, instead, at + strlen(piece));
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = report_parse_json(&r, text, strlen(text), "some file");
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	if (!word) {
		if (err)
			fail_msg("%s: %s", instead, said);
		report_free(r);
		return;
	}
	assert_null(r);
	if (err != -EINVAL || !strstr(said, word) || !strstr(said, "some file"))
		fail_msg("%s instead of %s: %d, %s", instead, piece, err, said);
}

static void test_hostile(void **state)
{
	(void)state;
	refused("\"p\"", "\"p\"", NULL);
	refused("\"rounds\": 1", "\"rounds\": 1, \"unknown\": [{}]", NULL);
	refused("\"tinyvmm-bench\"", "\"tinyvmm-contrast\"", "format");
	refused("\"format\"", "\"f\"", "format");
	refused("\"version\": 1", "\"version\": 2", "version 2");
	refused("\"version\": 1", "\"version\": \"1\"", "version");
	refused("\"rounds\": 1", "\"rounds\": -1", "rounds");
	refused("\"rounds\": 1", "\"rounds\": 99999999999", "rounds");
	refused("\"seed\": 1", "\"seed\": 1.5", "seed");
	refused("\"p\"", "\"\\u001b[31m\"", "control");
	refused("\"p\"", "\"\\u009b31m\"", "control");
	refused("\"k\"", "\"a\\nb\"", "control");
	refused("\"k\"", "\"\\u202e\"", "control");
	refused("\"kernel\"", "\"a\\u0007\"", "control");
	refused("\"k\"", "7", "no text");
	refused("{\"kernel\": \"k\"}", "[]", "host");
	refused("[\"w\"]", "{}", "warnings");
	refused("[\"w\"]", "[1]", "warnings");
	refused("\"ctr\"}]", "\"<b>\"}]", "name");
	refused("\"ctr\"}]", "\"ctr\"}, {\"name\": \"ctr\"}]", "twice");
	refused("[{\"name\": \"ctr\"}]", "[7]", "name");
	refused("{\"ctr\": {", "{\"other\": {", "not on the ladder");
	refused("\"name\": \"m\"", "\"name\": \"\"", "name");
	refused("\"less\"", "\"least\"", "better");
	refused("[1.5]", "[\"1\"]", "samples");
	refused("[1.5]", "1.5", "samples");
	refused("[1.5]", "[1e999]", "");
	refused("\"samples\": [1.5]", "\"missing\": \"why\"", NULL);
	refused("{\"samples\": [1.5]}", "[]", "samples");
	refused("\"rounds\": 1", "\"rounds\": 1, \"rounds\": 1", "duplicate");
	refused("{\"format\"", "[{\"format\"", "line 1");
}

/* What docs/bench-json.md shows is a report. */
static void test_documentation(void **state)
{
	char *page;
	size_t len, used = 0;
	struct report *r;

	(void)state;
	if (read_file("docs/bench-json.md", 1 << 20, &page, &len))
		fail_msg("docs/bench-json.md: can't be read (the test runs in the source tree's top directory)");
	const char *at = strstr(page, "\n    {"), *end = at ? strstr(at, "\n    }\n") : NULL;
	assert_non_null(end);
	for (; at < end + 6; at++)
		page[used++] = *at;
	assert_int_equal(report_parse_json(&r, page, used, "docs/bench-json.md"), 0);
	assert_int_equal(r->measure[0].series[0].count, 3);
	assert_non_null(r->rung[1].skipped);
	report_free(r);
	free(page);
}

static void test_too_many(void **state)
{
	char *text = malloc(1 << 20), said[1024];
	struct report *r;
	int len = sprintf(text, "{\"format\": \"tinyvmm-bench\", \"version\": 1, \"program\": \"p\", \"seed\": 1, \"rounds\": 1, \"warmups\": 1, \"host\": {}, "
				"\"warnings\": [], \"measures\": [], \"rungs\": [");

	(void)state;
	for (unsigned i = 0; i <= REPORT_RUNGS_MAX; i++)
		len += sprintf(text + len, "%s{\"name\": \"r%u\"}", i ? "," : "", i);
	sprintf(text + len, "]}");
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = report_parse_json(&r, text, strlen(text), "x");
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -EINVAL);
	assert_non_null(strstr(said, "too many"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, begin, end),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_texts),
		cmocka_unit_test_setup_teardown(test_odd_is_written, begin, end),
		cmocka_unit_test_setup_teardown(test_no_file, begin, end),
		cmocka_unit_test_setup_teardown(test_csv, begin, end),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_documentation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
