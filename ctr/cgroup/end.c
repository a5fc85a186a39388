// SPDX-License-Identifier: Apache-2.0
/*
 * Freezing a control group, and ending it: admin-guide/cgroup-v2.rst, "cgroup.freeze" and "cgroup.kill" (Linux 5.14);
 * admin-guide/cgroup-v1/freezer-subsystem.rst.
 *
 * Version 1 tells nobody when a group is empty (but its release program, which is the whole host's), so there the wait is for the end
 * of one process after the other, by pidfd. A process that forks as fast as it is killed is met by killing again until the deadline.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define WATCH_MS 100 /* then look again, whatever was waited for */

/* --- freezing -------------------------------------------------------------------------------------------------------------------- */

/* Reads cgroup.events by a descriptor that stays open: poll() then waits for what changes after this. */
static int read_event(int fd, const char *key)
{
	char text[256], *line, *cursor = text;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	size_t len = strlen(key);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	while ((line = strsep(&cursor, "\n"))) {
		if (!strncmp(line, key, len) && line[len] == ' ')
			return line[len + 1] == '1';
	}
	return -ENODATA;
}

static int wait_event(int fd, const char *key, int value, int64_t deadline)
{
	struct pollfd watch = {.fd = fd, .events = POLLPRI};

	for (;;) {
		int now = read_event(fd, key);
		if (now < 0 || now == value)
			return now < 0 ? now : 0;
		int64_t left = deadline - cgroup_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(&watch, 1, (int)left);
	}
}

static int freeze_v2(const struct cgroup *cgroup, const struct cgroup_group *group, bool frozen)
{
	int events = openat(group->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (events < 0)
		return -errno;
	int err = cgroup_write_at(cgroup, group->fd, "cgroup.freeze", frozen ? "1" : "0");
	if (!err)
		err = wait_event(events, "frozen", frozen, cgroup_now_ms() + CGROUP_WAIT_MS);
	close(events);
	return err;
}

/* FROZEN is written until it is read: a process caught in the middle of vfork() or a fork is only taken by another try. */
static int freeze_v1(const struct cgroup *cgroup, const struct cgroup_group *group, bool frozen)
{
	const char *want = frozen ? "FROZEN" : "THAWED";
	int64_t deadline = cgroup_now_ms() + CGROUP_WAIT_MS;
	char text[32];

	for (;;) {
		int err = cgroup_write_at(cgroup, group->fd, "freezer.state", want);
		if (!err)
			err = cgroup_read_at(group->fd, "freezer.state", text, sizeof(text));
		if (err || !strncmp(text, want, strlen(want)))
			return err;
		if (cgroup_now_ms() >= deadline)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, 1); /* there is nothing to wait on */
	}
}

static int set_frozen(const struct cgroup *cgroup, const struct cgroup_group *group, bool frozen)
{
	return group->v2 ? freeze_v2(cgroup, group, frozen) : freeze_v1(cgroup, group, frozen);
}

int cgroup_freeze(struct cgroup *cgroup, bool frozen)
{
	const struct cgroup_group *group = cgroup_group_of(cgroup, CONTROLLER_FREEZER);
	const char *verb = frozen ? "frozen" : "thawed";

	if (!group) {
		log_error("%s can't be %s: the host gives us no control group that freezes (version 2 from Linux 5.2 on, or version 1's "
			  "freezer)",
			  cgroup->name, verb);
		return -ENOTSUP;
	}
	int err = set_frozen(cgroup, group, frozen);
	if (!err)
		return 0;
	log_error("%s can't be %s by %s: %s%s", cgroup->name, verb, group->path, strerror(-err),
		  err != -ETIMEDOUT ? ""
		  : frozen          ? ": one of its processes waits for a disk or a network file system; it runs on"
				    : ": is a group above it frozen?");
	/* Half frozen is what nobody asked for. */
	if (frozen && err == -ETIMEDOUT)
		(void)cgroup_write_at(cgroup, group->fd, group->v2 ? "cgroup.freeze" : "freezer.state", group->v2 ? "0" : "THAWED");
	return err;
}

bool cgroup_is_frozen(const struct cgroup *cgroup)
{
	const struct cgroup_group *group = cgroup_group_of(cgroup, CONTROLLER_FREEZER);
	char text[32];

	if (!group || cgroup_read_at(group->fd, group->v2 ? "cgroup.freeze" : "freezer.state", text, sizeof(text)))
		return false;
	return group->v2 ? text[0] == '1' : strncmp(text, "THAWED", 6) != 0;
}

void cgroup_expel(const struct cgroup *cgroup, pid_t pid)
{
	const struct cgroup_group *group = cgroup_group_of(cgroup, CONTROLLER_FREEZER);
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	/* Where groups are made there is one that is nobody's. */
	if (group && !group->v2)
		(void)cgroup_write_at(cgroup, group->fd, "../../cgroup.procs", text);
}

/* --- ending ---------------------------------------------------------------------------------------------------------------------- */

static bool visit_any(pid_t pid, void *arg)
{
	(void)pid;
	*(bool *)arg = true;
	return false;
}

bool cgroup_is_populated(int dir, bool v2)
{
	uint64_t populated;
	bool any = false;

	if (v2 && !cgroup_read_value(dir, "cgroup.events", "populated", &populated))
		return populated != 0;
	cgroup_walk(dir, "cgroup.procs", CGROUP_DEPTH_MAX, visit_any, &any);
	return any;
}

static int remove_at(int parent, const char *name, unsigned depth)
{
	struct dirent *entry;

	if (!unlinkat(parent, name, AT_REMOVEDIR) || errno == ENOENT)
		return 0;
	int err = -errno, dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *stream = dir < 0 || !depth ? NULL : fdopendir(dir);
	if (!stream) {
		close_fd(&dir);
		return err;
	}
	bool removed = false;
	while ((entry = readdir(stream))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			removed |= !remove_at(dir, entry->d_name, depth - 1);
	}
	closedir(stream);
	return removed && !unlinkat(parent, name, AT_REMOVEDIR) ? 0 : err;
}

int cgroup_remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path, CGROUP_DEPTH_MAX);
}

static bool remove_groups(struct cgroup *cgroup)
{
	bool all = true;

	for (unsigned i = 0; i < cgroup->count; i++) {
		struct cgroup_group *group = &cgroup->group[i];
		if (group->fd < 0)
			continue;
		if (cgroup_remove_tree(group->path))
			all = false;
		else
			close_fd(&group->fd);
	}
	return all;
}

struct kill {
	pid_t last; /* one of those that are left; 0: none */
	unsigned count;
	bool by_group; /* the group's own file kills them */
};

static bool visit_kill(pid_t pid, void *arg)
{
	struct kill *kills = arg;

	/* 0 is a process that our PID namespace does not know, but for kill(2) it is our own process group. */
	if (pid <= 0 || pid == getpid())
		return true;
	if (kills->by_group || !kill(pid, SIGKILL)) {
		kills->last = pid;
		kills->count++;
	}
	return true;
}

/* All at once and without a race, where the kernel can. */
static bool kill_v2(const struct cgroup *cgroup, struct kill *kills, struct pollfd *watch)
{
	for (unsigned i = 0; i < cgroup->count; i++) {
		const struct cgroup_group *group = &cgroup->group[i];
		if (!group->v2 || group->fd < 0)
			continue;
		watch->fd = openat(group->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
		if (watch->fd >= 0 && read_event(watch->fd, "populated") == 1 && !cgroup_write_at(cgroup, group->fd, "cgroup.kill", "1")) {
			kills->by_group = true;
			cgroup_walk(group->fd, "cgroup.procs", CGROUP_DEPTH_MAX, visit_kill, kills);
			return true;
		}
		close_fd(&watch->fd);
	}
	return false;
}

static void kill_v1(const struct cgroup *cgroup, struct kill *kills)
{
	const struct cgroup_group *freezer = cgroup_group_of(cgroup, CONTROLLER_FREEZER);

	for (unsigned i = 0; i < cgroup->count; i++) {
		if (cgroup->group[i].fd >= 0)
			cgroup_walk(cgroup->group[i].fd, "cgroup.procs", CGROUP_DEPTH_MAX, visit_kill, kills);
	}
	/* In version 1 the frozen die when they are thawed; killed first, they do nothing else with it. */
	if (freezer && !freezer->v2)
		(void)cgroup_write_at(cgroup, freezer->fd, "freezer.state", "THAWED");
}

/*
 * Kills all, and waits for one of them, or for the group's word that it is empty, which the kernel gives every 10 ms at most: mostly the
 * one process is faster.
 */
static void kill_and_wait(const struct cgroup *cgroup, struct kill *kills)
{
	struct pollfd watch[2] = {{.fd = -1, .events = POLLPRI}, {.fd = -1, .events = POLLIN}};

	*kills = (struct kill){.last = 0};
	if (!kill_v2(cgroup, kills, &watch[0]))
		kill_v1(cgroup, kills);
	if (kills->last)
		watch[1].fd = (int)syscall(SYS_pidfd_open, kills->last, 0);
	(void)poll(watch, 2, watch[0].fd >= 0 || watch[1].fd >= 0 ? WATCH_MS : 1);
	close_fd(&watch[0].fd);
	close_fd(&watch[1].fd);
}

static void log_left(const struct cgroup *cgroup, const struct kill *kills)
{
	for (unsigned i = 0; i < cgroup->count; i++) {
		const struct cgroup_group *group = &cgroup->group[i];
		if (group->fd < 0)
			continue;
		if (kills->count)
			log_error("the control group %s can't be removed: %u processes in it don't end (one is %d: its /proc/%d/stack says "
				  "what it waits for); then: rmdir %s",
				  group->path, kills->count, (int)kills->last, (int)kills->last, group->path);
		else
			log_error("the control group %s can't be removed: processes or groups in it stay; then: rmdir %s", group->path,
				  group->path);
	}
}

void cgroup_remove(struct cgroup *cgroup)
{
	int64_t deadline = cgroup_now_ms() + CGROUP_WAIT_MS;
	struct kill kills = {.last = 0};

	/* Plain files have no processes, whatever numbers stand in them, and no rmdir() takes them along. */
	if (!cgroup || cgroup->create)
		return;
	/* The usual case: all have ended already. */
	while (!remove_groups(cgroup)) {
		if (cgroup_now_ms() >= deadline) {
			log_left(cgroup, &kills);
			return;
		}
		kill_and_wait(cgroup, &kills);
	}
}
