// SPDX-License-Identifier: Apache-2.0
/* The command lines of `tinyvmm bench` and `tinyvmm contrast`: see options.h. */
#include "bench/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/launch.h"
#include "bench/measures.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

#define ROUNDS 10
#define QUICK_ROUNDS 5
#define COUNT_MAX 1000
#define TIMEOUT_S 300

static const char *take_count(struct options *options, char *value)
{
	uint64_t n;

	if (parse_u64(value, 1, COUNT_MAX, &n))
		return "not a number from 1 to 1000";
	*(unsigned *)options_field(options) = (unsigned)n;
	return NULL;
}

static const char *take_seed(struct options *options, char *value)
{
	return parse_u64(value, 0, UINT64_MAX, options_field(options)) ? "not a number" : NULL;
}

static const char *take_word(struct options *options, char *value)
{
	return options_append(options_field(options), value);
}

/* A name is that of a group of measures, or else of a rung. */
static const char *take_only(struct options *options, char *value)
{
	struct bench_options *o = options->target;
	const char *wrong = NULL;

	for (char *word; !wrong && (word = strsep(&value, ","));) {
		bool group = false;
		for (unsigned i = 0; i < measure_group_count; i++)
			group |= !strcmp(measure_groups[i].name, word);
		wrong = *word ? options_append(group ? &o->groups : &o->rungs, word) : "an empty name";
	}
	return wrong;
}

#define FIELD(member) offsetof(struct bench_options, member)

/* What both commands take: of the ladder, and of what becomes of what was found. */
#define LADDER_OPTIONS \
	OPTIONS_HEADING("What runs"), \
	{.name = "disk", .letter = 'd', .value = "FILE", .take = options_take_text, .field = FIELD(ladder.disk), .takes = "a disk image", \
	 .help = "root image of every rung but 'native'"}, \
	{.name = "rootfs", .value = "DIR", .take = options_take_text, .field = FIELD(ladder.rootfs), .takes = "a directory", \
	 .help = "a directory in its place: no machine then"}, \
	{.name = "kernel", .letter = 'k', .value = "FILE", .take = options_take_text, .field = FIELD(ladder.kernel), .takes = "a kernel", \
	 .help = "kernel of the machine ('vm')"}, \
	{.name = "modules", .value = "DIR", .take = options_take_text, .field = FIELD(ladder.modules), .takes = "a directory", \
	 .help = "its modules, as of tinyvmm run"}, \
	{.name = "memory", .letter = 'm', .value = "SIZE", .take = options_take_text, .field = FIELD(ladder.memory), .takes = "a size such as 512M", \
	 .help = "its memory (512M)"}, \
	{.name = "also", .value = "RUNG", .repeats = true, .take = take_word, .field = FIELD(ladder.also), .takes = "NAME='COMMAND {}', or bwrap, crun, runc or qemu", \
	 .help = "a rung besides: NAME='COMMAND {}', where {}\nstands for what is measured; or bwrap, crun or\nrunc, with --rootfs; or qemu, as 'vm'"}, \
	{.name = "allow-emulation", .take = options_take_flag, .field = FIELD(ladder.allow_emulation), \
	 .help = "as of tinyvmm run"}

#define LOG_OPTIONS \
	{.name = "log-level", .value = "LEVEL", .take = options_take_log_level, .takes = "error, warn, info or debug", \
	 .help = "error, warn (default), info or debug"}, \
	OPTIONS_HELP

const struct option_def bench_option_table[] = {
	LADDER_OPTIONS,
	OPTIONS_HEADING("How"),
	{.name = "only", .value = "LIST", .take = take_only, .takes = "names with commas between them",
	 .help = "rungs (native, chroot, namespaces, ctr,\nunprivileged, vm), measures (start, latency, cpu,\nmemory, disk, net, bridge, density), or some of both"},
	{.name = "rounds", .value = "N", .take = take_count, .field = FIELD(rounds), .takes = "a number from 1 to 1000",
	 .help = "samples of each measure (10)"},
	{.name = "quick", .take = options_take_flag, .field = FIELD(quick), .help = "done within two minutes: up to 5 rounds, shorter\nprobes"},
	{.name = "seed", .value = "N", .take = take_seed, .field = FIELD(seed), .takes = "a number", .help = "of the resampling (1)"},
	{.name = "density", .value = "N", .take = take_count, .field = FIELD(density), .takes = "a number from 1 to 1000",
	 .help = "measure up to N idle instances at once, too"},
	{.name = "timeout", .value = "SECONDS", .take = options_take_seconds, .field = FIELD(timeout_s), .takes = "seconds",
	 .help = "for each single run (300)"},
	OPTIONS_HEADING("Result"),
	{.name = "json", .value = "FILE", .take = options_take_text, .field = FIELD(json), .takes = "a file", .help = "all of it, for programs and for 'compare'"},
	{.name = "csv", .value = "FILE", .take = options_take_text, .field = FIELD(csv), .takes = "a file", .help = "the samples"},
	{.name = "html", .value = "FILE", .take = options_take_text, .field = FIELD(html), .takes = "a file", .help = "a page with charts, in one file"},
	LOG_OPTIONS,
};

const unsigned bench_option_count = sizeof(bench_option_table) / sizeof(*bench_option_table);

const struct option_def contrast_option_table[] = {
	LADDER_OPTIONS,
	{.name = "only", .value = "LIST", .take = take_only, .takes = "names with commas between them",
	 .help = "rungs: native, chroot, namespaces, ctr,\nunprivileged, vm"},
	{.name = "timeout", .value = "SECONDS", .take = options_take_seconds, .field = FIELD(timeout_s), .takes = "seconds",
	 .help = "for each single run (300)"},
	OPTIONS_HEADING("Result"),
	{.name = "json", .value = "FILE", .take = options_take_text, .field = FIELD(json), .takes = "a file", .help = "all of it, for programs"},
	{.name = "html", .value = "FILE", .take = options_take_text, .field = FIELD(html), .takes = "a file", .help = "a page with the ladder drawn, in one file"},
	LOG_OPTIONS,
};

const unsigned contrast_option_count = sizeof(contrast_option_table) / sizeof(*contrast_option_table);

static void print_help(void)
{
	puts("tinyvmm bench measures one root image on a ladder of isolation: on the bare host\n"
	     "(native), in a chroot, in namespaces, in a container (ctr), in an unprivileged\n"
	     "one, and in a virtual machine (vm).\n"
	     "\n"
	     "  tinyvmm bench [--disk FILE|--rootfs DIR] [--kernel FILE] [OPTION]... [-- COMMAND ARG...]\n"
	     "  tinyvmm bench compare A.json B.json\n"
	     "\n"
	     "With COMMAND that is measured, else what the ladder costs. A rung that this host\n"
	     "can't give is left out, with the reason.");
	options_print_help(bench_option_table, bench_option_count);
	puts("\nExamples:\n"
	     "  tinyvmm bench --quick -d rootfs.img -k bzImage --html report.html\n"
	     "  tinyvmm bench -d rootfs.img -k bzImage -- sh -c 'seq 9999 | sort -r'\n"
	     "\nExit status: 0, or\n"
	     "    1  it could not be measured, or written\n"
	     "    2  the command line is at fault");
}

static void print_contrast_help(void)
{
	puts("tinyvmm contrast tells what a program sees, and what it can do, on each rung of a\n"
	     "ladder of isolation: on the bare host (native), in a chroot, in namespaces, in a\n"
	     "container (ctr), in an unprivileged one, and in a virtual machine (vm).\n"
	     "\n"
	     "  tinyvmm contrast [--disk FILE|--rootfs DIR] [--kernel FILE] [OPTION]...\n"
	     "\n"
	     "Each attempt is made against a target of its own, and is undone where it succeeds.\n"
	     "A rung that this host can't give is left out, with the reason.");
	options_print_help(contrast_option_table, contrast_option_count);
	puts("\nExample:\n"
	     "  tinyvmm contrast -d rootfs.img -k bzImage --html contrast.html\n"
	     "\nExit status: 0, or\n"
	     "    1  it could not be found out, or written\n"
	     "    2  the command line is at fault");
}

/* How many faults there are. */
static unsigned check(const struct bench_options *o, bool measures)
{
	unsigned faults = 0;

	if (o->ladder.disk && o->ladder.rootfs) {
		log_error("--disk and --rootfs: all rungs have one root image, so give one of them");
		faults++;
	}
	if (o->groups && (o->command || !measures)) {
		log_error(measures ? "--only %s: that is a measure of our own, and with a COMMAND that is what is measured"
				   : "--only %s: that is a measure of 'tinyvmm bench': give names of rungs",
			  o->groups[0]);
		faults++;
	}
	if (o->density && o->command) {
		log_error("--density: that is a measure of our own, and with a COMMAND that is what is measured");
		faults++;
	}
	return faults;
}

static enum bench_parsed parse(struct bench_options *o, struct options *options, int argc, char **argv)
{
	*o = (struct bench_options){.ladder.memory = "512M", .timeout_s = TIMEOUT_S, .seed = 1};
	options->target = o;
	if (!options_parse(options, argc, argv))
		return BENCH_DONE;
	if (!o->rounds)
		o->rounds = o->quick ? QUICK_ROUNDS : ROUNDS;
	o->ladder.only = (const char *const *)o->rungs;
	return options->faults + check(o, options->command) ? BENCH_BAD : BENCH_RUN;
}

enum bench_parsed bench_options_parse(struct bench_options *o, int argc, char **argv)
{
	struct options options = {
		.program = "tinyvmm bench",
		.defs = bench_option_table,
		.def_count = bench_option_count,
		.command = &o->command,
		.help = print_help,
		.command_hint = "; a command to measure stands after '--', and 'compare' comes first",
	};

	return parse(o, &options, argc, argv);
}

enum bench_parsed contrast_options_parse(struct bench_options *o, int argc, char **argv)
{
	struct options options = {
		.program = "tinyvmm contrast",
		.defs = contrast_option_table,
		.def_count = contrast_option_count,
		.help = print_contrast_help,
	};
	enum bench_parsed parsed = parse(o, &options, argc, argv);

	o->ladder.network = LADDER_USER_NETWORK;
	return parsed;
}

void bench_options_free(struct bench_options *o)
{
	free(o->ladder.also);
	free(o->groups);
	free(o->rungs);
}

int bench_on_ladder(enum bench_parsed parsed, struct bench_options *o, int (*act)(struct bench_options *o, struct ladder *ladder))
{
	struct ladder *ladder = NULL;
	int status = parsed == BENCH_BAD ? BENCH_USAGE : BENCH_OK;

	if (parsed == BENCH_RUN && (launch_signals() || ladder_new(&ladder, &o->ladder)))
		status = BENCH_USAGE;
	else if (parsed == BENCH_RUN && act(o, ladder))
		status = BENCH_FAILED;
	ladder_free(ladder);
	bench_options_free(o);
	return launch_interrupted() ? 128 + launch_interrupted() : status;
}
