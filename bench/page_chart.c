// SPDX-License-Identifier: Apache-2.0
/*
 * The chart of one measure, as SVG. Places along it are percentages of its width, so that a phone shows the same chart with letters as
 * large; heights are pixels. Each rung has a line of text and below it a strip: a bar from zero to the median, the median's interval, and
 * each sample as a dot, the first one on top.
 *
 * No libm: it would be one more library for each start of the program to load.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/page_impl.h"

#define ROW 56u         /* pixels */
#define STRIP 26u       /* from a row's top to its bar's */
#define BAR 18u         /* its height */
#define DOTS_MAX 1000   /* beyond these, dots that would cover each other are drawn once */
#define DRAWN_MAX 1e300 /* the difference of two must be one that a double holds */
#define SPAN_MAX 50     /* times the smallest: more than that can't be seen on one scale but a logarithmic one */

struct axis {
	bool log;
	double low, high; /* of a logarithmic one: of the logarithms */
};

static double log10_of(double value)
{
	double result = 0;

	while (value >= 10) {
		value /= 10;
		result++;
	}
	while (value < 1) {
		value *= 10;
		result--;
	}
	/* One binary digit after the other. */
	double bit = 1;
	for (unsigned i = 0; i < 16; i++) {
		bit /= 2;
		value *= value;
		if (value >= 10) {
			value /= 10;
			result += bit;
		}
	}
	return result;
}

static double power_of_10(int exponent)
{
	double result = 1;

	for (; exponent > 0; exponent--)
		result *= 10;
	for (; exponent < 0; exponent++)
		result /= 10;
	return result;
}

static double floor_of(double value)
{
	double whole = (double)(long long)value;

	return whole > value ? whole - 1 : whole;
}

static double place(const struct axis *axis, double value)
{
	double at = axis->log ? log10_of(value) : value;

	return 100 * ((at - axis->low) / (axis->high - axis->low));
}

bool chart_is_log(const struct cell *cells, unsigned rungs)
{
	double least = 0, most = 0;

	for (unsigned i = 0; i < rungs; i++) {
		const struct stats *stats = &cells[i].stats;
		if (stats->count == 0)
			continue;
		if (stats->min <= 1 / DRAWN_MAX)
			return false;
		if (least == 0 || stats->median < least)
			least = stats->median;
		if (stats->max > most)
			most = stats->max;
	}
	return most / SPAN_MAX > least;
}

static void extremes(const struct cell *cells, unsigned rungs, double *low, double *high)
{
	bool any = false;

	for (unsigned i = 0; i < rungs; i++) {
		const struct stats *stats = &cells[i].stats;
		if (stats->count == 0)
			continue;
		*low = any && *low < stats->min ? *low : stats->min;
		*high = any && *high > stats->max ? *high : stats->max;
		any = true;
	}
}

/* 1, 2 or 5 times a power of ten, so that three to six of them fill the range. */
static double step_of(double range)
{
	double decade = power_of_10((int)floor_of(log10_of(range / 6)));
	double part = range / 6 / decade;

	return decade * (part > 5 ? 10 : part > 2 ? 5 : part > 1 ? 2 : 1);
}

/* Of a class whose every second one a phone leaves out; or of none. */
static void tick(FILE *out, const char *class, double x, unsigned height, double value, const char *unit)
{
	const char *anchor = x < 4 ? "start" : x > 94 ? "end" : "middle";

	page_put(out,
		 "<line class=\"g\" x1=\"$x\" x2=\"$x\" y1=\"0\" y2=\"$u\"/><text class=\"q$s\" text-anchor=\"$s\" x=\"$x\" y=\"$u\">$t", x,
		 x, height, class, anchor, x, height + 18, value);
	page_put(out, unit && *unit ? "\u2009$c</text>" : "</text>", unit);
}

/* The axis, from one round number to another. Its ticks are drawn. */
static struct axis axis_draw(FILE *out, bool log, double low, double high, unsigned height, const char *unit)
{
	struct axis axis = {.log = log};

	if (log) {
		double from = log10_of(low), span = log10_of(high) - from;
		axis.low = from - span / 30;
		axis.high = from + span + span / 30;
		/* Downwards: the highest one has the unit. */
		for (int i = (int)floor_of(axis.high); i >= axis.low - 1; i -= (int)span / 6 + 1) {
			for (int digit = span < 2 ? 5 : 1; digit > 0; digit /= 2) {
				double x = place(&axis, digit * power_of_10(i));
				if (x < 0 || x > 100)
					continue;
				tick(out, "", x, height, digit * power_of_10(i), unit);
				unit = NULL;
			}
		}
		return axis;
	}
	low = low < 0 ? low : 0;
	high = high > 0 ? high : 0;
	double step = high - low > 1 / DRAWN_MAX ? step_of(high - low) : 1;
	int first = (int)floor_of(low / step), last = -(int)floor_of(-high / step);
	if (last == first)
		last++;
	axis.low = first * step;
	axis.high = last * step;
	for (int i = first; i <= last; i++)
		tick(out, " e", place(&axis, i * step), height, i * step, i == last ? unit : NULL);
	return axis;
}

static void dots(FILE *out, const struct axis *axis, const struct report_series *series, const struct stats *stats, unsigned top)
{
	double fence = 1.5 * (stats->q3 - stats->q1);
	bool seen[101 * 10][BAR] = {0};

	for (unsigned i = 0; i < series->count; i++) {
		double value = series->sample[i], x = place(axis, value);
		unsigned y = series->count > 1 ? 3 + (BAR - 6) * i / (series->count - 1) : BAR / 2;
		bool outlier = value < stats->q1 - fence || value > stats->q3 + fence, *drawn = &seen[(int)(x * 10)][y];
		if (!*drawn || series->count <= DOTS_MAX)
			page_put(out, "<circle class=\"$s\" cx=\"$x\" cy=\"$u\" r=\"$s\"/>", outlier ? "o" : "d", x, top + y,
				 outlier ? "3" : "2.2");
		*drawn = true;
	}
}

static void line(FILE *out, const char *class, double x1, double x2, unsigned y1, unsigned y2)
{
	page_put(out, "<line class=\"$s\" x1=\"$x\" x2=\"$x\" y1=\"$u\" y2=\"$u\"/>", class, x1, x2, y1, y2);
}

static void strip(FILE *out, const struct axis *axis, const struct report_series *series, const struct stats *stats, unsigned top)
{
	double zero = axis->log ? 0 : place(axis, 0), median = place(axis, stats->median);
	double low = place(axis, stats->low), high = place(axis, stats->high);
	unsigned middle = top + BAR / 2;

	/* On a logarithmic scale a length means nothing: a thin line leads to the median. */
	page_put(out, "<rect class=\"f\" x=\"$x\" y=\"$u\" width=\"$x\" height=\"$u\"/>", median < zero ? median : zero,
		 axis->log ? middle - 1 : top, median < zero ? zero - median : median - zero, axis->log ? 2 : BAR);
	line(out, "m", median, median, top, top + BAR);
	line(out, "i", low, high, middle, middle);
	line(out, "i", low, low, middle - 5, middle + 5);
	line(out, "i", high, high, middle - 5, middle + 5);
	dots(out, axis, series, stats, top);
}

void chart_draw(FILE *out, const struct report *report, const struct report_measure *measure, const struct cell *cells, unsigned base)
{
	double low = 0, high = 0;
	unsigned rows = 0;

	extremes(cells, report->rung_count, &low, &high);
	for (unsigned i = 0; i < report->rung_count; i++)
		rows += cells[i].stats.count > 0;
	if (high > DRAWN_MAX || low < -DRAWN_MAX) {
		page_put(out, "<p class=\"s\">These numbers are too large to be drawn.</p>");
		return;
	}
	page_put(out, "<svg role=\"img\" height=\"$u\" aria-label=\"$s in $s, medians:", rows * ROW + 24, measure->title, measure->unit);
	for (unsigned i = 0; i < report->rung_count; i++) {
		if (cells[i].stats.count > 0)
			page_put(out, " $s $n;", report->rung[i].name, cells[i].stats.median);
	}
	page_put(out, "\">");
	struct axis axis = axis_draw(out, chart_is_log(cells, report->rung_count), low, high, rows * ROW, measure->unit);
	double x = place(&axis, cells[base].stats.median);
	line(out, "r", x, x, STRIP, rows * ROW);
	for (unsigned i = 0, top = 0; i < report->rung_count; i++) {
		const struct cell *cell = &cells[i];
		if (cell->stats.count == 0)
			continue;
		page_put(out, "<text class=\"b\" y=\"$u\">$c</text><text class=\"b\" x=\"100%\" y=\"$u\" text-anchor=\"end\">", top + 17,
			 report->rung[i].name, top + 17);
		if (i != base && cell->ratio.ratio > 0)
			page_put(out, "<tspan class=\"q\">$n×\u2003</tspan>", cell->ratio.ratio);
		page_put(out, "$n $c</text>", cell->stats.median, measure->unit);
		strip(out, &axis, &measure->series[i], &cell->stats, top + STRIP);
		top += ROW;
	}
	page_put(out, "</svg>\n");
}
