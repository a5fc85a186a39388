// SPDX-License-Identifier: Apache-2.0
/* What the pages share (page_html.c), and the chart of one measure (page_chart.c). */
#ifndef BENCH_PAGE_IMPL_H
#define BENCH_PAGE_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/report.h"
#include "bench/stats.h"

/*
 * Writes `format`, with these in it, each of which takes one argument; all else is markup and goes out as it is:
 *   $s  a text, escaped (NULL: nothing)      $c  the same, cut to what a chart has room for
 *   $n  a double, three digits for people    $t  the same without zeros at its end
 *   $u  an unsigned                          $x  a double that is a place in a chart, in percent of its width
 * A text can't get into a page but by $s and $c.
 */
void page_put(FILE *out, const char *format, ...);

/* From the first byte to the open <main>; and its end. `kind` is the line above the heading. */
void page_open(FILE *out, const char *kind, const char *heading, bool code);
/* 0, or -EIO where something was not written. */
int page_close(FILE *out, const char *program);
/* A heading and a list; nothing without texts. */
void page_list(FILE *out, const char *markup, char *const *text, unsigned count);
/* A table that scrolls within itself, open in its row of headings; the next heading; the row's end; the table's. */
void page_table(FILE *out, const char *label, const char *heading);
void page_heading(FILE *out, const char *heading);
void page_rows(FILE *out);
void page_table_end(FILE *out);
/* Why a rung is not there, where there is a reason. */
void page_skipped(FILE *out, const char *name, const char *why);

/* What `draw` draws, in a file: as a whole or not at all. 0 or a negative errno, logged with the path. */
int page_write(int (*draw)(const void *what, FILE *out), const void *what, const char *path);

/* What is said of a measure on a rung. `count` of its stats is 0 where there are no samples. */
struct cell {
	struct stats stats;
	struct stats_ratio ratio; /* to the first rung with samples; a ratio of 0: there is none */
};

/* Whether a logarithmic scale is needed to see all of them, and can be had. */
bool chart_is_log(const struct cell *cells, unsigned rungs);
/* One row a rung with samples. `base` is the place of the rung to which the others are compared. */
void chart_draw(FILE *out, const struct report *report, const struct report_measure *measure, const struct cell *cells, unsigned base);

#endif
