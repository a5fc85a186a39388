// SPDX-License-Identifier: Apache-2.0
/*
 * The option table, and what the files that read it share: cli.c walks argv, cli_options.c has the table and the plain options, cli_disk.c
 * and cli_net.c take the two that have parts (walked by cli_parts.c), cli_help.c prints the table.
 *
 * A fault is one line: the option, what it was given, what is wrong with that, what it takes. So a handler only says what is wrong; the
 * rest is in the table.
 */
#ifndef VMM_CLI_OPTIONS_H
#define VMM_CLI_OPTIONS_H

#include <stddef.h>

#include "vmm/config.h"

struct cli_option;

/* One parse under way. */
struct cli {
	struct config *config;
	char **next, **end;		 /* what is left of argv */
	const struct cli_option *option; /* the one being handled */
	uint64_t seen;			 /* bit n: entry n of the table was given */
	unsigned faults;
	bool no_net;			 /* --net none */
	void (*print)(void);		 /* --help or --version: ends the parse */
};

struct cli_option {
	const char *heading; /* an entry that only opens a group in --help */
	const char *name;    /* without its dashes */
	char letter;	     /* 0: none */
	const char *value;   /* what --help calls its value; NULL: takes none */
	bool repeats;
	/* NULL, or what is wrong with the value (NULL for an option that takes none). One that logs its own faults returns NULL. */
	const char *(*take)(struct cli *cli, char *value);
	size_t field;	     /* of struct config, for the handlers that only store */
	const char *takes;   /* ends a fault */
	const char *help;    /* lines, for --help */
};

extern const struct cli_option cli_options[];
extern const unsigned cli_option_count;

struct cli_status {
	enum exit_status status;
	const char *meaning;
};

extern const struct cli_status cli_statuses[];
extern const unsigned cli_status_count;

/* A part of --disk or --net: ",name" or ",name=value". */
struct cli_part {
	const char *name;
	bool bare, valued; /* may stand without a value, may have one */
	bool repeats;
	const char *(*take)(void *target, char *value); /* as cli_option.take */
	const char *takes;
};

/*
 * Hands each part left at `cursor` to its handler and logs every fault. `first` is what stood before the parts: the disk's file, the
 * network's kind.
 */
void cli_take_parts(struct cli *cli, const char *first, char *cursor, const struct cli_part *parts, unsigned part_count, void *target);

/* Logs "--option: 'given': wrong: takes ..." for the option being handled, and counts it. */
void cli_fault(struct cli *cli, const char *given, const char *wrong, const char *takes);

/* The word nearest to a mistyped one: *name and so on in `count` structs of `stride` bytes, NULLs passed over. NULL: none is near. */
const char *cli_nearest(const char *typed, const char *const *name, size_t stride, unsigned count);

const char *cli_take_disk(struct cli *cli, char *value);
const char *cli_take_net(struct cli *cli, char *value);

#endif
