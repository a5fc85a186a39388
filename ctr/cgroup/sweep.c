// SPDX-License-Identifier: Apache-2.0
/*
 * Groups that a tinyvmm left behind which was killed: nobody was there to remove them once their processes had ended. They are told by their
 * names, which have its process number in them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/parse.h"

/* A process of another PID namespace seems to be gone, too. Its groups have processes in them, but for a moment at the beginning. */
#define AGE_MIN_S 2

static bool is_left(int parent, const char *name)
{
	struct stat st;
	uint64_t pid;

	if (strncmp(name, CGROUP_OF_RUN, strlen(CGROUP_OF_RUN)) || parse_u64(name + strlen(CGROUP_OF_RUN), 1, INT32_MAX, &pid))
		return false;
	if (!kill((pid_t)pid, 0) || errno != ESRCH)
		return false;
	return !fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) && st.st_mtime < time(NULL) - AGE_MIN_S;
}

static bool is_empty(const struct cgroup *cgroup)
{
	for (unsigned i = 0; i < cgroup->count; i++) {
		if (cgroup_is_populated(cgroup->group[i].fd, cgroup->group[i].v2))
			return false;
	}
	return true;
}

static void remove_left(const char *proc, const char *name)
{
	struct cgroup *left;

	if (cgroup_open_from(&left, proc, name))
		return;
	if (is_empty(left))
		cgroup_remove(left);
	cgroup_free(left);
}

static void sweep_beside(const struct cgroup_group *group, const char *proc)
{
	int parent = openat(group->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = parent < 0 ? NULL : fdopendir(parent);

	if (!dir)
		close_fd(&parent);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		if (is_left(parent, e->d_name))
			remove_left(proc, e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* In each hierarchy: whoever was killed may have been at making or removing its groups. */
void cgroup_sweep(const struct cgroup *cgroup)
{
	for (unsigned i = 0; i < cgroup->count; i++)
		sweep_beside(&cgroup->group[i], cgroup->host.proc);
}
