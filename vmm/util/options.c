// SPDX-License-Identifier: Apache-2.0
/*
 * Command lines: see options.h.
 *
 * getopt_long() explains little, and takes abbreviations, which break scripts on the day an option is added. Here every fault is reported
 * in one go, and an unknown option names the nearest known one.
 */
#include "vmm/util/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util/log.h"
#include "vmm/util/parse.h"

#define HELP_COLUMN 32
#define NAME_BYTES_MAX 63
#define SECONDS_MAX (366u * 24 * 3600)
#define WORD_MAX 24

void options_fault(struct options *options, const char *given, const char *wrong, const char *takes)
{
	options->faults++;
	if (given)
		log_error("--%s: '%s': %s: takes %s", options->option->name, given, wrong, takes);
	else
		log_error("--%s: %s: takes %s", options->option->name, wrong, takes);
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

const char *options_nearest(const char *typed, const char *const *name, size_t stride, unsigned count)
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

static const struct option_def *find_option(const struct options *options, const char *name, size_t len)
{
	for (unsigned i = 0; i < options->def_count; i++) {
		const struct option_def *option = &options->defs[i];
		if (option->name && strlen(option->name) == len && !memcmp(option->name, name, len))
			return option;
	}
	return NULL;
}

static const struct option_def *find_letter(const struct options *options, char letter)
{
	for (unsigned i = 0; i < options->def_count; i++) {
		if (options->defs[i].letter && options->defs[i].letter == letter)
			return &options->defs[i];
	}
	return NULL;
}

/* The argument after the option. Another option, or the "--" before the command, is no value: then the value was forgotten. */
static char *next_value(struct options *options)
{
	char *arg = options->next < options->end ? *options->next : NULL;

	if (!arg || !strcmp(arg, "--"))
		return NULL;
	if (!strncmp(arg, "--", 2) && find_option(options, arg + 2, strcspn(arg + 2, "=")))
		return NULL;
	options->next++;
	return arg;
}

/* `value` is what was attached to the option by "=" or, for a letter, directly; NULL: nothing was. */
static void take_option(struct options *options, const struct option_def *option, char *value)
{
	uint64_t bit = 1ull << (option - options->defs);
	bool again = options->seen & bit;

	options->option = option;
	options->seen |= bit;
	if (!option->value) {
		if (value)
			options_fault(options, value, "a value where none belongs", "none");
		else
			option->take(options, NULL);
		return;
	}
	if (!value)
		value = next_value(options);
	if (!value || !*value) {
		options_fault(options, NULL, "no value given", option->takes);
		return;
	}
	if (again && !option->repeats) {
		options_fault(options, value, "given a second time", "one value");
		return;
	}
	const char *wrong = option->take(options, value);
	if (wrong)
		options_fault(options, value, wrong, option->takes);
}

static void refuse_unknown(struct options *options, const char *dashes, char *name)
{
	char *value = strchr(name, '=');

	if (value)
		*value = '\0';
	const char *near = options_nearest(name, &options->defs->name, sizeof(*options->defs), options->def_count);
	const struct option_def *meant = near ? find_option(options, near, strlen(near)) : NULL;

	options->faults++;
	if (meant)
		log_error("%s%s: unknown option: did you mean --%s?", dashes, name, near);
	else
		log_error("%s%s: unknown option: '%s --help' lists them%s", dashes, name, options->program,
			  options->command ? options->command_hint : "");
	/* What follows was its value, which may have faults of its own, or none. */
	if (meant && meant->value)
		take_option(options, meant, value ? value + 1 : NULL);
	else if (!meant && !value && options->next < options->end && **options->next != '-')
		options->next++;
}

/* --name, --name=value, --name value */
static void take_long(struct options *options, char *arg)
{
	size_t len = strcspn(arg, "=");
	const struct option_def *option = find_option(options, arg, len);

	if (option)
		take_option(options, option, arg[len] ? arg + len + 1 : NULL);
	else
		refuse_unknown(options, "--", arg);
}

/* -n, -n value, -nvalue. A long option with one dash would else be read as a letter and a strange value. */
static void take_short(struct options *options, char *arg)
{
	const struct option_def *option = find_letter(options, arg[0]);

	if (!option || (arg[1] && find_option(options, arg, strcspn(arg, "="))))
		refuse_unknown(options, "-", arg);
	else
		take_option(options, option, arg[1] ? arg + 1 : NULL);
}

static void take_command(struct options *options)
{
	if (!options->command) {
		options->faults++;
		log_error("--: '%s' runs no command", options->program);
		return;
	}
	if (options->next < options->end) {
		*options->command = options->next;
		return;
	}
	options->faults++;
	log_error("--: no command follows: takes the command to run and its arguments");
}

static void take_stray(struct options *options, char *arg)
{
	if (options->stray) {
		options->stray(options, arg);
		return;
	}
	options->faults++;
	log_error("%s: neither an option nor an option's value%s", arg, options->command ? options->command_hint : "");
}

bool options_parse(struct options *options, int argc, char **argv)
{
	options->next = argv + 1;
	options->end = argv + argc;
	while (options->next < options->end) {
		char *arg = *options->next++;
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): argv has no NULL before its end */
		if (!strcmp(arg, "--")) {
			take_command(options);
			break;
		}
		if (arg[0] == '-' && arg[1] == '-')
			take_long(options, arg + 2);
		else if (arg[0] == '-' && arg[1])
			take_short(options, arg + 1);
		else
			take_stray(options, arg);
		if (options->print) {
			options->print();
			return false;
		}
	}
	return true;
}

/* --- what tables share ------------------------------------------------------------------------------------------------------ */

void *options_field(const struct options *options)
{
	return (char *)options->target + options->option->field;
}

const char *options_take_text(struct options *options, char *value)
{
	*(const char **)options_field(options) = value;
	return NULL;
}

const char *options_take_flag(struct options *options, char *value)
{
	(void)value;
	*(bool *)options_field(options) = true;
	return NULL;
}

const char *options_take_switch(struct options *options, char *value)
{
	return parse_bool(value, options_field(options)) ? "neither on nor off" : NULL;
}

const char *options_take_help(struct options *options, char *value)
{
	(void)value;
	options->print = options->help;
	return NULL;
}

const char *options_take_log_level(struct options *options, char *value)
{
	static const char *const words[] = { [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL };
	int i = options_find_word(words, value);

	(void)options;
	if (i < 0)
		return "no such level";
	log_set_level((enum log_level)i);
	return NULL;
}

const char *options_take_name(struct options *options, char *value)
{
	size_t len = strlen(value);

	if (len > NAME_BYTES_MAX)
		return "too long";
	if (value[0] == '.')
		return "starts with a dot";
	if (strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.") != len)
		return "holds other characters than it may";
	return options_take_text(options, value);
}

const char *options_take_seconds(struct options *options, char *value)
{
	uint64_t seconds;
	int err = parse_u64(value, 0, SECONDS_MAX, &seconds);

	if (err)
		return err == -ERANGE ? "too long" : "not a number of seconds";
	*(unsigned *)options_field(options) = (unsigned)seconds;
	return NULL;
}

const char *options_append(char ***list, char *value)
{
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	char **grown = realloc(*list, (n + 2) * sizeof(*grown));
	if (!grown)
		return strerror(ENOMEM);
	grown[n] = value;
	grown[n + 1] = NULL;
	*list = grown;
	return NULL;
}

int options_find_word(const char *const *words, const char *value)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], value))
			return i;
	}
	return -1;
}

/* --- --help ----------------------------------------------------------------------------------------------------------------- */

static void print_option(const struct option_def *option)
{
	char left[64];
	char letter[8] = "    ";
	const char *line = option->help;

	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	snprintf(left, sizeof(left), "  %s--%s %s", letter, option->name, option->value ? option->value : "");
	for (const char *head = left; line; head = "") {
		const char *end = strchrnul(line, '\n');
		printf("%-*s%.*s\n", HELP_COLUMN, head, (int)(end - line), line);
		line = *end ? end + 1 : NULL;
	}
}

void options_print_help(const struct option_def *defs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (defs[i].name)
			print_option(&defs[i]);
		else
			printf("\n%s:\n", defs[i].help);
	}
}
