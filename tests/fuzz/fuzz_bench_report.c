// SPDX-License-Identifier: Apache-2.0
/* A report that somebody gives us: what is read is drawn, compared with itself and written again, and what was written is read. */
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/compare.h"
#include "bench/page.h"
#include "bench/probe_lines.h"
#include "bench/report.h"
#include "bench/table.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *null_file;
static char path[] = "/tmp/tinyvmm-fuzz-report.XXXXXX";

static void remove_file(void)
{
	(void)unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	null_file = fopen("/dev/null", "we");
	__sanitizer_set_report_fd((void *)(intptr_t)dup(STDERR_FILENO));
	close(mkstemp(path));
	return atexit(remove_file);
}

/* The statistics of ten thousand samples take a while, and are not what is looked for here. */
static int is_small(const struct report *report)
{
	unsigned samples = 0;

	for (unsigned i = 0; i < report->measure_count; i++) {
		for (unsigned r = 0; r < report->rung_count; r++)
			samples += report->measure[i].series[r].count;
	}
	return samples <= 24;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe_line lines[PROBE_LINES_MAX];
	struct report *report, *again;
	struct comparison result = {.threshold = 0.05};
	char *text = malloc(size + 1);
	int null_fd = fileno(null_file), saved = dup(STDERR_FILENO);

	memcpy(text, data, size);
	text[size] = '\0';
	dup2(null_fd, STDERR_FILENO);
	if (!report_parse_json(&report, text, size, "report")) {
		if (is_small(report)) {
			for (unsigned columns = 0; columns < 120; columns += 39)
				table_print(null_file, report, columns, columns % 2);
			compare_reports(null_file, report, report, &result);
			if (page_report(report, null_file) || result.worse || report_write_csv(report, "/dev/null"))
				abort();
			if (report_write_json(report, path) || report_read_json(&again, path))
				abort();
			if (again->rung_count != report->rung_count || again->measure_count != report->measure_count)
				abort();
			report_free(again);
		}
		report_free(report);
	}
	(void)probe_lines(text, lines, PROBE_LINES_MAX);
	dup2(saved, STDERR_FILENO);
	close(saved);
	free(text);
	return 0;
}
