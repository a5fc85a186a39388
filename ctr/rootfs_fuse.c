// SPDX-License-Identifier: Apache-2.0
/* A disk image by way of fuse2fs(1): see rootfs_impl.h. The image may be anybody's: what reads it has no more rights than who started us.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctr/become.h"
#include "ctr/message.h"
#include "ctr/mount.h"
#include "ctr/rootfs_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define FLUSH_MS 300000

int fuse_prepare(struct rootfs *rootfs)
{
	if (strncmp(rootfs->fstype, "ext", 3))
		return -ENODEV;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rootfs->fuse_fd) ? -errno : 0;
}

/* --- fuse2fs ---------------------------------------------------------------------------------------------------------------- */

struct service {
	struct rootfs *rootfs;
	int userns_fd;
	pid_t parent;
};

/* Until the mount is there and answers: a copy of it for the container, whose end then is the mount's. */
static _Noreturn void hand_over(const struct rootfs *rootfs, pid_t server)
{
	struct pollfd mounts = {.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), .events = POLLPRI};
	struct statfs fs = {0};
	int fd = mount_clone(AT_FDCWD, ROOTFS_PARKING, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == server && !fstatfs(fd, &fs) && fs.f_type != FUSE_SUPER_MAGIC) {
		poll(&mounts, 1, -1);
		close(fd);
		fd = mount_clone(AT_FDCWD, ROOTFS_PARKING, 0);
	}
	/* Nobody would have it, and nobody end it. */
	if (getppid() == server &&
	    (fs.f_type != FUSE_SUPER_MAGIC || umount2(ROOTFS_PARKING, MNT_DETACH) || send_message(rootfs->fuse_fd[0], 'm', fd)))
		kill(server, SIGKILL);
	_exit(0);
}

/* A descriptor of the image that fuse2fs may open anew, by its number. It holds the image's lock. */
static int image_for(const struct service *service)
{
	int lock = service->rootfs->lock_fd, fd = -1;

	/* Root's image is nobody's in the container's user namespace, unless that is told. */
	if (service->userns_fd >= 0 && !geteuid()) {
		fd = mount_clone(lock, "", AT_EMPTY_PATH);
		if (fd >= 0 && (mount_map(fd, service->userns_fd, false) || fcntl(fd, F_SETFD, 0)))
			close_fd(&fd);
	}
	int kept = fcntl(lock, F_DUPFD, 0);
	return kept < 0 ? -errno : fd < 0 ? kept : fd;
}

/* A mount namespace, in the user namespace, with an empty place in it. */
static int make_place(const struct service *service)
{
	/* Our groups stay: the image may be open to one of them. */
	const struct idmap map = {.userns = service->userns_fd >= 0, .deny_groups = true};

	if (map.userns && setns(service->userns_fd, CLONE_NEWUSER))
		return -errno;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	int err = become_root(&map);
	if (!err && mount("tmpfs", ROOTFS_PARKING, "tmpfs", 0, NULL))
		err = -errno;
	return err;
}

static int serve(void *arg)
{
	const struct service *service = arg;
	const struct rootfs *rootfs = service->rootfs;
	char image[32], options[128];
	char *argv[] = {"fuse2fs", image, ROOTFS_PARKING, "-f", "-o", options, NULL};
	char *env[] = {NULL};

	/* What is said from here on goes to who waits for the mount, and afterwards nowhere, nor does it keep us waiting. */
	fcntl(rootfs->fuse_fd[0], F_SETFL, O_NONBLOCK);
	for (int fd = 0; fd < 3; fd++)
		dup2(rootfs->fuse_fd[0], fd);
	/* Who asks the container to end does not ask us: we end when it has. */
	block_signals(NULL);
	/* Nobody waits for who hands over. */
	signal(SIGCHLD, SIG_IGN);
	/* Keys typed on the caller's terminal are for the container. */
	setsid();
	int fd = image_for(service);
	int err = fd < 0 ? fd : make_place(service);
	pid_t self = getpid(), helper = err ? -1 : fork();
	if (!helper)
		hand_over(rootfs, self);
	if (helper < 0 && !err)
		err = -errno;
	/* Changed ids lost it. Who writes ends in good order, when the mount has ended. */
	prctl(PR_SET_PDEATHSIG, rootfs->disk_read_only ? SIGKILL : 0);
	snprintf(image, sizeof(image), "/proc/self/fd/%d", fd);
	snprintf(options, sizeof(options), "%s,offset=%llu,fakeroot,allow_other,default_permissions%s",
		 rootfs->disk_read_only ? "ro" : "rw", (unsigned long long)rootfs->offset_bytes, rootfs->one_id ? ",uid=0,gid=0" : "");
	if (helper > 0 && getppid() == service->parent) {
		execveat(AT_FDCWD, "/usr/bin/fuse2fs", argv, env, 0);
		err = -errno;
	}
	/* A message to fuse_take(). */
	const char *reason = strerror(-err);
	write_full(STDERR_FILENO, reason, strlen(reason));
	write_full(STDERR_FILENO, "\n", 1);
	return -EIO;
}

int fuse_start(struct rootfs *rootfs, int userns_fd)
{
	struct service service = {.rootfs = rootfs, .userns_fd = userns_fd, .parent = getpid()};
	int err = worker_start(&rootfs->fuse, "fuse2fs", serve, &service);

	/* Its end is to be seen by who waits. */
	close_fd(&rootfs->fuse_fd[0]);
	return err;
}

/* --- both sides of it ----------------------------------------------------------------------------------------------------------- */

int fuse_take(struct rootfs *rootfs, const struct spec *spec)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NODEV, .attr_clr = MOUNT_ATTR_NOSUID};
	char text[512] = "";
	size_t len = 0;
	ssize_t n = 1;
	int fd = -1;

	close_fd(&rootfs->fuse_fd[0]);
	while (fd < 0 && n > 0) {
		n = receive_text(rootfs->fuse_fd[1], text + len, sizeof(text) - 1 - len, &fd);
		len += n > 0 ? (size_t)n : 0;
		if (len + 1 == sizeof(text))
			len = 0;
	}
	close_fd(&rootfs->fuse_fd[1]);
	if (fd >= 0 && !mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return fd;
	close_fd(&fd);
	for (char *end = text; (end = strchr(end, '\n'));)
		*end = ' ';
	log_error("--disk %s: fuse2fs can't mount it: %s(it takes that package, an open /dev/fuse, and e2fsck after a crash; or root and a "
		  "loop device; or 'debugfs -R \"rdump / DIR\" FILE' and --rootfs)",
		  spec->root_path, text);
	return -EIO;
}

void fuse_end(struct rootfs *rootfs)
{
	struct pollfd ended = {.events = POLLIN};
	pid_t pid = rootfs->fuse.pid;
	int status;

	if (pid <= 0)
		return;
	ended.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* It ends because the mount did, once all is written. */
	poll(&ended, 1, rootfs->disk_read_only ? 0 : FLUSH_MS);
	close_fd(&ended.fd);
	if (!waitpid(pid, &status, WNOHANG))
		worker_cancel(&rootfs->fuse);
	else if (WIFSIGNALED(status))
		log_error("fuse2fs was ended by signal %d, and with it the container's root", WTERMSIG(status));
	rootfs->fuse.pid = 0;
}
