// SPDX-License-Identifier: Apache-2.0
/* The group that a system's init divides, below the container's own: see cgroup_has_inner(). admin-guide/cgroup-v2.rst, "Delegation". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define INNER "system"

static int enter(struct cgroup *cgroup, const char *name)
{
	int parent = cgroup_group_v2(cgroup)->fd;

	if (mkdirat(parent, name, 0755) && errno != EEXIST)
		return -errno;
	cgroup->inner_fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return cgroup->inner_fd < 0 ? -errno : 0;
}

/* All that is there, whatever the init makes of it; and not more groups than can be removed again (Linux 4.14). */
static void pass_controllers(struct cgroup *cgroup, const struct cgroup_group *group)
{
	char text[512];

	snprintf(text, sizeof(text), "%d", CGROUP_DEPTH_MAX - 2);
	(void)cgroup_write_at(cgroup, group->fd, "cgroup.max.depth", text);
	(void)cgroup_write_at(cgroup, group->fd, "cgroup.max.descendants", "9999");
	if (!cgroup_read_at(group->fd, "cgroup.controllers", text, sizeof(text)))
		(void)cgroup_enable(cgroup, group->path, cgroup_controllers_of(text, true));
}

/* Exactly what the kernel means to be given away (/sys/kernel/cgroup/delegate). */
static int give(int fd, uid_t owner)
{
	static const char files[][24] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};
	int err = fchown(fd, owner, (gid_t)-1) ? -errno : 0;

	for (unsigned i = 0; !err && i < sizeof(files) / sizeof(*files); i++) {
		if (fchownat(fd, files[i], owner, (gid_t)-1, 0))
			err = -errno;
	}
	return err;
}

int cgroup_make_inner(struct cgroup *cgroup, uid_t owner)
{
	const struct cgroup_group *group = cgroup_group_v2(cgroup);

	if (!group)
		return 0;
	pass_controllers(cgroup, group);
	int err = enter(cgroup, INNER);
	if (!err)
		err = give(cgroup->inner_fd, owner);
	if (err)
		log_error("the control group %s/" INNER " can't be made: %s", group->path, strerror(-err));
	return err;
}

bool cgroup_has_inner(const struct cgroup *cgroup)
{
	return cgroup->inner_fd >= 0;
}

int cgroup_enter_inner(struct cgroup *cgroup)
{
	int err = cgroup_group_v2(cgroup) ? enter(cgroup, INNER "/exec") : 0;

	return err == -ENOENT ? 0 : err;
}
