// SPDX-License-Identifier: Apache-2.0
/* The parent's half of starting a container: see start.h. */
#include "ctr/start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctr/ended.h"
#include "ctr/message.h"
#include "ctr/namespaces.h"
#include "ctr/options.h"
#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define PATIENCE_MS 100 /* with a child that says nothing, until we look whether it still can */

/* --- before the child ------------------------------------------------------------------------------------------------------------ */

static int open_joined(struct container *container)
{
	for (enum spec_namespace ns = 0; ns < NS_COUNT; ns++) {
		const char *join = container->spec->ns[ns].join;
		if (!join)
			continue;
		container->join_fd[ns] = namespace_open(ns, join);
		if (container->join_fd[ns] < 0)
			return container->join_fd[ns];
	}
	/* Only what is cloned from now on is in it: the one namespace that has to be joined beforehand (setns(2)). */
	if (container->join_fd[NS_PID] >= 0 && setns(container->join_fd[NS_PID], CLONE_NEWPID)) {
		int err = -errno;
		log_error("--join pid=%s: %s", container->spec->ns[NS_PID].join, strerror(-err));
		return err;
	}
	return 0;
}

int container_filter(struct container *container)
{
	const struct spec *spec = container->spec;
	uint64_t caps = spec_caps(spec).bounding;

	if (spec->isolation != ISOLATION_FULL || (spec->seccomp && !strcmp(spec->seccomp, "off")))
		return 0;
	return spec->seccomp ? seccomp_load(&container->filter, spec->seccomp, caps) : seccomp_default(&container->filter, caps);
}

int container_channels(struct container *container)
{
	if (!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, container->go) && !pipe2(container->report, O_CLOEXEC))
		return 0;
	int err = -errno;
	log_error("no descriptors left: %s", strerror(-err));
	return err;
}

static struct cgroup_limits limits_of(const struct container *container)
{
	const struct spec *spec = container->spec;
	struct cgroup_limits limits = spec->limits;

	limits.inner = spec->system;
	limits.inner_owner = container->map.userns ? container->map.uid[0].outside : 0;
	/* An ordinary user can neither make nodes nor use those of file systems that it mounts. */
	if (geteuid() && !limits.device_count)
		limits.devices_restricted = false;
	return limits;
}

static int prepare_cgroup(struct container *container)
{
	const struct spec *spec = container->spec;
	const struct cgroup_limits limits = limits_of(container);

	return spec->isolation == ISOLATION_FULL ? cgroup_new(&container->cgroup, spec->name, &limits, spec->best_effort) : 0;
}

static int prepare(struct container *container)
{
	int err = idmap_choose(&container->map, container->spec->userns);

	if (!err)
		err = rootfs_prepare(&container->rootfs, container->spec, &container->map);
	if (!err)
		err = open_joined(container);
	if (!err)
		err = container_filter(container);
	if (!err)
		err = prepare_cgroup(container);
	if (!err && container->spec->net == NET_VETH)
		err = veth_new(&container->veth, &container->spec->veth, &container->spec->netdev);
	return err ? err : container_channels(container);
}

/* --- the child -------------------------------------------------------------------------------------------------------------------- */

static int explain_clone(const struct container *container, int err)
{
	const char *hint = "";

	if (err == -EPERM && container->map.userns)
		hint = ": user namespaces are not allowed here (sysctl kernel.unprivileged_userns_clone, "
		       "kernel.apparmor_restrict_unprivileged_userns, "
		       "user.max_user_namespaces)";
	else if (err == -ENOSPC || err == -EUSERS)
		hint = ": the limit of namespaces is reached (sysctl user.max_*_namespaces)";
	else if (err == -ENOSYS)
		hint = ": clone3(2) came with Linux 5.3; or a system-call filter around tinyvmm hides it";
	else if (err == -E2BIG)
		hint = ": making it in its control group came with Linux 5.7";
	else if (err == -EINVAL)
		hint = ": this kernel lacks a kind of namespace (--share KIND=host does without one; 'time' came with Linux 5.6)";
	log_error("the container's process can't be made: %s%s", strerror(-err), hint);
	return err;
}

/* A process in its own namespaces and, where version 2 has one, in its control group from its first instruction on. */
static int clone_child(struct container *container)
{
	int cgroup_fd = container->cgroup && !container_needs_devices(container) ? cgroup_clone_fd(container->cgroup) : -1;
	struct clone_args args = {
		/* A cgroup namespace shows as its root the groups in which it was made, so that one comes later. */
		.flags = (namespaces_clone_flags(container->spec, container->map.userns) & ~(uint64_t)CLONE_NEWCGROUP) | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&container->pid_fd,
		.exit_signal = SIGCHLD,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return explain_clone(container, -errno);
	if (!pid)
		container_child(container);
	container->pid = (pid_t)pid;
	return 0;
}

bool container_needs_devices(const struct container *container)
{
	return container->spec->net == NET_USER;
}

/* A child with a user namespace of its own is not one that may move itself. */
static int place_child(const struct container *container)
{
	int err = container->map.userns ? cgroup_join(container->cgroup, container->pid, container_needs_devices(container)) : 0;

	return err ? err : send_message(container->go[0], 'g', -1);
}

/* The limits are set while the child makes its mounts, which are most of the work: it waits for them before it becomes anything else. */
static int limit_child(const struct container *container)
{
	const struct cgroup_limits limits = limits_of(container);
	int err = container->cgroup ? cgroup_limit(container->cgroup, &limits) : 0;

	if (err || !container->cgroup || (container->map.userns && container_needs_devices(container)))
		return err;
	return place_child(container);
}

/*
 * The child ended before it was ready, which is found out by hearing nothing more (-ECONNRESET) or by telling it something (-EPIPE). It has said why, unless
 * something ended it.
 */
static int explain_end(struct container *container, int err)
{
	int status = 0;

	if ((err != -ECONNRESET && err != -EPIPE) || !container->pid)
		return err;
	process_wait(container->pid, &status);
	container->pid = 0;
	bool killed = container->cgroup && cgroup_oom_kills(container->cgroup);
	if (WIFSIGNALED(status))
		log_error("the container was ended while it was set up, by signal %d%s%s", WTERMSIG(status),
			  killed ? ": it ran out of memory (--memory)" : "", killed ? ended_memory_hint(container->spec) : "");
	return -ECONNRESET;
}

/* 0: the child has something to say. Otherwise it is to be given up: see container_follow(). */
static int wait_for_child(const struct container *container)
{
	struct pollfd fds[] = {{.fd = container->go[0], .events = POLLIN}, {.fd = container->interrupt_fd, .events = POLLIN}};
	int n;

	while ((n = poll(fds, 2, PATIENCE_MS)) <= 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (container->deadline_ns && loop_now_ns() >= container->deadline_ns)
			return -ETIMEDOUT;
		if (container->joined && cgroup_is_frozen(container->joined))
			return -EBUSY;
	}
	/* What it says comes first: once it is ready, the signal is handed on. */
	return fds[1].revents && !fds[0].revents ? -EINTR : 0;
}

static int give_card(const struct container *container, int *child_rtnl)
{
	int err = *child_rtnl < 0 || !container->veth ? -EPROTO : veth_connect(container->veth, *child_rtnl);

	close_fd(child_rtnl);
	return err ? err : send_message(container->go[0], 'g', -1);
}

int container_follow(struct container *container)
{
	char message = 0;
	int fd, err = 0;

	while (!err && message != CHILD_READY) {
		err = wait_for_child(container);
		if (!err)
			err = receive_message(container->go[0], &message, &fd);
		if (err)
			break;
		if (message == CHILD_TAP)
			container->tap_fd = fd;
		else if (message == CHILD_TTY)
			container->tty_fd = fd;
		else if (message == CHILD_VETH)
			err = give_card(container, &fd);
		else
			close_fd(&fd);
		if (message == CHILD_PLACE)
			err = place_child(container);
	}
	return explain_end(container, err);
}

void container_init(struct container *container, const struct spec *spec, bool terminal)
{
	*container = (struct container){
		.spec = spec,
		.terminal = terminal,
		.go = {-1, -1},
		.report = {-1, -1},
		.output_fd = -1,
		.interrupt_fd = -1,
		.peer_fd = -1,
		.tty_fd = -1,
		.tap_fd = -1,
		.pid_fd = -1,
	};
	rootfs_init(&container->rootfs);
	for (enum spec_namespace ns = 0; ns < NS_COUNT; ns++)
		container->join_fd[ns] = -1;
}

int container_start(struct container *container)
{
	int err = prepare(container);
	if (!err)
		err = clone_child(container);
	if (err)
		return err;
	close_fd(&container->go[1]);
	close_fd(&container->report[1]);
	if (container->map.userns && container->spec->isolation != ISOLATION_CHROOT)
		err = idmap_write(&container->map, container->pid);
	if (!err)
		err = rootfs_map(&container->rootfs, container->spec, container->pid);
	if (!err && container->map.userns)
		err = send_message(container->go[0], 'g', -1);
	if (!err)
		err = limit_child(container);
	return err ? explain_end(container, err) : container_follow(container);
}

void container_release(struct container *container)
{
	if (container->pid)
		kill(container->pid, SIGKILL);
	/* A process that waits for the root's file system may not end before that does. */
	rootfs_release(&container->rootfs);
	if (container->pid)
		process_wait(container->pid, NULL);
	veth_free(container->veth);
	cgroup_remove(container->cgroup);
	cgroup_free(container->cgroup);
	seccomp_release(&container->filter);
	for (enum spec_namespace ns = 0; ns < NS_COUNT; ns++)
		close_fd(&container->join_fd[ns]);
	for (unsigned i = 0; i < 2; i++) {
		close_fd(&container->go[i]);
		close_fd(&container->report[i]);
	}
	close_fd(&container->tty_fd);
	close_fd(&container->tap_fd);
	close_fd(&container->pid_fd);
}
