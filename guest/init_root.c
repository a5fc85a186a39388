// SPDX-License-Identifier: Apache-2.0
/* File systems: the root found and entered, the places a command expects, and everything clean at the end. */
#include "guest/init.h"

#define ROOT_WAIT_MS 10000
#define NEW_ROOT "/newroot"
#define GRACE_MS 1000

void root_mount_api(void)
{
	sys_mkdir("/proc", 0755);
	sys_mkdir("/sys", 0755);
	sys_mkdir("/dev", 0755);
	sys_mkdir(NEW_ROOT, 0755);
	sys_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	sys_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	/* -EBUSY when the kernel did that itself */
	sys_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
}

/* --- in ------------------------------------------------------------------------------------------------------------------- */

/* A read-only device refuses to be mounted for writing (-EACCES): then as it can be. */
static int mount_as(struct init *in, const char *type)
{
	const struct init_config *config = &in->config;
	bool read_only = config->rootflags && text_equal(config->rootflags, "ro");
	int err = sys_mount(config->root, NEW_ROOT, type, read_only ? MS_RDONLY : 0, NULL);

	if ((err == -EACCES || err == -EROFS) && !read_only) {
		err = sys_mount(config->root, NEW_ROOT, type, MS_RDONLY, NULL);
		if (!err)
			init_say(in, INIT_INFO, config->root, " can only be read", NULL);
	}
	return err;
}

/* Each type of /proc/filesystems that lives on a device. */
static int mount_as_any(struct init *in)
{
	char *types = init_read_file("/proc/filesystems", 8192);
	int err = -ENODEV;

	for (char *line = types; line && *line;) {
		char *end = (char *)text_find(line, '\n');
		if (end)
			*end = '\0';
		if (*line == '\t') {
			int one = mount_as(in, line + 1);
			if (!one)
				return 0;
			/* -EINVAL: it is not of this type */
			if (one != -EINVAL || err == -ENODEV)
				err = one;
		}
		line = end ? end + 1 : NULL;
	}
	return err;
}

static bool is_there(struct init *in, const void *path)
{
	struct statx st;

	(void)in;
	return !sys_statx(AT_FDCWD, path, 0, &st);
}

static void mount_root(struct init *in)
{
	const char *root = in->config.root, *type = in->config.rootfstype;
	int err;

	if (!device_wait(in, is_there, root, ROOT_WAIT_MS))
		init_fatal(in, 0, "the root device ", root, " did not appear within 10 s", NULL);
	err = type ? mount_as(in, type) : mount_as_any(in);
	if (err == -ENODEV && type)
		err = mount_as_any(in); /* ext4 mounts ext2 and ext3 */
	if (err == -ENODEV && type)
		init_fatal(in, 0, "cannot mount ", root, ": this kernel knows no file system ", type, NULL);
	if (err == -EINVAL)
		init_fatal(in, 0, "there is no file system ", type ? type : "that this kernel knows", " on ", root, ", or it is damaged",
			   NULL);
	if (err)
		init_fatal(in, err, "cannot mount ", root, " as ", type ? type : "any known type", NULL);
}

/* Removes everything in the directory that is on the device of `top`; closes fd. Never crosses into another file system. */
static void empty_directory(int fd, const struct statx *top, unsigned depth)
{
	char buf[1024] __attribute__((aligned(8)));
	long n;

	while (depth && (n = SYS3(getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			struct sys_dirent *entry = (struct sys_dirent *)(buf + at);
			struct statx st;

			at += entry->reclen;
			if (text_equal(entry->name, ".") || text_equal(entry->name, ".."))
				continue;
			if (sys_statx(fd, entry->name, AT_SYMLINK_NOFOLLOW, &st) || st.stx_dev_major != top->stx_dev_major ||
			    st.stx_dev_minor != top->stx_dev_minor)
				continue;
			if ((st.stx_mode & S_IFMT) != S_IFDIR) {
				SYS3(unlinkat, fd, entry->name, 0);
				continue;
			}
			int sub = (int)SYS4(openat, fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
			if (sub >= 0)
				empty_directory(sub, top, depth - 1);
			SYS3(unlinkat, fd, entry->name, AT_REMOVEDIR);
		}
	}
	sys_close(fd);
}

/* The initramfs lives in memory until its last file is gone. */
static void empty_initramfs(void)
{
	struct statx top;
	int fd = sys_open("/", O_RDONLY | O_DIRECTORY, 0);

	if (fd >= 0 && !sys_statx(fd, "", AT_EMPTY_PATH, &top))
		empty_directory(fd, &top, 8);
}

static void move_mount(struct init *in, const char *from, const char *to)
{
	int err = sys_mount(from, to, NULL, MS_MOVE, NULL);

	if (err == -ENOENT && !sys_mkdir(to, 0755))
		err = sys_mount(from, to, NULL, MS_MOVE, NULL);
	if (err) {
		init_trouble(in, err, "the root has no directory for ", from, NULL);
		sys_umount(from, SYS_MNT_DETACH);
	}
}

void root_enter(struct init *in)
{
	int err;

	if (!in->config.root) {
		if (!in->config.argv)
			init_fatal(in, 0, "there is neither a root disk nor a command", NULL);
		return;
	}
	mount_root(in);
	move_mount(in, "/dev", NEW_ROOT "/dev");
	move_mount(in, "/proc", NEW_ROOT "/proc");
	move_mount(in, "/sys", NEW_ROOT "/sys");
	if ((err = (int)SYS1(chdir, NEW_ROOT)))
		init_fatal(in, err, "cannot enter the root", NULL);
	empty_initramfs();
	if ((err = sys_mount(".", "/", NULL, MS_MOVE, NULL)) || (err = (int)SYS1(chroot, ".")) || (err = (int)SYS1(chdir, "/")))
		init_fatal(in, err, "cannot make the root the root", NULL);
}

/* --- for a command -------------------------------------------------------------------------------------------------------- */

static void mount_for_command(struct init *in, const char *type, const char *target, unsigned long flags, const char *data)
{
	int err;

	sys_mkdir(target, 0755);
	err = sys_mount(type, target, type, flags, data);
	if (err)
		init_say(in, INIT_INFO, "nothing is mounted on ", target, NULL);
}

void root_prepare_command(struct init *in)
{
	mount_for_command(in, "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
	mount_for_command(in, "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_for_command(in, "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
	mount_for_command(in, "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	SYS3(symlinkat, "/proc/self/fd", AT_FDCWD, "/dev/fd");
	SYS3(symlinkat, "/proc/self/fd/0", AT_FDCWD, "/dev/stdin");
	SYS3(symlinkat, "/proc/self/fd/1", AT_FDCWD, "/dev/stdout");
	SYS3(symlinkat, "/proc/self/fd/2", AT_FDCWD, "/dev/stderr");
}

/* --- out ------------------------------------------------------------------------------------------------------------------ */

static bool no_children(struct init *in, const void *arg)
{
	int status, pid;

	(void)in;
	(void)arg;
	while ((pid = sys_wait(-1, &status, SYS_WNOHANG)) > 0)
		;
	return pid == -ECHILD;
}

/* Orphans are our children: when we have none, nobody else is left. */
static void end_everybody(struct init *in)
{
	if (no_children(in, NULL))
		return;
	sys_kill(-1, SYS_SIGTERM);
	if (device_wait(in, no_children, NULL, GRACE_MS))
		return;
	sys_kill(-1, SYS_SIGKILL);
	device_wait(in, no_children, NULL, GRACE_MS);
}

static bool is_ours(const char *mount)
{
	return text_equal(mount, "/") || text_equal(mount, "/proc") || text_equal(mount, "/dev") || text_equal(mount, "/sys");
}

/* Mounts stand in the order in which they were made; they go in reverse. */
static void unmount_from(struct init *in, const char *line)
{
	enum { AT_ONCE = 64 };
	char path[256];
	const char *starts[AT_ONCE];
	size_t count = 0;

	/* More than fit: the later ones first. */
	for (; line && *line; line = mounts_next(line, path, sizeof(path))) {
		if (count == AT_ONCE) {
			unmount_from(in, line);
			break;
		}
		starts[count++] = line;
	}
	while (count--) {
		mounts_next(starts[count], path, sizeof(path));
		if (!path[0] || is_ours(path) || !sys_umount(path, 0))
			continue;
		if (sys_mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL))
			init_say(in, INIT_INFO, "cannot unmount ", path, NULL);
	}
}

void root_leave(struct init *in)
{
	int err = 0;

	end_everybody(in);
	SYS1(chdir, "/");
	SYS0(sync);
	char *mounts = init_read_file("/proc/self/mounts", 256 << 10);
	if (mounts)
		unmount_from(in, mounts);
	if (in->config.root)
		err = sys_mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	if (err)
		init_trouble(in, err, "the root could not be made read-only", NULL);
	SYS0(sync);
}
