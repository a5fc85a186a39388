// SPDX-License-Identifier: Apache-2.0
/*
 * Command lines: a table of options, and the walk over argv that hands each value to its handler. `tinyvmm run` and every verb of
 * `tinyvmm ctr` has a table of its own.
 *
 * A fault is one line: the option, what it was given, what is wrong with that, what it takes. So a handler only says what is wrong; the
 * rest is in the table. All faults are reported, not only the first. Strings of argv are cut apart in place and live as long as it does.
 */
#ifndef VMM_UTIL_OPTIONS_H
#define VMM_UTIL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;

struct option_def {
	const char *name;  /* without its dashes; NULL: an entry that only opens a group in --help (OPTIONS_HEADING) */
	const char *value; /* what --help calls its value; NULL: takes none */
	/* NULL, or what is wrong with the value (NULL for an option that takes none). One that logs its own faults returns NULL. */
	const char *(*take)(struct options *options, char *value);
	const char *takes; /* ends a fault */
	const char *help;  /* lines, for --help */
	uint32_t field;	   /* offset in the target, for the handlers that only store */
	char letter;	   /* 0: none */
	bool repeats;
};

#define OPTIONS_HEADING(text) { .help = (text) }
#define OPTIONS_MAX 64 /* entries of a table */

/* One parse under way. The caller fills in what stands before `next`. */
struct options {
	const char *program; /* "tinyvmm ctr run": whose --help lists the options */
	const struct option_def *defs;
	unsigned def_count;
	void *target;		   /* what is parsed into */
	char ***command;	   /* where what follows "--" goes, NULL-terminated as argv is; NULL: no command is taken */
	const char *command_hint;  /* ends the fault of a word that is no option: "; a command ... stands after '--'" */
	void (*stray)(struct options *options, char *arg); /* a word that is no option; NULL: a fault */
	void (*help)(void);	   /* what the table's OPTIONS_HELP prints */

	char **next, **end;		 /* what is left of argv */
	const struct option_def *option; /* the one being handled */
	uint64_t seen;			 /* bit n: entry n of the table was given */
	unsigned faults;
	void (*print)(void);		 /* --help or --version: ends the parse */
};

/* Walks argv (argv[0] is skipped). False when --help or the like was printed. Whether all is well, `faults` tells: each was logged. */
bool options_parse(struct options *options, int argc, char **argv);

/* Logs "--option: 'given': wrong: takes ..." for the option being handled, and counts it. */
void options_fault(struct options *options, const char *given, const char *wrong, const char *takes);

/* The word nearest to a mistyped one: *name and so on in `count` structs of `stride` bytes, NULLs passed over. NULL: none is near. */
const char *options_nearest(const char *typed, const char *const *name, size_t stride, unsigned count);

/* The place of `value` in a NULL-terminated list of words; -1: not there. */
int options_find_word(const char *const *words, const char *value);

/* Handlers for plain fields of the target: const char *, bool that becomes true, bool by on/off. And for --log-level. */
void *options_field(const struct options *options);
const char *options_take_text(struct options *options, char *value);
const char *options_take_flag(struct options *options, char *value);
const char *options_take_switch(struct options *options, char *value);
const char *options_take_log_level(struct options *options, char *value);
/* Ends the parse with options->help, in a table's entry of --help. */
const char *options_take_help(struct options *options, char *value);
#define OPTIONS_HELP { .name = "help", .letter = 'h', .take = options_take_help, .help = "this text" }

/* The name of a machine or container, which is its host name too: a DNS label (RFC 1035, 2.3.4), and no hidden file. */
const char *options_take_name(struct options *options, char *value);
/* Whole seconds into an unsigned, at most a year. */
const char *options_take_seconds(struct options *options, char *value);
/* NULL, or what is wrong: puts `value` at the end of a NULL-terminated list, which is realloc'ed; NULL is an empty one. */
const char *options_append(char ***list, char *value);

/* A part of an option that has some: ",name" or ",name=value". */
struct option_part {
	const char *name;
	bool bare, valued; /* may stand without a value, may have one */
	bool repeats;
	const char *(*take)(void *target, char *value); /* as option_def.take */
	const char *takes;
};

/*
 * Hands each part left at `cursor` to its handler and logs every fault. `first` is what stood before the parts: the disk's file, the
 * network's kind.
 */
void options_take_parts(struct options *options, const char *first, char *cursor, const struct option_part *parts, unsigned part_count,
			void *target);

/* The table as --help prints it, in 80 columns. */
void options_print_help(const struct option_def *defs, unsigned count);

#endif
