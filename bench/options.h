// SPDX-License-Identifier: Apache-2.0
/* The command lines of `tinyvmm bench` and `tinyvmm contrast`, which takes less. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/rung.h"
#include "vmm/util/options.h"

struct bench_options {
	struct ladder_options ladder;
	char **command;
	char **groups; /* of measures; NULL: all */
	char **rungs;  /* what --only says of the ladder: it is the ladder's `only` */
	unsigned rounds, timeout_s, density;
	uint64_t seed;
	bool quick;
	const char *json, *csv, *html;
};

extern const struct option_def bench_option_table[];
extern const unsigned bench_option_count;
extern const struct option_def contrast_option_table[];
extern const unsigned contrast_option_count;

enum bench_parsed { BENCH_RUN, BENCH_DONE /* --help was printed */, BENCH_BAD /* every fault has been logged */ };

/* Into *options, with its defaults; bench_options_free() frees what was allocated, whatever the result. */
enum bench_parsed bench_options_parse(struct bench_options *options, int argc, char **argv);
enum bench_parsed contrast_options_parse(struct bench_options *options, int argc, char **argv);
void bench_options_free(struct bench_options *options);

/* What a command does between its options and its exit status, which it returns: makes the ladder for `act`, which returns 0 or a negative errno; frees all. */
int bench_on_ladder(enum bench_parsed parsed, struct bench_options *options, int (*act)(struct bench_options *options, struct ladder *ladder));

#endif
