// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr exec`: a command in a container that runs. */
#include "ctr/exec.h"

#include <stddef.h>
#include <unistd.h>

#include "ctr/options.h"
#include "ctr/run.h"
#include "ctr/verbs/verbs.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define FIELD(member) offsetof(struct spec, member)

/* Into a spec of which nothing else counts. */
static const struct option_def exec_defs[] = {
	{.name = "user",
	 .value = "USER[:GROUP]",
	 .take = options_take_text,
	 .field = FIELD(user),
	 .takes = "names or numbers",
	 .help = "who runs it (as the container has it)"},
	{.name = "workdir",
	 .value = "DIR",
	 .take = ctr_take_workdir,
	 .field = FIELD(workdir),
	 .takes = "an absolute path",
	 .help = "where it runs (as the container has it)"},
	{.name = "env",
	 .value = "NAME=VALUE",
	 .repeats = true,
	 .take = ctr_take_env,
	 .takes = "NAME=VALUE",
	 .help = "variable for it, beside the container's;\nrepeatable"},
	{.name = "terminal",
	 .value = "on|off",
	 .take = options_take_switch,
	 .field = FIELD(terminal),
	 .takes = "on or off",
	 .help = "a terminal of its own (on where standard input\nand output are terminals)"},
	OPTIONS_HELP,
};
const struct verb_table exec_table = {exec_defs, sizeof(exec_defs) / sizeof(*exec_defs)};

/* The container's description, with what the command has of its own. */
static int merge(struct spec *spec, const struct spec *asked)
{
	spec->command = asked->command;
	if (asked->user)
		spec->user = asked->user;
	if (asked->workdir)
		spec->workdir = asked->workdir;
	for (unsigned i = 0; asked->env && asked->env[i]; i++) {
		if (options_append(&spec->env, asked->env[i])) {
			log_error("--env: no memory");
			return -1;
		}
	}
	return 0;
}

static int execute(struct subject *subject, const struct spec *asked)
{
	struct spec spec;
	int pid_fd = subject_pidfd(subject);

	if (pid_fd < 0)
		return VERB_FAILED;
	int status = CTR_FAILED;
	if (!subject_spec(subject, &spec) && !merge(&spec, asked)) {
		const struct exec exec = {
			.spec = &spec,
			.pid = subject->status.pid,
			.pid_fd = pid_fd,
			.terminal = asked->terminal,
		};
		status = ctr_exec(&exec);
	}
	spec_release(&spec);
	close_fd(&pid_fd);
	return status;
}

static int run_in(const char *name, const struct spec *asked)
{
	struct subject subject;
	bool runs = !subject_open(&subject, name, false) && !subject_must_run(&subject);
	int status = runs ? execute(&subject, asked) : VERB_FAILED;

	subject_close(&subject);
	return status;
}

int verb_exec(int argc, char **argv)
{
	struct spec asked;
	struct verb_line line = {
		.verb = "exec",
		.usage = "[OPTION]... NAME -- COMMAND ARG...",
		.help = "runs a command in a container that runs",
		.table = &exec_table,
		.target = &asked,
		.command = &asked.command,
		.min = 1,
		.max = 1,
	};
	int status;

	spec_init(&asked);
	asked.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (verb_parse(&line, argc, argv, &status)) {
		status = VERB_USAGE;
		if (asked.command && *asked.command)
			status = run_in(line.words.word[0], &asked);
		else
			log_error("tinyvmm ctr exec: no command: usage: tinyvmm ctr exec %s", line.usage);
	}
	spec_release(&asked);
	return status;
}
