// SPDX-License-Identifier: Apache-2.0
/*
 * The container's /dev: see content.h. Only the nodes that every program may expect (runtime-spec, config-linux.md, Default Devices), each
 * held against its number; a new instance of devpts; shared memory and message queues of its own.
 *
 * Nodes are made where that is allowed, and otherwise, in a user namespace, bound from the host's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctr/content.h"
#include "ctr/content_impl.h"
#include "ctr/mount.h"
#include "ctr/namespaces.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define TTY_GROUP 5 /* of Debian and most others, for /dev/pts */

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},         {"core", "/proc/kcore"},
};

static bool is_node(int fd, unsigned number_major, unsigned number_minor)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(number_major, number_minor);
}

static int bind_node(int dev_fd, unsigned i)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/%s", nodes[i].name);
	int source = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0)
		return -errno;
	int err = is_node(source, nodes[i].major, nodes[i].minor) ? 0 : -ENODEV;
	int clone = err ? err : mount_clone(source, "", AT_EMPTY_PATH);
	int target = clone < 0 ? clone : openat(dev_fd, nodes[i].name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (clone >= 0 && target < 0)
		target = -errno;
	err = target < 0 ? target : mount_attach(clone, target);
	close(source);
	close_fd(&clone);
	close_fd(&target);
	return err;
}

static int make_node(const struct content *content, int dev_fd, unsigned i)
{
	int err = content->map->userns ? -EPERM : 0;

	if (!err && mknodat(dev_fd, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)))
		err = -errno;
	/* A host may deny mknod(2) to root as well (the devices cgroup of a container that we are in). */
	if (err == -EPERM)
		err = bind_node(dev_fd, i);
	if (err)
		log_error("/dev/%s: can't be made in the container: %s", nodes[i].name, strerror(-err));
	return err;
}

static int fill(const struct content *content, int dev_fd)
{
	int err = 0;

	for (unsigned i = 0; !err && i < sizeof(nodes) / sizeof(*nodes); i++)
		err = make_node(content, dev_fd, i);
	for (unsigned i = 0; !err && i < sizeof(links) / sizeof(*links); i++) {
		if (symlinkat(links[i].target, dev_fd, links[i].name))
			err = -errno;
	}
	static const char *const dirs[] = {"pts", "shm", "mqueue"};
	for (unsigned i = 0; !err && i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (mkdirat(dev_fd, dirs[i], 0755))
			err = -errno;
	}
	return err;
}

static int mount_below(const struct content *content)
{
	static const char *const shm_options[] = {"mode=1777", "size=65536k", NULL};
	char group[16];
	bool has_group = idmap_has(content->map->gid, content->map->gid_count, TTY_GROUP);
	const char *pts_options[] = {"newinstance", "ptmxmode=0666", "mode=0620", has_group ? group : NULL, NULL};
	uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;

	snprintf(group, sizeof(group), "gid=%d", TTY_GROUP);
	int err = content_attach(content, mount_new("devpts", pts_options, attributes), "dev/pts", false);
	attributes |= MOUNT_ATTR_NODEV;
	if (!err)
		err = content_attach(content, mount_new("tmpfs", shm_options, attributes), "dev/shm", false);
	if (err || !namespace_is_new(content->spec, NS_IPC, content->map->userns))
		return err;
	int queue = mount_new("mqueue", NULL, attributes);
	/* A kernel without POSIX message queues has none to show. */
	return queue == -ENODEV ? 0 : content_attach(content, queue, "dev/mqueue", false);
}

int content_dev(const struct content *content)
{
	static const char *const options[] = {"mode=0755", "size=64k", NULL};
	int dev = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	int keep = dev < 0 ? dev : fcntl(dev, F_DUPFD_CLOEXEC, 0);
	int err = content_attach(content, dev, "dev", content_may_make(content));

	if (!err)
		err = fill(content, keep);
	close_fd(&keep);
	return err ? err : mount_below(content);
}

int content_clone_null(const struct content *content)
{
	int fd = target_open(content->rootfs->fd, "dev/null", TARGET_FILE, false);
	int clone = fd < 0 ? fd : is_node(fd, 1, 3) ? mount_clone(fd, "", AT_EMPTY_PATH) : -ENODEV;

	close_fd(&fd);
	return clone;
}
