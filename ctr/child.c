// SPDX-License-Identifier: Apache-2.0
/*
 * The child's half of starting a container: see start.h. In its new namespaces, it makes the mounts, the network and the terminal, enters
 * the root, and becomes guest/reaper. It says itself what went wrong; its end tells the parent that something did.
 *
 * It is not dumpable before it joins anything, so that nobody in a namespace that it joins can look into it (CVE-2016-9962).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/become.h"
#include "ctr/child_impl.h"
#include "ctr/content.h"
#include "ctr/message.h"
#include "ctr/namespaces.h"
#include "ctr/options.h"
#include "ctr/start.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

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

static int name_host(const struct container *container)
{
	const char *name = container->spec->hostname;

	if (!namespace_is_new(container->spec, NS_UTS, container->map.userns) || !sethostname(name, strlen(name)))
		return 0;
	int err = -errno;
	log_error("--hostname %s: %s", name, strerror(-err));
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
	log_error("the mount namespace can't be made private: %s%s", strerror(-err),
		  err == -EINVAL ? ": / is no mount here, as in a chroot: its directory has to be one (mount --bind DIR DIR, before the chroot)" : "");
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
		/* A command gets what a command of the user's would have. */
		spec->system = !spec->command || spec_is_init(*spec->command);
		spec->init = !spec->system;
	}
	if (!spec->user && image->user && *image->user)
		spec->user = image->user;
	if (!spec->workdir && image->workdir && image->workdir[0] == '/')
		spec->workdir = image->workdir;
}

/* --- its beginning ------------------------------------------------------------------------------------------------------------------ */

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

/* What is unpacked into memory is the container's. Its mounts need not be, and while they are made, its limits are set. */
static bool takes_place_early(const struct spec *spec)
{
	return spec->root == ROOT_IMAGE;
}

/* In the container's control group by the end of it, with its limits, and that is what the cgroup namespace shows. */
static int take_place(const struct container *container)
{
	bool late = container_needs_devices(container);
	int err = 0;

	if (container->cgroup && container->map.userns && late)
		err = send_message(container->go[1], CHILD_PLACE, -1);
	if (!err && container->cgroup)
		err = wait_for_go(container);
	if (!err && container->cgroup && !container->map.userns)
		err = cgroup_join_self(container->cgroup, late);
	if (err || !namespace_is_new(container->spec, NS_CGROUP, container->map.userns) || !unshare(CLONE_NEWCGROUP))
		return err;
	err = -errno;
	log_error("the cgroup namespace can't be made: %s", strerror(-err));
	return err;
}

static int fill_root(struct container *container)
{
	const struct content content = {
		.spec = container->spec,
		.map = &container->map,
		.rootfs = &container->rootfs,
		.nameserver = container->spec->net == NET_USER ? USER_NAMESERVER : NULL,
		.own_groups = container->cgroup && cgroup_has_inner(container->cgroup),
	};
	int err = container->spec->isolation == ISOLATION_CHROOT ? 0 : content_mount(&content);

	if (!err && !takes_place_early(container->spec))
		err = take_place(container);
	if (!err && container->spec->isolation != ISOLATION_CHROOT)
		err = content_mount_own(&content);
	if (!err && container->terminal)
		err = child_terminal(container, true);
	if (!err && container->spec->isolation != ISOLATION_CHROOT)
		err = content_seal(&content);
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
		err = become_scored(spec);
	/* Not earlier: until its map is written, /proc/PID must be the parent's to write to. */
	prctl(PR_SET_DUMPABLE, 0);
	/* The caller's keys are not the container's (keyrings(7)); a kernel without them has none. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	umask(0);
	/* In a user namespace before the ids change: raising limits is for whoever started us. */
	if (!err && container->map.userns)
		err = become_limited(spec);
	if (!err)
		err = become_root(&container->map);
	if (!err)
		err = join_namespaces(container);
	/* Whose ids change loses it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!err)
		err = name_host(container);
	if (!err)
		err = child_network(container);
	if (!err)
		err = make_private(container);
	if (!err && takes_place_early(spec))
		err = take_place(container);
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
