// SPDX-License-Identifier: Apache-2.0
/*
 * The last steps into a container's confinement: see become.h. Every descriptor closes on exec but those that the reaper is to have
 * (CVE-2024-21626).
 */
#include "ctr/become.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/message.h"
#include "ctr/options.h"
#include "ctr/passwd.h"
#include "ctr/reaper_blob.h"
#include "ctr/start.h"
#include "guest/reaper.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define ENV_MAX 1024
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

/* --- before the root changes ------------------------------------------------------------------------------------------------------------
 */

int become_limited(const struct spec *spec)
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

int become_scored(const struct spec *spec)
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

int become_root(const struct idmap *map)
{
	if (!map->userns)
		return 0;
	if ((!map->deny_groups && setgroups(0, NULL)) || setresgid(0, 0, 0) || setresuid(0, 0, 0)) {
		int err = -errno;
		log_error("can't become root of the container: %s", strerror(-err));
		return err;
	}
	return 0;
}

/* --- orders for the reaper
 * ---------------------------------------------------------------------------------------------------------------- */

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
	const struct caps caps = spec_caps(spec);

	plan->flags = (spec->init ? REAPER_STAY : 0) | (container->terminal ? REAPER_TTY : 0) |
		      (spec->no_new_privs ? REAPER_NO_NEW_PRIVS : 0) | (spec->seccomp ? 0 : REAPER_FILTER_SELF) |
		      (spec->isolation == ISOLATION_FULL ? REAPER_DROP : 0);
	plan->uid = user->uid;
	plan->gid = user->gid;
	plan->group_count = container->map.deny_groups ? UINT32_MAX : user->group_count;
	for (unsigned i = 0; i < user->group_count; i++)
		plan->groups[i] = user->groups[i];
	plan->bounding = caps.bounding;
	plan->permitted = caps.permitted;
	plan->ambient = caps.ambient;
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

/* Exactly the descriptors that the reaper is to have stay open: its own three beside the standard ones. */
static int arrange_descriptors(const struct container *container, int plan, int reaper)
{
	int high[] = {plan, container->report[1], container->go[1], reaper};

	for (unsigned i = 0; i < 4; i++) {
		high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, REAPER_GATE_FD + 1);
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
	if (dup2(high[0], REAPER_PLAN_FD) < 0 || dup2(high[1], REAPER_REPORT_FD) < 0 || dup2(high[2], REAPER_GATE_FD) < 0)
		return -errno;
	/* What was opened by mistake, by us or by whoever started us, ends here too. */
	if (close_range(REAPER_GATE_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC))
		return -errno;
	return high[3];
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

_Noreturn void become_reaper(struct container *container)
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
		reaper = arrange_descriptors(container, plan, reaper);
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
	log_error("the container's first process can't be started: %s%s", strerror(-err),
		  err == -ENOSYS ? " (it takes Linux 5.12 or later)" : "");
	_exit(STATUS_SETUP);
}
