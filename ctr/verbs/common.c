// SPDX-License-Identifier: Apache-2.0
/* What the verbs share: see verbs.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup.h"
#include "ctr/options.h"
#include "ctr/store/snapshot.h"
#include "ctr/verbs/verbs.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* --- command lines ------------------------------------------------------------------------------------------------------------------- */

/* The one being parsed: help is printed without an argument, and words come with the table's target. One verb is parsed in a process. */
static struct verb_line *current;

static const struct option_def help_alone[] = {OPTIONS_HELP};
static const struct verb_table no_table = {help_alone, 1};

static void print_help(void)
{
	printf("tinyvmm ctr %s %s.\n\n  tinyvmm ctr %s %s\n", current->verb, current->help, current->verb, current->usage);
	options_print_help(current->table->defs, current->table->count);
}

static void take_word(struct options *options, char *arg)
{
	struct words *words = &current->words;

	if (words->count < current->max) {
		words->word[words->count++] = arg;
		return;
	}
	options->faults++;
	log_error("'%s': one word too many: usage: tinyvmm ctr %s %s", arg, current->verb, current->usage);
}

bool verb_parse(struct verb_line *line, int argc, char **argv, int *status)
{
	char program[64];

	if (!line->table)
		line->table = &no_table;
	struct options options = {
		.program = program,
		.defs = line->table->defs,
		.def_count = line->table->count,
		.target = line->target,
		.command = line->command,
		.command_hint = "; a command stands after '--'",
		.stray = take_word,
		.help = print_help,
	};

	snprintf(program, sizeof(program), "tinyvmm ctr %s", line->verb);
	current = line;
	*status = VERB_OK;
	if (!options_parse(&options, argc, argv))
		return false;
	if (!options.faults && line->words.count < line->min) {
		options.faults++;
		log_error("tinyvmm ctr %s: a word is missing: usage: tinyvmm ctr %s %s", line->verb, line->verb, line->usage);
	}
	*status = options.faults ? VERB_USAGE : VERB_OK;
	return !options.faults;
}

/* --- the container of a verb ------------------------------------------------------------------------------------------------------------
 */

int subject_find(struct subject *subject, const char *name, bool change)
{
	*subject = (struct subject){.store.fd = -1, .entry = {.fd = -1, .lock_fd = -1}};
	int err = store_open(&subject->store);
	if (!err)
		err = change ? store_find(&subject->store, name, &subject->entry) : store_look(&subject->store, name, &subject->entry);
	/* First, so that what the files say is of a life that had begun. */
	subject->alive = !err && entry_is_alive(&subject->entry);
	if (!err && change)
		entry_sweep(&subject->entry);
	return err;
}

int subject_read(struct subject *subject)
{
	int err = description_read(&subject->entry, &subject->description);

	return err ? err : status_read(&subject->entry, &subject->status);
}

int subject_open(struct subject *subject, const char *name, bool change)
{
	int err = subject_find(subject, name, change);

	return err ? err : subject_read(subject);
}

void subject_close(struct subject *subject)
{
	description_release(&subject->description);
	entry_close(&subject->entry);
	store_close(&subject->store);
}

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

int verb_on_subject(struct verb_line *line, int argc, char **argv, bool change, verb_act *act)
{
	struct subject subject;
	int status;

	if (!verb_parse(line, argc, argv, &status))
		return status;
	if (line->new_name && line->words.count > line->new_name && !verb_name_is_good(line->words.word[line->new_name]))
		return VERB_USAGE;
	status = subject_open(&subject, line->words.word[0], change);
	if (!status)
		status = act(&subject, line);
	subject_close(&subject);
	return status < 0 ? VERB_FAILED : status;
}

int subject_must_run(const struct subject *subject)
{
	if (subject->alive && subject->status.pid)
		return 0;
	log_error("container '%s': does not run: 'tinyvmm ctr start %s' first", subject->entry.name, subject->entry.name);
	return -ESRCH;
}

int subject_must_rest(const struct subject *subject)
{
	if (!subject->alive)
		return 0;
	log_error("container '%s': is running: 'tinyvmm ctr stop %s' first", subject->entry.name, subject->entry.name);
	return -EBUSY;
}

int subject_spec(struct subject *subject, struct spec *spec)
{
	static char program[] = "create";
	struct description *description = &subject->description;
	char **argv = NULL;
	int argc = 1;

	spec_init(spec);
	if (chdir(description->directory)) {
		int err = -errno;
		log_error("container '%s': %s, in which it was created: %s", subject->entry.name, description->directory, strerror(-err));
		return err;
	}
	bool lacking = options_append(&argv, program);
	for (; !lacking && description->arguments[argc - 1]; argc++)
		lacking = options_append(&argv, description->arguments[argc - 1]);
	enum options_result result = lacking ? OPTIONS_BAD : ctr_create_parse(spec, argc, argv);
	/* The command is a part of it, and stays with the spec. */
	spec->argv = argv;
	if (result != OPTIONS_RUN) {
		log_error("container '%s': its description can't be used any more", subject->entry.name);
		return -EINVAL;
	}
	spec->name = subject->entry.name;
	if (!spec->hostname)
		spec->hostname = spec->name;
	return 0;
}

void subject_place(const struct subject *subject, struct spec *spec, char *path, size_t size)
{
	entry_path(&subject->store, &subject->entry, subject->description.image ? "root" : "", path, size);
	if (subject->description.image) {
		spec->root = ROOT_DIR;
		spec->root_path = path;
		spec->keep_writes = !spec->read_only;
	} else if (!spec->keep_writes && !spec->read_only && spec->isolation != ISOLATION_CHROOT) {
		spec->writes_path = path;
	}
}

int subject_cgroup(const struct subject *subject, struct cgroup **cgroup, const char *lacking)
{
	int err = cgroup_open(cgroup, subject->entry.name);

	if (err)
		log_error("container '%s': has no control group that %s: %s", subject->entry.name, lacking, strerror(-err));
	return err;
}

int subject_pidfd(const struct subject *subject)
{
	int fd = (int)syscall(SYS_pidfd_open, subject->status.pid, 0);

	/* While its monitor lives the number is nobody else's: the monitor has not buried it yet. */
	if (fd >= 0 && entry_is_alive(&subject->entry))
		return fd;
	close_fd(&fd);
	log_error("container '%s': just ended", subject->entry.name);
	return -ESRCH;
}
