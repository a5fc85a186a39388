// SPDX-License-Identifier: Apache-2.0
/*
 * `tinyvmm contrast`: runs guest/probe on each rung of the ladder, against targets of its own, and tells what it found. The host is seen
 * first, by the same program, as what all else is compared with.
 */
#include "bench/contrast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/contrast_impl.h"
#include "bench/host.h"
#include "bench/launch.h"
#include "bench/options.h"
#include "bench/page.h"
#include "bench/probe.h"
#include "bench/report.h"
#include "vmm/core/loop.h"
#include "vmm/util/log.h"

#define CAN_ARGS 20
#define NS_PER_MS 1000000

/* What a container is limited to, and what is tried there: more than that, and little for the host. */
#define LIMIT_PIDS "48"
#define LIMIT_MEMORY "64M"
#define TRY_PIDS "100"
#define TRY_MEMORY "96"
#define SPARE_MIB 512 /* that the host has to have for the attempt at its memory */

/* --- one probe --------------------------------------------------------------------------------------------------------------- */

static void forget(struct said *said)
{
	free(said->output);
	*said = (struct said){0};
}

/* Runs it, and takes what it said. What ends the whole is returned; a rung's own misfortune is in said->missing. */
static int ask(struct said *said, const struct rung *rung, char *const *more, char *const *args, unsigned timeout_s)
{
	struct outcome outcome;
	int err = probe_launch(&outcome, rung, more, args, timeout_s);

	*said = (struct said){0};
	if (!err) {
		said->output = outcome.output;
		outcome.output = NULL;
		said->count = probe_lines(said->output, said->line, PROBE_LINES_MAX);
	}
	if (err || outcome.status)
		snprintf(said->missing, sizeof(said->missing), "%.100s", err ? strerror(-err) : outcome_reason(&outcome));
	/* Whoever said it, and wherever it was cut. */
	for (char *c = said->missing; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	outcome_free(&outcome);
	return err == -EINTR || err == -ENOMEM ? err : 0;
}

/* --- the system-call surface ------------------------------------------------------------------------------------------------- */

/* Lines of the table that strace -c writes, between its two rules. */
static int table_lines(const char *path)
{
	char line[256];
	FILE *in = fopen(path, "re");
	int rules = 0, count = 0;

	while (in && fgets(line, sizeof(line), in)) {
		if (!strncmp(line, "------", 6))
			rules++;
		else
			count += rules == 1;
	}
	if (in)
		(void)fclose(in);
	return count ? count : -1;
}

static int count_calls(struct contrast_rung *result, const struct rung *rung, const char *dir, unsigned timeout_s)
{
	static char name[] = "true", strace[] = "strace", follow[] = "-f", count[] = "-c", out[] = "-o";
	char file[64], *command[] = {name, NULL}, *traced[RUNG_ARGS_MAX + 16] = {strace, follow, count, out, file};
	char **argv = rung_command(rung, NULL, command);
	struct outcome outcome = {0};

	snprintf(file, sizeof(file), "%s/calls", dir);
	for (unsigned i = 0; argv && argv[i] && i < RUNG_ARGS_MAX + 8; i++)
		traced[5 + i] = argv[i];
	int err = argv ? launch(&outcome, traced, NULL, 0, timeout_s) : -ENOMEM;
	free(argv);
	result->calls = err || outcome.status ? -1 : table_lines(file);
	if (result->calls < 0)
		result->calls_missing = report_text(err == -ENOENT || outcome.status == 127 ? "strace is not installed"
					       : err                                   ? strerror(-err)
										       : outcome_reason(&outcome));
	(void)unlink(file);
	outcome_free(&outcome);
	return err == -EINTR || err == -ENOMEM || (result->calls < 0 && !result->calls_missing) ? (err ? err : -ENOMEM) : 0;
}

/* --- one rung ---------------------------------------------------------------------------------------------------------------- */

struct course {
	const struct rung *rung[RUNGS_MAX]; /* of the one ladder or the other */
	bool network[RUNGS_MAX];
	unsigned rung_count;
	struct contrast *contrast;
	struct targets targets;
	struct said host;
	int64_t began_ns;
	unsigned timeout_s;
};

/* A place to write to, which a root of somebody else's users may not have; and in a full container limits to run into. */
static char *const *options_of(const struct rung *rung)
{
	static char *const limits[] = {"--tmpfs",    "/tmp",   "--pids", LIMIT_PIDS,      "--memory",
				       LIMIT_MEMORY, "--swap", "0",      "--best-effort", NULL},
			   *const none[] = {"--tmpfs", "/tmp", NULL};

	switch (rung->kind) {
	case RUNG_NAMESPACES:
		return none;
	case RUNG_CTR:
	case RUNG_UNPRIVILEGED:
		return limits;
	default:
		return NULL;
	}
}

static int attempt(struct course *course, unsigned i, struct said *said)
{
	const struct rung *rung = course->rung[i];
	const struct targets *t = &course->targets;
	char escape[80], signal[32], trace[32], mknod[40], loopback[32], gateway[32], pids[] = "pids=" TRY_PIDS;
	char *args[CAN_ARGS] = {"can",  escape,   signal, trace,    "mount=",  "module=", "sethostname=", "settime=", "sysctl=",
				"raw=", loopback, "log=", "kcore=", "reboot=", pids};
	unsigned n = 15;

	snprintf(escape, sizeof(escape), "escape=%s", t->file);
	snprintf(signal, sizeof(signal), "signal=%d", t->pid);
	snprintf(trace, sizeof(trace), "trace=%d", t->pid);
	snprintf(loopback, sizeof(loopback), "loopback=%u", t->port);
	snprintf(mknod, sizeof(mknod), "mknod=%s", t->device);
	snprintf(gateway, sizeof(gateway), "gateway=%u", t->port);
	if (*t->device)
		args[n++] = mknod;
	if (course->network[i])
		args[n++] = gateway;
	if (host_available_mib() > SPARE_MIB)
		args[n++] = "memory=" TRY_MEMORY;
	return ask(said, rung, options_of(rung), args, course->timeout_s);
}

static int probe_rung(struct course *course, unsigned i)
{
	const struct rung *rung = course->rung[i];
	char *see_args[] = {"see", NULL};
	struct said see = {0}, can = {0};
	unsigned before = *course->targets.signals;
	int err = ask(&see, rung, options_of(rung), see_args, course->timeout_s);
	long took_ms = (long)((loop_now_ns() - course->began_ns) / NS_PER_MS);

	if (!err)
		err = attempt(course, i, &can);
	if (!err) {
		struct evidence evidence = {&course->host, &see, &can, &course->targets, *course->targets.signals - before, took_ms};
		judge_rung(course->contrast, i, &evidence);
		err = count_calls(&course->contrast->rung[i], rung, course->targets.dir, course->timeout_s);
	}
	forget(&see);
	forget(&can);
	return err;
}

/* --- the whole --------------------------------------------------------------------------------------------------------------- */

static void describe(struct contrast *contrast)
{
	struct utsname uts;

	contrast->program = "tinyvmm " VERSION;
	host_time(contrast->time);
	if (!uname(&uts))
		snprintf(contrast->host, sizeof(contrast->host), "%.30s %.50s %.20s", uts.sysname, uts.release, uts.machine);
}

static int make_rungs(struct contrast *contrast, const struct course *course)
{
	for (unsigned i = 0; i < course->rung_count; i++) {
		const char *skipped = course->rung[i]->skipped;
		struct contrast_rung *rung = &contrast->rung[contrast->rung_count++];
		*rung = (struct contrast_rung){.kind = course->rung[i]->kind, .name = strdup(course->rung[i]->name), .calls = -1};
		judge_layers(rung->layer, rung->kind);
		rung->skipped = skipped ? report_text(skipped) : NULL;
		if (!rung->name || (skipped && !rung->skipped))
			return -ENOMEM;
		for (unsigned r = 0; rung->skipped && r < contrast->row_count; r++)
			snprintf(contrast->row[r].cell[i].text, CONTRAST_TEXT_MAX, "left out");
	}
	return 0;
}

static int probe_ladder(struct course *course)
{
	const struct rung host = {.kind = RUNG_NATIVE, .name = "native"};
	char *see_args[] = {"see", NULL};

	course->began_ns = loop_now_ns();
	int err = ask(&course->host, &host, NULL, see_args, course->timeout_s);
	if (!err && !course->host.count) {
		log_error("the host can't be seen: %s (a program has to be executable in /tmp, or where TMPDIR says)",
			  course->host.missing);
		err = -EIO;
	}
	for (unsigned i = 0; !err && i < course->rung_count; i++) {
		if (!course->rung[i]->skipped)
			err = probe_rung(course, i);
	}
	forget(&course->host);
	return err;
}

/* What may have failed for its network. */
static bool has_network(const struct rung *rung)
{
	return rung->kind > RUNG_CHROOT && rung->kind != RUNG_FOREIGN;
}

/* A rung that can't have a network takes part without one, by another ladder, `bare`. */
static int try_rungs(struct course *course, struct ladder *ladder, const struct ladder_options *options, struct ladder **bare)
{
	struct ladder_options without = *options;
	bool again[RUNGS_MAX] = {false}, any = false;

	for (unsigned i = 0; i < ladder->count; i++)
		again[i] = !ladder->rung[i].skipped && has_network(&ladder->rung[i]);
	int err = ladder_try(ladder);
	for (unsigned i = 0; i < ladder->count; i++) {
		again[i] = again[i] && ladder->rung[i].skipped;
		any |= again[i];
		course->rung[i] = &ladder->rung[i];
		course->network[i] = has_network(&ladder->rung[i]);
	}
	course->rung_count = ladder->count;
	without.network = LADDER_NO_NETWORK;
	if (err || !any)
		return err;
	err = ladder_new(bare, &without);
	for (unsigned i = 0; !err && i < ladder->count; i++) {
		if (!again[i] && !(*bare)->rung[i].skipped)
			err = ((*bare)->rung[i].skipped = strdup("")) ? 0 : -ENOMEM;
	}
	if (!err)
		err = ladder_try(*bare);
	for (unsigned i = 0; !err && i < ladder->count; i++) {
		if (again[i] && !(*bare)->rung[i].skipped) {
			course->rung[i] = &(*bare)->rung[i];
			course->network[i] = false;
		}
	}
	return err;
}

static int find_out(struct bench_options *o, struct ladder *ladder)
{
	struct contrast *contrast = calloc(1, sizeof(*contrast));
	struct course course = {.contrast = contrast, .timeout_s = o->timeout_s};
	struct ladder *bare = NULL;
	int err = contrast ? try_rungs(&course, ladder, &o->ladder, &bare) : -ENOMEM;

	if (!err) {
		describe(contrast);
		judge_rows(contrast);
		err = make_rungs(contrast, &course);
	}
	if (!err) {
		err = targets_make(&course.targets);
		if (!err)
			err = probe_ladder(&course);
		targets_remove(&course.targets);
	}
	if (!err)
		contrast_print(stdout, contrast);
	if (!err && o->json)
		err = contrast_write_json(contrast, o->json);
	if (!err && o->html)
		err = page_write_contrast(contrast, o->html);
	contrast_free(contrast);
	ladder_free(bare);
	return err;
}

int contrast_main(int argc, char **argv)
{
	struct bench_options o;

	return bench_on_ladder(contrast_options_parse(&o, argc, argv), &o, find_out);
}
