// SPDX-License-Identifier: Apache-2.0
/*
 * Limits into version 2's files: Documentation/admin-guide/cgroup-v2.rst, "Controllers". Devices are in cgroup_devices.c; net_cls and
 * net_prio have no successor here.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"

#define CPU_PERIOD_MS 100

static int set_memory(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	int err = 0;

	if (l->memory_bytes)
		err = cgroup_set(cgroup, group, "memory.max", "%" PRIu64, l->memory_bytes);
	if (!err && l->swap_set)
		err = cgroup_set(cgroup, group, "memory.swap.max", "%" PRIu64, l->swap_bytes);
	return err;
}

static int set_cpu(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	int err = 0;

	if (l->cpu_shares)
		err = cgroup_set(cgroup, group, "cpu.weight", "%" PRIu64, cgroup_weight_from_shares(l->cpu_shares));
	if (!err && l->cpu_millis)
		err = cgroup_set(cgroup, group, "cpu.max", "%" PRIu64 " %u", l->cpu_millis * CPU_PERIOD_MS, CPU_PERIOD_MS * 1000);
	return err;
}

static int set_cpuset(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	int err = 0;

	if (l->cpuset_cpus)
		err = cgroup_set(cgroup, group, "cpuset.cpus", "%s", l->cpuset_cpus);
	if (!err && l->cpuset_mems)
		err = cgroup_set(cgroup, group, "cpuset.mems", "%s", l->cpuset_mems);
	return err;
}

static int set_io_device(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_io_limit *io)
{
	const struct {
		const char *key;
		uint64_t value;
	} pair[] = {{"rbps", io->rbps}, {"wbps", io->wbps}, {"riops", io->riops}, {"wiops", io->wiops}};
	char text[160];
	size_t len = (size_t)snprintf(text, sizeof(text), "%u:%u", major(io->dev), minor(io->dev));

	for (size_t i = 0; i < sizeof(pair) / sizeof(*pair); i++) {
		if (pair[i].value)
			len += (size_t)snprintf(text + len, sizeof(text) - len, " %s=%" PRIu64, pair[i].key, pair[i].value);
	}
	return cgroup_set(cgroup, group, "io.max", "%s", text);
}

static int set_io(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	int err = 0;

	if (l->io_weight) {
		/* Each disk obeys the one that it has: BFQ's, with version 1's scale, or the cost model's. */
		bool bfq = !faccessat(group->fd, "io.bfq.weight", F_OK, 0), model = !bfq || !faccessat(group->fd, "io.weight", F_OK, 0);
		if (bfq)
			err = cgroup_set(cgroup, group, "io.bfq.weight", "%" PRIu64, cgroup_blkio_weight(l->io_weight));
		if (!err && model)
			err = cgroup_set(cgroup, group, "io.weight", "default %" PRIu64, l->io_weight);
		if (!err)
			err = cgroup_check_weight(cgroup, group, bfq ? "[bfq]" : NULL, model);
	}
	for (unsigned i = 0; !err && i < l->io_count; i++)
		err = set_io_device(cgroup, group, &l->io[i]);
	return err;
}

static int set_pids(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l)
{
	return l->pids ? cgroup_set(cgroup, group, "pids.max", "%" PRIu64, l->pids) : 0;
}

int cgroup_v2_set(const struct cgroup *cgroup, const struct cgroup_limits *limits)
{
	static const struct {
		enum cgroup_controller controller;
		int (*set)(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_limits *l);
	} setters[] = {
		{CONTROLLER_MEMORY, set_memory}, {CONTROLLER_CPU, set_cpu},   {CONTROLLER_CPUSET, set_cpuset},
		{CONTROLLER_IO, set_io},         {CONTROLLER_PIDS, set_pids},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(setters) / sizeof(*setters); i++) {
		const struct cgroup_group *group = cgroup_group_of(cgroup, setters[i].controller);
		if (group && group->v2)
			err = setters[i].set(cgroup, group, limits);
	}
	return err;
}
