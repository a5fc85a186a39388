// SPDX-License-Identifier: Apache-2.0
/* What changed from one report to another: see compare.h. */
#include "bench/compare.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/stats.h"
#include "bench/table.h"
#include "vmm/util/log.h"
#include "vmm/util/options.h"

#define THRESHOLD_PERCENT "5"

struct compare_options {
	char **files;
	const char *threshold;
};

/* --- the comparison ---------------------------------------------------------------------------------------------------------------------- */

static const char *fact_of(const struct report *report, const char *name)
{
	for (unsigned i = 0; i < report->fact_count; i++) {
		if (!strcmp(report->fact[i].name, name))
			return report->fact[i].value;
	}
	return "not said";
}

static const char *command_of(const struct report *report)
{
	return report->command ? report->command : "the ladder itself";
}

/* What is another host's is no change of the program's. A load is never the same. */
static void compare_facts(FILE *out, const struct report *before, const struct report *after)
{
	for (unsigned i = 0; i < before->fact_count; i++) {
		const char *name = before->fact[i].name, *was = before->fact[i].value, *now = fact_of(after, name);
		if (strncmp(name, "load", 4) != 0 && strcmp(was, now) != 0)
			(void)fprintf(out, "! the hosts differ: %s: %s, then %s\n", name, was, now);
	}
	if (strcmp(command_of(before), command_of(after)) != 0)
		(void)fprintf(out, "! they measured different things: %s, then %s\n", command_of(before), command_of(after));
}

enum change { SAME, BETTER, WORSE, UNKNOWN };

/*
 * Whether so many samples can tell anything with this confidence. If nothing differs, all of one lie beyond all of the other with a chance of 2 in
 * (a + b over a): the exact rank test (F. Wilcoxon, Individual comparisons by ranking methods, 1945). 4 and 4 can, 3 and 3 can't.
 */
static bool enough(unsigned a, unsigned b)
{
	double ways = 1;

	for (unsigned i = 1; i <= a && ways * (1 - STATS_CONFIDENCE) < 2; i++)
		ways *= (double)(b + i) / i;
	return ways * (1 - STATS_CONFIDENCE) >= 2;
}

/* `ratio` is NULL where there is none, as of nothing there is no multiple: then both intervals have to lie apart. */
static enum change judge(const struct stats *before, const struct stats *after, const struct stats_ratio *ratio, bool more_is_better, double threshold)
{
	bool beyond = ratio ? ratio->low > 1 || ratio->high < 1 : after->low > before->high || after->high < before->low;

	if (!enough(before->count, after->count))
		return UNKNOWN;
	if (!beyond || fabs(after->median - before->median) <= threshold * fabs(before->median))
		return SAME;
	return (after->median > before->median) == more_is_better ? BETTER : WORSE;
}

static void compare_series(FILE *out, const struct report_measure *m, const char *rung, const struct report_series *a, const struct report_series *b,
			   uint64_t seed, struct comparison *result)
{
	static const char *const words[] = {[SAME] = "", [BETTER] = "better", [WORSE] = "WORSE", [UNKNOWN] = "too few samples to tell"};
	char was[TABLE_NUMBER_MAX], is[TABLE_NUMBER_MAX];
	struct stats before, after;
	struct stats_ratio ratio;

	if (!a->count || !b->count) {
		if (a->count || b->count)
			(void)fprintf(out, "%-24s %-14s only in the %s\n", m->name, rung, a->count ? "first" : "second");
		return;
	}
	if (stats_of(&before, a->sample, a->count, seed) || stats_of(&after, b->sample, b->count, seed))
		return;
	(void)fprintf(out, "%-24s %-14s %9s %9s %-6s", m->name, rung, table_number(was, before.median), table_number(is, after.median), m->unit);
	bool none = stats_ratio(&ratio, b->sample, b->count, a->sample, a->count, seed);
	if (!none)
		(void)fprintf(out, " x%.3f [%.3f, %.3f]", ratio.ratio, ratio.low, ratio.high);
	enum change change = judge(&before, &after, none ? NULL : &ratio, m->more_is_better, result->threshold);
	(void)fprintf(out, " %s\n", words[change]);
	result->compared++;
	result->worse += change == WORSE;
}

/* Of the same name, and measured in the same way. */
static const struct report_measure *twin_of(const struct report *report, const struct report_measure *m)
{
	const struct report_measure *twin = report_find_measure(report, m->name);

	return twin && !strcmp(twin->unit, m->unit) && twin->more_is_better == m->more_is_better ? twin : NULL;
}

void compare_reports(FILE *out, const struct report *before, const struct report *after, struct comparison *result)
{
	const struct report_series none = {0};

	result->compared = result->worse = 0;
	compare_facts(out, before, after);
	for (unsigned i = 0; i < before->measure_count; i++) {
		const struct report_measure *a = &before->measure[i], *b = twin_of(after, a);
		for (unsigned r = 0; r < before->rung_count; r++) {
			int other = report_find_rung(after, before->rung[r].name);
			compare_series(out, a, before->rung[r].name, &a->series[r], b && other >= 0 ? &b->series[other] : &none, before->seed, result);
		}
	}
	for (unsigned i = 0; i < after->measure_count; i++) {
		const struct report_measure *b = &after->measure[i];
		for (unsigned r = 0; r < after->rung_count; r++) {
			if (!twin_of(before, b) || report_find_rung(before, after->rung[r].name) < 0)
				compare_series(out, b, after->rung[r].name, &none, &b->series[r], before->seed, result);
		}
	}
}

/* --- the command line --------------------------------------------------------------------------------------------------------------------- */

const struct option_def compare_option_table[] = {
	{.name = "threshold",
	 .value = "PERCENT",
	 .take = options_take_text,
	 .field = offsetof(struct compare_options, threshold),
	 .takes = "a number of percent",
	 .help = "what a change has to be more than (" THRESHOLD_PERCENT ")"},
	{.name = "log-level", .value = "LEVEL", .take = options_take_log_level, .takes = "error, warn, info or debug", .help = "error, warn (default), info or debug"},
	OPTIONS_HELP,
};

const unsigned compare_option_count = sizeof(compare_option_table) / sizeof(*compare_option_table);

static void print_help(void)
{
	puts("tinyvmm bench compare tells what changed from one report to another, beyond noise.\n"
	     "\n"
	     "  tinyvmm bench compare A.json B.json [--threshold PERCENT]\n");
	options_print_help(compare_option_table, compare_option_count);
	puts("\nExit status:\n"
	     "  0  nothing got worse\n"
	     "  1  something did\n"
	     "  2  the command line, or a file, is at fault");
}

static void take_file(struct options *options, char *arg)
{
	struct compare_options *o = options->target;
	const char *wrong = options_append(&o->files, arg);

	if (wrong) {
		log_error("%s: %s", arg, wrong);
		options->faults++;
	}
}

static int compare_files(const char *first, const char *second, double threshold)
{
	struct report *before = NULL, *after = NULL;
	int status = report_read_json(&before, first) || report_read_json(&after, second) ? BENCH_USAGE : BENCH_OK;

	if (!status) {
		struct comparison result = {.threshold = threshold};
		compare_reports(stdout, before, after, &result);
		printf("\n%u of %u got worse, by more than %g %% and than noise.\n", result.worse, result.compared, threshold * 100);
		/* To a check in CI, nothing to compare is no success. */
		status = !result.compared ? BENCH_USAGE : result.worse ? BENCH_FAILED : BENCH_OK;
		if (!result.compared)
			log_error("%s and %s have no measure of a rung in common", first, second);
	}
	report_free(before);
	report_free(after);
	return status;
}

int compare_main(int argc, char **argv)
{
	struct compare_options o = {.threshold = THRESHOLD_PERCENT};
	struct options options = {
		.program = "tinyvmm bench compare",
		.defs = compare_option_table,
		.def_count = compare_option_count,
		.target = &o,
		.stray = take_file,
		.help = print_help,
	};
	char *end;
	bool parsed = options_parse(&options, argc, argv);
	double threshold = strtod(o.threshold, &end);

	if (parsed && (*end || end == o.threshold || !(threshold >= 0 && threshold <= 1e6))) {
		log_error("--threshold: '%s': not a number of percent", o.threshold);
		options.faults++;
	}
	bool two = o.files && o.files[1] && !o.files[2];
	if (parsed && !two)
		log_error("tinyvmm bench compare takes two reports, as 'tinyvmm bench --json FILE' writes them");
	int status = !parsed ? BENCH_OK : options.faults || !two ? BENCH_USAGE : compare_files(o.files[0], o.files[1], threshold / 100);
	free(o.files);
	return status;
}
