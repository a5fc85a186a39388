// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm bench compare`: what changed from one report to another. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdio.h>

#include "bench/report.h"
#include "vmm/util/options.h"

extern const struct option_def compare_option_table[];
extern const unsigned compare_option_count;

/* argv[0] is the verb; the exit status: 0, 1 where something got worse, 2 where the command line or a file is at fault. */
int compare_main(int argc, char **argv);

struct comparison {
	double threshold; /* what a change has to be more than: 0.05 is 5 % */
	unsigned compared, worse;
};

/*
 * Prints each measure and rung that both have, and what only one has. Changed beyond noise is where the ratio's interval has no 1 in it and the medians
 * are more than the threshold apart; where there are so few samples that chance alone would tear them apart in more than 5 of 100 cases (3 and 3), nothing is said of it.
 */
void compare_reports(FILE *out, const struct report *before, const struct report *after, struct comparison *result);

#endif
