// SPDX-License-Identifier: Apache-2.0
/*
 * What a run of `tinyvmm bench` measured: rungs, measures, and the samples of each on each, with the host and the method. It is written as JSON (whose form
 * docs/bench-json.md describes), CSV, a table (table.h) and a page (page.h), and read again to be compared.
 *
 * Every string is the report's own copy. One thread.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define REPORT_VERSION 1
#define REPORT_RUNGS_MAX 16
#define REPORT_MEASURES_MAX 64
#define REPORT_SAMPLES_MAX 10000 /* of a measure on a rung */
#define REPORT_FACTS_MAX 32
#define REPORT_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-" /* of rungs and measures */
#define REPORT_BYTES_MAX (16u << 20) /* of a JSON file */
#define REPORT_TEXT_MAX 4096	     /* bytes of a text */

struct report_fact {
	char *name, *value; /* "kernel", "Linux 6.1.0-18-amd64" */
};

struct report_rung {
	char *name;
	char *skipped; /* why this machine can't give it; NULL: it took part */
};

struct report_series {
	double *sample; /* in the order in which they were taken */
	unsigned count;
	char *missing; /* without any: why; NULL: not said */
};

struct report_measure {
	char *name;  /* "start.exit"; unique in a report */
	char *title; /* for people: "start to exit" */
	char *unit;  /* "ms", "ns", "MiB", "MB/s", "IOPS", "" for a plain number */
	bool more_is_better;
	struct report_series series[REPORT_RUNGS_MAX]; /* by the rung's place in the report */
};

struct report {
	char *program; /* "tinyvmm 0.1.0" */
	char *time;    /* RFC 3339, UTC */
	char *command; /* of the user's, as one line, by report_text(); NULL: the measures of our own */
	uint64_t seed;
	unsigned rounds, warmups;
	struct report_fact fact[REPORT_FACTS_MAX];
	unsigned fact_count;
	char *warning[REPORT_FACTS_MAX]; /* what limits what can be said from this report */
	unsigned warning_count;
	struct report_rung rung[REPORT_RUNGS_MAX];
	unsigned rung_count;
	struct report_measure measure[REPORT_MEASURES_MAX];
	unsigned measure_count;
};

/* NULL: no memory. All counts are 0. */
struct report *report_new(const char *program);
void report_free(struct report *report); /* accepts NULL */

/*
 * A copy that every form of a report can hold, and a terminal may get: control characters, those that turn the direction of writing, and what is no UTF-8 have
 * become '?'; beyond REPORT_TEXT_MAX bytes it is cut. NULL: no memory. What the calls below are given becomes such a copy.
 */
char *report_text(const char *text);

/* Each returns 0 or a negative errno: -ENOMEM, -ENOSPC where a table is full. */
int report_add_fact(struct report *report, const char *name, const char *value);
int report_add_warning(struct report *report, const char *text);
/* `skipped` may be NULL. */
int report_add_rung(struct report *report, const char *name, const char *skipped);
/* The measure of this name, added where it is new (then in this unit and sense); NULL: the table is full, or no memory. */
struct report_measure *report_measure(struct report *report, const char *name, const char *title, const char *unit, bool more_is_better);
/* -EINVAL: a value that is no finite number, or a rung that is not in the report. -ENOSPC: REPORT_SAMPLES_MAX. */
int report_add_sample(struct report *report, struct report_measure *measure, unsigned rung, double value);
/* Why a rung has no samples of a measure; the first reason stays. */
int report_miss(struct report *report, struct report_measure *measure, unsigned rung, const char *why);
/* The rung's place by its name; -1: not there. */
int report_find_rung(const struct report *report, const char *name);
const struct report_measure *report_find_measure(const struct report *report, const char *name);

/* A plain file is written as a whole or not at all; anything else, such as a device, is written into. 0 or a negative errno, logged with the path. Without a text there was no memory for it. */
int report_write_file(const char *path, const char *text, size_t len);
int report_write_json(const struct report *report, const char *path);
int report_write_csv(const struct report *report, const char *path);
/*
 * The file may be anybody's: sizes, names, numbers and versions are checked, and control characters refused (they reach terminals and pages). -EINVAL and
 * the like, logged with the path and what is wrong. The same from text in memory, `name` being what messages call it.
 */
int report_read_json(struct report **report, const char *path);
int report_parse_json(struct report **report, const char *text, size_t len, const char *name);

#endif
