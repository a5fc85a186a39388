// SPDX-License-Identifier: Apache-2.0
/*
 * Limits into version 1's files: Documentation/admin-guide/cgroup-v1/{memory,cpusets,pids,blkio-controller,net_cls,net_prio}.rst and
 * Documentation/scheduler/sched-bwc.rst, sched-design-CFS.rst (cpu.shares). Devices are in cgroup_devices.c.
 *
 * Not throttled here: writes that stay in the page cache, which version 1 charges to the kernel's own threads when they reach the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/log.h"

#define CPU_PERIOD_MS 100 /* cpu.cfs_period_us as every group has it in the beginning */
#define CPUSET_TEXT_MAX 4096

/* The sum of memory and swap may never be below memory alone, so on a new group, which has no limit, memory comes first. */
static int set_memory(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	uint64_t sum;
	int err = 0;

	if (l->memory_bytes)
		err = cgroup_set(cgroup, group, "memory.limit_in_bytes", "%" PRIu64, l->memory_bytes);
	if (err || !l->swap_set)
		return err;
	if (!l->memory_bytes) {
		(cgroup->best_effort ? log_warn
				     : log_error)("swap can only be limited together with memory on this host: its control groups "
						  "(version 1) know but the sum; add a memory limit");
		return cgroup->best_effort ? 0 : -ENOTSUP;
	}
	if (__builtin_add_overflow(l->memory_bytes, l->swap_bytes, &sum) || sum > INT64_MAX)
		sum = INT64_MAX;
	return cgroup_set(cgroup, group, "memory.memsw.limit_in_bytes", "%" PRIu64, sum);
}

static int set_cpu(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	int err = 0;

	if (l->cpu_shares)
		err = cgroup_set(cgroup, group, "cpu.shares", "%" PRIu64, l->cpu_shares);
	/* Thousandths of a period of so many milliseconds are so many microseconds. */
	if (!err && l->cpu_millis)
		err = cgroup_set(cgroup, group, "cpu.cfs_quota_us", "%" PRIu64, l->cpu_millis * CPU_PERIOD_MS);
	return err;
}

/* One of the two lists: /tinyvmm gets what the group above it has (it begins empty, and processors come and go), ours that or the limit. */
static int set_cpuset_file(const struct cgroup *cgroup, const struct cgroup_group *group, int parent, const char *file, const char *value)
{
	char *text = malloc(CPUSET_TEXT_MAX), path[64];
	int err = text ? 0 : -ENOMEM;

	snprintf(path, sizeof(path), "../%s", file);
	if (!err)
		err = cgroup_read_at(parent, path, text, CPUSET_TEXT_MAX);
	if (!err) {
		text[strcspn(text, "\n")] = '\0';
		err = cgroup_write_at(cgroup, parent, file, text);
	}
	/* With best_effort a list that the kernel refuses must not leave none. */
	if (!err && value && cgroup->best_effort)
		err = cgroup_write_at(cgroup, group->fd, file, text);
	if (err)
		log_error("%s/../%s can't be passed on from the group above: %s", group->path, file, strerror(-err));
	else
		err = cgroup_set(cgroup, group, file, "%s", value ? value : text);
	free(text);
	return err;
}

/* Without processors and memory nodes a group takes no process. */
static int set_cpuset(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	int parent = openat(group->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0) {
		int err = -errno;
		log_error("%s/..: %s", group->path, strerror(-err));
		return err;
	}
	int err = set_cpuset_file(cgroup, group, parent, "cpuset.cpus", l->cpuset_cpus);
	if (!err)
		err = set_cpuset_file(cgroup, group, parent, "cpuset.mems", l->cpuset_mems);
	close(parent);
	return err;
}

static int set_blkio(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	uint64_t weight = cgroup_blkio_weight(l->io_weight);
	int err = 0;

	if (l->io_weight) {
		/* The scheduler with weights is BFQ since Linux 5.0, CFQ before. */
		bool bfq = !faccessat(group->fd, "blkio.bfq.weight", F_OK, 0);
		err = cgroup_set(cgroup, group, bfq ? "blkio.bfq.weight" : "blkio.weight", "%" PRIu64, weight);
		if (!err)
			err = cgroup_check_weight(cgroup, group, bfq ? "[bfq]" : "[cfq]", false);
	}
	for (unsigned i = 0; !err && i < l->io_count; i++) {
		const struct cgroup_io_limit *io = &l->io[i];
		const struct {
			const char *file;
			uint64_t value;
		} file[] = {
			{"blkio.throttle.read_bps_device", io->rbps},
			{"blkio.throttle.write_bps_device", io->wbps},
			{"blkio.throttle.read_iops_device", io->riops},
			{"blkio.throttle.write_iops_device", io->wiops},
		};
		for (size_t f = 0; !err && f < sizeof(file) / sizeof(*file); f++) {
			if (file[f].value)
				err = cgroup_set(cgroup, group, file[f].file, "%u:%u %" PRIu64, major(io->dev), minor(io->dev),
						 file[f].value);
		}
	}
	return err;
}

static int set_pids(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	return l->pids ? cgroup_set(cgroup, group, "pids.max", "%" PRIu64, l->pids) : 0;
}

static int set_net_cls(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	return l->net_class_set ? cgroup_set(cgroup, group, "net_cls.classid", "%" PRIu32, l->net_class) : 0;
}

static int set_net_prio(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	int err = 0;

	for (unsigned i = 0; !err && i < l->net_prio_count; i++)
		err = cgroup_set(cgroup, group, "net_prio.ifpriomap", "%s %" PRIu32, l->net_prio[i].ifname, l->net_prio[i].priority);
	return err;
}

int cgroup_v1_set(const struct cgroup *cgroup, const struct cgroup_limits *limits)
{
	static const struct {
		enum cgroup_controller controller;
		int (*set)(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l);
	} setters[] = {
		{CONTROLLER_MEMORY, set_memory},     {CONTROLLER_CPU, set_cpu},   {CONTROLLER_CPUSET, set_cpuset},
		{CONTROLLER_IO, set_blkio},          {CONTROLLER_PIDS, set_pids}, {CONTROLLER_NET_CLS, set_net_cls},
		{CONTROLLER_NET_PRIO, set_net_prio},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(setters) / sizeof(*setters); i++) {
		const struct cgroup_group *group = cgroup_group_of(cgroup, setters[i].controller);
		if (group && !group->v2)
			err = setters[i].set(cgroup, group, limits);
	}
	return err;
}
