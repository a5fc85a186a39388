// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr snapshot` and `restore`: what a container wrote, as it was. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ctr/idmap.h"
#include "ctr/options.h"
#include "ctr/rootfs.h"
#include "ctr/store/snapshot.h"
#include "ctr/verbs/lifecycle.h"
#include "vmm/util/log.h"

struct snapshot_options {
	bool list, remove;
};

static const struct option_def snapshot_defs[] = {
	{.name = "list",
	 .letter = 'l',
	 .take = options_take_flag,
	 .field = offsetof(struct snapshot_options, list),
	 .help = "print the names of all, with their times"},
	{.name = "delete", .take = options_take_flag, .field = offsetof(struct snapshot_options, remove), .help = "remove SNAPSHOT"},
	OPTIONS_HELP,
};
const struct verb_table snapshot_table = {snapshot_defs, sizeof(snapshot_defs) / sizeof(*snapshot_defs)};

static int list(const struct subject *subject)
{
	char **names;
	int err = snapshot_names(&subject->entry, &names);

	for (unsigned i = 0; names && names[i]; i++) {
		time_t taken = (time_t)snapshot_time(&subject->entry, names[i]);
		char text[64] = "";
		struct tm tm;
		if (localtime_r(&taken, &tm))
			strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
		printf("%-20s %s\n", names[i], text);
	}
	store_free_names(names);
	return err;
}

/* One that was never started has nowhere to write yet: then that is empty, and as it would have been made. */
static int make_writes(struct subject *subject)
{
	char path[sizeof(subject->store.path) + 128];
	struct idmap map;
	struct spec spec;
	int err = subject_spec(subject, &spec);

	if (!err) {
		subject_place(subject, &spec, path, sizeof(path));
		if (!spec.writes_path) {
			log_error("container '%s': keeps no writes of its own%s", subject->entry.name,
				  spec.keep_writes ? " (--keep): copy its --rootfs or --disk instead" : "");
			err = -EINVAL;
		}
	}
	if (!err)
		err = idmap_choose(&map, spec.userns);
	if (!err)
		err = rootfs_make_writes(&spec, &map);
	spec_release(&spec);
	return err;
}

static int take(struct subject *subject, const char *name)
{
	bool image = subject->description.image;
	char chosen[STORE_NAME_MAX + 1];
	int err = lifecycle_rest(subject);

	if (!err && faccessat(subject->entry.fd, entry_writes(image), F_OK, AT_SYMLINK_NOFOLLOW))
		err = make_writes(subject);
	if (!err)
		err = snapshot_take(&subject->entry, image, name, chosen);
	if (!err && !name)
		puts(chosen);
	return err;
}

int verb_snapshot(int argc, char **argv)
{
	struct snapshot_options options = {.list = false};
	struct verb_line line = {
		.verb = "snapshot",
		.usage = "NAME [SNAPSHOT] [--list|--delete]",
		.help = "keeps what a container that rests wrote, under a name (snap0, snap1, ...)",
		.table = &snapshot_table,
		.target = &options,
		.min = 1,
		.max = 2,
	};
	struct subject subject;
	int status;

	if (!verb_parse(&line, argc, argv, &status))
		return status;
	const char *name = line.words.count > 1 ? line.words.word[1] : NULL;
	if ((options.list && (name || options.remove)) || (options.remove && !name)) {
		log_error("tinyvmm ctr snapshot: --list takes the container's name alone, --delete a snapshot's, too");
		return VERB_USAGE;
	}
	if (name && !verb_name_is_good(name))
		return VERB_USAGE;
	int err = subject_open(&subject, line.words.word[0], !options.list);
	if (!err && options.list)
		err = list(&subject);
	else if (!err)
		err = options.remove ? snapshot_delete(&subject.entry, name) : take(&subject, name);
	subject_close(&subject);
	return err ? VERB_FAILED : VERB_OK;
}

static int restore(struct subject *subject, const struct verb_line *line)
{
	int err = lifecycle_rest(subject);

	return err ? err : snapshot_restore(&subject->entry, subject->description.image, line->words.word[1]);
}

int verb_restore(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "restore",
		.usage = "NAME SNAPSHOT",
		.help = "makes what a container that rests wrote again what it was at a snapshot",
		.min = 2,
		.max = 2,
	};

	return verb_on_subject(&line, argc, argv, true, restore);
}
