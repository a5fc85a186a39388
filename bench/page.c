// SPDX-License-Identifier: Apache-2.0
/* The page of a report: what limits it, an overview, a chart and the numbers of each measure, and how all of it came about. */
#include "bench/page.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/page_impl.h"

#define OPEN_MAX 4 /* measures: with more of them their tables are folded */

typedef struct cell cells_of_measure[REPORT_RUNGS_MAX];

/* The rung to which the others are compared: the first with samples. rung_count: none has any. */
static unsigned base_of(const struct report *report, const struct report_measure *measure)
{
	unsigned base = 0;

	while (base < report->rung_count && measure->series[base].count == 0)
		base++;
	return base;
}

static int calculate(const struct report *report, const struct report_measure *measure, struct cell *cells)
{
	unsigned base = base_of(report, measure);
	const struct report_series *to = &measure->series[base];

	for (unsigned i = base; i < report->rung_count; i++) {
		const struct report_series *series = &measure->series[i];
		int err = stats_of(&cells[i].stats, series->sample, series->count, report->seed);
		if (!err && series->count > 0)
			err = stats_ratio(&cells[i].ratio, series->sample, series->count, to->sample, to->count, report->seed);
		if (err == -EINVAL)
			cells[i].ratio = (struct stats_ratio){0};
		else if (err)
			return err;
	}
	return 0;
}

static void facts(const struct report *report, FILE *out)
{
	page_put(out, "<h2 id=\"host\">The machine</h2><dl>\n");
	for (unsigned i = 0; i < report->fact_count; i++)
		page_put(out, "<dt>$s</dt><dd>$s</dd>\n", report->fact[i].name, report->fact[i].value);
	page_put(out, "</dl>\n");
}

static void method(const struct report *report, FILE *out)
{
	char seed[24];

	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)report->seed);
	page_put(out,
		 "<h2 id=\"method\">How it was measured</h2><p>$u warm-up rounds, whose samples don’t count, then $u rounds. In each "
		 "round every rung has its turn, so that what drifts on the machine hits all alike. What is said of the samples is "
		 "their median, with a 95\u202f% interval by the percentile bootstrap ($u resamples, seed $s). A ratio is one median "
		 "over another, both resampled. Outliers lie beyond 1.5 interquartile ranges of the quartiles; they are shown, "
		 "counted, and stay in.</p>\n",
		 report->warmups, report->rounds, STATS_RESAMPLES, seed);
}

static bool takes_part(const struct report *report, unsigned rung)
{
	for (unsigned i = 0; i < report->measure_count; i++) {
		if (report->measure[i].series[rung].count > 0)
			return true;
	}
	return false;
}

static void overview(const struct report *report, const cells_of_measure *cells, FILE *out)
{
	page_put(out, "<h2>At a glance</h2><p class=\"s\">Medians, and below each its ratio to the first of its row.</p>");
	page_table(out, "Medians", "Measure");
	for (unsigned r = 0; r < report->rung_count; r++) {
		if (takes_part(report, r))
			page_heading(out, report->rung[r].name);
	}
	page_rows(out);
	for (unsigned i = 0; i < report->measure_count; i++) {
		const struct report_measure *measure = &report->measure[i];
		page_put(out, "<tr><th scope=\"row\"><a href=\"#m$u\">$s</a><small>$s$s</small></th>", i, measure->title, measure->unit,
			 measure->more_is_better ? ", more is better" : "");
		for (unsigned r = 0; r < report->rung_count; r++) {
			const struct cell *cell = &cells[i][r];
			if (!takes_part(report, r))
				continue;
			if (cell->stats.count == 0)
				page_put(out, "<td>–</td>");
			else if (r == base_of(report, measure) || cell->ratio.ratio <= 0)
				page_put(out, "<td>$n</td>", cell->stats.median);
			else
				page_put(out, "<td>$n<small>$n×</small></td>", cell->stats.median, cell->ratio.ratio);
		}
		page_put(out, "</tr>\n");
	}
	page_table_end(out);
}

static void numbers(const struct report *report, const struct report_measure *measure, const struct cell *cells, unsigned base, FILE *out)
{
	static const char headings[][16] = {"Median", "95\u202f% interval", "Ratio", "p95", "Min", "Max", "Outliers", "Samples"};

	page_put(out, "<details$s><summary>The numbers</summary>", report->measure_count <= OPEN_MAX ? " open" : "");
	page_table(out, measure->title, "Rung");
	for (unsigned i = 0; i < sizeof(headings) / sizeof(*headings); i++)
		page_heading(out, headings[i]);
	page_rows(out);
	for (unsigned r = 0; r < report->rung_count; r++) {
		const struct stats *stats = &cells[r].stats;
		const struct stats_ratio *ratio = &cells[r].ratio;
		if (stats->count == 0)
			continue;
		page_put(out, "<tr><th scope=\"row\">$s</th><td>$n</td><td>$n – $n</td><td>", report->rung[r].name, stats->median,
			 stats->low, stats->high);
		if (r != base && ratio->ratio > 0)
			page_put(out, "$n<small>$n – $n</small>", ratio->ratio, ratio->low, ratio->high);
		page_put(out, "</td><td>$n</td><td>$n</td><td>$n</td><td>$u</td><td>$u</td></tr>\n", stats->p95, stats->min, stats->max,
			 stats->outliers, stats->count);
	}
	page_table_end(out);
	page_put(out, "</details>\n");
}

static void section(const struct report *report, unsigned number, const struct cell *cells, FILE *out)
{
	const struct report_measure *measure = &report->measure[number];
	unsigned base = base_of(report, measure);

	page_put(out, "<section><h2 id=\"m$u\">$s</h2><p class=\"s\">$s$s$s$s</p>\n", number, measure->title, measure->unit,
		 *measure->unit ? ", " : "", measure->more_is_better ? "more is better" : "less is better",
		 chart_is_log(cells, report->rung_count) ? ". The scale is logarithmic: equal distances are equal factors." : "");
	if (base < report->rung_count) {
		page_put(out, "<figure>");
		chart_draw(out, report, measure, cells, base);
		page_put(out, "</figure>\n");
	}
	for (unsigned r = 0; r < report->rung_count; r++) {
		if (cells[r].stats.count == 0 && !report->rung[r].skipped)
			page_put(out, "<p class=\"s\"><b>$s</b>: no samples$s$s</p>\n", report->rung[r].name,
				 measure->series[r].missing ? ": " : "", measure->series[r].missing);
	}
	if (base < report->rung_count)
		numbers(report, measure, cells, base, out);
	page_put(out, "</section>\n");
}

int page_report(const struct report *report, FILE *out)
{
	cells_of_measure *cells = calloc(report->measure_count + 1, sizeof(*cells));
	int err = cells ? 0 : -ENOMEM;

	for (unsigned i = 0; !err && i < report->measure_count; i++)
		err = calculate(report, &report->measure[i], cells[i]);
	if (!err) {
		page_open(out, "tinyvmm bench", report->command ? report->command : "What isolation costs on this machine",
			  report->command);
		page_put(out, "<p class=\"s\">$s, $s</p>\n", report->program, report->time);
		page_list(out, "<aside><h2>⚠ Before these numbers are used</h2><ul>", report->warning, report->warning_count);
		for (unsigned i = 0; i < report->rung_count; i++)
			page_skipped(out, report->rung[i].name, report->rung[i].skipped);
		if (report->measure_count > 1)
			overview(report, cells, out);
		if (report->measure_count > 0)
			page_put(out, "<h2>Each measure</h2><p class=\"s\">Bars reach to the median, and the bracket around their end is "
				      "its 95\u202f% interval. Each dot is one sample, the first on top; a ring is an outlier. The "
				      "dotted line stands at the first rung’s median; × is the ratio to it.</p>\n");
		else
			page_put(out, "<p>This report holds no measures.</p>\n");
		for (unsigned i = 0; i < report->measure_count; i++)
			section(report, i, cells[i], out);
		method(report, out);
		facts(report, out);
		err = page_close(out, report->program);
	}
	free(cells);
	return err;
}

static int draw(const void *report, FILE *out)
{
	return page_report(report, out);
}

int page_write_report(const struct report *report, const char *path)
{
	return page_write(draw, report, path);
}
