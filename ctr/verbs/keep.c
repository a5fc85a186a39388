// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr delete`, `rename`, `wait`, `pause` and `resume`: a line or two each. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "ctr/cgroup/cgroup.h"
#include "ctr/verbs/lifecycle.h"
#include "vmm/util/log.h"

/* --- delete ------------------------------------------------------------------------------------------------------------------------------
 */

struct delete_options {
	bool force;
};

static const struct option_def delete_defs[] = {
	{.name = "force",
	 .letter = 'f',
	 .take = options_take_flag,
	 .field = offsetof(struct delete_options, force),
	 .help = "also one that runs, or whose description is\n"
		 "damaged"},
	OPTIONS_HELP,
};
const struct verb_table delete_table = {delete_defs, sizeof(delete_defs) / sizeof(*delete_defs)};

/* What of it can't be read any more does not keep it from being removed. */
static int force_open(struct subject *subject, const char *name)
{
	int err = subject_find(subject, name, true);

	if (!err)
		(void)status_read(&subject->entry, &subject->status);
	return err;
}

int verb_delete(int argc, char **argv)
{
	struct delete_options options = {0};
	struct verb_line line = {
		.verb = "delete",
		.usage = "NAME [--force]",
		.help = "removes a container with all that it wrote",
		.table = &delete_table,
		.target = &options,
		.min = 1,
		.max = 1,
	};
	struct subject subject;
	int status;

	if (!verb_parse(&line, argc, argv, &status))
		return status;
	int err = options.force ? force_open(&subject, line.words.word[0]) : subject_open(&subject, line.words.word[0], true);
	if (!err)
		err = options.force ? lifecycle_stop(&subject, SIGKILL, 0) : subject_must_rest(&subject);
	if (!err)
		lifecycle_mend(&subject);
	if (!err)
		err = store_remove(&subject.store, &subject.entry);
	subject_close(&subject);
	return err ? VERB_FAILED : VERB_OK;
}

/* --- rename ------------------------------------------------------------------------------------------------------------------------------
 */

bool verb_name_is_good(const char *name)
{
	struct {
		const char *name;
	} target;
	const struct option_def def = {.name = "name"};
	struct options options = {.target = &target, .option = &def};
	const char *wrong = options_take_name(&options, (char *)name);

	if (wrong)
		log_error("'%s': %s: takes up to 63 letters, digits and _ + - ., the first of them no dot", name, wrong);
	return !wrong;
}

int verb_rename(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "rename", .usage = "NAME NEW-NAME", .help = "gives a container that rests another name", .min = 2, .max = 2};
	struct subject subject;
	int status;

	if (!verb_parse(&line, argc, argv, &status))
		return status;
	if (!verb_name_is_good(line.words.word[1]))
		return VERB_USAGE;
	int err = subject_open(&subject, line.words.word[0], true);
	if (!err)
		err = lifecycle_rest(&subject);
	if (!err)
		err = store_rename(&subject.store, &subject.entry, line.words.word[1]);
	subject_close(&subject);
	return err ? VERB_FAILED : VERB_OK;
}

/* --- wait --------------------------------------------------------------------------------------------------------------------------------
 */

int verb_wait(int argc, char **argv)
{
	struct verb_line line = {.verb = "wait",
				 .usage = "NAME",
				 .help = "waits until a container has ended; the exit status is its command's",
				 .min = 1,
				 .max = 1};
	struct subject subject;
	int status;

	if (!verb_parse(&line, argc, argv, &status))
		return status;
	int err = subject_open(&subject, line.words.word[0], false);
	if (!err && !subject.alive && !subject.status.started) {
		log_error("container '%s': was never started", subject.entry.name);
		err = -ESRCH;
	}
	if (!err)
		err = entry_wait(&subject.entry);
	if (!err)
		err = status_read(&subject.entry, &subject.status);
	/* Of one that was killed together with its monitor nobody wrote it down. */
	status = err ? VERB_FAILED : subject.status.pid ? 128 + SIGKILL : subject.status.status;
	subject_close(&subject);
	return status;
}

/* --- pause and resume --------------------------------------------------------------------------------------------------------------------
 */

static int freeze(struct verb_line *line, int argc, char **argv, bool frozen)
{
	struct subject subject;
	struct cgroup *cgroup;
	int status;

	line->usage = "NAME";
	line->min = line->max = 1;
	if (!verb_parse(line, argc, argv, &status))
		return status;
	int err = subject_open(&subject, line->words.word[0], true);
	if (!err)
		err = subject_must_run(&subject);
	if (!err) {
		err = cgroup_open(&cgroup, subject.entry.name);
		if (err)
			log_error("container '%s': has no control group that could be frozen: %s", subject.entry.name, strerror(-err));
	}
	if (!err) {
		err = cgroup_freeze(cgroup, frozen);
		cgroup_free(cgroup);
	}
	subject_close(&subject);
	return err ? VERB_FAILED : VERB_OK;
}

int verb_pause(int argc, char **argv)
{
	struct verb_line line = {.verb = "pause", .help = "freezes all processes of a container"};

	return freeze(&line, argc, argv, true);
}

int verb_resume(int argc, char **argv)
{
	struct verb_line line = {.verb = "resume", .help = "lets a paused container go on"};

	return freeze(&line, argc, argv, false);
}
