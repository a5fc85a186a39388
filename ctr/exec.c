// SPDX-License-Identifier: Apache-2.0
/*
 * Joining a container: see exec.h; setns(2), pid_namespaces(7), user_namespaces(7).
 *
 * A PID namespace is the one that is joined by a parent, for its children. An ordinary user may do that only once it is in the user
 * namespace, too; everything else is the child's. What the container could reach of the child before it is guest/reaper: it is not dumpable
 * from birth (CVE-2016-9962), and has no descriptor of the host's open but the streams it was given (CVE-2024-21626).
 *
 * No library is loaded here, but where the system-call filter is not in its cache.
 */
#include "ctr/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/become.h"
#include "ctr/cgroup/cgroup.h"
#include "ctr/child_impl.h"
#include "ctr/namespaces.h"
#include "ctr/relay.h"
#include "ctr/run.h"
#include "ctr/start.h"
#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define ENVIRON_BYTES_MAX (1u << 20)
#define PROC_TEXT_MAX (1u << 16)

struct joining {
	const struct exec *exec;
	struct spec spec;
	struct container *container;
	struct cgroup *cgroup; /* NULL: none */
	struct idmap map;
	int root_fd;    /* the container's root, where it shares our mount namespace; -1: the namespace has it */
	uint64_t flags; /* CLONE_NEW* of the namespaces that it does not share with us */
	char *environ;  /* NUL-separated, and the list of what is in it; both may be NULL */
	char **env;
	struct relay *relay;
	struct loop *loop;
	struct loop_watch ended;
	bool paused; /* meanwhile */
};

/* --- what there is to join ---------------------------------------------------------------------------------------------------------------
 */

static const char *name_of(const struct joining *j)
{
	return j->exec->spec->name;
}

static int read_proc(const struct joining *j, const char *file, size_t limit, char **text, size_t *len)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)j->exec->pid, file);
	return read_file(path, limit, text, len);
}

static bool is_gone(const struct joining *j)
{
	struct pollfd fd = {.fd = j->exec->pid_fd, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

/* setns(2) refuses the user namespace that one is in already, so only those that differ are joined. */
static int find_namespaces(struct joining *j)
{
	char theirs[64], ours[64];
	struct stat their, our;

	for (enum spec_namespace ns = 0; ns < NS_COUNT; ns++) {
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)j->exec->pid, namespace_kinds[ns].file);
		snprintf(ours, sizeof(ours), "/proc/self/ns/%s", namespace_kinds[ns].file);
		/* A kind that this kernel does not have. */
		if (stat(ours, &our))
			continue;
		if (stat(theirs, &their))
			return -errno;
		if (their.st_ino != our.st_ino || their.st_dev != our.st_dev)
			j->flags |= namespace_kinds[ns].clone_flag;
	}
	return 0;
}

static int read_map(const struct joining *j, const char *file, struct idmap_extent extent[IDMAP_EXTENTS_MAX], unsigned *count)
{
	char *text, *rest, *line;
	size_t len;
	int err = read_proc(j, file, PROC_TEXT_MAX, &text, &len);

	if (err)
		return err;
	rest = text;
	while (*count < IDMAP_EXTENTS_MAX && (line = strsep(&rest, "\n"))) {
		struct idmap_extent *e = &extent[*count];
		if (sscanf(line, "%u %u %u", &e->inside, &e->outside, &e->count) == 3)
			++*count;
	}
	free(text);
	return 0;
}

/* Of the container as it is, whatever /etc/subuid says by now. */
static int find_map(struct joining *j)
{
	struct idmap *map = &j->map;
	char *text;
	size_t len;

	map->userns = j->flags & CLONE_NEWUSER;
	if (!map->userns)
		return 0;
	int err = read_map(j, "uid_map", map->uid, &map->uid_count);
	if (!err)
		err = read_map(j, "gid_map", map->gid, &map->gid_count);
	if (!err)
		err = read_proc(j, "setgroups", PROC_TEXT_MAX, &text, &len);
	if (err)
		return err;
	map->deny_groups = !strncmp(text, "deny", 4);
	free(text);
	return 0;
}

/* On the chroot rung it is all that there is to join. */
static int find_root(struct joining *j)
{
	char path[64];

	if (j->flags & CLONE_NEWNS)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/root", (int)j->exec->pid);
	j->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j->root_fd < 0 ? -errno : 0;
}

/*
 * What an image says of the environment is known to nobody any more but the first process. HOME and TERM are the command's own. Without it
 * goes, too: it is only what a program hears first.
 */
static void find_environment(struct joining *j)
{
	size_t len, count = 0;

	if (j->spec.root != ROOT_IMAGE || read_proc(j, "environ", ENVIRON_BYTES_MAX, &j->environ, &len))
		return;
	for (size_t i = 0; i < len; i++)
		count += !j->environ[i];
	j->env = calloc(count + 2, sizeof(*j->env));
	count = 0;
	for (char *at = j->environ; j->env && at < j->environ + len; at += strlen(at) + 1) {
		if (strncmp(at, "HOME=", 5) && strncmp(at, "TERM=", 5))
			j->env[count++] = at;
	}
}

static int find(struct joining *j)
{
	int err = find_namespaces(j);

	if (!err)
		err = find_map(j);
	if (!err)
		err = find_root(j);
	if (!err)
		find_environment(j);
	/* Then what was read was the container's. */
	if (is_gone(j))
		err = -ESRCH;
	if (err)
		log_error("container '%s': %s", name_of(j),
			  err == -ESRCH || err == -ENOENT   ? "just ended"
			  : err == -EACCES || err == -EPERM ? "can't be joined: that is for who started it, or root"
							    : strerror(-err));
	return err;
}

/* --- the child --------------------------------------------------------------------------------------------------------------------------
 */

/*
 * Is the calling process in every control group of the container's that its first process is in? From elsewhere in the host's tree the
 * group may not be found, or not be ours to join, and nothing may run beside its limits.
 */
static int check_place(const struct joining *j)
{
	char *theirs = NULL, *ours = NULL, *rest, *line, group[128];
	size_t len;
	int err = read_proc(j, "cgroup", PROC_TEXT_MAX, &theirs, &len);

	if (!err)
		err = read_file("/proc/self/cgroup", PROC_TEXT_MAX, &ours, &len);
	/* A kernel without them has no such file. */
	if (err == -ENOENT)
		err = 0;
	snprintf(group, sizeof(group), "/tinyvmm/%s", name_of(j));
	rest = theirs;
	while (!err && ours && (line = strsep(&rest, "\n"))) {
		char *end = strstr(line, group);
		if (!end || (end[strlen(group)] && end[strlen(group)] != '/'))
			continue;
		end[strlen(group)] = '\0';
		const char *same = strstr(ours, line);
		if (same && (same == ours || same[-1] == '\n') && strchr("\n/", same[strlen(line)]))
			continue;
		log_error("container '%s': its control group %s can't be joined from here: call exec where it was started (the same "
			  "systemd-run --user --scope ...)",
			  name_of(j), strchr(line, '/'));
		err = -EXDEV;
	}
	free(ours);
	free(theirs);
	return err;
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* All but the streams and those of `keep`, whoever opened it. */
static int close_others(int *keep, unsigned count)
{
	unsigned from = STDERR_FILENO + 1;

	qsort(keep, count, sizeof(*keep), by_number);
	for (unsigned i = 0; i < count; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from && close_range(from, (unsigned)keep[i] - 1, 0))
			return -errno;
		from = (unsigned)keep[i] + 1;
	}
	return close_range(from, ~0u, 0) ? -errno : 0;
}

static int join_namespaces(const struct joining *j, uint64_t flags)
{
	if (!flags || !setns(j->exec->pid_fd, (int)flags))
		return 0;
	int err = -errno;
	log_error("container '%s': can't be joined: %s%s", name_of(j), strerror(-err),
		  err == -EPERM ? " (that is for who started it, or root)" : "");
	return err;
}

static int enter_root(struct joining *j)
{
	const char *dir = j->spec.workdir ? j->spec.workdir : "/";
	int err = 0;

	j->container->rootfs.fd = j->root_fd >= 0 ? j->root_fd : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (j->container->terminal)
		err = child_terminal(j->container, false);
	if (!err && j->root_fd >= 0 && (fchdir(j->root_fd) || chroot("."))) {
		err = -errno;
		log_error("container '%s': its root can't be entered: %s", name_of(j), strerror(-err));
	}
	/* So that a link of the container's to /proc/self/fd leads nowhere. That it leads outside in no other way is the reaper's to look
	 * at. */
	close_fd(&j->container->rootfs.fd);
	if (!err && chdir(dir)) {
		err = -errno;
		log_error("--workdir %s: %s", dir, strerror(-err));
	}
	return err;
}

static _Noreturn void join(struct joining *j, uint64_t flags)
{
	struct container *container = j->container;
	int keep[] = {container->go[1], container->report[1], j->exec->pid_fd, j->root_fd};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	signal(SIGPIPE, SIG_DFL);
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	int err = j->cgroup ? cgroup_join_self(j->cgroup, false) : 0;
	if (!err)
		err = check_place(j);
	if (!err && j->map.userns)
		err = become_limited(&j->spec);
	if (!err)
		err = close_others(keep, sizeof(keep) / sizeof(*keep));
	if (!err)
		err = join_namespaces(j, flags);
	close(j->exec->pid_fd);
	if (!err)
		err = become_root(&j->map);
	/* Whose ids change loses it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!err)
		err = enter_root(j);
	if (err)
		_exit(STATUS_SETUP);
	container->rootfs.image.env = j->env;
	become_reaper(container);
}

/* --- the parent --------------------------------------------------------------------------------------------------------------------------
 */

static int clone_child(struct joining *j)
{
	struct container *container = j->container;
	int cgroup_fd = j->cgroup ? cgroup_clone_fd(j->cgroup) : -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&container->pid_fd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	/* Those that are joined by the parent of who is to be in them. */
	uint64_t early = j->flags & (CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0));

	if (!(early & CLONE_NEWPID))
		early = 0;
	prctl(PR_SET_DUMPABLE, 0);
	int err = join_namespaces(j, early);
	if (err)
		return err;
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	/* Where our group and the container's have nobody's above them, systemd may bring us near. */
	if (pid < 0 && errno == EACCES && !cgroup_scope("/proc"))
		pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		join(j, j->flags & ~early & ~(uint64_t)CLONE_NEWPID);
	if (pid < 0) {
		err = -errno;
		log_error("container '%s': no process can be made in it: %s%s", name_of(j), strerror(-err),
			  err == -ENOMEM   ? " (did it just end?)"
			  : err == -EAGAIN ? " (is --pids too low?)"
			  : err == -EBUSY  ? ": it gave its control group's controllers on, and may have no processes there itself"
			  : err == -EACCES ? ": its control group is not ours to join: call exec where it was started"
					   : "");
		return err;
	}
	container->pid = (pid_t)pid;
	return 0;
}

/* For run.h: in container_start()'s place. */
static int start(void *arg, struct container *container)
{
	struct joining *j = arg;

	j->container = container;
	container->map = j->map;
	int err = container_filter(container);
	if (!err)
		err = container_channels(container);
	/* Ours, too: the command ends with us. */
	if (!err)
		err = become_scored(&j->spec);
	if (!err)
		err = clone_child(j);
	if (err)
		return err;
	close_fd(&container->go[1]);
	close_fd(&container->report[1]);
	container->joined = j->cgroup;
	err = container_follow(container);
	j->paused = err == -EBUSY;
	return err;
}

static void container_ended(void *arg, uint32_t events)
{
	struct joining *j = arg;

	(void)events;
	loop_remove(j->loop, &j->ended);
	syscall(SYS_pidfd_send_signal, j->container->pid_fd, SIGKILL, NULL, 0);
}

static int started(void *arg, struct container *container, struct loop *loop)
{
	struct joining *j = arg;

	j->loop = loop;
	j->ended = (struct loop_watch){.fd = j->exec->pid_fd, .events = EPOLLIN, .ready = container_ended, .arg = j};
	/* One with a PID namespace of its own takes the command along itself. */
	int err = loop_add(loop, &j->ended);
	return err || container->tty_fd < 0 ? err : relay_new(&j->relay, container->tty_fd, loop);
}

static void resized(void *arg)
{
	const struct joining *j = arg;

	relay_resize(j->relay);
}

static void ended(void *arg)
{
	struct joining *j = arg;

	if (j->loop)
		loop_remove(j->loop, &j->ended);
	relay_free(j->relay);
	j->relay = NULL;
	/* One that never came to its command, and is frozen, would not hear of its end. */
	if (j->cgroup && j->container && j->container->pid && cgroup_is_frozen(j->cgroup)) {
		kill(j->container->pid, SIGKILL);
		cgroup_expel(j->cgroup, j->container->pid);
	}
}

static int open_cgroup(struct joining *j)
{
	if (j->spec.isolation != ISOLATION_FULL)
		return 0;
	int err = cgroup_open(&j->cgroup, name_of(j));
	/* There may be none for an ordinary user's: check_place() knows. */
	if (err == -ENOENT)
		return 0;
	if (!err)
		err = cgroup_enter_inner(j->cgroup);
	if (err)
		log_error("container '%s': its control group can't be opened: %s", name_of(j), strerror(-err));
	return err;
}

static int run(struct joining *j)
{
	const struct run_frame frame = {
		.terminal = j->exec->terminal,
		.start = start,
		.started = started,
		.resized = resized,
		.ended = ended,
		.arg = j,
	};
	uint64_t kills = j->cgroup ? cgroup_oom_kills(j->cgroup) : 0;

	j->paused = j->cgroup && cgroup_is_frozen(j->cgroup);
	int status = j->paused ? EXEC_PAUSED : ctr_run_framed(&j->spec, &frame);
	if (j->paused) {
		log_error("container '%s': is paused: 'tinyvmm ctr resume %s' first", name_of(j), name_of(j));
		return EXEC_PAUSED;
	}
	if (status == 128 + SIGKILL && j->cgroup && cgroup_oom_kills(j->cgroup) > kills)
		log_error("the container ran out of memory (--memory), and the kernel killed a process of it");
	return status;
}

int ctr_exec(const struct exec *exec)
{
	struct joining j = {.exec = exec, .spec = *exec->spec, .root_fd = -1};

	/* What the container has of these is another process's business. */
	j.spec.init = false;
	j.spec.net = NET_NONE;
	j.spec.timeout_s = 0;
	int status = find(&j) || open_cgroup(&j) ? CTR_FAILED : run(&j);
	cgroup_free(j.cgroup);
	close_fd(&j.root_fd);
	free(j.env);
	free(j.environ);
	return status;
}
