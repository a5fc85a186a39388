// SPDX-License-Identifier: Apache-2.0
/*
 * Commands run and measured from outside: see getrusage(2) for what the numbers count. One thread.
 *
 * SIGHUP, SIGINT and SIGTERM end what runs: launch_signals() has them taken, and every call that waits then returns -EINTR, at once from then on.
 */
#ifndef BENCH_LAUNCH_H
#define BENCH_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LAUNCH_OUTPUT_MAX (1u << 20)

struct outcome {
	int status;	 /* as from a shell */
	double wall_ms;	 /* from before its start to its end */
	double first_ms; /* from before its start to the first byte of its output; -1: it said nothing */
	double cpu_ms;	 /* processor time of it and of what it waited for */
	double peak_mib; /* resident memory of the largest process */
	bool timed_out;
	char *output; /* standard output, NUL-terminated; what is beyond LAUNCH_OUTPUT_MAX is dropped */
	char *errors; /* standard error, the same */
};

int launch_signals(void);
/* The signal that came; 0: none. */
int launch_interrupted(void);

/*
 * Runs a command line to its end, with `input` on its standard input (NULL: none). After timeout_s seconds it is ended, with its process group. 0 whatever became of it;
 * -EINTR, -ENOMEM, or why it can't be started, not logged. What outcome points to is the caller's to free, by outcome_free(), also after a failure.
 */
int launch(struct outcome *outcome, char *const *argv, const void *input, size_t input_len, unsigned timeout_s);
void outcome_free(struct outcome *outcome);
/* The last line of what it said on standard error, or how it ended: for messages. In a buffer that lives until the next call. */
const char *outcome_reason(const struct outcome *outcome);

/*
 * One that stays: started, and returned when it has said a first line, or -ETIMEDOUT. Its standard input is a pipe, whose end tells it to end.
 */
struct resident {
	pid_t pid; /* the leader of its process group */
	int input_fd, output_fd;
	double first_ms;
};
int resident_start(struct resident *resident, char *const *argv, unsigned timeout_s);
/* Closes its input, waits for grace_s seconds, then ends its group. */
void resident_end(struct resident *resident, unsigned grace_s);

#endif
