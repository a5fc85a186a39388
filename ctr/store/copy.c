// SPDX-License-Identifier: Apache-2.0
/*
 * Copies of whole directories: see copy.h. The walk (ctr/walk.h) goes through the one tree, and the copy follows it in the other, by name
 * and "..".
 *
 * A file with several names is noted by a further name of its copy, in a directory of such names: so the file system keeps the table,
 * however large, and no path is needed to find the copy again.
 *
 * Order matters: chown clears setuid bits and security.capability, and a directory's default access control list would become that of what
 * is made in it; so data, owner, mode, attributes, times; and a directory's when all is in it.
 */
#include "ctr/store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctr/mapped.h"
#include "ctr/store/tree.h"
#include "ctr/walk.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define BUF_BYTES (128u << 10)
#define RANGE_BYTES_MAX (1u << 30)
/* Of the kernel (XATTR_LIST_MAX, XATTR_SIZE_MAX); room for both. */
#define LIST_BYTES 65536
#define VALUE_BYTES 65536

struct copy {
	int from_dir_fd, to_dir_fd;
	const char *from_name, *to_name;
	char links_name[32];

	struct walk walk;
	int to_fd;    /* the copy of the directory in which the walk is */
	int links_fd; /* -1: no file had several names yet */
	bool no_clone, no_range;
	char *buf, *list, *value;
	const char *why;
};

/* --- attributes, owner, times -----------------------------------------------------------------------------------------------------------
 */

/*
 * Through the directory's descriptor: links can't be opened, and a fifo had better not be. The walk's files have names; for a directory it
 * is ".".
 */
static void proc_path(char path[64 + NAME_MAX], int dir_fd, const char *name)
{
	snprintf(path, 64 + NAME_MAX, "/proc/self/fd/%d/%s", dir_fd, name);
}

/* A security module gives labels itself, and nobody else may: without them it is still the same file. */
static bool may_lack(const char *attribute, int err)
{
	return !strncmp(attribute, "security.", 9) && strcmp(attribute, "security.capability") &&
	       (err == -EPERM || err == -EOPNOTSUPP || err == -EINVAL);
}

static int copy_xattr(struct copy *c, const char *from, const char *to, const char *attribute)
{
	ssize_t len = lgetxattr(from, attribute, c->value, VALUE_BYTES);
	int err = len < 0 || lsetxattr(to, attribute, c->value, (size_t)len, 0) ? -errno : 0;

	/* Gone, or no longer to be seen by us. */
	if (len < 0 && err == -ENODATA)
		return 0;
	if (!err || may_lack(attribute, err))
		return 0;
	c->why = len < 0 ? "an extended attribute can't be read" : "an extended attribute can't be set";
	return err;
}

static int copy_xattrs(struct copy *c, int from_fd, const char *from_name, int to_fd, const char *to_name)
{
	char from[64 + NAME_MAX], to[64 + NAME_MAX];

	proc_path(from, from_fd, from_name);
	proc_path(to, to_fd, to_name);
	ssize_t len = llistxattr(from, c->list, LIST_BYTES);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	int err = 0;
	for (ssize_t at = 0; !err && at < len; at += (ssize_t)strlen(c->list + at) + 1)
		err = copy_xattr(c, from, to, c->list + at);
	return err;
}

/* What stands at `name` in the copy is complete but for this; "." is the directory itself. */
static int copy_nature(struct copy *c, int from_fd, const char *from_name, const char *name)
{
	const struct stat *st = &c->walk.st;
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchownat(c->to_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW)) {
		c->why = "its owner can't be set";
		return -errno;
	}
	/* A link has no mode of its own. What is here was made by us, so no link is there in its place. */
	if (!S_ISLNK(st->st_mode) && fchmodat(c->to_fd, name, st->st_mode & 07777, 0))
		return -errno;
	int err = copy_xattrs(c, from_fd, from_name, c->to_fd, name);
	if (err)
		return err;
	return utimensat(c->to_fd, name, times, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

/* --- data -------------------------------------------------------------------------------------------------------------------------------
 */

static int copy_by_hand(struct copy *c, int from, int to, off_t at, off_t end)
{
	while (at < end) {
		size_t left = (uint64_t)(end - at) < BUF_BYTES ? (size_t)(end - at) : BUF_BYTES;
		int err = pread_full(from, c->buf, left, (uint64_t)at);
		if (!err)
			err = pwrite_full(to, c->buf, left, (uint64_t)at);
		if (err)
			return err;
		at += (off_t)left;
	}
	return 0;
}

/* In the kernel, where it and the file system can. */
static int copy_range(struct copy *c, int from, int to, off_t at, off_t end)
{
	loff_t from_at = at, to_at = at;

	while (!c->no_range && from_at < end) {
		size_t left = (uint64_t)(end - from_at) < RANGE_BYTES_MAX ? (size_t)(end - from_at) : RANGE_BYTES_MAX;
		ssize_t n = copy_file_range(from, &from_at, to, &to_at, left, 0);
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n < 0 && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM)
			return -errno;
		/* Also where it gives nothing and no error, as some file systems do. */
		c->no_range = n < 0;
		break;
	}
	return copy_by_hand(c, from, to, from_at, end);
}

static int copy_data(struct copy *c, int from, int to, off_t size)
{
	off_t at = 0, data, hole;
	int err = 0;

	if (!c->no_clone && !ioctl(to, FICLONE, from))
		return 0;
	/* Other reasons are this file's alone. */
	if (errno == EOPNOTSUPP || errno == ENOTTY || errno == ENOSYS || errno == EXDEV)
		c->no_clone = true;
	while (!err && at < size) {
		data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		/* A file system that knows nothing of holes */
		if (hole <= data) {
			data = at;
			hole = size;
		}
		if (hole > size)
			hole = size;
		if (data < hole)
			err = copy_range(c, from, to, data, hole);
		at = hole;
	}
	return err ? err : ftruncate(to, size) ? -errno : 0;
}

/* --- the kinds --------------------------------------------------------------------------------------------------------------------------
 */

static int copy_file(struct copy *c)
{
	const struct walk *walk = &c->walk;
	struct stat st = {0};
	int to = -1;
	/* Should it be something else by now, it must not hold us up. */
	int from = openat(walk->fd, walk->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int err = from < 0 || fstat(from, &st) ? -errno : 0;

	if (!err && (st.st_ino != walk->st.st_ino || st.st_dev != walk->st.st_dev))
		err = -ESTALE;
	if (!err) {
		to = openat(c->to_fd, walk->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		err = to < 0 ? -errno : copy_data(c, from, to, st.st_size);
	}
	/* Some file systems say only here that there is no space. */
	if (to >= 0 && close(to) && !err && errno != EINTR)
		err = -errno;
	close_fd(&from);
	return err;
}

static int copy_link(struct copy *c)
{
	/* Its size is not always the link's length, and never more than this. */
	ssize_t len = readlinkat(c->walk.fd, c->walk.name, c->buf, BUF_BYTES - 1);

	if (len < 0)
		return -errno;
	c->buf[len] = '\0';
	return symlinkat(c->buf, c->to_fd, c->walk.name) ? -errno : 0;
}

/* Whiteouts are character devices 0:0, which anybody may make (Linux 5.8); others take root. */
static int copy_node(struct copy *c)
{
	const struct stat *st = &c->walk.st;

	if (!mknodat(c->to_fd, c->walk.name, (st->st_mode & S_IFMT) | 0600, st->st_rdev))
		return 0;
	if (errno == EPERM)
		c->why = "device nodes can be made by root only";
	return -errno;
}

static int copy_content(struct copy *c)
{
	switch (c->walk.st.st_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(c);
	case S_IFLNK:
		return copy_link(c);
	default:
		return copy_node(c);
	}
}

/* --- files with several names ------------------------------------------------------------------------------------------------------------
 */

static int open_links(struct copy *c)
{
	if (c->links_fd >= 0)
		return 0;
	if (mkdirat(c->to_dir_fd, c->links_name, 0700))
		return -errno;
	c->links_fd = openat(c->to_dir_fd, c->links_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return c->links_fd < 0 ? -errno : 0;
}

static void link_name(const struct copy *c, char name[40])
{
	snprintf(name, 40, "%llx-%llx", (unsigned long long)c->walk.st.st_dev, (unsigned long long)c->walk.st.st_ino);
}

/* 1: its copy was there already and has this name, too; 0: it is the first. */
static int link_copy(struct copy *c)
{
	char name[40];
	int err = open_links(c);

	if (err)
		return err;
	link_name(c, name);
	if (!linkat(c->links_fd, name, c->to_fd, c->walk.name, 0))
		return 1;
	if (errno == ENOENT)
		return 0;
	/* The file has as many names as it can, and ours was one too many. */
	if (errno == EMLINK && !renameat(c->links_fd, name, c->to_fd, c->walk.name))
		return 1;
	return -errno;
}

static int note_copy(struct copy *c)
{
	char name[40];

	link_name(c, name);
	return linkat(c->to_fd, c->walk.name, c->links_fd, name, 0) ? -errno : 0;
}

static int copy_entry(struct copy *c)
{
	bool several = c->walk.st.st_nlink > 1;
	int err = several ? link_copy(c) : 0;

	if (err)
		return err < 0 ? err : 0;
	err = copy_content(c);
	if (!err)
		err = copy_nature(c, c->walk.fd, c->walk.name, c->walk.name);
	return !err && several ? note_copy(c) : err;
}

/* --- directories -------------------------------------------------------------------------------------------------------------------------
 */

static int enter(struct copy *c)
{
	const char *name = c->walk.depth ? c->walk.name : c->to_name;
	int parent = c->walk.depth ? c->to_fd : c->to_dir_fd;

	if (mkdirat(parent, name, 0700))
		return -errno;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close_fd(&c->to_fd);
	c->to_fd = fd;
	return 0;
}

static int leave(struct copy *c)
{
	/* Before it gets an owner and a mode that might be in the way; ours are enough for all of them. */
	int up = c->walk.depth ? openat(c->to_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int err = c->walk.depth && up < 0 ? -errno : copy_nature(c, c->walk.fd, ".", ".");

	close_fd(&c->to_fd);
	c->to_fd = up;
	return err;
}

static int copy_tree(struct copy *c)
{
	int err = walk_open(&c->walk, c->from_dir_fd, c->from_name);

	while (!err && (err = walk_next(&c->walk)) > 0) {
		c->why = NULL;
		switch (c->walk.what) {
		case WALK_ENTER:
			err = enter(c);
			break;
		case WALK_LEAVE:
			err = leave(c);
			break;
		case WALK_FILE:
			err = copy_entry(c);
			break;
		}
	}
	return err;
}

static int copy_job(void *arg)
{
	struct copy *c = arg;

	c->buf = malloc(BUF_BYTES + LIST_BYTES + VALUE_BYTES);
	int err = c->buf ? 0 : -ENOMEM;
	if (!err) {
		c->list = c->buf + BUF_BYTES;
		c->value = c->list + LIST_BYTES;
		err = copy_tree(c);
	}
	if (err)
		log_error("%s: can't be copied: %s%s%s", err == -EEXIST && !c->walk.depth ? c->to_name : walk_place(&c->walk),
			  c->why ? c->why : "", c->why ? ": " : "", strerror(-err));
	free(c->buf);
	close_fd(&c->to_fd);
	close_fd(&c->links_fd);
	walk_close(&c->walk);
	return err;
}

int directory_copy(int from_dir_fd, const char *from_name, int to_dir_fd, const char *to_name)
{
	struct copy c = {
		.from_dir_fd = from_dir_fd,
		.to_dir_fd = to_dir_fd,
		.from_name = from_name,
		.to_name = to_name,
		.walk.fd = -1,
		.to_fd = -1,
		.links_fd = -1,
	};

	if (!faccessat(to_dir_fd, to_name, F_OK, AT_SYMLINK_NOFOLLOW)) {
		log_error("%s: is there already", to_name);
		return -EEXIST;
	}
	snprintf(c.links_name, sizeof(c.links_name), ".links-%d", (int)getpid());
	int err = mapped_run("copy", copy_job, &c);
	/* Either may be missing. */
	int links_err = directory_remove(to_dir_fd, c.links_name);
	if (!err && links_err)
		log_warn("%s: can't be removed: %s", c.links_name, strerror(-links_err));
	if (err && directory_remove(to_dir_fd, to_name))
		log_warn("%s: a part of a copy is left, and can't be removed", to_name);
	return err;
}
