// SPDX-License-Identifier: Apache-2.0
/* The command line of `tinyvmm bench`. */
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

enum bench_parsed { BENCH_RUN, BENCH_DONE /* --help was printed */, BENCH_BAD /* every fault has been logged */ };

/* Into *options, with its defaults; bench_options_free() frees what was allocated, whatever the result. */
enum bench_parsed bench_options_parse(struct bench_options *options, int argc, char **argv);
void bench_options_free(struct bench_options *options);

/* The whole numbers of a table: 1 to 1000, into an unsigned. */
const char *bench_take_count(struct options *options, char *value);

#endif
