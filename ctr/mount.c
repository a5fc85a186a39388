// SPDX-License-Identifier: Apache-2.0
/* Mounts by descriptors: see mount.h. */
#include "ctr/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define PATH_BYTES 4096

/* What a call gave, or a negative errno. That the kernel does not have it is said here, where its name is known. */
static int outcome(long result, const char *call, const char *version)
{
	if (result >= 0)
		return (int)result;
	int err = -errno;
	if (err == -ENOSYS)
		log_error("this kernel has no %s(2), which came with Linux %s; or a system-call filter around tinyvmm hides it", call,
			  version);
	return err;
}

static int configure(int fs_fd, const char *option)
{
	char key[PATH_BYTES];
	const char *equals = strchr(option, '=');

	if (!equals)
		return fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL, 0) ? -errno : 0;
	size_t len = (size_t)(equals - option);
	if (len >= sizeof(key))
		return -ENAMETOOLONG;
	memcpy(key, option, len);
	key[len] = '\0';
	return fsconfig(fs_fd, FSCONFIG_SET_STRING, key, equals + 1, 0) ? -errno : 0;
}

int mount_new(const char *type, const char *const *options, uint64_t attributes)
{
	int fs_fd = outcome(fsopen(type, FSOPEN_CLOEXEC), "fsopen", "5.2");
	int err = fs_fd < 0 ? fs_fd : 0;

	/* What /proc/mounts shows as the device; who has one says so in the options. */
	if (!err && (!options || !options[0] || strncmp(options[0], "source=", 7)) &&
	    fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", type, 0))
		err = -errno;
	for (unsigned i = 0; !err && options && options[i]; i++)
		err = configure(fs_fd, options[i]);
	if (!err && fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		err = -errno;
	int mount_fd = err ? err : fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attributes);
	if (!err && mount_fd < 0)
		mount_fd = -errno;
	close_fd(&fs_fd);
	return mount_fd;
}

static int set_attributes(int mount_fd, struct mount_attr *attr, bool recursive)
{
	return outcome(mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attr, sizeof(*attr)), "mount_setattr",
		       "5.12");
}

int mount_clone(int dir_fd, const char *path, unsigned flags)
{
	return outcome(open_tree(dir_fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags), "open_tree", "5.2");
}

int mount_clone_private(int dir_fd, const char *path, unsigned flags)
{
	int fd = mount_clone(dir_fd, path, flags);

	if (fd < 0)
		return fd;
	int err = set_attributes(fd, &(struct mount_attr){.propagation = MS_PRIVATE}, flags & AT_RECURSIVE);
	if (err)
		close_fd(&fd);
	return err ? err : fd;
}

int mount_attach(int mount_fd, int target_fd)
{
	return outcome(move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "move_mount", "5.2");
}

int mount_restrict(int mount_fd, uint64_t attributes, bool recursive)
{
	return set_attributes(mount_fd, &(struct mount_attr){.attr_set = attributes}, recursive);
}

int mount_map(int mount_fd, int userns_fd, bool recursive)
{
	return set_attributes(mount_fd, &(struct mount_attr){.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd}, recursive);
}

/* --- targets ------------------------------------------------------------------------------------------------------------ */

static int resolve(int root_fd, const char *path, uint64_t flags, uint64_t how_to)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = how_to | RESOLVE_NO_MAGICLINKS};
	long fd;

	/* EAGAIN: something was renamed meanwhile (openat2(2)). */
	do
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return outcome(fd, "openat2", "5.6");
}

static int make_one(int parent_fd, const char *name, enum mount_target kind)
{
	if (kind == TARGET_DIR)
		return mkdirat(parent_fd, name, 0755) && errno != EEXIST ? -errno : 0;
	int fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	close(fd);
	return 0;
}

/*
 * Makes the last component of `path`, and before that its parents. A component that is a link is followed inside the root, so a dangling
 * one stays an error: what it names is not made.
 */
static int make_path(int root_fd, const char *path, enum mount_target kind, uint64_t how_to)
{
	char parent[PATH_BYTES];
	const char *start = path, *slash;
	int err = 0;

	while (!err) {
		start += strspn(start, "/");
		slash = strchrnul(start, '/');
		bool last = !slash[strspn(slash, "/")];
		size_t parent_len = (size_t)(start - path), len = (size_t)(slash - start);
		if (!len || len > NAME_MAX || parent_len + 2 > sizeof(parent))
			return len > NAME_MAX ? -ENAMETOOLONG : -EINVAL;
		memcpy(parent, path, parent_len);
		memcpy(parent + parent_len, ".", 2);
		int parent_fd = resolve(root_fd, parent, O_PATH | O_DIRECTORY, how_to);
		if (parent_fd < 0)
			return parent_fd;
		char name[NAME_MAX + 1];
		memcpy(name, start, len);
		name[len] = '\0';
		err = !strcmp(name, ".") || !strcmp(name, "..") ? 0 : make_one(parent_fd, name, last ? kind : TARGET_DIR);
		close(parent_fd);
		if (last)
			break;
		start = slash;
	}
	return err;
}

static int open_target(int root_fd, const char *path, enum mount_target kind, bool make, uint64_t how_to)
{
	uint64_t flags = O_PATH | (kind == TARGET_DIR ? O_DIRECTORY : 0);
	int fd = resolve(root_fd, path, flags, how_to);

	if (fd != -ENOENT || !make)
		return fd;
	int err = make_path(root_fd, path, kind, how_to);
	return err ? err : resolve(root_fd, path, flags, how_to);
}

int target_open(int root_fd, const char *path, enum mount_target kind, bool make)
{
	return open_target(root_fd, path, kind, make, RESOLVE_IN_ROOT);
}

int target_open_real(int root_fd, const char *path, bool make)
{
	return open_target(root_fd, path, TARGET_DIR, make, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}
