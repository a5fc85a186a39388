// SPDX-License-Identifier: Apache-2.0
/* A report for terminals: see table.h. */
#include "bench/table.h"

#include <math.h>
#include <string.h>

#include "bench/stats.h"

#define BAR_MIN 8
#define BAR_MAX 32
#define NUMBERS 49 /* columns of median, interval, p95 and ratio */

char *table_number(char text[TABLE_NUMBER_MAX], double value)
{
	double size = fabs(value);
	int digits = size >= 100 || size <= 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;

	/* Whole ones are exact. */
	if (size < 1e6 && fabs(value - (double)(long)value) <= 0)
		digits = 0;
	if (size >= 1e9)
		snprintf(text, TABLE_NUMBER_MAX, "%.3g", value);
	else
		snprintf(text, TABLE_NUMBER_MAX, "%.*f", digits, value);
	return text;
}

/* The names' column. */
static int name_width(const struct report *report)
{
	int width = 0;

	for (unsigned i = 0; i < report->rung_count; i++) {
		int len = (int)strlen(report->rung[i].name);
		width = len > width && !report->rung[i].skipped ? len : width;
	}
	return width;
}

/* Eighths of a block, so that what differs by little differs. */
static void print_bar(FILE *out, double share, unsigned width, bool blocks)
{
	static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	unsigned eighths = share > 0 ? (unsigned)(share * width * 8 + 0.5) : 0;

	for (unsigned i = 0; i < eighths / 8; i++)
		(void)fputs(blocks ? "█" : "#", out);
	if (blocks)
		(void)fputs(parts[eighths % 8], out);
	else if (eighths % 8 >= 4 || (eighths && eighths < 8))
		(void)fputc('#', out);
}

static void print_row(FILE *out, const struct stats *s, double base, double largest, unsigned bar, bool blocks)
{
	char median[TABLE_NUMBER_MAX], low[TABLE_NUMBER_MAX], high[TABLE_NUMBER_MAX], p95[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX + 4], ratio[16] = "";

	snprintf(interval, sizeof(interval), "[%s, %s]", table_number(low, s->low), table_number(high, s->high));
	if (base > 0)
		snprintf(ratio, sizeof(ratio), "x%.3g", s->median / base);
	(void)fprintf(out, "  %9s %18s %9s %9s", table_number(median, s->median), interval, table_number(p95, s->p95), ratio);
	if (bar && largest > 0) {
		(void)fputs("  ", out);
		print_bar(out, s->median / largest, bar, blocks);
	}
	if (s->outliers)
		(void)fprintf(out, "  (%u outlier%s of %u)", s->outliers, s->outliers == 1 ? "" : "s", s->count);
	(void)fputc('\n', out);
}

static bool none_has(const struct report *report, const struct report_measure *m)
{
	for (unsigned r = 0; r < report->rung_count; r++) {
		if (m->series[r].count)
			return false;
	}
	return true;
}

/* The last rung's reason: that of the first may be the host's own. */
static const char *why_none(const struct report *report, const struct report_measure *m)
{
	const char *why = "";

	for (unsigned r = 0; r < report->rung_count; r++)
		why = m->series[r].missing ? m->series[r].missing : why;
	return why;
}

static void print_measure(FILE *out, const struct report *report, const struct report_measure *m, unsigned columns, bool blocks)
{
	struct stats stats[REPORT_RUNGS_MAX];
	double base = 0, largest = 0;
	int names = name_width(report);
	unsigned used = (unsigned)names + 2 + NUMBERS + 2, bar = columns > used ? columns - used : 0;

	bar = bar < BAR_MIN ? 0 : bar > BAR_MAX ? BAR_MAX : bar;
	for (unsigned r = 0; r < report->rung_count; r++) {
		if (stats_of(&stats[r], m->series[r].sample, m->series[r].count, report->seed))
			stats[r].count = 0;
		base = base <= 0 && stats[r].count ? stats[r].median : base;
		largest = stats[r].count && stats[r].median > largest ? stats[r].median : largest;
	}
	if (none_has(report, m)) {
		(void)fprintf(out, "\n%s left out: %s\n", m->name, why_none(report, m));
		return;
	}
	(void)fprintf(out, "\n%s: %s%s%s%s\n", m->name, m->title, *m->unit ? ", " : "", m->unit, m->more_is_better ? " (more is better)" : "");
	(void)fprintf(out, "  %-*s  %9s %18s %9s %9s\n", names, "", "median", "95 % interval", "95th", "ratio");
	for (unsigned r = 0; r < report->rung_count; r++) {
		if (report->rung[r].skipped)
			continue;
		(void)fprintf(out, "  %-*s", names, report->rung[r].name);
		if (stats[r].count)
			print_row(out, &stats[r], base, largest, bar, blocks);
		else
			(void)fprintf(out, "  %9s  %s\n", "-", m->series[r].missing ? m->series[r].missing : "");
	}
}

void table_print(FILE *out, const struct report *report, unsigned columns, bool blocks)
{
	for (unsigned i = 0; i < report->fact_count; i++)
		(void)fprintf(out, "%-18s %s\n", report->fact[i].name, report->fact[i].value);
	if (report->command)
		(void)fprintf(out, "%-18s %s\n", "command", report->command);
	(void)fprintf(out, "%-18s %u warm-up, %u rounds one after the other on all rungs; medians, bootstrap intervals (seed %llu)\n", "method", report->warmups,
		      report->rounds, (unsigned long long)report->seed);
	for (unsigned i = 0; i < report->warning_count; i++)
		(void)fprintf(out, "\n! %s\n", report->warning[i]);
	for (unsigned i = 0; i < report->rung_count; i++) {
		if (report->rung[i].skipped)
			(void)fprintf(out, "%s%s left out: %s\n", i && !report->rung[i - 1].skipped ? "\n" : "", report->rung[i].name, report->rung[i].skipped);
	}
	for (unsigned i = 0; i < report->measure_count; i++)
		print_measure(out, report, &report->measure[i], columns, blocks);
}
