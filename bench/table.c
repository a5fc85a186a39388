// SPDX-License-Identifier: Apache-2.0
/* A report for terminals: see table.h. */
#include "bench/table.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "bench/stats.h"

#define BAR_MIN 8
#define BAR_MAX 32
#define NUMBERS 54 /* columns of median, interval, p95, ratio and outliers */

char *table_number(char text[TABLE_NUMBER_MAX], double value)
{
	double size = fabs(value);
	int digits = size >= 100 || size <= 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;

	/* Whole ones are exact. */
	if (size < 1e6 && fabs(value - (double)(long)value) <= 0)
		digits = 0;
	if (size >= 1e9 || (size > 0 && size < 0.01))
		snprintf(text, TABLE_NUMBER_MAX, "%.3g", value);
	else
		snprintf(text, TABLE_NUMBER_MAX, "%.*f", digits, value);
	return text;
}

bool table_may_have_blocks(int fd)
{
	return isatty(fd) && setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
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

/* A text from where the line stands, cut at blanks into lines of `columns`, all but the first begun under the first. */
static void print_text(FILE *out, int indent, const char *text, unsigned columns)
{
	size_t at = (size_t)indent, len;

	for (const char *word = text; *word; word += len + (word[len] == ' ')) {
		len = strcspn(word, " ");
		if (word > text && at + 1 + len > columns) {
			(void)fprintf(out, "\n%*s", indent, "");
			at = (size_t)indent;
		} else if (word > text) {
			(void)fputc(' ', out);
			at++;
		}
		at += len;
		(void)fprintf(out, "%.*s", (int)len, word);
	}
	(void)fputc('\n', out);
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

/* What stands after a rung's name, in `room` columns: on a narrow terminal the 95th percentile goes, then the interval. */
static void print_cells(FILE *out, unsigned room, const char *median, const char *interval, const char *p95, const char *ratio, const char *outliers)
{
	(void)fprintf(out, "  %9s", median);
	if (room >= NUMBERS - 10)
		(void)fprintf(out, " %18s", interval);
	if (room >= NUMBERS)
		(void)fprintf(out, " %9s", p95);
	(void)fprintf(out, " %9s%4s", ratio, outliers);
}

static void print_row(FILE *out, const struct stats *s, double base, double largest, unsigned room, bool blocks)
{
	char median[TABLE_NUMBER_MAX], low[TABLE_NUMBER_MAX], high[TABLE_NUMBER_MAX], p95[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX + 4], ratio[16] = "",
		outliers[12] = "";
	unsigned bar = room > NUMBERS + 2 ? room - NUMBERS - 2 : 0;

	snprintf(interval, sizeof(interval), "[%s, %s]", table_number(low, s->low), table_number(high, s->high));
	if (base > 0)
		snprintf(ratio, sizeof(ratio), "x%.3g", s->median / base);
	if (s->outliers)
		snprintf(outliers, sizeof(outliers), "%u", s->outliers);
	print_cells(out, room, table_number(median, s->median), interval, table_number(p95, s->p95), ratio, outliers);
	if (bar >= BAR_MIN && largest > 0) {
		(void)fputs("  ", out);
		print_bar(out, s->median / largest, bar > BAR_MAX ? BAR_MAX : bar, blocks);
	}
	(void)fputc('\n', out);
}

static void print_measure(FILE *out, const struct report *report, const struct report_measure *m, unsigned columns, bool blocks)
{
	struct stats stats[REPORT_RUNGS_MAX];
	const char *why = "";
	bool any = false;
	double base = 0, largest = 0;
	int names = name_width(report);
	unsigned used = (unsigned)names + 2, room = columns > used ? columns - used : 0;

	for (unsigned r = 0; r < report->rung_count; r++) {
		if (stats_of(&stats[r], m->series[r].sample, m->series[r].count, report->seed))
			stats[r].count = 0;
		any |= stats[r].count != 0;
		/* The last rung's reason: that of the first may be the host's own. */
		why = m->series[r].missing ? m->series[r].missing : why;
		base = base <= 0 && stats[r].count ? stats[r].median : base;
		largest = stats[r].count && stats[r].median > largest ? stats[r].median : largest;
	}
	if (!any) {
		(void)fprintf(out, "\n%s left out: %s\n", m->name, why);
		return;
	}
	(void)fprintf(out, "\n%s: %s%s%s%s\n", m->name, m->title, *m->unit ? ", " : "", m->unit, m->more_is_better ? " (more is better)" : "");
	(void)fprintf(out, "  %-*s", names, "");
	print_cells(out, room, "median", "95 % interval", "95th", "ratio", "out");
	(void)fputc('\n', out);
	for (unsigned r = 0; r < report->rung_count; r++) {
		if (report->rung[r].skipped)
			continue;
		(void)fprintf(out, "  %-*s", names, report->rung[r].name);
		if (stats[r].count)
			print_row(out, &stats[r], base, largest, room, blocks);
		else
			print_text(out, names + 2 + fprintf(out, "  -  "), m->series[r].missing ? m->series[r].missing : "", columns);
	}
}

void table_print(FILE *out, const struct report *report, unsigned columns, bool blocks)
{
	for (unsigned i = 0; i < report->fact_count; i++)
		print_text(out, fprintf(out, "%-18s ", report->fact[i].name), report->fact[i].value, columns);
	if (report->command)
		(void)fprintf(out, "%-18s %s\n", "command", report->command);
	(void)fprintf(out, "%-18s %u warm-up, %u rounds one after the other on all rungs; medians, bootstrap intervals (seed %llu)\n", "method", report->warmups,
		      report->rounds, (unsigned long long)report->seed);
	for (unsigned i = 0; i < report->warning_count; i++)
		print_text(out, fprintf(out, "\n! ") - 1, report->warning[i], columns);
	for (unsigned i = 0; i < report->rung_count; i++) {
		if (report->rung[i].skipped)
			(void)fprintf(out, "%s%s left out: %s\n", i && !report->rung[i - 1].skipped ? "\n" : "", report->rung[i].name, report->rung[i].skipped);
	}
	for (unsigned i = 0; i < report->measure_count; i++)
		print_measure(out, report, &report->measure[i], columns, blocks);
}
