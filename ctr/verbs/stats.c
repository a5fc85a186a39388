// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr stats`: what running containers use, each second, from their control groups. */
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup.h"
#include "ctr/verbs/verbs.h"
#include "vmm/core/loop.h"
#include "vmm/util/parse.h"

#define INTERVAL_MS 1000

struct stats_options {
	bool once;
};

static const struct option_def stats_defs[] = {
	{.name = "once", .take = options_take_flag, .field = offsetof(struct stats_options, once), .help = "one line, and no more"},
	OPTIONS_HELP,
};
const struct verb_table stats_table = {stats_defs, sizeof(stats_defs) / sizeof(*stats_defs)};

/* Exactly, or rounded down to a whole KiB, as the column is narrow. */
static const char *size_text(bool known, uint64_t bytes, char text[PARSE_SIZE_MAX])
{
	return known ? format_size(bytes & ~(uint64_t)1023, text) : "-";
}

static void print_line(const struct cgroup_stats *before, const struct cgroup_stats *now, int64_t elapsed_ns)
{
	char memory[PARSE_SIZE_MAX], limit[PARSE_SIZE_MAX], in[PARSE_SIZE_MAX], out[PARSE_SIZE_MAX];
	double percent = elapsed_ns > 0 ? (double)(now->cpu_usec - before->cpu_usec) * 1e5 / (double)elapsed_ns : 0;

	printf("%6.1f %10s %10s %6llu %10s %10s\n", now->has_cpu ? percent : 0, size_text(now->has_memory, now->memory_bytes, memory),
	       size_text(now->has_memory && now->memory_limit_bytes != UINT64_MAX, now->memory_limit_bytes, limit),
	       (unsigned long long)now->pids, size_text(now->has_io, now->io_read_bytes, in),
	       size_text(now->has_io, now->io_write_bytes, out));
	fflush(stdout);
}

static void show(const struct subject *subject, const struct cgroup *cgroup, bool once)
{
	struct cgroup_stats before, now;
	const struct timespec pause = {.tv_sec = INTERVAL_MS / 1000};
	int64_t then = loop_now_ns();

	printf("%6s %10s %10s %6s %10s %10s\n", "CPU%", "MEMORY", "LIMIT", "PIDS", "READ", "WRITTEN");
	cgroup_stats(cgroup, &before);
	do {
		nanosleep(&pause, NULL);
		cgroup_stats(cgroup, &now);
		int64_t at = loop_now_ns();
		if (!entry_is_alive(&subject->entry))
			return;
		print_line(&before, &now, at - then);
		before = now;
		then = at;
	} while (!once && !ferror(stdout));
}

static int tell_use(struct subject *subject, const struct verb_line *line)
{
	const struct stats_options *options = line->target;
	struct cgroup *cgroup;
	int err = subject_must_run(subject);

	if (!err)
		err = subject_cgroup(subject, &cgroup, "would count");
	if (!err) {
		show(subject, cgroup, options->once);
		cgroup_free(cgroup);
	}
	return err;
}

int verb_stats(int argc, char **argv)
{
	struct stats_options options = {0};
	struct verb_line line = {
		.verb = "stats",
		.usage = "NAME [--once]",
		.help = "tells each second what a container uses",
		.table = &stats_table,
		.target = &options,
		.min = 1,
		.max = 1,
	};

	return verb_on_subject(&line, argc, argv, false, tell_use);
}
