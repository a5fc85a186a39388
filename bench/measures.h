// SPDX-License-Identifier: Apache-2.0
/*
 * What is measured: groups of measures, each of which takes one sample of each of its own on one rung at a time. Used by bench.c, which chooses the order.
 */
#ifndef BENCH_MEASURES_H
#define BENCH_MEASURES_H

#include <stdbool.h>

#include "bench/launch.h"
#include "bench/report.h"
#include "bench/rung.h"

struct bench {
	const struct ladder *ladder;
	struct ladder *disk_ladder;		  /* the same rungs, with an image that may be written to */
	struct ladder *net_ladder[LADDER_BRIDGE + 1]; /* and with a network */
	const char *bridge_missing; /* why there is no bridge; NULL: there is, or nobody asked for it */
	struct resident bridge;	    /* who keeps it; none: 0 */
	char scratch[64];			 /* the directory of that image; "": there is none */
	const char *disk_missing;		 /* and why not; NULL: there is */
	struct report *report; /* its rungs are the ladder's, in the same order */
	char *const *command;  /* the user's; NULL: none */
	unsigned timeout_s;
	unsigned probe_ms;     /* for each of a probe's loops */
	double machine_mib;    /* the memory that the machine is given */
	unsigned load_s;       /* for each load of a disk or network */
	unsigned density;      /* instances; 0: not asked for */
	bool sampling;	       /* false: a warm-up, which leaves nothing in the report */
};

struct measure_group {
	const char *name;
	bool once; /* not in each round */
	/* One sample of each measure on this rung, or why there is none (report_miss()). 0, -EINTR, -ENOMEM: what ends the run. */
	int (*take)(struct bench *bench, unsigned rung);
};

/* loads.c */
int take_disk(struct bench *bench, unsigned rung);
int take_net(struct bench *bench, unsigned rung);
int take_bridge(struct bench *bench, unsigned rung);
/* What take_bridge() goes by, on the host. 0 (or bench->bridge_missing), -EINTR, -ENOMEM. Removed in any case. */
int bridge_make(struct bench *bench);
void bridge_remove(struct bench *bench);

/* For the groups: one run on that ladder's rung; a sample, or why there is none; in a warm-up these two do nothing. */
int bench_run(struct bench *bench, const struct ladder *ladder, unsigned rung, struct outcome *outcome, char *const *command);
int bench_sample(struct bench *bench, unsigned rung, const char *name, const char *title, const char *unit, bool more_is_better, double value);
int bench_miss(struct bench *bench, unsigned rung, const char *name, const char *title, const char *unit, const char *why);

extern const struct measure_group measure_groups[];
extern const unsigned measure_group_count;
/* That of the user's own command. */
int measure_command(struct bench *bench, unsigned rung);

#endif
