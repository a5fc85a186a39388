// SPDX-License-Identifier: Apache-2.0
/*
 * The container's own /proc, /sys and mounts: see content.h. /dev is in content_dev.c.
 *
 * What is hidden and what is read-only is what container engines agree on (runtime-spec, config-linux.md, maskedPaths and readonlyPaths):
 * the parts of /proc and /sys that are not divided by namespaces, and that root inside could read the host's secrets from or change the
 * host by.
 */
#include "ctr/content.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/content_impl.h"
#include "ctr/mount.h"
#include "ctr/namespaces.h"
#include "ctr/resolv.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define NO_EXEC (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define HOSTS_BYTES_MAX 1024
#define RESOLV_BYTES_MAX 65536

static const char *const masked[] = {
	"proc/acpi", "proc/asound",      "proc/interrupts", "proc/kcore",       "proc/keys",    "proc/latency_stats",
	"proc/scsi", "proc/sched_debug", "proc/timer_list", "proc/timer_stats", "sys/firmware", "sys/devices/virtual/powercap",
};
static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};

int content_attach(const struct content *content, int mount_fd, const char *path, bool make)
{
	int target = mount_fd < 0 ? mount_fd : target_open_real(content->rootfs->fd, path, make);
	int err = target < 0 ? target : mount_attach(mount_fd, target);

	close_fd(&mount_fd);
	close_fd(&target);
	if (err)
		log_error("/%s: can't be mounted in the container: %s%s", path, strerror(-err),
			  err == -ELOOP   ? " (in the image it is a link)"
			  : err == -EPERM ? " (the host hides part of its own from this user)"
					  : "");
	return err;
}

bool content_may_make(const struct content *content)
{
	return content->rootfs->fresh || content->spec->keep_writes;
}

/* --- /proc and /sys ----------------------------------------------------------------------------------------------------------- */

static int mount_proc(const struct content *content)
{
	int fd;

	/* A new one would show our own PID namespace, and who shares the host's without owning it may not make it. */
	if (content->map->userns && !namespace_is_new(content->spec, NS_PID, true))
		fd = mount_clone_private(AT_FDCWD, "/proc", AT_RECURSIVE);
	else
		fd = mount_new("proc", NULL, NO_EXEC);
	return content_attach(content, fd, "proc", content_may_make(content));
}

/*
 * A new sysfs shows the network namespace of who mounts it, who must own that. In a container that shares the host's network without owning
 * it the host's is bound instead.
 */
static int mount_sys(const struct content *content)
{
	uint64_t attributes = NO_EXEC | MOUNT_ATTR_RDONLY;
	int fd;

	if (content->map->userns && !namespace_is_new(content->spec, NS_NET, true)) {
		fd = mount_clone_private(AT_FDCWD, "/sys", AT_RECURSIVE);
		int err = fd < 0 ? fd : mount_restrict(fd, attributes, true);
		if (err) {
			close_fd(&fd);
			fd = err;
		}
	} else {
		fd = mount_new("sysfs", NULL, attributes);
	}
	return content_attach(content, fd, "sys", content_may_make(content));
}

/*
 * With a cgroup namespace its root is the container's group. Without one it would show the host's (CVE-2023-25809). A system gets version 2
 * also where the host mounts version 1's at that place: an init needs groups, not controllers.
 */
static int mount_cgroup(const struct content *content)
{
	bool own = content->spec->system && content->own_groups;

	if ((!own && access("/sys/fs/cgroup/cgroup.controllers", F_OK)) ||
	    !namespace_is_new(content->spec, NS_CGROUP, content->map->userns))
		return 0;
	int fd = mount_new("cgroup2", NULL, NO_EXEC | (own ? 0 : MOUNT_ATTR_RDONLY));
	int target = fd < 0 ? fd : target_open_real(content->rootfs->fd, "sys/fs/cgroup", false);
	/* A convenience: its absence takes nothing away that is promised. */
	if (target >= 0)
		mount_attach(fd, target);
	close_fd(&fd);
	close_fd(&target);
	return 0;
}

/* Of all inits that one alone must have groups: it would say no more than "Permission denied", and stay. */
static void warn_of_groups(const struct content *content)
{
	char path[64], target[PATH_MAX];
	int fd = target_open(content->rootfs->fd, "sbin/init", TARGET_FILE, false);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t len = fd < 0 ? -1 : readlink(path, target, sizeof(target) - 1);
	target[len < 0 ? 0 : len] = '\0';
	if (strstr(target, "/systemd"))
		log_warn("systemd won't start without a control group of version 2 of its own, and there is none to be had: be root where "
			 "one is mounted (mount -t cgroup2 cgroup2 DIRECTORY), or: systemd-run --user --scope -p Delegate=yes tinyvmm ...");
	close_fd(&fd);
}

/* --- files of ours ------------------------------------------------------------------------------------------------------------------ */

/*
 * A small file system with what covers the image's: an empty directory, and the files of write_names(). It is attached where /dev will be,
 * and stays below that: copies can be made of attached mounts only (Linux before 6.15).
 */
static int mount_covers(const struct content *content)
{
	static const char *const options[] = {"mode=0755", "size=256k", NULL};
	int fd = mount_new("tmpfs", options, NO_EXEC);
	int keep = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int err = content_attach(content, fd, "dev", content_may_make(content));

	if (!err && mkdirat(keep, "empty", 0555))
		err = -errno;
	if (err)
		close_fd(&keep);
	return err ? err : keep;
}

/* --- hidden and read-only -------------------------------------------------------------------------------------------------------- */

static int clone_empty(int covers_fd)
{
	int fd = mount_clone(covers_fd, "empty", 0);
	int err = fd < 0 ? fd : mount_restrict(fd, NO_EXEC | MOUNT_ATTR_RDONLY, false);

	if (err)
		close_fd(&fd);
	return err ? err : fd;
}

static int mask_one(const struct content *content, const char *path, int covers_fd)
{
	struct stat st;
	int target = target_open(content->rootfs->fd, path, TARGET_FILE, false);
	int err = target == -ENOENT ? 0 : target;

	if (target >= 0) {
		/* A directory is covered by one empty directory that they share, a file by the null device, which was seen to be it. */
		int cover = fstat(target, &st) ? -errno : S_ISDIR(st.st_mode) ? clone_empty(covers_fd) : content_clone_null(content);
		err = cover < 0 ? cover : mount_attach(cover, target);
		close_fd(&cover);
		close(target);
	}
	if (err)
		log_error("/%s: can't be hidden from the container: %s", path, strerror(-err));
	return err;
}

static int make_read_only(const struct content *content, const char *path)
{
	int target = target_open(content->rootfs->fd, path, TARGET_FILE, false);
	int err = target == -ENOENT ? 0 : target;

	if (target >= 0) {
		int clone = mount_clone(target, "", AT_EMPTY_PATH);
		err = clone < 0 ? clone : mount_restrict(clone, NO_EXEC | MOUNT_ATTR_RDONLY, false);
		if (!err)
			err = mount_attach(clone, target);
		close_fd(&clone);
		close(target);
	}
	if (err)
		log_error("/%s: can't be made read-only in the container: %s", path, strerror(-err));
	return err;
}

static int restrict_paths(const struct content *content, int covers_fd)
{
	int err = 0;

	for (unsigned i = 0; !err && i < sizeof(masked) / sizeof(*masked); i++)
		err = mask_one(content, masked[i], covers_fd);
	for (unsigned i = 0; !err && i < sizeof(read_only) / sizeof(*read_only); i++)
		err = make_read_only(content, read_only[i]);
	return err;
}

/* --- --bind and --tmpfs ---------------------------------------------------------------------------------------------------------- */

static int mount_bind(const struct content *content, unsigned number)
{
	const struct spec_bind *bind = &content->spec->bind[number];
	int parents = content->rootfs->bind_fd[number];
	struct stat st;
	int target = -1;
	int fd = parents < 0 ? mount_clone_private(AT_FDCWD, bind->source, AT_RECURSIVE) : fcntl(parents, F_DUPFD_CLOEXEC, 0);
	int err = fd < 0 ? fd : 0;

	if (!err && bind->read_only)
		err = mount_restrict(fd, MOUNT_ATTR_RDONLY, true);
	if (!err && fstat(fd, &st))
		err = -errno;
	if (!err) {
		target = target_open(content->rootfs->fd, bind->target, S_ISDIR(st.st_mode) ? TARGET_DIR : TARGET_FILE,
				     content_may_make(content));
		err = target < 0 ? target : mount_attach(fd, target);
	}
	close_fd(&fd);
	close_fd(&target);
	if (err)
		log_error("--bind %s:%s: %s%s", bind->source, bind->target, strerror(-err),
			  err == -ENOENT && !content_may_make(content) ? " (the place for it must be in the image, which is read-only)"
								       : "");
	return err;
}

static int add_tmpfs(const struct content *content, const char *path, const char *const *options, bool make)
{
	int fd = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	int target = fd < 0 ? fd : target_open(content->rootfs->fd, path, TARGET_DIR, make);
	int err = target < 0 ? target : mount_attach(fd, target);

	close_fd(&fd);
	close_fd(&target);
	return err;
}

static int mount_tmpfs(const struct content *content, const struct spec_tmpfs *tmpfs)
{
	char size[32];
	const char *options[] = {"mode=1777", tmpfs->size_bytes ? size : NULL, NULL};

	snprintf(size, sizeof(size), "size=%llu", (unsigned long long)tmpfs->size_bytes);
	int err = add_tmpfs(content, tmpfs->target, options, content_may_make(content));
	if (err)
		log_error("--tmpfs %s: %s", tmpfs->target, strerror(-err));
	return err;
}

/*
 * What an init expects to find empty when it starts (systemd's container interface), and may not be able to mount itself; Debian's systemd
 * wants the second, too. An image without such a directory has an init that does without.
 */
static int mount_run(const struct content *content)
{
	static const struct {
		char path[12], mode[12];
	} mounts[] = {{"run", "mode=0755"}, {"run/lock", "mode=1777"}};
	int err = 0;

	for (unsigned i = 0; !err && i < sizeof(mounts) / sizeof(*mounts); i++) {
		const char *const options[] = {mounts[i].mode, NULL};
		err = add_tmpfs(content, mounts[i].path, options, i || content_may_make(content));
	}
	if (!err || err == -ENOENT)
		return 0;
	log_error("/run: can't be mounted in the container: %s", strerror(-err));
	return err;
}

/* --- names --------------------------------------------------------------------------------------------------------------------------- */

/* A link that leads nowhere (systemd-resolved's) makes way: what we remove it from is a copy. */
static int drop_link(const struct content *content, const char *name)
{
	int etc = target_open(content->rootfs->fd, "etc", TARGET_DIR, false);
	int fd = etc < 0 ? etc : openat(etc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || unlinkat(fd, name, 0) ? -ENOENT : 0;

	close_fd(&etc);
	close_fd(&fd);
	return err;
}

/*
 * A file of ours over one of the image's. Bound, not written: the image may be read-only, or somebody's own directory. Where the image has
 * no such file and takes none, the container does without.
 */
static int cover_file(const struct content *content, int covers_fd, const char *name, const char *text)
{
	char path[64];
	int target = -1, clone = -1;
	int fd = openat(covers_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int err = fd < 0 ? -errno : write_full(fd, text, strlen(text));

	if (err)
		goto out;
	snprintf(path, sizeof(path), "etc/%s", name);
	target = target_open(content->rootfs->fd, path, TARGET_FILE, content_may_make(content));
	if (target == -ENOENT && content->rootfs->fresh && !drop_link(content, name))
		target = target_open(content->rootfs->fd, path, TARGET_FILE, true);
	if (target < 0)
		goto out;
	clone = mount_clone(covers_fd, name, 0);
	err = clone < 0 ? clone : mount_attach(clone, target);
out:
	close_fd(&fd);
	close_fd(&target);
	close_fd(&clone);
	return err;
}

static int write_names(const struct content *content, int covers_fd)
{
	char hosts[HOSTS_BYTES_MAX], resolv[64] = "", *host_resolv = NULL;
	const char *hostname = content->spec->hostname;
	size_t len;

	snprintf(hosts, sizeof(hosts), "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n", hostname);
	int err = cover_file(content, covers_fd, "hosts", hosts);
	snprintf(hosts, sizeof(hosts), "%s\n", hostname);
	if (!err)
		err = cover_file(content, covers_fd, "hostname", hosts);
	if (content->nameserver)
		snprintf(resolv, sizeof(resolv), "nameserver %s\n", content->nameserver);
	else if (content->spec->net == NET_VETH)
		host_resolv = resolv_of_host();
	else if (content->spec->net != NET_NONE && read_file("/etc/resolv.conf", RESOLV_BYTES_MAX, &host_resolv, &len))
		host_resolv = NULL;
	if (!err)
		err = cover_file(content, covers_fd, "resolv.conf", host_resolv ? host_resolv : resolv);
	free(host_resolv);
	if (err)
		log_error("the container's /etc/hosts, hostname and resolv.conf can't be made: %s", strerror(-err));
	return err;
}

/* --- all of it ------------------------------------------------------------------------------------------------------------------------ */

int content_mount(const struct content *content)
{
	int covers = mount_covers(content);
	int err = covers < 0 ? covers : mount_proc(content);

	if (!err)
		err = mount_sys(content);
	if (!err)
		err = content_dev(content);
	if (!err && content->spec->isolation == ISOLATION_FULL)
		err = restrict_paths(content, covers);
	if (!err)
		err = write_names(content, covers);
	close_fd(&covers);
	return err;
}

int content_mount_own(const struct content *content)
{
	const struct spec *spec = content->spec;
	int err = mount_cgroup(content);

	if (!err && spec->system)
		err = mount_run(content);
	if (!err && spec->system && spec->isolation == ISOLATION_FULL && !content->own_groups)
		warn_of_groups(content);
	for (unsigned i = 0; !err && i < spec->tmpfs_count; i++)
		err = mount_tmpfs(content, &spec->tmpfs[i]);
	for (unsigned i = 0; !err && i < spec->bind_count; i++)
		err = mount_bind(content, i);
	return err;
}

int content_seal(const struct content *content)
{
	int err = content->spec->read_only ? mount_restrict(content->rootfs->fd, MOUNT_ATTR_RDONLY, false) : 0;

	if (err)
		log_error("the container's root can't be made read-only: %s", strerror(-err));
	return err;
}
