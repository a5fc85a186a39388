// SPDX-License-Identifier: Apache-2.0
/*
 * The child's half of starting a container: see start.h. In its new namespaces, it makes the mounts, the network and the terminal, enters
 * the root, and becomes guest/reaper. It says itself what went wrong; its end tells the parent that something did.
 *
 * It is not dumpable before it joins anything, so that nobody in a namespace that it joins can look into it (CVE-2016-9962), and every
 * descriptor closes on exec but those that the reaper is to have (CVE-2024-21626).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/child_impl.h"
#include "ctr/content.h"
#include "ctr/namespaces.h"
#include "ctr/passwd.h"
#include "ctr/reaper_blob.h"
#include "ctr/start.h"
#include "guest/reaper.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define STATUS_SETUP 125
#define ENV_MAX 1024
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif
#define USER_NAMESERVER "10.0.2.3"

/* --- namespaces ---------------------------------------------------------------------------------------------------------------- */

static int join_namespaces(const struct container *container)
{
	for (enum spec_namespace ns = 0; ns < NS_COUNT; ns++) {
		int fd = container->join_fd[ns];
		if (fd < 0 || ns == NS_PID || !setns(fd, (int)namespace_kinds[ns].clone_flag))
			continue;
		int err = -errno;
		log_error("--join %s=%s: %s", namespace_kinds[ns].name, container->spec->ns[ns].join, strerror(-err));
		return err;
	}
	return 0;
}

/* Root of the new user namespace; until then nobody in it. */
static int become_root(const struct container *container)
{
	if (!container->map.userns)
		return 0;
	if ((!container->map.deny_groups && setgroups(0, NULL)) || setresgid(0, 0, 0) || setresuid(0, 0, 0)) {
		int err = -errno;
		log_error("can't become root of the container: %s", strerror(-err));
		return err;
	}
	return 0;
}

static int name_host(const struct container *container)
{
	const char *name = container->spec->hostname;

	if (!namespace_is_new(container->spec, NS_UTS, container->map.userns) || !sethostname(name, strlen(name)))
		return 0;
	int err = -errno;
	log_error("--hostname %s: %s", name, strerror(-err));
	return err;
}

static int set_limits(const struct spec *spec)
{
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		if (!(spec->rlimit_set & 1u << i) || !setrlimit((int)i, &spec->rlimit[i]))
			continue;
		int err = -errno;
		log_error("--rlimit: can't be set: %s%s", strerror(-err), err == -EPERM ? " (only root may raise a hard limit)" : "");
		return err;
	}
	return 0;
}

static int set_oom_score(const struct spec *spec)
{
	char text[16];

	if (!spec->oom_score_set)
		return 0;
	snprintf(text, sizeof(text), "%d", spec->oom_score);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : write_full(fd, text, strlen(text));
	close_fd(&fd);
	if (err)
		log_error("--oom-score %d: %s%s", spec->oom_score, strerror(-err), err == -EACCES ? " (only root may lower it)" : "");
	return err;
}

/* --- the root ------------------------------------------------------------------------------------------------------------------- */

static int make_private(const struct container *container)
{
	if (!namespace_is_new(container->spec, NS_MOUNT, container->map.userns))
		return 0;
	/* Nothing that is mounted here may be seen outside. */
	if (!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 0;
	int err = -errno;
	log_error("the mount namespace can't be made private: %s", strerror(-err));
	return err;
}

static int fill_root(struct container *container)
{
	const struct content content = {
		.spec = container->spec,
		.map = &container->map,
		.rootfs = &container->rootfs,
		.nameserver = container->spec->net == NET_USER ? USER_NAMESERVER : NULL,
	};
	int err = container->spec->isolation == ISOLATION_CHROOT ? 0 : content_mount(&content);

	if (!err && container->terminal)
		err = child_terminal(container);
	if (!err && container->spec->isolation != ISOLATION_CHROOT)
		err = content_seal(&content);
	return err;
}

static int enter_root(const struct container *container)
{
	const char *dir = container->spec->workdir ? container->spec->workdir : "/";
	int err = rootfs_enter(&container->rootfs, container->spec);

	if (err) {
		log_error("the container's root can't be entered: %s%s", strerror(-err), err == -EPERM ? " (that takes root)" : "");
		return err;
	}
	if (chdir(dir)) {
		err = -errno;
		log_error("--workdir %s: %s", dir, strerror(-err));
	}
	return err;
}

/* --- what the image says where the user does not ---------------------------------------------------------------------------------- */

/* Entrypoint and Cmd (OCI image specification, config.md), in one list that lives as long as this process. */
static char **image_command(const struct archive_config *image)
{
	size_t n = 0, count = 0;

	for (unsigned i = 0; image->entrypoint && image->entrypoint[i]; i++)
		count++;
	for (unsigned i = 0; image->cmd && image->cmd[i]; i++)
		count++;
	char **command = count ? calloc(count + 1, sizeof(*command)) : NULL;
	for (unsigned i = 0; command && image->entrypoint && image->entrypoint[i]; i++)
		command[n++] = image->entrypoint[i];
	for (unsigned i = 0; command && image->cmd && image->cmd[i]; i++)
		command[n++] = image->cmd[i];
	return command;
}

static void ask_image(struct container *container, struct spec *spec)
{
	const struct archive_config *image = &container->rootfs.image;

	*spec = *container->spec;
	container->spec = spec;
	if (spec->root != ROOT_IMAGE)
		return;
	if (!spec->command) {
		spec->command = image_command(image);
		/* A command, not a system: it gets what a command of the user's would have. */
		spec->init = spec->command != NULL;
	}
	if (!spec->user && image->user && *image->user)
		spec->user = image->user;
	if (!spec->workdir && image->workdir && image->workdir[0] == '/')
		spec->workdir = image->workdir;
}

/* --- the reaper ------------------------------------------------------------------------------------------------------------------- */

static int check_user(const struct container *container, const struct passwd_user *user)
{
	const struct idmap *map = &container->map;

	if (idmap_has(map->uid, map->uid_count, user->uid) && idmap_has(map->gid, map->gid_count, user->gid))
		return 0;
	log_error(
		"--user %s: the container has no such id: without subordinate ids (/etc/subuid, newuidmap) there is only root, who is you",
		container->spec->user ? container->spec->user : "0");
	return -EINVAL;
}

static void fill_plan(const struct container *container, const struct passwd_user *user, struct reaper_plan *plan)
{
	const struct spec *spec = container->spec;

	plan->flags = (spec->init ? REAPER_STAY : 0) | (container->terminal ? REAPER_TTY : 0) |
		      (spec->no_new_privs ? REAPER_NO_NEW_PRIVS : 0) | (spec->seccomp ? 0 : REAPER_FILTER_SELF) |
		      (spec->isolation == ISOLATION_FULL ? REAPER_DROP : 0);
	plan->uid = user->uid;
	plan->gid = user->gid;
	plan->group_count = container->map.deny_groups ? UINT32_MAX : user->group_count;
	for (unsigned i = 0; i < user->group_count; i++)
		plan->groups[i] = user->groups[i];
	plan->bounding = spec->caps.bounding;
	plan->permitted = spec->caps.permitted;
	plan->ambient = spec->caps.ambient;
	/* In a user namespace they were set before, by who may raise them. */
	plan->limit_set = container->map.userns ? 0 : spec->rlimit_set;
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		plan->limits[i][0] = spec->rlimit[i].rlim_cur;
		plan->limits[i][1] = spec->rlimit[i].rlim_max;
	}
	plan->filter_flags = container->filter.flags;
	plan->filter_count = (uint32_t)container->filter.count;
}

_Static_assert(RLIM_NLIMITS == REAPER_LIMITS_MAX, "the plan has room for each limit");

/* The plan as a memory file, read from its beginning. */
static int plan_file(const struct container *container, const struct passwd_user *user)
{
	struct reaper_plan plan = {0};
	int fd = memfd_create("plan", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	fill_plan(container, user, &plan);
	if (!err)
		err = write_full(fd, &plan, sizeof(plan));
	if (!err)
		err = write_full(fd, container->filter.filter, container->filter.count * sizeof(*container->filter.filter));
	if (!err && lseek(fd, 0, SEEK_SET))
		err = -errno;
	if (err)
		close_fd(&fd);
	return err ? err : fd;
}

/* The reaper as a file that nobody can write to, ever (CVE-2019-5736). */
static int reaper_file(void)
{
	size_t len;
	const void *blob = reaper_blob(&len);
	int fd = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	/* Before Linux 6.3 there was no such flag, nor a need for it (sysctl vm.memfd_noexec). */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	int err = write_full(fd, blob, len);
	if (!err && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		err = -errno;
	if (err)
		close_fd(&fd);
	return err ? err : fd;
}

/* NAME=VALUE into the list, replacing what it has of that name. */
static void put_env(char **env, char *entry)
{
	size_t len = strcspn(entry, "="), i = 0;

	while (env[i] && (strncmp(env[i], entry, len) || env[i][len] != '='))
		i++;
	/* The last slot stays NULL: make_env() sees that one was not enough. */
	env[i < ENV_MAX ? i : ENV_MAX] = entry;
}

static char **make_env(const struct container *container, const struct passwd_user *user)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", kind[] = "container=tinyvmm";
	static char home[sizeof(user->home) + 8], term[128];
	char **env = calloc(ENV_MAX + 2, sizeof(*env));

	if (!env)
		return NULL;
	snprintf(home, sizeof(home), "HOME=%s", user->home);
	snprintf(term, sizeof(term), "TERM=%s", getenv("TERM") ? getenv("TERM") : "linux");
	put_env(env, path);
	put_env(env, kind);
	put_env(env, home);
	if (container->terminal)
		put_env(env, term);
	for (unsigned i = 0; container->rootfs.image.env && container->rootfs.image.env[i]; i++) {
		if (strchr(container->rootfs.image.env[i], '='))
			put_env(env, container->rootfs.image.env[i]);
	}
	for (unsigned i = 0; container->spec->env && container->spec->env[i]; i++)
		put_env(env, container->spec->env[i]);
	if (env[ENV_MAX])
		log_error("the container's environment: more than %d variables", ENV_MAX);
	return env[ENV_MAX] ? NULL : env;
}

/* Exactly the descriptors that the reaper is to have stay open: its own two beside the standard ones. */
static int arrange_descriptors(const struct container *container, int plan, int report, int reaper)
{
	int high[3] = {plan, report, reaper};

	for (unsigned i = 0; i < 3; i++) {
		high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, REAPER_REPORT_FD + 1);
		if (high[i] < 0)
			return -errno;
	}
	for (int fd = 0; container->peer_fd >= 0 && fd < 3; fd++) {
		/* Errors that go elsewhere stay there. */
		if ((fd < 2 || container->detached || isatty(fd)) && dup2(container->peer_fd, fd) < 0)
			return -errno;
	}
	if (container->peer_fd < 0 && container->output_fd >= 0 &&
	    (dup2(container->output_fd, STDOUT_FILENO) < 0 || dup2(container->output_fd, STDERR_FILENO) < 0))
		return -errno;
	if (dup2(high[0], REAPER_PLAN_FD) < 0 || dup2(high[1], REAPER_REPORT_FD) < 0)
		return -errno;
	/* What was opened by mistake, by us or by whoever started us, ends here too. */
	if (close_range(REAPER_REPORT_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC))
		return -errno;
	return high[2];
}

/* What the command reads and writes is its own, also under a name such as /dev/stdout: pipes, and the terminal. */
static void give_streams(const struct container *container, const struct passwd_user *user)
{
	struct stat st;

	if (container->peer_fd >= 0 && fchown(container->peer_fd, user->uid, (gid_t)-1))
		log_debug("the container's terminal stays root's: %s", strerror(errno));
	for (int fd = 0; user->uid && fd < 3; fd++) {
		if (!fstat(fd, &st) && S_ISFIFO(st.st_mode) && fchown(fd, user->uid, (gid_t)-1))
			log_debug("a pipe of the command's stays root's: %s", strerror(errno));
	}
}

static _Noreturn void become_reaper(struct container *container)
{
	static char init[] = "/sbin/init";
	static char *init_argv[] = {init, NULL};
	struct passwd_user user = {0};
	/* Not the working directory, which may be anybody's. */
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err = root < 0 ? -errno : passwd_resolve(&user, container->spec->user, root);

	if (!err)
		err = check_user(container, &user);
	if (err)
		_exit(STATUS_SETUP);
	give_streams(container, &user);
	char **env = make_env(container, &user);
	int plan = plan_file(container, &user), reaper = reaper_file();
	err = !env ? -ENOMEM : plan < 0 ? plan : reaper < 0 ? reaper : 0;
	if (!err)
		err = send_message(container->go[1], CHILD_READY, -1);
	if (!err) {
		reaper = arrange_descriptors(container, plan, container->report[1], reaper);
		umask(022);
		/* The reaper hands signals on, or lets them in: before that the kernel would drop what PID 1 does not handle. */
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		err = reaper;
		if (err >= 0)
			execveat(reaper, "", container->spec->command ? container->spec->command : init_argv, env, AT_EMPTY_PATH);
		if (err >= 0)
			err = -errno;
	}
	log_error("the container's first process can't be started: %s", strerror(-err));
	_exit(STATUS_SETUP);
}

static int wait_for_go(const struct container *container)
{
	char message;
	int fd;

	return receive_message(container->go[1], &message, &fd);
}

/* Without a user namespace nobody has to write a map first, and the child may move itself. */
static int wait_for_map(const struct container *container)
{
	return container->map.userns ? wait_for_go(container) : 0;
}

/* In the container's control group by the end of it, and that is what the cgroup namespace shows. */
static int take_place(const struct container *container)
{
	bool late = container_needs_devices(container);
	int err = 0;

	if (!container->map.userns)
		err = container->cgroup ? cgroup_join_self(container->cgroup, late) : 0;
	else if (late)
		err = send_message(container->go[1], CHILD_PLACE, -1);
	if (!err && container->map.userns && late)
		err = wait_for_go(container);
	if (err || !namespace_is_new(container->spec, NS_CGROUP, container->map.userns) || !unshare(CLONE_NEWCGROUP))
		return err;
	err = -errno;
	log_error("the cgroup namespace can't be made: %s", strerror(-err));
	return err;
}

_Noreturn void container_child(struct container *container)
{
	const struct spec *spec = container->spec;
	struct spec asked;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Keys typed on the caller's terminal are for the caller, who hands on what they mean. */
	setsid();
	signal(SIGPIPE, SIG_DFL);
	close(container->go[0]);
	int err = wait_for_map(container);
	/* Before /proc/self is not ours any more. */
	if (!err)
		err = set_oom_score(spec);
	/* Not earlier: until its map is written, /proc/PID must be the parent's to write to. */
	prctl(PR_SET_DUMPABLE, 0);
	/* The caller's keys are not the container's (keyrings(7)); a kernel without them has none. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	umask(0);
	/* In a user namespace before the ids change: raising limits is for whoever started us. */
	if (!err && container->map.userns)
		err = set_limits(spec);
	if (!err)
		err = become_root(container);
	if (!err)
		err = join_namespaces(container);
	/* Whose ids change loses it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!err)
		err = name_host(container);
	if (!err)
		err = child_network(container);
	if (!err)
		err = take_place(container);
	if (!err)
		err = make_private(container);
	if (!err)
		err = rootfs_open(&container->rootfs, spec);
	if (!err)
		ask_image(container, &asked);
	if (!err)
		err = fill_root(container);
	if (!err)
		err = enter_root(container);
	if (err)
		_exit(STATUS_SETUP);
	become_reaper(container);
}
