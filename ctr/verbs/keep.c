// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr delete`, `rename`, `wait`, `pause` and `resume`: a line or two each. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>

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

static int rename_it(struct subject *subject, const struct verb_line *line)
{
	int err = lifecycle_rest(subject);

	return err ? err : store_rename(&subject->store, &subject->entry, line->words.word[1]);
}

int verb_rename(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "rename",
		.usage = "NAME NEW-NAME",
		.help = "gives a container that rests another name",
		.min = 2,
		.max = 2,
		.new_name = 1,
	};

	return verb_on_subject(&line, argc, argv, true, rename_it);
}

/* --- wait --------------------------------------------------------------------------------------------------------------------------------
 */

static int wait_for(struct subject *subject, const struct verb_line *line)
{
	(void)line;
	if (!subject->alive && !subject->status.started) {
		log_error("container '%s': was never started", subject->entry.name);
		return -ESRCH;
	}
	int err = entry_wait(&subject->entry);
	if (!err)
		err = status_read(&subject->entry, &subject->status);
	/* Of one that was killed together with its monitor nobody wrote it down. */
	return err ? err : subject->status.pid ? 128 + SIGKILL : subject->status.status;
}

int verb_wait(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "wait",
		.usage = "NAME",
		.help = "waits until a container has ended; the exit status is its command's",
		.min = 1,
		.max = 1,
	};

	return verb_on_subject(&line, argc, argv, false, wait_for);
}

/* --- pause and resume --------------------------------------------------------------------------------------------------------------------
 */

static int freeze(struct subject *subject, bool frozen)
{
	struct cgroup *cgroup;
	int err = subject_must_run(subject);

	if (!err)
		err = subject_cgroup(subject, &cgroup, "could be frozen");
	if (!err) {
		err = cgroup_freeze(cgroup, frozen);
		cgroup_free(cgroup);
	}
	return err;
}

static int pause_it(struct subject *subject, const struct verb_line *line)
{
	(void)line;
	return freeze(subject, true);
}

static int resume_it(struct subject *subject, const struct verb_line *line)
{
	(void)line;
	return freeze(subject, false);
}

int verb_pause(int argc, char **argv)
{
	struct verb_line line = {.verb = "pause", .usage = "NAME", .help = "freezes all processes of a container", .min = 1, .max = 1};

	return verb_on_subject(&line, argc, argv, true, pause_it);
}

int verb_resume(int argc, char **argv)
{
	struct verb_line line = {.verb = "resume", .usage = "NAME", .help = "lets a paused container go on", .min = 1, .max = 1};

	return verb_on_subject(&line, argc, argv, true, resume_it);
}
