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
	return NULL;
}

/* What is another host's is no change of the program's. */
static void compare_facts(FILE *out, const struct report *before, const struct report *after)
{
	for (unsigned i = 0; i < before->fact_count; i++) {
		const char *name = before->fact[i].name, *now = fact_of(after, name);
		if (strncmp(name, "load", 4) != 0 && now && strcmp(now, before->fact[i].value) != 0)
			(void)fprintf(out, "! the hosts differ: %s: %s, then %s\n", name, before->fact[i].value, now);
	}
	if (strcmp(before->command ? before->command : "", after->command ? after->command : "") != 0)
		(void)fprintf(out, "! they measured different things: %s, then %s\n", before->command ? before->command : "the ladder itself",
			      after->command ? after->command : "the ladder itself");
}

enum change { SAME, BETTER, WORSE };

static enum change judge(const struct stats_ratio *ratio, bool more_is_better, double threshold)
{
	bool beyond = ratio->low > 1 || ratio->high < 1;

	if (!beyond || fabs(ratio->ratio - 1) <= threshold)
		return SAME;
	return (ratio->ratio > 1) == more_is_better ? BETTER : WORSE;
}

static unsigned compare_series(FILE *out, const struct report_measure *m, const char *rung, const struct report_series *a, const struct report_series *b,
			       uint64_t seed, double threshold)
{
	static const char *const words[] = {[SAME] = "", [BETTER] = "better", [WORSE] = "WORSE"};
	char was[TABLE_NUMBER_MAX], is[TABLE_NUMBER_MAX];
	struct stats before, after;
	struct stats_ratio ratio;

	if (!a->count || !b->count) {
		if (a->count || b->count)
			(void)fprintf(out, "%-24s %-14s only in the %s\n", m->name, rung, a->count ? "first" : "second");
		return 0;
	}
	if (stats_of(&before, a->sample, a->count, seed) || stats_of(&after, b->sample, b->count, seed))
		return 0;
	(void)fprintf(out, "%-24s %-14s %9s %9s %-6s", m->name, rung, table_number(was, before.median), table_number(is, after.median), m->unit);
	/* Of nothing there is no multiple: any change counts. */
	if (stats_ratio(&ratio, b->sample, b->count, a->sample, a->count, seed)) {
		bool more = after.median > before.median, same = !more && after.median >= before.median;
		enum change change = same ? SAME : more == m->more_is_better ? BETTER : WORSE;
		(void)fprintf(out, " %s\n", words[change]);
		return change == WORSE;
	}
	enum change change = judge(&ratio, m->more_is_better, threshold);
	(void)fprintf(out, " x%.3f [%.3f, %.3f] %s\n", ratio.ratio, ratio.low, ratio.high, words[change]);
	return change == WORSE;
}

unsigned compare_reports(FILE *out, const struct report *before, const struct report *after, double threshold)
{
	static const struct report_series none;
	unsigned worse = 0;

	compare_facts(out, before, after);
	for (unsigned i = 0; i < before->measure_count; i++) {
		const struct report_measure *a = &before->measure[i], *b = report_find_measure(after, a->name);
		for (unsigned r = 0; r < before->rung_count; r++) {
			int other = report_find_rung(after, before->rung[r].name);
			worse += compare_series(out, a, before->rung[r].name, &a->series[r], b && other >= 0 ? &b->series[other] : &none, before->seed,
						threshold);
		}
	}
	for (unsigned i = 0; i < after->measure_count; i++) {
		const struct report_measure *b = &after->measure[i], *a = report_find_measure(before, b->name);
		for (unsigned r = 0; r < after->rung_count; r++) {
			if (!a || report_find_rung(before, after->rung[r].name) < 0)
				compare_series(out, b, after->rung[r].name, &none, &b->series[r], before->seed, threshold);
		}
	}
	return worse;
}

/* --- the command line --------------------------------------------------------------------------------------------------------------------- */

static void print_help(void);

static const char *take_help(struct options *options, char *value)
{
	(void)value;
	options->print = print_help;
	return NULL;
}

static const struct option_def compare_defs[] = {
	{.name = "threshold",
	 .value = "PERCENT",
	 .take = options_take_text,
	 .field = offsetof(struct compare_options, threshold),
	 .takes = "a number of percent",
	 .help = "what a change has to be more than (" THRESHOLD_PERCENT ")"},
	{.name = "log-level", .value = "LEVEL", .take = options_take_log_level, .takes = "error, warn, info or debug", .help = "error, warn (default), info or debug"},
	{.name = "help", .letter = 'h', .take = take_help, .help = "this text"},
};

static void print_help(void)
{
	puts("tinyvmm bench compare tells what changed from one report to another, beyond noise.\n"
	     "\n"
	     "  tinyvmm bench compare A.json B.json [--threshold PERCENT]\n");
	options_print_help(compare_defs, sizeof(compare_defs) / sizeof(*compare_defs));
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
		unsigned worse = compare_reports(stdout, before, after, threshold);
		printf("\n%u got worse, by more than %g %% and than noise.\n", worse, threshold * 100);
		status = worse ? BENCH_FAILED : BENCH_OK;
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
		.defs = compare_defs,
		.def_count = sizeof(compare_defs) / sizeof(*compare_defs),
		.target = &o,
		.stray = take_file,
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
