// SPDX-License-Identifier: Apache-2.0
/*
 * The container's terminal: see child_impl.h; pty(7), ioctl_tty(2). It lies in the container's own /dev/pts, so that its name is right in
 * there, and the caller's terminal stays out: nothing can be typed into that from inside (CVE-2017-5226). The other end is opened by
 * TIOCGPTPEER from the master, never by name (CVE-2025-52565).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "ctr/child_impl.h"
#include "ctr/message.h"
#include "ctr/mount.h"
#include "ctr/start.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* On the chroot rung there is no other /dev/pts than the host's. */
static int open_master(const struct container *container)
{
	if (container->spec->isolation == ISOLATION_CHROOT)
		return posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	const struct open_how how = {.flags = O_RDWR | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
	int dir = target_open_real(container->rootfs.fd, "dev/pts", false), fd = -1;
	struct statfs fs;
	int err = dir < 0 ? dir : fstatfs(dir, &fs) ? -errno : 0;

	/* A container that runs may have put something else there; in a devpts there is no ptmx but the kernel's. */
	if (!err && fs.f_type != DEVPTS_SUPER_MAGIC)
		err = -ENODEV;
	if (!err) {
		fd = (int)syscall(SYS_openat2, dir, "ptmx", &how, sizeof(how));
		err = fd < 0 ? -errno : 0;
	}
	close_fd(&dir);
	return err ? err : fd;
}

static int open_peer(int master)
{
	int unlock = 0;

	if (ioctl(master, TIOCSPTLCK, &unlock))
		return -errno;
	int fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int bind_console(const struct container *container, int peer)
{
	if (container->spec->isolation == ISOLATION_CHROOT)
		return 0;
	int target = target_open(container->rootfs.fd, "dev/console", TARGET_FILE, true);
	int clone = target < 0 ? target : mount_clone(peer, "", AT_EMPTY_PATH);
	int err = clone < 0 ? clone : mount_attach(clone, target);
	close_fd(&target);
	close_fd(&clone);
	return err;
}

int child_terminal(struct container *container, bool console)
{
	struct winsize size;
	int peer = -1, master = open_master(container);
	int err = master < 0 ? master : 0;

	if (!err) {
		peer = open_peer(master);
		err = peer < 0 ? peer : 0;
	}
	if (!err && !ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		ioctl(master, TIOCSWINSZ, &size);
	if (!err && console)
		err = bind_console(container, peer);
	if (!err)
		err = send_message(container->go[1], CHILD_TTY, master);
	close_fd(&master);
	/* Until the reaper is started, messages go to the caller's. */
	if (!err)
		container->peer_fd = peer;
	else
		close_fd(&peer);
	if (err)
		log_error("the container's terminal can't be made: %s", strerror(-err));
	return err;
}
