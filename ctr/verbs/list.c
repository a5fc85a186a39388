// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr list` and `info`: what there is and how it is, for people and, with --json, for programs. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctr/cgroup/cgroup.h"
#include "ctr/verbs/monitor.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

#define JSON_CALLS(X)  \
	X(json_object) \
	X(json_object_set_new) X(json_array) X(json_array_append_new) X(json_string) X(json_integer) X(json_dumps) X(json_delete)
LIB_STRUCT(json_lib, JSON_CALLS);

#define TIME_TEXT_MAX 32

static bool is_frozen(const char *name)
{
	struct cgroup *cgroup;

	if (cgroup_open(&cgroup, name))
		return false;
	bool frozen = cgroup_is_frozen(cgroup);
	cgroup_free(cgroup);
	return frozen;
}

static const char *state_of(const struct subject *subject)
{
	if (subject->alive && subject->status.pid)
		return is_frozen(subject->entry.name) ? "paused" : "running";
	if (subject->alive)
		return "starting";
	return subject->status.started ? "stopped" : "created";
}

/* Of one that was killed together with its monitor nobody wrote the status down. */
static int exit_status(const struct status *status)
{
	return status->pid ? 128 + SIGKILL : status->status;
}

static const char *time_text(int64_t seconds, char text[TIME_TEXT_MAX])
{
	time_t at = (time_t)seconds;
	struct tm tm;

	if (!seconds || !localtime_r(&at, &tm) || !strftime(text, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm))
		return "-";
	return text;
}

/* --- JSON
 * ---------------------------------------------------------------------------------------------------------------------------------- */

static json_t *arguments_json(const struct json_lib *lib, char **arguments)
{
	json_t *list = lib->json_array();

	for (; arguments && *arguments; arguments++)
		lib->json_array_append_new(list, lib->json_string(*arguments));
	return list;
}

static json_t *subject_json(const struct json_lib *lib, const struct subject *subject)
{
	json_t *object = lib->json_object();
	const struct status *status = &subject->status;

	lib->json_object_set_new(object, "name", lib->json_string(subject->entry.name));
	lib->json_object_set_new(object, "state", lib->json_string(state_of(subject)));
	lib->json_object_set_new(object, "created", lib->json_integer(subject->description.created));
	lib->json_object_set_new(object, "directory", lib->json_string(subject->description.directory));
	lib->json_object_set_new(object, "arguments", arguments_json(lib, subject->description.arguments));
	if (subject->alive)
		lib->json_object_set_new(object, "pid", lib->json_integer(status->pid));
	if (status->started)
		lib->json_object_set_new(object, "started", lib->json_integer(status->started));
	if (!subject->alive && status->started) {
		lib->json_object_set_new(object, "finished", lib->json_integer(status->finished));
		lib->json_object_set_new(object, "status", lib->json_integer(exit_status(status)));
	}
	return object;
}

static int open_json(struct json_lib *lib)
{
	return LIB_OPEN(lib, "libjansson.so.4", "libjansson4", JSON_CALLS);
}

static int print_json(const struct json_lib *lib, json_t *root)
{
	char *text = lib->json_dumps(root, JSON_INDENT(2));

	if (text)
		puts(text);
	free(text);
	lib->json_delete(root);
	return text ? 0 : -ENOMEM;
}

/* --- list
 * ---------------------------------------------------------------------------------------------------------------------------------- */

struct list_options {
	bool json, quiet;
};

static const struct option_def list_defs[] = {
	{.name = "json", .take = options_take_flag, .field = offsetof(struct list_options, json), .help = "as a JSON list"},
	{.name = "quiet", .letter = 'q', .take = options_take_flag, .field = offsetof(struct list_options, quiet), .help = "names only"},
	OPTIONS_HELP,
};
const struct verb_table list_table = {list_defs, sizeof(list_defs) / sizeof(*list_defs)};

static void print_line(const struct subject *subject)
{
	char when[TIME_TEXT_MAX], pid[16] = "-";
	const struct status *status = &subject->status;

	if (subject->alive)
		snprintf(pid, sizeof(pid), "%d", (int)status->pid);
	else if (status->started)
		snprintf(pid, sizeof(pid), "(%d)", exit_status(status));
	printf("%-20s %-9s %8s  %s\n", subject->entry.name, state_of(subject), pid,
	       time_text(subject->alive ? status->started : status->finished, when));
}

struct listing {
	const struct list_options *options;
	struct json_lib lib;
	json_t *json;
};

/* One that goes meanwhile is no fault; one that is damaged is told, and the others are listed. */
static int list_one(struct listing *listing, struct store *store, const char *name)
{
	struct subject subject = {.store = *store, .entry = {.fd = -1, .lock_fd = -1}};
	int err = store_look(store, name, &subject.entry);

	if (err)
		return err == -ENOENT ? 0 : err;
	subject.alive = entry_is_alive(&subject.entry);
	err = subject_read(&subject);
	if (!err && listing->json)
		listing->lib.json_array_append_new(listing->json, subject_json(&listing->lib, &subject));
	else if (!err)
		print_line(&subject);
	description_release(&subject.description);
	entry_close(&subject.entry);
	return err;
}

static int list_all(struct listing *listing, struct store *store, char **names)
{
	int err = 0;

	if (!listing->json && !listing->options->quiet)
		printf("%-20s %-9s %8s  %s\n", "NAME", "STATE", "PID", "SINCE");
	for (; names && *names; names++) {
		int failed = 0;
		if (listing->options->quiet)
			puts(*names);
		else
			failed = list_one(listing, store, *names);
		err = err ? err : failed;
	}
	return err;
}

int verb_list(int argc, char **argv)
{
	struct list_options options = {0};
	struct verb_line line = {
		.verb = "list",
		.usage = "[OPTION]...",
		.help = "lists containers; after (N) the last run's exit status",
		.table = &list_table,
		.target = &options,
	};
	struct listing listing = {.options = &options};
	struct store store;
	char **names = NULL;
	int status;

	if (!verb_parse(&line, argc, argv, &status))
		return status;
	int err = options.json ? open_json(&listing.lib) : 0;
	if (!err)
		err = store_open(&store);
	if (err)
		return VERB_FAILED;
	if (options.json)
		listing.json = listing.lib.json_array();
	err = store_names(&store, &names);
	if (!err)
		err = list_all(&listing, &store, names);
	if (listing.json)
		print_json(&listing.lib, listing.json);
	store_free_names(names);
	store_close(&store);
	return err ? VERB_FAILED : VERB_OK;
}

/* --- info
 * ---------------------------------------------------------------------------------------------------------------------------------- */

struct info_options {
	bool json;
};

static const struct option_def info_defs[] = {
	{.name = "json", .take = options_take_flag, .field = offsetof(struct info_options, json), .help = "as JSON"},
	OPTIONS_HELP,
};
const struct verb_table info_table = {info_defs, sizeof(info_defs) / sizeof(*info_defs)};

/* As a shell would take it. */
static void print_arguments(char **arguments)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.,:=/@%";

	fputs("arguments  ", stdout);
	for (; arguments && *arguments; arguments++) {
		bool quote = !**arguments || (*arguments)[strspn(*arguments, plain)];
		fputs(quote ? " '" : " ", stdout);
		for (const char *c = *arguments; *c; c++) {
			if (*c == '\'')
				fputs("'\\''", stdout);
			else
				putchar((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
		}
		fputs(quote ? "'" : "", stdout);
	}
	putchar('\n');
}

static void print_use(const char *name)
{
	struct cgroup_stats stats;
	struct cgroup *cgroup;
	char size[PARSE_SIZE_MAX];

	if (cgroup_open(&cgroup, name))
		return;
	cgroup_stats(cgroup, &stats);
	cgroup_free(cgroup);
	if (stats.has_memory)
		printf("memory      %s\n", format_size(stats.memory_bytes, size));
	if (stats.has_cpu)
		printf("cpu         %llu ms\n", (unsigned long long)stats.cpu_usec / 1000);
	if (stats.has_pids)
		printf("processes   %llu\n", (unsigned long long)stats.pids);
}

static void print_messages(const struct entry *entry)
{
	char *text, *cursor, *message;
	size_t len;

	if (entry_read(entry, MESSAGES_FILE, MESSAGES_BYTES_MAX, &text, &len))
		return;
	for (cursor = text; (message = strsep(&cursor, "\n"));) {
		if (*message)
			printf("message     %s\n", message);
	}
	free(text);
}

static void print_info(const struct subject *subject)
{
	const struct status *status = &subject->status;
	char when[TIME_TEXT_MAX], path[sizeof(subject->store.path) + 80];

	entry_path(&subject->store, &subject->entry, "", path, sizeof(path));
	printf("name        %s\nstate       %s\nkept in     %s\n", subject->entry.name, state_of(subject), path);
	printf("created     %s\n", time_text(subject->description.created, when));
	printf("directory   %s\n", subject->description.directory);
	print_arguments(subject->description.arguments);
	if (status->started)
		printf("started     %s\n", time_text(status->started, when));
	if (subject->alive) {
		printf("pid         %d\n", (int)status->pid);
		print_use(subject->entry.name);
	} else if (status->started) {
		printf("finished    %s\nstatus      %d\n", time_text(status->finished, when), exit_status(status));
	}
	print_messages(&subject->entry);
}

static int tell(struct subject *subject, const struct verb_line *line)
{
	const struct info_options *options = line->target;
	struct json_lib lib;

	if (!options->json) {
		print_info(subject);
		return 0;
	}
	int err = open_json(&lib);
	return err ? err : print_json(&lib, subject_json(&lib, subject));
}

int verb_info(int argc, char **argv)
{
	struct info_options options = {0};
	struct verb_line line = {
		.verb = "info",
		.usage = "NAME [--json]",
		.help = "tells what is known of a container",
		.table = &info_table,
		.target = &options,
		.min = 1,
		.max = 1,
	};

	return verb_on_subject(&line, argc, argv, false, tell);
}
