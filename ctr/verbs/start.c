// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr start`, `stop`, `restart` and `kill`. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "ctr/verbs/lifecycle.h"
#include "vmm/util/log.h"

struct stop_options {
	int signal;
	unsigned timeout_s;
};

static const char *take_signal(struct options *options, char *value)
{
	struct stop_options *stop = options->target;

	stop->signal = lifecycle_signal_number(value);
	return stop->signal ? NULL : "no such signal";
}

static const struct option_def stop_defs[] = {
	{.name = "timeout",
	 .value = "SECONDS",
	 .take = options_take_seconds,
	 .field = offsetof(struct stop_options, timeout_s),
	 .takes = "whole seconds, at most a year",
	 .help = "how long it may take before it is killed (10)"},
	{.name = "signal",
	 .value = "SIGNAL",
	 .take = take_signal,
	 .takes = "a name such as TERM or RTMIN+3, or a number",
	 .help = "what asks it to end (TERM; of a system's init,\n"
		 "what that takes for a power failure)"},
	OPTIONS_HELP,
};
const struct verb_table stop_table = {stop_defs, sizeof(stop_defs) / sizeof(*stop_defs)};

/* A container that was started in the background keeps none of what whoever starts it has open: a pipe would not end before it does. */
static void leave_descriptors(void)
{
	close_range(STDERR_FILENO + 1, ~0u, 0);
}

static int start(struct subject *subject, const struct verb_line *line)
{
	(void)line;
	return lifecycle_start(subject);
}

int verb_start(int argc, char **argv)
{
	struct verb_line line = {.verb = "start", .usage = "NAME", .help = "starts a container in the background", .min = 1, .max = 1};

	leave_descriptors();
	return verb_on_subject(&line, argc, argv, true, start);
}

/* argv of stop and restart. False: done, with *status. */
static bool parse_stop(struct verb_line *line, struct stop_options *stop, int argc, char **argv, int *status)
{
	line->usage = "NAME [OPTION]...";
	line->table = &stop_table;
	line->target = stop;
	line->min = line->max = 1;
	return verb_parse(line, argc, argv, status);
}

int verb_stop(int argc, char **argv)
{
	struct verb_line line = {.verb = "stop", .help = "asks a container to end, and waits until it has"};
	struct stop_options stop = {.timeout_s = STOP_SECONDS};
	struct subject subject;
	int status;

	if (!parse_stop(&line, &stop, argc, argv, &status))
		return status;
	int err = subject_open(&subject, line.words.word[0], true);
	if (!err && !subject.alive)
		log_info("container '%s': does not run", subject.entry.name);
	if (!err)
		err = lifecycle_stop(&subject, stop.signal, stop.timeout_s);
	subject_close(&subject);
	return err ? VERB_FAILED : VERB_OK;
}

int verb_restart(int argc, char **argv)
{
	struct verb_line line = {.verb = "restart", .help = "stops a container if it runs, and starts it"};
	struct stop_options stop = {.timeout_s = STOP_SECONDS};
	struct subject subject;
	int status;

	leave_descriptors();
	if (!parse_stop(&line, &stop, argc, argv, &status))
		return status;
	int err = subject_open(&subject, line.words.word[0], true);
	if (!err)
		err = lifecycle_stop(&subject, stop.signal, stop.timeout_s);
	status = err ? VERB_FAILED : lifecycle_start(&subject);
	subject_close(&subject);
	return status;
}

int verb_kill(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "kill", .usage = "NAME [SIGNAL]", .help = "sends a signal (KILL) to a container's command", .min = 1, .max = 2};
	struct subject subject;
	int status;

	if (!verb_parse(&line, argc, argv, &status))
		return status;
	int number = line.words.count > 1 ? lifecycle_signal_number(line.words.word[1]) : SIGKILL;
	if (!number) {
		log_error("'%s': no such signal: takes a name such as TERM or RTMIN+3, or a number", line.words.word[1]);
		return VERB_USAGE;
	}
	/* Not locked: whoever waits for it to end shall be helped. */
	int err = subject_open(&subject, line.words.word[0], false);
	if (!err)
		err = subject_must_run(&subject);
	if (!err)
		err = lifecycle_signal(&subject, number);
	subject_close(&subject);
	return err ? VERB_FAILED : VERB_OK;
}
