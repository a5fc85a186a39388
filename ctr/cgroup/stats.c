// SPDX-License-Identifier: Apache-2.0
/*
 * What a container uses, and whether it ran out of memory: admin-guide/cgroup-v2.rst (memory.current, memory.peak, memory.events, cpu.stat,
 * pids.current, io.stat); admin-guide/cgroup-v1/memory.rst, cpuacct.rst, pids.rst, blkio-controller.rst.
 *
 * Without a limit on processes there may be no group that counts them: then the lists of tasks are counted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/parse.h"

/* Version 1's "no limit" is the largest multiple of the page size, which may be 64 KiB. */
#define MEMORY_UNLIMITED ((uint64_t)INT64_MAX - 65535)

#define IO_TEXT_MAX 65536

uint64_t cgroup_oom_kills(const struct cgroup *cgroup)
{
	const struct cgroup_group *group = cgroup_group_of(cgroup, CONTROLLER_MEMORY);
	uint64_t kills = 0;

	if (!group || cgroup_read_value(group->fd, group->v2 ? "memory.events" : "memory.oom_control", "oom_kill", &kills))
		return 0;
	return kills;
}

static void read_memory(const struct cgroup_group *group, struct cgroup_stats *s)
{
	s->memory_limit_bytes = UINT64_MAX;
	s->has_memory = !cgroup_read_value(group->fd, group->v2 ? "memory.current" : "memory.usage_in_bytes", NULL, &s->memory_bytes);
	/* memory.peak is there from Linux 5.19 on. */
	if (cgroup_read_value(group->fd, group->v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL, &s->memory_peak_bytes))
		s->memory_peak_bytes = 0;
	if (cgroup_read_value(group->fd, group->v2 ? "memory.max" : "memory.limit_in_bytes", NULL, &s->memory_limit_bytes) ||
	    s->memory_limit_bytes >= MEMORY_UNLIMITED)
		s->memory_limit_bytes = UINT64_MAX;
}

static void read_cpu(const struct cgroup_group *group, struct cgroup_stats *s)
{
	if (group->v2) {
		s->has_cpu = !cgroup_read_value(group->fd, "cpu.stat", "usage_usec", &s->cpu_usec);
	} else {
		s->has_cpu = !cgroup_read_value(group->fd, "cpuacct.usage", NULL, &s->cpu_usec);
		s->cpu_usec /= 1000; /* there in nanoseconds */
	}
}

static bool visit_count(pid_t pid, void *arg)
{
	(void)pid;
	++*(uint64_t *)arg;
	return true;
}

static void read_pids(const struct cgroup *cgroup, struct cgroup_stats *s)
{
	const struct cgroup_group *group = cgroup_group_of(cgroup, CONTROLLER_PIDS);

	if (group) {
		s->has_pids = !cgroup_read_value(group->fd, "pids.current", NULL, &s->pids);
		return;
	}
	for (unsigned i = 0; i < cgroup->count && !s->has_pids; i++) {
		group = &cgroup->group[i];
		if (group->fd < 0)
			continue;
		cgroup_walk(group->fd, group->v2 ? "cgroup.threads" : "tasks", CGROUP_DEPTH_MAX, visit_count, &s->pids);
		s->has_pids = true;
	}
}

/* "8:0 rbytes=1 wbytes=2 ..." */
static void add_io_v2(char *line, struct cgroup_stats *s)
{
	char *word;

	while ((word = strsep(&line, " "))) {
		uint64_t value;
		if (!strncmp(word, "rbytes=", 7) && !parse_u64(word + 7, 0, UINT64_MAX, &value))
			s->io_read_bytes += value;
		else if (!strncmp(word, "wbytes=", 7) && !parse_u64(word + 7, 0, UINT64_MAX, &value))
			s->io_write_bytes += value;
	}
}

/* "8:0 Read 1", and so on; a last line "Total 3" has no device. */
static void add_io_v1(char *line, struct cgroup_stats *s)
{
	const char *device = strsep(&line, " "), *what = strsep(&line, " ");
	uint64_t value;

	if (!device || !what || !line || parse_u64(line, 0, UINT64_MAX, &value))
		return;
	if (!strcmp(what, "Read"))
		s->io_read_bytes += value;
	else if (!strcmp(what, "Write"))
		s->io_write_bytes += value;
}

static void read_io(const struct cgroup_group *group, struct cgroup_stats *s)
{
	char *text = malloc(IO_TEXT_MAX), *cursor = text, *line;
	const char *file = group->v2 ? "io.stat" : "blkio.throttle.io_service_bytes_recursive";

	if (text && !cgroup_read_at(group->fd, file, text, IO_TEXT_MAX)) {
		s->has_io = true;
		while ((line = strsep(&cursor, "\n")))
			(group->v2 ? add_io_v2 : add_io_v1)(line, s);
	}
	free(text);
}

void cgroup_stats(const struct cgroup *cgroup, struct cgroup_stats *stats)
{
	const struct cgroup_group *memory = cgroup_group_of(cgroup, CONTROLLER_MEMORY), *cpu = cgroup_group_of(cgroup, CONTROLLER_CPUACCT),
				  *io = cgroup_group_of(cgroup, CONTROLLER_IO);

	*stats = (struct cgroup_stats){.memory_limit_bytes = UINT64_MAX};
	if (memory)
		read_memory(memory, stats);
	if (cpu)
		read_cpu(cpu, stats);
	if (io)
		read_io(io, stats);
	read_pids(cgroup, stats);
}
