// SPDX-License-Identifier: Apache-2.0
/*
 * Walks the command line: see cli.h.
 *
 * getopt_long() explains little, and takes abbreviations, which break scripts on the day an option is added. Here every fault is reported
 * in one go, and an unknown option names the nearest known one.
 */
#include "vmm/cli.h"

#include <string.h>

#include "vmm/cli_options.h"
#include "vmm/util/log.h"

#define WORD_MAX 24

void cli_fault(struct cli *cli, const char *given, const char *wrong, const char *takes)
{
	cli->faults++;
	if (given)
		log_error("--%s: '%s': %s: takes %s", cli->option->name, given, wrong, takes);
	else
		log_error("--%s: %s: takes %s", cli->option->name, wrong, takes);
}

/* How many letters must be put in, left out or replaced to make one word of the other (Levenshtein's distance). */
static unsigned word_distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t a_len = strnlen(a, WORD_MAX), b_len = strnlen(b, WORD_MAX);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
			unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = replaced < shorter ? replaced : shorter;
		}
	}
	return row[b_len];
}

const char *cli_nearest(const char *typed, const char *const *name, size_t stride, unsigned count)
{
	size_t len = strlen(typed);
	unsigned best = (unsigned)(len < 4 ? 2 : 3); /* further away than this is another word */
	const char *found = NULL;

	for (unsigned i = 0; i < count; i++, name = (const char *const *)((const char *)name + stride)) {
		if (!*name)
			continue;
		bool abbreviated = len > 1 && !strncmp(*name, typed, len);
		unsigned distance = abbreviated ? 1 : word_distance(typed, *name);
		if (distance < best && len <= WORD_MAX) {
			best = distance;
			found = *name;
		}
	}
	return found;
}

static const struct cli_option *find_option(const char *name, size_t len)
{
	for (unsigned i = 0; i < cli_option_count; i++) {
		const struct cli_option *option = &cli_options[i];
		if (option->name && strlen(option->name) == len && !memcmp(option->name, name, len))
			return option;
	}
	return NULL;
}

static const struct cli_option *find_letter(char letter)
{
	for (unsigned i = 0; i < cli_option_count; i++) {
		if (cli_options[i].letter && cli_options[i].letter == letter)
			return &cli_options[i];
	}
	return NULL;
}

/* The argument after the option. Another option, or the "--" before the command, is no value: then the value was forgotten. */
static char *next_value(struct cli *cli)
{
	char *arg = cli->next < cli->end ? *cli->next : NULL;

	if (!arg || !strcmp(arg, "--"))
		return NULL;
	if (!strncmp(arg, "--", 2) && find_option(arg + 2, strcspn(arg + 2, "=")))
		return NULL;
	cli->next++;
	return arg;
}

/* `value` is what was attached to the option by "=" or, for a letter, directly; NULL: nothing was. */
static void take_option(struct cli *cli, const struct cli_option *option, char *value)
{
	uint64_t bit = 1ull << (option - cli_options);
	bool again = cli->seen & bit;

	cli->option = option;
	cli->seen |= bit;
	if (!option->value) {
		if (value)
			cli_fault(cli, value, "a value where none belongs", "none");
		else
			option->take(cli, NULL);
		return;
	}
	if (!value)
		value = next_value(cli);
	if (!value || !*value) {
		cli_fault(cli, NULL, "no value given", option->takes);
		return;
	}
	if (again && !option->repeats) {
		cli_fault(cli, value, "given a second time", "one value");
		return;
	}
	const char *wrong = option->take(cli, value);
	if (wrong)
		cli_fault(cli, value, wrong, option->takes);
}

static void refuse_unknown(struct cli *cli, const char *dashes, char *name)
{
	char *value = strchr(name, '=');

	if (value)
		*value = '\0';
	const char *near = cli_nearest(name, &cli_options->name, sizeof(*cli_options), cli_option_count);
	const struct cli_option *meant = near ? find_option(near, strlen(near)) : NULL;

	cli->faults++;
	if (meant)
		log_error("%s%s: unknown option: did you mean --%s?", dashes, name, near);
	else
		log_error("%s%s: unknown option: 'tinyvmm --help' lists them; a command for the guest stands after '--'", dashes, name);
	/* What follows was its value, which may have faults of its own, or none. */
	if (meant && meant->value)
		take_option(cli, meant, value ? value + 1 : NULL);
	else if (!meant && !value && cli->next < cli->end && **cli->next != '-')
		cli->next++;
}

/* --name, --name=value, --name value */
static void take_long(struct cli *cli, char *arg)
{
	size_t len = strcspn(arg, "=");
	const struct cli_option *option = find_option(arg, len);

	if (option)
		take_option(cli, option, arg[len] ? arg + len + 1 : NULL);
	else
		refuse_unknown(cli, "--", arg);
}

/* -n, -n value, -nvalue. A long option with one dash would else be read as a letter and a strange value. */
static void take_short(struct cli *cli, char *arg)
{
	const struct cli_option *option = find_letter(arg[0]);

	if (!option || (arg[1] && find_option(arg, strcspn(arg, "="))))
		refuse_unknown(cli, "-", arg);
	else
		take_option(cli, option, arg[1] ? arg + 1 : NULL);
}

static void refuse_stray(struct cli *cli, const char *arg)
{
	cli->faults++;
	if (cli->config->kernel_path) {
		log_error("%s: neither an option nor an option's value: a command for the guest stands after '--'", arg);
		return;
	}
	log_error("%s: not an option: did you mean --kernel %s?", arg, arg);
	cli->config->kernel_path = arg; /* so that a missing kernel is not reported as well */
}

static void take_command(struct cli *cli)
{
	if (cli->next < cli->end) {
		cli->config->command = cli->next;
		return;
	}
	cli->faults++;
	log_error("--: no command follows: takes the command to run in the guest and its arguments");
}

enum cli_result cli_parse(struct config *config, int argc, char **argv)
{
	struct cli cli = { .config = config, .next = argv + 1, .end = argv + argc };

	config_init(config);
	while (cli.next < cli.end) {
		char *arg = *cli.next++;
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): argv has no NULL before its end */
		if (!strcmp(arg, "--")) {
			take_command(&cli);
			break;
		}
		if (arg[0] == '-' && arg[1] == '-')
			take_long(&cli, arg + 2);
		else if (arg[0] == '-' && arg[1])
			take_short(&cli, arg + 1);
		else
			refuse_stray(&cli, arg);
		if (cli.print) {
			cli.print();
			return CLI_DONE;
		}
	}
	if (!config->net_count && !cli.no_net)
		config->net[config->net_count++].netdev.kind = NETDEV_USER;
	config_choose_macs(config);
	cli.faults += config_check(config);
	return cli.faults ? CLI_BAD : CLI_RUN;
}
