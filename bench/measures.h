// SPDX-License-Identifier: Apache-2.0
/*
 * What is measured: groups of measures, each of which takes one sample of each of its own on one rung at a time. Used by bench.c, which chooses the order.
 */
#ifndef BENCH_MEASURES_H
#define BENCH_MEASURES_H

#include <stdbool.h>

#include "bench/report.h"
#include "bench/rung.h"

struct bench {
	const struct ladder *ladder;
	struct report *report; /* its rungs are the ladder's, in the same order */
	char *const *command;  /* the user's; NULL: none */
	unsigned timeout_s;
	unsigned probe_ms;     /* for each of a probe's loops */
	unsigned density;      /* instances; 0: not asked for */
	bool sampling;	       /* false: a warm-up, which leaves nothing in the report */
};

struct measure_group {
	const char *name;
	bool once; /* not in each round */
	/* One sample of each measure on this rung, or why there is none (report_miss()). 0, -EINTR, -ENOMEM: what ends the run. */
	int (*take)(struct bench *bench, unsigned rung);
	const char *help;
};

extern const struct measure_group measure_groups[];
extern const unsigned measure_group_count;
/* That of the user's own command. */
int measure_command(struct bench *bench, unsigned rung);

#endif
