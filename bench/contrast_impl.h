// SPDX-License-Identifier: Apache-2.0
/* The parts of `tinyvmm contrast`: targets (contrast_targets.c), judgement (contrast_judge.c); contrast.c runs it. */
#ifndef BENCH_CONTRAST_IMPL_H
#define BENCH_CONTRAST_IMPL_H

#include <stdbool.h>
#include <sys/types.h>

#include "bench/contrast.h"
#include "bench/probe_lines.h"

#define TOKEN_BYTES 33 /* 32 digits of 128 random bits */

/*
 * What the attempts are made against: all of it is the run's own, and is gone with it. A directory with a file that has the token; a
 * process that counts SIGUSR1, and gives the token to who connects to its port on the loopback address; a loop device that begins with it.
 */
struct targets {
	char token[TOKEN_BYTES];
	char dir[40], file[56], disk[56];
	char device[24]; /* "7:0" of the loop device; "": none */
	pid_t pid;       /* the process */
	unsigned port;
	volatile unsigned *signals; /* how many it had */
	int listen_fd, loop_fd;
};

/* 0 or a negative errno, logged; that there is no loop device is no fault. To be removed in any case. */
int targets_make(struct targets *targets);
void targets_remove(struct targets *targets);

/* What a probe said on a rung. `output` has the lines' texts. */
struct said {
	char *output;
	struct probe_line line[PROBE_LINES_MAX];
	unsigned count;
	char missing[CONTRAST_TEXT_MAX]; /* why it said nothing more */
};

/* All that is known of a rung when it is judged. */
struct evidence {
	const struct said *host, *see, *can; /* what is seen on the host itself; on the rung; what it could do there */
	const struct targets *targets;
	unsigned signals; /* that came meanwhile */
	long took_ms;     /* from the host's `see` to the end of the rung's, at most */
};

/* Titles and keys into the contrast's rows, without cells. */
void judge_rows(struct contrast *contrast);
/* The cells of one rung. */
void judge_rung(struct contrast *contrast, unsigned rung, const struct evidence *evidence);
/* What stands between on a rung of that kind: constants, NULL-terminated. */
void judge_layers(const char *layer[CONTRAST_LAYERS_MAX], enum rung_kind kind);

#endif
