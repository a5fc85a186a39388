// SPDX-License-Identifier: Apache-2.0
/*
 * `tinyvmm bench`: measures the ladder. A warm-up of each rung, then rounds in which each rung comes after the other (A B C A B C), so that whatever drifts, drifts for all;
 * bench/stats.h says what becomes of the samples.
 */
#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/compare.h"
#include "bench/host.h"
#include "bench/launch.h"
#include "bench/measures.h"
#include "bench/options.h"
#include "bench/page.h"
#include "bench/table.h"
#include "vmm/core/loop.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"
#include "vmm/util/terminal.h"

#define QUICK_NS (100 * 1000000000ll) /* no round is begun that would not fit; two minutes with what is after it */
#define PROBE_MS 100
#define QUICK_PROBE_MS 20
#define LOAD_S 2
#define QUICK_LOAD_S 1
#define COPY_S 600
#define COLUMNS 100

/* --- the run ------------------------------------------------------------------------------------------------------------------------- */

struct course {
	struct bench bench;
	struct bench_options *options;
	int64_t began_ns;
	bool progress; /* a line on a terminal, written over and over */
	char image[96]; /* the copy of the user's, in bench.scratch; "": none */
};

static void say_progress(const struct course *course, unsigned round, const char *group, const char *rung)
{
	if (course->progress)
		(void)fprintf(stderr, "\r\033[K%s %u of %u: %s, %s", round ? "round" : "warm-up, then", round ? round : course->options->rounds,
			      course->options->rounds, group, rung);
}

static void end_progress(const struct course *course)
{
	if (course->progress)
		(void)fputs("\r\033[K", stderr);
}

static bool wanted(const struct bench_options *o, const char *group)
{
	if (!strcmp(group, "density"))
		return o->density;
	return !o->groups || options_find_word((const char *const *)o->groups, group) >= 0;
}

static int take_group(struct course *course, unsigned round, const struct measure_group *group)
{
	const struct ladder *ladder = course->bench.ladder;
	int err = 0;

	for (unsigned i = 0; !err && i < ladder->count; i++) {
		if (ladder->rung[i].skipped)
			continue;
		say_progress(course, round, group ? group->name : "the command", ladder->rung[i].name);
		err = group ? group->take(&course->bench, i) : measure_command(&course->bench, i);
	}
	return err;
}

static int take_round(struct course *course, unsigned round)
{
	int err = 0;

	course->bench.sampling = round > 0;
	if (course->bench.command)
		return take_group(course, round, NULL);
	for (unsigned g = 0; !err && g < measure_group_count; g++) {
		if (wanted(course->options, measure_groups[g].name) && (!measure_groups[g].once || round == 1))
			err = take_group(course, round, &measure_groups[g]);
	}
	return err;
}

/* Of --quick: whether there is time for a round as long as the longest until now. */
static bool has_time(const struct course *course, int64_t longest_ns)
{
	return !course->options->quick || loop_now_ns() - course->began_ns + longest_ns <= QUICK_NS;
}

static int take_rounds(struct course *course)
{
	int64_t longest_ns = 0;
	int err = 0;

	/* Round 0 warms up: caches are filled, and libraries read. */
	for (unsigned round = 0; !err && round <= course->options->rounds && (round < 2 || has_time(course, longest_ns)); round++) {
		int64_t began_ns = loop_now_ns();
		err = take_round(course, round);
		longest_ns = loop_now_ns() - began_ns > longest_ns ? loop_now_ns() - began_ns : longest_ns;
		course->bench.report->rounds = round;
	}
	end_progress(course);
	return err;
}

/* --- copies ---------------------------------------------------------------------------------------------------------------------------- */

/* Where it may be large: what a load writes shall be the image's, and the user's image is not written to. */
static int copy_image(struct course *course, char *disk)
{
	/* Not every cp has these. */
	char *copy[] = {"sh", "-c", "cp --sparse=always --reflink=auto -- \"$0\" \"$1\" 2>/dev/null || exec cp -- \"$0\" \"$1\"", disk, course->image, NULL};
	struct outcome outcome;

	snprintf(course->bench.scratch, sizeof(course->bench.scratch), "/var/tmp/tinyvmm-bench.XXXXXX");
	if (!mkdtemp(course->bench.scratch)) {
		int err = -errno;
		course->bench.scratch[0] = '\0';
		log_error("/var/tmp: there is no place for a copy of the image: %s (--only without 'disk' does without)", strerror(-err));
		return err;
	}
	snprintf(course->image, sizeof(course->image), "%s/disk.img", course->bench.scratch);
	int err = launch(&outcome, copy, NULL, 0, COPY_S);
	if (!err && outcome.status) {
		log_error("%s can't be copied: %s (--only without 'disk' does without)", disk, outcome_reason(&outcome));
		err = -EIO;
	}
	outcome_free(&outcome);
	return err;
}

static void remove_copy(struct course *course)
{
	if (*course->image)
		(void)unlink(course->image);
	if (*course->bench.scratch)
		(void)rmdir(course->bench.scratch);
}

/* The ladder once more for the loads that need another image, or a network. */
static int prepare_loads(struct course *course)
{
	const struct bench_options *o = course->options;
	struct ladder_options disk = o->ladder, net = o->ladder, bridge = o->ladder;
	int err = 0;

	net.network = LADDER_USER_NETWORK;
	bridge.network = LADDER_BRIDGE;
	disk.writable = true;
	disk.disk = course->image;
	if (!o->command && wanted(o, "net"))
		err = ladder_new(&course->bench.net_ladder[LADDER_USER_NETWORK], &net);
	if (!err && !o->command && wanted(o, "bridge")) {
		err = bridge_make(&course->bench);
		if (!err)
			err = ladder_new(&course->bench.net_ladder[LADDER_BRIDGE], &bridge);
	}
	course->bench.disk_missing = o->ladder.disk ? NULL : "it needs a disk image (--disk)";
	if (!err && !o->command && o->ladder.disk && wanted(o, "disk")) {
		err = copy_image(course, (char *)o->ladder.disk);
		if (!err)
			err = ladder_new(&course->bench.disk_ladder, &disk);
	}
	return err;
}

/* --- the report ------------------------------------------------------------------------------------------------------------------------ */

static char *joined(char *const *command)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (unsigned i = 0; out && command[i]; i++)
		(void)fprintf(out, "%s%s", i ? " " : "", command[i]);
	if (out && fclose(out)) {
		free(text);
		text = NULL;
	}
	/* One line, whatever a word has in it. */
	char *line = text ? report_text(text) : NULL;
	free(text);
	return line;
}

static int describe(struct report *report, const struct bench_options *o, const struct ladder *ladder)
{
	char text[HOST_TIME_BYTES];
	int err = host_describe(report, "");

	report->seed = o->seed;
	report->warmups = 1;
	report->command = o->command ? joined(o->command) : NULL;
	host_time(text);
	report->time = strdup(text);
	if (!report->time || (o->command && !report->command))
		return -ENOMEM;
	if (!err && (o->ladder.disk || o->ladder.rootfs))
		err = report_add_fact(report, "root image", o->ladder.disk ? o->ladder.disk : o->ladder.rootfs);
	if (!err && o->ladder.kernel)
		err = report_add_fact(report, "machine's kernel", o->ladder.kernel);
	if (!err && o->ladder.kernel)
		err = report_add_fact(report, "machine's memory", o->ladder.memory);
	for (unsigned i = 0; !err && i < ladder->count; i++)
		err = report_add_rung(report, ladder->rung[i].name, ladder->rung[i].skipped);
	return err;
}

static unsigned columns(void)
{
	uint16_t width, height;

	return isatty(STDOUT_FILENO) && terminal_size(&width, &height) ? width : COLUMNS;
}

static int write_out(const struct report *report, const struct bench_options *o)
{
	int err = o->json ? report_write_json(report, o->json) : 0;

	if (!err && o->csv)
		err = report_write_csv(report, o->csv);
	if (!err && o->html)
		err = page_write_report(report, o->html);
	return err;
}

static int measure(struct bench_options *o, struct ladder *ladder)
{
	struct report *report = report_new("tinyvmm " VERSION);
	struct course course = {
		.bench = {.ladder = ladder, .report = report, .command = o->command, .timeout_s = o->timeout_s,
			  .probe_ms = o->quick ? QUICK_PROBE_MS : PROBE_MS, .load_s = o->quick ? QUICK_LOAD_S : LOAD_S, .density = o->density},
		.options = o, .began_ns = loop_now_ns(), .progress = isatty(STDERR_FILENO),
	};
	uint64_t machine_bytes = 0;
	int err = report ? ladder_try(ladder) : -ENOMEM;

	(void)parse_size(o->ladder.memory, &machine_bytes);
	course.bench.machine_mib = (double)(machine_bytes >> 20);

	if (!err)
		err = describe(report, o, ladder);
	if (!err)
		err = prepare_loads(&course);
	if (!err)
		err = take_rounds(&course);
	if (!err) {
		table_print(stdout, report, columns(), table_may_have_blocks(STDOUT_FILENO));
		ladder_offer(stdout, ladder);
		err = write_out(report, o);
	} else if (err != -EINTR) {
		log_error("the ladder can't be measured: %s", strerror(-err));
	}
	ladder_free(course.bench.disk_ladder);
	for (unsigned i = 0; i <= LADDER_BRIDGE; i++)
		ladder_free(course.bench.net_ladder[i]);
	bridge_remove(&course.bench);
	remove_copy(&course);
	report_free(report);
	return err;
}

int bench_main(int argc, char **argv)
{
	struct bench_options o;

	if (argc > 1 && !strcmp(argv[1], "compare"))
		return compare_main(argc - 1, argv + 1);
	return bench_on_ladder(bench_options_parse(&o, argc, argv), &o, measure);
}
