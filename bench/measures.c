// SPDX-License-Identifier: Apache-2.0
/* The groups of measures: see measures.h. */
#include "bench/measures.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
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

/* A process and all below it; how many. */
static unsigned tree_of(pid_t root, pid_t pid[PROCESSES_MAX])
{
	static int parent[PROCESSES_MAX];
	unsigned count = 0, found = 0;
	DIR *dir = opendir("/proc");

	for (const struct dirent *e; dir && count < PROCESSES_MAX && (e = readdir(dir));) {
		uint64_t number;
		if (parse_u64(e->d_name, 1, INT32_MAX, &number))
			continue;
		pid[count] = (pid_t)number;
		parent[count++] = parent_of((pid_t)number);
	}
	if (dir)
		closedir(dir);
	/* Those that are found come to the front, each behind its parent. */
	for (unsigned i = 0; i < count; i++) {
		bool ours = pid[i] == root;
		for (unsigned p = 0; !ours && p < found; p++)
			ours = pid[p] == parent[i];
		if (!ours || i < found)
			continue;
		pid_t other = pid[found];
		int others = parent[found];
		pid[found] = pid[i], parent[found] = parent[i];
		pid[i] = other, parent[i] = others;
		found++;
		i = found - 1;
	}
	return found;
}

/* Of the control group that counts a process' memory (cgroups(7)); false: there is none such. */
static bool group_of(const char *process, char path[PATH_MAX])
{
	char name[32], *text;
	size_t len;

	snprintf(name, sizeof(name), "/proc/%s/cgroup", process);
	if (read_file(name, 65536, &text, &len))
		return false;
	const char *at = strstr(text, ":memory:"), *unified = strstr(text, "0::");
	const char *begin = at ? at + 8 : unified ? unified + 3 : text + len;
	snprintf(path, PATH_MAX, "%s%.*s", at ? "/memory" : "", (int)strcspn(begin, "\n"), begin);
	bool known = *begin;
	free(text);
	return known;
}

/* The most that the group of a process ever held; 0: it has none of its own. */
static double group_peak_mib(pid_t pid)
{
	static const char *const files[] = {"memory.peak", "memory.max_usage_in_bytes"};
	char process[16], path[PATH_MAX], own[PATH_MAX], file[PATH_MAX + 64], *text;
	uint64_t bytes = 0;
	size_t len;

	snprintf(process, sizeof(process), "%d", pid);
	if (!group_of(process, path) || !group_of("self", own) || !strcmp(path, own))
		return 0;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(file, sizeof(file), "/sys/fs/cgroup%s/%s", path, files[i]);
		if (read_file(file, 64, &text, &len))
			continue;
		text[strcspn(text, "\n")] = '\0';
		(void)parse_u64(text, 0, UINT64_MAX, &bytes);
		free(text);
	}
	return (double)bytes / (1 << 20);
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

static bool has_machine(const struct ladder *ladder)
{
	bool found = false;

	for (unsigned i = 0; i < ladder->count; i++)
		found |= rung_is_machine(ladder->rung[i].kind) && !ladder->rung[i].skipped;
	return found;
}

/* What is neither free, nor a file's, nor a program's (proc_meminfo(5)): its code, its tables, its drivers' memory. */
static int take_kernel(struct bench *bench, unsigned rung)
{
	static const char name[] = "memory.kernel", title[] = "memory of a kernel of its own";
	static const char *const others[] = {"MemFree", "Buffers", "Cached", "AnonPages"};
	char *command[] = {"cat", "/proc/meminfo", NULL};
	struct outcome outcome = {0};
	double mib = 0;

	if (!rung_is_machine(bench->ladder->rung[rung].kind))
		return has_machine(bench->ladder) ? bench_miss(bench, rung, name, title, "MiB", "it has none: the host's serves all") : 0;
	int err = bench_run(bench, bench->ladder, rung, &outcome, command);
	if (!err && host_meminfo_mib(outcome.output, "MemTotal") > 0)
		mib = bench->machine_mib;
	for (unsigned i = 0; mib > 0 && i < sizeof(others) / sizeof(*others); i++) {
		double other = host_meminfo_mib(outcome.output, others[i]);
		mib -= other > 0 ? other : 0;
	}
	if (!err)
		err = mib > 0 ? bench_sample(bench, rung, name, title, "MiB", false, mib)
			      : bench_miss(bench, rung, name, title, "MiB", outcome_reason(&outcome));
	outcome_free(&outcome);
	return err;
}

static int take_memory(struct bench *bench, unsigned rung)
{
	static const char *const name[] = {"memory.idle", "memory.group"},
				 *const title[] = {"memory of an idle instance", "most memory that its control group held"},
				 *const lacking[] = {"its processes can't be looked into (that takes root)", "it has no control group of its own"};
	static pid_t pid[PROCESSES_MAX];
	struct resident resident;
	double mib[2] = {0};
	int err = start_idle(bench, rung, &resident);
	const char *why = err == -ECONNRESET ? "it ended before it had said that it runs" : err ? strerror(-err) : NULL;

	if (ends(err))
		return err;
	if (!err) {
		usleep(SETTLE_US);
		unsigned count = tree_of(resident.pid, pid);
		for (unsigned i = 0; i < count; i++)
			mib[0] += pss_kib(pid[i]) / 1024;
		/* Those that came last are innermost. */
		for (unsigned i = count; i-- > 0 && mib[1] <= 0;)
			mib[1] = group_peak_mib(pid[i]);
		resident_end(&resident, GRACE_S);
	}
	err = 0;
	for (unsigned i = 0; i < 2 && !err; i++)
		err = mib[i] > 0 ? bench_sample(bench, rung, name[i], title[i], "MiB", false, mib[i])
				 : bench_miss(bench, rung, name[i], title[i], "MiB", why ? why : lacking[i]);
	return err ? err : take_kernel(bench, rung);
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
	{.name = "bridge", .take = take_bridge},
	{.name = "density", .once = true, .take = take_density},
};
const unsigned measure_group_count = sizeof(measure_groups) / sizeof(*measure_groups);
