// SPDX-License-Identifier: Apache-2.0
/*
 * Whether anybody heeds a weight at the disks: the kernel takes one whatever schedules their requests. BFQ does, for the disks that it has
 * (Documentation/block/bfq-iosched.rst; before Linux 5.0 CFQ did), and the cost model of version 2, where it is switched on
 * (admin-guide/cgroup-v2.rst, io.cost.qos). What can't be looked at is taken for one that does.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/log.h"

/* The present scheduler of a disk stands in brackets. */
static bool a_disk_has(const struct cgroup *cgroup, const char *scheduler)
{
	char path[PATH_MAX], text[256];
	const struct dirent *entry;
	bool has = false;

	/* Beside /proc, as a test has it, too. */
	snprintf(path, sizeof(path), "%s/../sys/block", cgroup->host.proc);
	DIR *dir = opendir(path);
	if (!dir)
		return true;
	while (!has && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/queue/scheduler", entry->d_name);
		has = !cgroup_read_at(dirfd(dir), path, text, sizeof(text)) && strstr(text, scheduler);
	}
	closedir(dir);
	return has;
}

/* Only the topmost group of all has the file: root's containers are two below. */
static bool a_disk_has_model(const struct cgroup_group *group)
{
	char text[4096];

	return cgroup_read_at(group->fd, "../../io.cost.qos", text, sizeof(text)) || strstr(text, "enable=1");
}

int cgroup_check_weight(const struct cgroup *cgroup, const struct cgroup_group *group, const char *scheduler, bool model)
{
	if ((scheduler && a_disk_has(cgroup, scheduler)) || (model && a_disk_has_model(group)))
		return 0;
	(cgroup->best_effort ? log_warn : log_error)("no disk here heeds a weight: it takes the scheduler bfq (modprobe bfq; echo bfq "
						     ">/sys/block/DISK/queue/scheduler)%s",
						     model ? " or a cost model (io.cost.qos)" : "");
	return cgroup->best_effort ? 0 : -ENOTSUP;
}
