// SPDX-License-Identifier: Apache-2.0
/*
 * The root: see rootfs.h.
 *
 * An overlay's upper directory lies in a tmpfs that is mounted over the root's own path: a place that is there for certain, hides nothing
 * that is needed, and takes no directory of the host's. Writes so go to memory, count against the container's limit, and are gone with
 * its last process, however that ends. For a container that is kept, a directory of its own is mounted there instead.
 */
#include "ctr/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "ctr/mount.h"
#include "ctr/rootfs_impl.h"
#include "devices/block/file.h"
#include "devices/block/probe.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define LOOP_TRIES 64

/* --- a disk image ----------------------------------------------------------------------------------------------------------- */

/* A loop device of the image's file system, gone with its last user (LO_FLAGS_AUTOCLEAR). */
static int loop_open(const struct rootfs *rootfs, bool read_only, char *path, size_t size)
{
	struct loop_config config = {
		.fd = (uint32_t)rootfs->disk_fd,
		.info = {.lo_offset = rootfs->offset_bytes,
			 .lo_sizelimit = rootfs->len_bytes,
			 .lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0)},
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int fd = -1, err = control < 0 ? -errno : -EBUSY;

	/* Somebody else may take the free one first. */
	for (unsigned i = 0; control >= 0 && i < LOOP_TRIES && err == -EBUSY; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(path, size, "/dev/loop%d", number);
		fd = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		err = fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) ? -errno : 0;
		if (err)
			close_fd(&fd);
	}
	close_fd(&control);
	return err ? err : fd;
}

/* Without a loop device, which takes root, there is another way. */
static int mount_disk(struct rootfs *rootfs, const struct spec *spec)
{
	bool read_only = rootfs->disk_read_only;
	char device[32], source[48];
	int loop_fd = geteuid() ? -EPERM : loop_open(rootfs, read_only, device, sizeof(device)), err;

	if (loop_fd < 0) {
		err = fuse_prepare(rootfs);
	} else {
		snprintf(source, sizeof(source), "source=%s", device);
		const char *options[] = {source, read_only ? "ro" : NULL, NULL};
		rootfs->lower_fd = mount_new(rootfs->fstype, options, MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0));
		err = rootfs->lower_fd < 0 ? rootfs->lower_fd : 0;
		close(loop_fd);
	}
	if (err)
		log_error("--disk %s: its %s file system can't be mounted: %s%s", spec->root_path, rootfs->fstype, strerror(-err),
			  loop_fd < 0 ? " (others than ext4 take root and a loop device)" : "");
	return err;
}

/* --- in the parent -------------------------------------------------------------------------------------------------------- */

static int check_dir(const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		int err = -errno;
		log_error("--rootfs %s: %s", path, strerror(-err));
		return err;
	}
	if (!S_ISDIR(st.st_mode)) {
		log_error("--rootfs %s: no directory: --disk takes an image, --image an archive", path);
		return -ENOTDIR;
	}
	return 0;
}

struct probe_job {
	int fd, err;
	struct disk_probe result;
};

static int run_probe(void *arg)
{
	struct probe_job *job = arg;

	return disk_probe(job->fd, &job->result);
}

static int lock_disk(struct rootfs *rootfs, const char *path)
{
	int err = file_lock(rootfs->disk_fd, path, !rootfs->disk_read_only, &rootfs->lock_fd);

	if (err)
		log_error("--disk %s: %s", path,
			  err == -EAGAIN ? "another program has it open, and it or this one writes" : strerror(-err));
	return err;
}

static int prepare_disk(struct rootfs *rootfs, const struct spec *spec)
{
	const char *path = spec->root_path;
	struct probe_job *job = shared_alloc(sizeof(*job));
	int err = 0;

	if (!job)
		return -ENOMEM;
	rootfs->disk_read_only = !spec->keep_writes || rootfs->view;
	rootfs->disk_fd = open(path, (rootfs->disk_read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (rootfs->disk_fd < 0) {
		err = -errno;
		log_error("--disk %s: %s", path, strerror(-err));
		goto free_job;
	}
	err = lock_disk(rootfs, path);
	if (err)
		goto free_job;
	job->fd = rootfs->disk_fd;
	err = worker_run("root finder", run_probe, job);
	if (err) {
		log_error("--disk %s: no root file system found in it (looked for a file system, and for an MBR or GPT with one)", path);
		goto free_job;
	}
	rootfs->offset_bytes = job->result.offset_bytes;
	rootfs->len_bytes = job->result.len_bytes;
	memcpy(rootfs->fstype, job->result.fstype, sizeof(rootfs->fstype));
	err = mount_disk(rootfs, spec);
free_job:
	shared_free(job, sizeof(*job));
	return err;
}

static int prepare_image(struct rootfs *rootfs, const char *path)
{
	struct stat st;
	int err = 0;

	/* A FIFO could hold us up for ever. */
	rootfs->disk_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (rootfs->disk_fd < 0 || fstat(rootfs->disk_fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (err)
		log_error("--image %s: %s", path, err == -EINVAL ? "no file" : strerror(-err));
	return err;
}

static int prepare_dir(struct rootfs *rootfs, const char *path, bool map)
{
	/* Otherwise the child looks at it, who can be ended where it hangs. */
	if (!map)
		return 0;
	int err = check_dir(path);
	if (err)
		return err;
	rootfs->lower_fd = mount_clone_private(AT_FDCWD, path, 0);
	err = rootfs->lower_fd < 0 ? rootfs->lower_fd : mount_restrict(rootfs->lower_fd, MOUNT_ATTR_NODEV, false);
	if (err)
		log_error("--rootfs %s: can't be mounted for --userns: %s", path, strerror(-err));
	return err;
}

/* The overlay's two directories, which are the container's root's. */
static int make_writable(int dir_fd, const char *name, const struct idmap *map)
{
	if (mkdirat(dir_fd, name, 0755))
		return errno == EEXIST ? 0 : -errno;
	if (!map->userns || geteuid())
		return 0;
	return fchownat(dir_fd, name, map->uid[0].outside, map->gid[0].outside, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int writes_failed(const struct spec *spec, int err)
{
	log_error("%s, where the container's writes are kept: %s", spec->writes_path, strerror(-err));
	return err;
}

int rootfs_make_writes(const struct spec *spec, const struct idmap *map)
{
	int dir = open(spec->writes_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = dir < 0 ? -errno : make_writable(dir, "upper", map);

	if (!err)
		err = make_writable(dir, "work", map);
	/* Its root, who is nobody here, has to pass through; what keeps others out is the directory above. */
	if (!err && map->userns && !geteuid() && fchmod(dir, 0711))
		err = -errno;
	close_fd(&dir);
	return err ? writes_failed(spec, err) : 0;
}

/* Root's containers with users of their own can't get to it by its path. */
static int prepare_writes(struct rootfs *rootfs, const struct spec *spec, const struct idmap *map)
{
	int err = rootfs_make_writes(spec, map);

	if (err || !map->userns || geteuid())
		return err;
	rootfs->writes_fd = mount_clone_private(AT_FDCWD, spec->writes_path, 0);
	return rootfs->writes_fd < 0 ? writes_failed(spec, rootfs->writes_fd) : 0;
}

int rootfs_prepare(struct rootfs *rootfs, const struct spec *spec, const struct idmap *map)
{
	int err = spec->writes_path ? prepare_writes(rootfs, spec, map) : 0;

	/* Of one that fails the child says why, which tries it, too. */
	for (unsigned i = 0; map->userns && !geteuid() && !rootfs->view && i < spec->bind_count; i++)
		rootfs->bind_fd[i] = mount_clone_private(AT_FDCWD, spec->bind[i].source, AT_RECURSIVE);
	rootfs->userns = map->userns;
	rootfs->one_id = map->deny_groups;
	if (err)
		return err;
	switch (spec->root) {
	case ROOT_DIR:
		return prepare_dir(rootfs, spec->root_path, map->userns && !geteuid());
	case ROOT_DISK:
		return prepare_disk(rootfs, spec);
	case ROOT_IMAGE:
		return prepare_image(rootfs, spec->root_path);
	default:
		return -EINVAL;
	}
}

static int map_files(const struct rootfs *rootfs, const struct spec *spec, int userns_fd)
{
	const char *path = spec->root_path;
	int err = rootfs->lower_fd < 0 ? 0 : mount_map(rootfs->lower_fd, userns_fd, false);

	for (unsigned i = 0; !err && i < spec->bind_count; i++) {
		path = spec->bind[i].source;
		err = mount_map(rootfs->bind_fd[i], userns_fd, true);
		/* Then its owners are the host's: who is nobody inside shows as such. */
		if (!spec->bind[i].idmap)
			err = 0;
	}
	if (err)
		log_error("%s: its files can't be mapped to the container's users: %s%s", path, strerror(-err),
			  err == -EINVAL || err == -ENOSYS
				  ? " (this file system, or this kernel, has no idmapped mounts, which came with Linux 5.12)"
				  : "");
	return err;
}

int rootfs_map(struct rootfs *rootfs, const struct spec *spec, pid_t child)
{
	char path[64];
	int userns = -1, err = 0;

	if (rootfs->userns && (!geteuid() || rootfs->fuse_fd[0] >= 0)) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)child);
		userns = open(path, O_RDONLY | O_CLOEXEC);
		err = userns < 0 ? -errno : map_files(rootfs, spec, userns);
	}
	if (!err && rootfs->fuse_fd[0] >= 0)
		err = fuse_start(rootfs, userns);
	close_fd(&userns);
	return err;
}

void rootfs_init(struct rootfs *rootfs)
{
	*rootfs = (struct rootfs){.fd = -1, .disk_fd = -1, .lock_fd = -1, .fuse_fd = {-1, -1}, .lower_fd = -1, .writes_fd = -1};
	memset(rootfs->bind_fd, -1, sizeof(rootfs->bind_fd));
}

void rootfs_release(struct rootfs *rootfs)
{
	archive_config_release(&rootfs->image);
	for (unsigned i = 0; i < 2; i++)
		close_fd(&rootfs->fuse_fd[i]);
	for (unsigned i = 0; i < SPEC_BINDS_MAX; i++)
		close_fd(&rootfs->bind_fd[i]);
	close_fd(&rootfs->fd);
	close_fd(&rootfs->lower_fd);
	fuse_end(rootfs);
	close_fd(&rootfs->disk_fd);
	close_fd(&rootfs->lock_fd);
	close_fd(&rootfs->writes_fd);
}

/* --- in the child ----------------------------------------------------------------------------------------------------------- */

static int open_dir(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Attaches `mount_fd` on top of `below_fd`, and gives the root of what is there now. */
static int attach_over(int mount_fd, int below_fd)
{
	int err = mount_attach(mount_fd, below_fd);

	return err ? err : open_dir(mount_fd, ".");
}

/* Where an overlay keeps what is written, as a mount of its own: memory, or a directory that stays (rootfs_prepare() made the two in it). */
static int open_scratch(struct rootfs *rootfs, const struct spec *spec)
{
	static const char *const options[] = {"mode=0755", NULL};
	int fd = rootfs->writes_fd;

	if (!spec->writes_path)
		return mount_new("tmpfs", options, 0);
	rootfs->writes_fd = -1;
	return fd >= 0 ? fd : mount_clone_private(AT_FDCWD, spec->writes_path, 0);
}

/* An overlay of `lower_fd` and what open_scratch() gives, mounted over `lower_fd`. */
static int overlay(struct rootfs *rootfs, const struct spec *spec, int lower_fd)
{
	char lower[96], upper[64], work[64];
	int scratch = open_scratch(rootfs, spec);
	int top = -1, fd = -1;
	int err = scratch < 0 ? scratch : mount_attach(scratch, lower_fd);

	if (!err && !spec->writes_path && (mkdirat(scratch, "upper", 0755) || mkdirat(scratch, "work", 0755)))
		err = -errno;
	if (err)
		goto close_scratch;
	snprintf(lower, sizeof(lower), "lowerdir=/proc/self/fd/%d", lower_fd);
	snprintf(upper, sizeof(upper), "upperdir=/proc/self/fd/%d/upper", scratch);
	snprintf(work, sizeof(work), "workdir=/proc/self/fd/%d/work", scratch);
	/* As one more lower layer, on top: nothing is written to either. */
	if (rootfs->view)
		snprintf(lower, sizeof(lower), "lowerdir=/proc/self/fd/%d/upper:/proc/self/fd/%d", scratch, lower_fd);
	const char *xattr = rootfs->userns ? "userxattr" : NULL;
	const char *options[] = {lower, rootfs->view ? xattr : upper, rootfs->view ? NULL : work, xattr, NULL};
	top = mount_new("overlay", options, 0);
	if (top < 0) {
		err = top;
		goto close_scratch;
	}
	fd = attach_over(top, scratch);
	err = fd < 0 ? fd : 0;
	close(top);
close_scratch:
	close_fd(&scratch);
	return err ? err : fd;
}

/*
 * An archive is unpacked into memory each time: nothing of it is left anywhere, and its files get their owners whoever started us, since
 * here we are root of the container already.
 */
static int unpack_image(struct rootfs *rootfs, const struct spec *spec)
{
	static const char *const scratch_options[] = {"mode=0755", NULL};
	const struct archive_options options = {.set_owners = !rootfs->one_id};
	int scratch = mount_new("tmpfs", scratch_options, 0);
	int below = scratch < 0 ? scratch : open_dir(AT_FDCWD, ROOTFS_PARKING);
	int fd = below < 0 ? below : attach_over(scratch, below);
	int err = fd < 0 ? fd : archive_unpack(rootfs->disk_fd, spec->root_path, fd, &options, &rootfs->image);

	close_fd(&scratch);
	close_fd(&below);
	if (err)
		close_fd(&fd);
	return err ? err : fd;
}

/* The lower layer, attached: the directory itself, or what the parent mounted. */
static int open_lower(const struct rootfs *rootfs, const struct spec *spec)
{
	if (rootfs->lower_fd < 0)
		return open_dir(AT_FDCWD, spec->root_path);
	int below = open_dir(AT_FDCWD, ROOTFS_PARKING);
	int fd = below < 0 ? below : attach_over(rootfs->lower_fd, below);
	close_fd(&below);
	return fd;
}

/* Without an overlay: the directory as a mount of its own, which pivot_root() and read-only want. */
static int bind_itself(int dir_fd)
{
	int clone = mount_clone_private(dir_fd, "", AT_EMPTY_PATH | AT_RECURSIVE);

	if (clone < 0)
		return clone;
	int fd = attach_over(clone, dir_fd);
	close(clone);
	return fd;
}

int rootfs_open(struct rootfs *rootfs, const struct spec *spec)
{
	if (spec->root == ROOT_IMAGE) {
		rootfs->fd = unpack_image(rootfs, spec);
		rootfs->fresh = true;
		return rootfs->fd < 0 ? rootfs->fd : 0;
	}
	if (rootfs->fuse_fd[1] >= 0) {
		rootfs->lower_fd = fuse_take(rootfs, spec);
		if (rootfs->lower_fd < 0)
			return rootfs->lower_fd;
	}
	if (spec->root == ROOT_DIR && rootfs->lower_fd < 0) {
		int err = check_dir(spec->root_path);
		if (err)
			return err;
	}
	int lower = open_lower(rootfs, spec);
	if (lower < 0)
		goto fail;
	if ((spec->isolation == ISOLATION_CHROOT && spec->root == ROOT_DIR) || (rootfs->view && !spec->writes_path)) {
		rootfs->fd = lower;
		return 0;
	}
	rootfs->fresh = !spec->keep_writes && !spec->read_only;
	if (rootfs->fresh)
		rootfs->fd = overlay(rootfs, spec, lower);
	else if (rootfs->lower_fd < 0)
		rootfs->fd = bind_itself(lower);
	else
		rootfs->fd = dup(lower);
	close(lower);
	lower = rootfs->fd;
	if (rootfs->fd >= 0)
		return 0;
fail:
	log_error("%s: can't be made the container's root: %s%s", spec->root_path, strerror(-lower),
		  lower == -ENODEV || lower == -EINVAL ? " (is overlayfs there? modprobe overlay; --keep needs none)" : "");
	return lower;
}

int rootfs_enter(const struct rootfs *rootfs, const struct spec *spec)
{
	if (fchdir(rootfs->fd))
		return -errno;
	if (spec->isolation == ISOLATION_CHROOT)
		return chroot(".") || chdir("/") ? -errno : 0;
	/* The old root goes on top of the new one, and from there away (pivot_root(2), NOTES). */
	if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		return -errno;
	return 0;
}
