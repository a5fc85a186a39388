// SPDX-License-Identifier: Apache-2.0
/*
 * What a program sees and can do on each rung of the ladder, as `tinyvmm contrast` found it by running guest/probe there. docs/contrast.md
 * has what is expected, with the reasons.
 *
 * Plain data, of one thread. Every text is short printable ASCII (it was checked where it came from inside a rung), but the names of
 * foreign rungs and reasons are the user's and other programs': to be escaped as any.
 */
#ifndef BENCH_CONTRAST_H
#define BENCH_CONTRAST_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/host.h"
#include "bench/rung.h"

#define CONTRAST_VERSION 1
#define CONTRAST_ROWS_MAX 48
#define CONTRAST_TEXT_MAX 104 /* with its NUL */
#define CONTRAST_LAYERS_MAX 8

/* Whose the thing is that the workload sees or reaches. */
enum contrast_verdict {
	CONTRAST_UNKNOWN, /* not found out: the text says why */
	CONTRAST_HOST,    /* the host's */
	CONTRAST_PART,    /* the host's, but less of it */
	CONTRAST_OWN,     /* the rung's own */
	CONTRAST_NO,      /* nothing: refused, or not there */
};

struct contrast_cell {
	enum contrast_verdict verdict;
	char text[CONTRAST_TEXT_MAX]; /* what it saw, or the error's name; never empty */
	const char
		*by; /* the mechanism that stands between, a constant: "network namespace"; NULL: nothing, or not known (foreign rungs) */
};

struct contrast_row {
	const char *key;                      /* "kernel", "signal": unique, and that of the JSON */
	const char *title;                    /* "host name", "signal a process of the host" */
	bool can;                             /* an attempt; false: something seen. Those come first */
	struct contrast_cell cell[RUNGS_MAX]; /* by the rung's place; of a skipped rung CONTRAST_UNKNOWN */
};

struct contrast_rung {
	enum rung_kind kind;
	char *name;
	char *skipped;                          /* why this machine can't give it; NULL: it took part */
	const char *layer[CONTRAST_LAYERS_MAX]; /* what stands between workload and host, the workload's side first; NULL-terminated
						   constants; of native and foreign ones: none */
	int calls;                              /* distinct host system calls that all its processes made for `true`; -1: not counted */
	char *calls_missing;                    /* why not; NULL: they were */
};

struct contrast {
	const char *program;          /* "tinyvmm 0.1.0", a constant */
	char time[HOST_TIME_BYTES];   /* RFC 3339, UTC */
	char host[CONTRAST_TEXT_MAX]; /* "Linux 6.1.0 x86_64" */
	struct contrast_rung rung[RUNGS_MAX];
	unsigned rung_count;
	struct contrast_row row[CONTRAST_ROWS_MAX];
	unsigned row_count;
};

/* "host", "part", "own", "no", "?": as the table, the JSON and docs/contrast.md have it. */
const char *contrast_word(enum contrast_verdict verdict);

void contrast_free(struct contrast *contrast); /* accepts NULL */

/* The table: questions down, rungs across, then what stands between. */
void contrast_print(FILE *out, const struct contrast *contrast);

/* Format "tinyvmm-contrast". As a whole or not at all; 0 or a negative errno, logged with the path. */
int contrast_write_json(const struct contrast *contrast, const char *path);

#endif
