// SPDX-License-Identifier: Apache-2.0
/* Parses a command line written as one string, and keeps what was said on standard error and output. For the tests of cli*.c and config.c.
 */
#ifndef TESTS_FAKES_CLI_RUN_H
#define TESTS_FAKES_CLI_RUN_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/fakes/capture.h"
#include "vmm/cli.h"

#define CLI_RUN_ARGS_MAX 64

struct cli_run {
	struct config config;
	enum cli_result result;
	char text[1024]; /* argv's strings */
	char *argv[CLI_RUN_ARGS_MAX + 1];
	int argc;
	char err[16384], out[16384];
};

/* `line` is split at blanks. cli_run_end() frees what the parse allocated. */
static inline void cli_run(struct cli_run *run, const char *line)
{
	int saved_out, saved_err;
	char *rest;

	memset(run, 0, sizeof(*run));
	assert_true(strlen(line) < sizeof(run->text) - 16);
	snprintf(run->text, sizeof(run->text), "tinyvmm %s", line);
	for (char *word = strtok_r(run->text, " ", &rest); word && run->argc < CLI_RUN_ARGS_MAX; word = strtok_r(NULL, " ", &rest))
		run->argv[run->argc++] = word;
	fflush(stdout);
	int out = capture_begin(STDOUT_FILENO, &saved_out);
	int err = capture_begin(STDERR_FILENO, &saved_err);
	run->result = cli_parse(&run->config, run->argc, run->argv);
	fflush(stdout);
	capture_end(STDERR_FILENO, saved_err, err, run->err, sizeof(run->err));
	capture_end(STDOUT_FILENO, saved_out, out, run->out, sizeof(run->out));
}

static inline void cli_run_end(struct cli_run *run)
{
	config_release(&run->config);
}

/* A line that is refused, and its faults: every one of them, in order, each a part of its line. */
struct refused {
	const char *line;
	const char *fault[6];
};

static inline void check_refused(const struct refused *refused)
{
	struct cli_run run;
	char *rest;
	unsigned i = 0;

	cli_run(&run, refused->line);
	cli_run_end(&run);
	if (run.result != CLI_BAD)
		fail_msg("accepted: %s", refused->line);
	for (char *said = strtok_r(run.err, "\n", &rest); said; said = strtok_r(NULL, "\n", &rest), i++) {
		if (i == 6 || !refused->fault[i])
			fail_msg("%s: an unexpected fault: %s", refused->line, said);
		if (!strstr(said, refused->fault[i]))
			fail_msg("%s: said '%s', not '%s'", refused->line, said, refused->fault[i]);
	}
	if (i < 6 && refused->fault[i])
		fail_msg("%s: did not say '%s'", refused->line, refused->fault[i]);
}

static inline void check_all_refused(const struct refused *refused, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_refused(&refused[i]);
}

/* A line that is accepted without a word. */
static inline void cli_run_good(struct cli_run *run, const char *line)
{
	cli_run(run, line);
	if (run->result != CLI_RUN || *run->err)
		fail_msg("refused: %s: %s", line, run->err);
}

#endif
