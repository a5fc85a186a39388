// SPDX-License-Identifier: Apache-2.0
/*
 * The verbs of `tinyvmm ctr`, and what they share. Each gets its own command line, argv[0] being the verb, and returns the exit status:
 * 0; 1 for what the container, its state or a file is at fault (there is none of this name, it does not run, ...); 2 for the command line;
 * `attach`, `exec` and `wait` the command's; `start`, `restart` and `exec` also run.h's 124 to 127.
 */
#ifndef CTR_VERBS_VERBS_H
#define CTR_VERBS_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ctr/spec.h"
#include "ctr/store/state.h"
#include "ctr/store/store.h"
#include "vmm/util/options.h"

enum { VERB_OK = 0, VERB_FAILED = 1, VERB_USAGE = 2 };

/* The words of a verb that are no options, its NAME first. */
#define WORDS_MAX 3
struct words {
	char *word[WORDS_MAX];
	unsigned count;
};

struct cgroup;

struct verb_table {
	const struct option_def *defs;
	unsigned count;
};
/* Of the verbs that have options of their own. `create` and `import` have those of `run` (ctr/options.h). */
extern const struct verb_table stop_table, exec_table, delete_table, list_table, info_table, logs_table, stats_table, snapshot_table;

/* All of them, in the order of `tinyvmm ctr --help`. */
struct verb {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
	const struct verb_table *table; /* NULL: none of its own */
};
extern const struct verb ctr_verbs[];
extern const unsigned ctr_verb_count;

/*
 * One verb's command line: `table` and its `target` may be NULL when it has no options but --help. `usage` is "NAME [--all]", `min` and `max` count the
 * words. False: ended here, with *status to exit with.
 */
struct verb_line {
	const char *verb, *usage, *help; /* help: what it does, for --help */
	const struct verb_table *table;
	void *target;
	char ***command; /* NULL: none is taken */
	unsigned min, max;
	unsigned new_name; /* this word is a name to give: options_take_name(); 0: none is */
	struct words words;
};
bool verb_parse(struct verb_line *line, int argc, char **argv, int *status);

/* A container of the store, for the time of a verb: found, and locked if `change`; then what a crash left in it is removed, too. */
struct subject {
	struct store store;
	struct entry entry;
	struct description description;
	struct status status;
	bool alive;
};
/* Logs what is wrong. 0 or a negative errno; subject_close() may follow at any time after. */
int subject_open(struct subject *subject, const char *name, bool change);
/* Its two halves: all but the documents, and the documents. */
int subject_find(struct subject *subject, const char *name, bool change);
int subject_read(struct subject *subject);
void subject_close(struct subject *subject);
/* Logged: "NAME: does not run" (-ESRCH), "NAME: is running: stop it first" (-EBUSY). */
int subject_must_run(const struct subject *subject);
int subject_must_rest(const struct subject *subject);

/*
 * Its description, as `create` was told: what ctr_create_parse() makes of the arguments, in their directory, which becomes ours. spec_release() frees it.
 */
int subject_spec(struct subject *subject, struct spec *spec);

/*
 * Then where it writes: to a root of its own, made from an archive, or beside its root, unless the description says that it writes to something else. `path`
 * gets the name of that, and lives as long as the spec.
 */
void subject_place(const struct subject *subject, struct spec *spec, char *path, size_t size);

/* Its control group, cgroup_free()d by the caller; `lacking` ends the message where it has none: "could be frozen". */
int subject_cgroup(const struct subject *subject, struct cgroup **cgroup, const char *lacking);

/* A process descriptor of its first process, -ESRCH (logged) when it just ended. */
int subject_pidfd(const struct subject *subject);

/*
 * A verb that does one thing to one container, NAME: parses the line, opens the subject (`change`: locked), lets `act` at it, closes it. `act` returns a
 * negative errno, logged, or the exit status, which is returned.
 */
typedef int verb_act(struct subject *subject, const struct verb_line *line);
int verb_on_subject(struct verb_line *line, int argc, char **argv, bool change, verb_act *act);

/* What options_take_name() says of a name that is a word; logged. */
bool verb_name_is_good(const char *name);

int verb_create(int argc, char **argv);
int verb_start(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_kill(int argc, char **argv);
int verb_restart(int argc, char **argv);
int verb_exec(int argc, char **argv);
int verb_attach(int argc, char **argv);
int verb_pause(int argc, char **argv);
int verb_resume(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_info(int argc, char **argv);
int verb_logs(int argc, char **argv);
int verb_stats(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_rename(int argc, char **argv);
int verb_copy(int argc, char **argv);
int verb_snapshot(int argc, char **argv);
int verb_restore(int argc, char **argv);
int verb_export(int argc, char **argv);
int verb_import(int argc, char **argv);
int verb_delete(int argc, char **argv);

#endif
