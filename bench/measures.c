// SPDX-License-Identifier: Apache-2.0
/* The groups of measures: see measures.h. */
#include "bench/measures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/host.h"
#include "bench/probe.h"
#include "bench/probe_lines.h"
#include "vmm/util/io.h"
#include "vmm/util/parse.h"

#define SETTLE_US 300000 /* until an idle instance is idle */
#define GRACE_S 10
#define PROCESSES_MAX 4096

/* --- samples ------------------------------------------------------------------------------------------------------------------------ */

int bench_sample(struct bench *bench, unsigned rung, const char *name, const char *title, const char *unit, bool more_is_better, double value)
{
	struct report_measure *measure = bench->sampling ? report_measure(bench->report, name, title, unit, more_is_better) : NULL;

	return measure ? report_add_sample(bench->report, measure, rung, value) : bench->sampling ? -ENOSPC : 0;
}

int bench_miss(struct bench *bench, unsigned rung, const char *name, const char *title, const char *unit, const char *why)
{
	struct report_measure *measure = bench->sampling ? report_measure(bench->report, name, title, unit, false) : NULL;

	return measure ? report_miss(bench->report, measure, rung, why) : bench->sampling ? -ENOSPC : 0;
}

/* What ends a run; all else is a measure's own misfortune. */
static bool ends(int err)
{
	return err == -EINTR || err == -ENOMEM || err == -ENOSPC;
}

int bench_run(struct bench *bench, const struct ladder *ladder, unsigned rung, struct outcome *outcome, char *const *command)
{
	char **argv = rung_command(&ladder->rung[rung], NULL, command);
	int err = argv ? launch(outcome, argv, NULL, 0, bench->timeout_s) : -ENOMEM;

	free(argv);
	return err;
}

/* --- start ---------------------------------------------------------------------------------------------------------------------------- */

static int take_start(struct bench *bench, unsigned rung)
{
	static const char *const first[] = {"start.first", "start to the first output of a shell", "ms"},
				 *const whole[] = {"start.exit", "start of a shell to its end", "ms"};
	char *command[] = {"sh", "-c", "echo", NULL};
	struct outcome outcome = {0};
	int err = bench_run(bench, bench->ladder, rung, &outcome, command);

	if (!err && (outcome.status || outcome.first_ms < 0)) {
		err = bench_miss(bench, rung, first[0], first[1], first[2], outcome_reason(&outcome));
	} else if (!err) {
		err = bench_sample(bench, rung, first[0], first[1], first[2], false, outcome.first_ms);
		if (!err)
			err = bench_sample(bench, rung, whole[0], whole[1], whole[2], false, outcome.wall_ms);
	}
	outcome_free(&outcome);
	return err;
}

/* --- what a probe measures ---------------------------------------------------------------------------------------------------------------- */

static const char *title_of(const char *name)
{
	static const char *const titles[][2] = {
		{"syscall", "a system call (getppid)"},
		{"page-fault", "first touch of a page"},
		{"fork-exec", "fork, exec and wait"},
		{"pipe", "64 KiB into a pipe and out again"},
		{"context-switch", "switch to another process, by a pipe"},
		{"integer", "dependent integer operations"},
		{"float", "dependent floating-point operations"},
		{"copy", "memory copied"},
	};

	for (unsigned i = 0; i < sizeof(titles) / sizeof(*titles); i++) {
		if (!strcmp(titles[i][0], name))
			return titles[i][1];
	}
	return name;
}

/* Its numbers are whole: picoseconds become nanoseconds. */
static int take_line(struct bench *bench, unsigned rung, const char *group, const struct probe_line *line)
{
	char name[80];
	uint64_t value;
	bool time = !strcmp(line->text, "ps");

	if (parse_u64(line->value, 0, UINT64_MAX, &value))
		return 0;
	snprintf(name, sizeof(name), "%s.%.60s", group, line->name);
	return bench_sample(bench, rung, name, title_of(line->name), time ? "ns" : line->text, !time, time ? (double)value / 1000 : (double)value);
}

static int take_probe(struct bench *bench, unsigned rung, const char *group)
{
	struct probe_line line[PROBE_LINES_MAX];
	char ms[16], *args[] = {(char *)group, ms, NULL};
	struct outcome outcome = {0};

	snprintf(ms, sizeof(ms), "%u", bench->probe_ms);
	int err = probe_launch(&outcome, &bench->ladder->rung[rung], NULL, args, bench->timeout_s);
	unsigned count = !err && !outcome.status ? probe_lines(outcome.output, line, PROBE_LINES_MAX) : 0;
	if (!err && !count)
		err = bench_miss(bench, rung, group, group, "", outcome_reason(&outcome));
	for (unsigned i = 0; !err && i < count; i++)
		err = take_line(bench, rung, group, &line[i]);
	outcome_free(&outcome);
	return err;
}

static int take_latency(struct bench *bench, unsigned rung)
{
	return take_probe(bench, rung, "latency");
}

static int take_cpu(struct bench *bench, unsigned rung)
{
	return take_probe(bench, rung, "cpu");
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------ */

static int parent_of(pid_t pid)
{
	char path[64], *text, *end;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_file(path, 4096, &text, &len))
		return -1;
	/* The name, in parentheses, may have anything in it. */
	end = strrchr(text, ')');
	int parent = -1;
	if (!end || sscanf(end, ") %*c %d", &parent) != 1)
		parent = -1;
	free(text);
	return parent;
}

static double pss_kib(pid_t pid)
{
	char path[64], *text, *at;
	size_t len;
	double kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	if (read_file(path, 65536, &text, &len))
		return 0;
	at = strstr(text, "\nPss:");
	if (at)
		kib = strtod(at + 5, NULL);
	free(text);
	return kib;
}

/* Of a process and all below it. */
static double pss_mib(pid_t root)
{
	static pid_t pid[PROCESSES_MAX];
	static int parent[PROCESSES_MAX];
	static bool ours[PROCESSES_MAX];
	unsigned count = 0;
	double kib = 0;
	bool grown = true;
	DIR *dir = opendir("/proc");

	for (const struct dirent *e; dir && count < PROCESSES_MAX && (e = readdir(dir));) {
		uint64_t number;
		if (parse_u64(e->d_name, 1, INT32_MAX, &number))
			continue;
		pid[count] = (pid_t)number;
		parent[count] = parent_of((pid_t)number);
		ours[count] = pid[count] == root;
		count++;
	}
	if (dir)
		closedir(dir);
	while (grown) {
		grown = false;
		for (unsigned i = 0; i < count; i++) {
			for (unsigned p = 0; !ours[i] && p < count; p++)
				ours[i] = ours[p] && pid[p] == parent[i], grown |= ours[i];
		}
	}
	for (unsigned i = 0; i < count; i++)
		kib += ours[i] ? pss_kib(pid[i]) : 0;
	return kib / 1024;
}

/* Says a line, and waits for the end of its input. */
static char *const idle[] = {"sh", "-c", "echo; read -r line", NULL};

static int start_idle(struct bench *bench, unsigned rung, struct resident *resident)
{
	char **argv = rung_command(&bench->ladder->rung[rung], NULL, idle);
	int err = argv ? resident_start(resident, argv, bench->timeout_s) : -ENOMEM;

	free(argv);
	return err;
}

static int take_memory(struct bench *bench, unsigned rung)
{
	static const char name[] = "memory.idle", title[] = "memory of an idle instance", unit[] = "MiB";
	struct resident resident;
	int err = start_idle(bench, rung, &resident);

	if (err == -ECONNRESET)
		return bench_miss(bench, rung, name, title, unit, "it ended before it had said that it runs");
	if (err)
		return ends(err) ? err : bench_miss(bench, rung, name, title, unit, strerror(-err));
	usleep(SETTLE_US);
	double mib = pss_mib(resident.pid);
	resident_end(&resident, GRACE_S);
	return mib > 0 ? bench_sample(bench, rung, name, title, unit, false, mib)
		       : bench_miss(bench, rung, name, title, unit, "its processes can't be looked into (that takes root)");
}

/* --- many of them ------------------------------------------------------------------------------------------------------------------------- */

#define RESERVE 0.1 /* of the host's memory stays free */

static int take_density(struct bench *bench, unsigned rung)
{
	struct resident *resident = calloc(bench->density ? bench->density : 1, sizeof(*resident));
	double before = host_available_mib(), after = before;
	unsigned n = 0;
	int err = resident ? 0 : -ENOMEM;

	while (!err && n < bench->density && after > before * RESERVE) {
		err = start_idle(bench, rung, &resident[n]);
		n += !err;
		after = host_available_mib();
	}
	if (n == bench->density || !ends(err)) {
		usleep(SETTLE_US);
		after = host_available_mib();
	}
	for (unsigned i = 0; i < n; i++)
		close_fd(&resident[i].input_fd);
	for (unsigned i = 0; i < n; i++)
		resident_end(&resident[i], GRACE_S);
	free(resident);
	if (ends(err))
		return err;
	err = bench_sample(bench, rung, "density.count", "instances that ran at once", "", true, n);
	if (!err && n)
		err = bench_sample(bench, rung, "density.memory", "the host's memory that each of them took", "MiB", false, (before - after) / n);
	return err;
}

/* --- the user's own -------------------------------------------------------------------------------------------------------------------------- */

int measure_command(struct bench *bench, unsigned rung)
{
	struct outcome outcome = {0};
	int err = bench_run(bench, bench->ladder, rung, &outcome, bench->command);

	if (!err)
		err = bench_sample(bench, rung, "command.wall", "time from start to end", "ms", false, outcome.wall_ms);
	if (!err)
		err = bench_sample(bench, rung, "command.cpu", "processor time of all its processes", "ms", false, outcome.cpu_ms);
	if (!err)
		err = bench_sample(bench, rung, "command.peak", "resident memory of the largest process", "MiB", false, outcome.peak_mib);
	if (!err)
		err = bench_sample(bench, rung, "command.status", "exit status", "", false, outcome.status);
	outcome_free(&outcome);
	return err;
}

const struct measure_group measure_groups[] = {
	{.name = "start", .take = take_start},
	{.name = "latency", .take = take_latency},
	{.name = "cpu", .take = take_cpu},
	{.name = "memory", .take = take_memory},
	{.name = "disk", .take = take_disk},
	{.name = "net", .take = take_net},
	{.name = "density", .once = true, .take = take_density},
};
const unsigned measure_group_count = sizeof(measure_groups) / sizeof(*measure_groups);
