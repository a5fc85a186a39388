// SPDX-License-Identifier: Apache-2.0
/*
 * An entry of an archive becomes a file: see archive_impl.h. Each kind is made anew, exclusively, in a directory that is held open; what
 * was there is removed first, never written through, since it may be a link, or one of several names of a file.
 *
 * Order matters: chown clears setuid bits and security.capability, writing clears setuid bits, a mode changes an access control list; so
 * data, owner, mode, attributes, lists, time; and a directory's mode and lists, which would become those of what is made in it, at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctr/archive/archive_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* An entry on its way: its place, held open, and what libarchive says of it. */
struct place {
	struct tree *tree;
	struct tar *tar;
	const char *path, *leaf;
	int parent;
};

/* --- what belongs to all kinds ------------------------------------------------------------------------------------------------------- */

/* Holes take no space, whatever the file's length. */
static uint64_t space_needed(const struct place *p, uint64_t size)
{
	const struct archive_lib *lib = p->tar->lib;
	la_int64_t at, len;
	uint64_t sum = 0;

	if (!lib->archive_entry_sparse_reset(p->tar->entry))
		return size;
	while (lib->archive_entry_sparse_next(p->tar->entry, &at, &len) == ARCHIVE_OK) {
		if (len < 0 || (uint64_t)len > size - sum)
			return size;
		sum += (uint64_t)len;
	}
	return sum;
}

/* Before anything is written or skipped: what an archive declares costs it nothing. */
static int check_size(const struct place *p)
{
	int64_t size = p->tar->lib->archive_entry_size(p->tar->entry);
	struct statvfs fs;

	if (size < 0) {
		p->tree->why = "its size is negative";
		return -EBADMSG;
	}
	if (!size || fstatvfs(p->tree->fd, &fs))
		return 0;
	if (space_needed(p, (uint64_t)size) <= (uint64_t)fs.f_bavail * fs.f_frsize)
		return 0;
	p->tree->why = "it is larger than all the space that is left: make room, or unpack elsewhere";
	return -ENOSPC;
}

/* (uid_t)-1 would be nobody's change. */
static int owner_of(const struct place *p, uid_t *uid, gid_t *gid)
{
	int64_t user = p->tar->lib->archive_entry_uid(p->tar->entry), group = p->tar->lib->archive_entry_gid(p->tar->entry);

	if (user < 0 || user >= UINT32_MAX || group < 0 || group >= UINT32_MAX) {
		p->tree->why = "its owner is no user's number";
		return -EBADMSG;
	}
	*uid = (uid_t)user;
	*gid = (gid_t)group;
	return 0;
}

/* Of the name, which is new and ours, or of `fd` when it is open; a link itself. */
static int set_owner(const struct place *p, int fd)
{
	uid_t uid;
	gid_t gid;
	int err;

	if (!p->tree->set_owners)
		return 0;
	err = owner_of(p, &uid, &gid);
	if (err)
		return err;
	if (!(fd >= 0 ? fchown(fd, uid, gid) : fchownat(p->parent, p->leaf, uid, gid, AT_SYMLINK_NOFOLLOW)))
		return 0;
	err = -errno;
	if (err == -EINVAL)
		p->tree->why = "this user namespace has no such owner: map more user numbers into it";
	else if (err == -EPERM)
		p->tree->why = "its owner can't be set without privileges";
	/* -EPERM is an escape's alone. */
	return err == -EPERM ? -EACCES : err;
}

static mode_t mode_of(const struct place *p)
{
	return p->tar->lib->archive_entry_perm(p->tar->entry) & 07777;
}

static long time_of(const struct place *p, int64_t *seconds)
{
	const struct archive_lib *lib = p->tar->lib;
	long nsec = lib->archive_entry_mtime_nsec(p->tar->entry);

	*seconds = lib->archive_entry_mtime(p->tar->entry);
	if (!lib->archive_entry_mtime_is_set(p->tar->entry))
		return UTIME_OMIT;
	return nsec < 0 || nsec > 999999999 ? 0 : nsec;
}

static int set_time(const struct place *p, int fd)
{
	int64_t seconds;
	long nsec = time_of(p, &seconds);
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)seconds, .tv_nsec = nsec}};

	if (fd >= 0 ? futimens(fd, times) : utimensat(p->parent, p->leaf, times, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return 0;
}

/*
 * The attributes that are a program's or a file's own. Others are a security module's, or overlayfs's, which takes them for instructions:
 * in user.overlay. too. What the file system refuses is left out and counted.
 */
static void set_xattrs(const struct place *p, int fd)
{
	const struct archive_lib *lib = p->tar->lib;
	const char *name;
	const void *value;
	size_t bytes;

	lib->archive_entry_xattr_reset(p->tar->entry);
	while (lib->archive_entry_xattr_next(p->tar->entry, &name, &value, &bytes) == ARCHIVE_OK) {
		if (!name || !strncmp(name, "user.overlay.", 13))
			continue;
		if (strncmp(name, "user.", 5) && strcmp(name, "security.capability"))
			continue;
		if (fsetxattr(fd, name, value, bytes, 0))
			p->tree->xattrs++;
	}
}

static void set_acl(const struct place *p, int fd)
{
	struct acl acl;

	acl_take(p->tree, p->tar, &acl);
	acl_set(p->tree, &acl, fd);
	acl_release(&acl);
}

/* --- the kinds ----------------------------------------------------------------------------------------------------------------------- */

/* Places only grow, and end where the header said: so no byte is written twice, and what no piece covers stays a hole. */
static int copy_data(const struct place *p, int fd)
{
	uint64_t size = (uint64_t)p->tar->lib->archive_entry_size(p->tar->entry), offset = 0, done = 0;
	const void *data;
	size_t len;
	int err;

	while ((err = tar_data(p->tar, &data, &len, &offset)) > 0) {
		if (offset < done || offset > size || len > size - offset) {
			p->tree->why = "its map of holes is wrong";
			return -EBADMSG;
		}
		err = pwrite_full(fd, data, len, offset);
		if (err)
			return err;
		done = offset + len;
	}
	if (err) {
		p->tree->why = p->tar->why;
		return err;
	}
	return done < size && ftruncate(fd, (off_t)size) ? -errno : 0;
}

static int put_file(const struct place *p)
{
	int err = tree_remove(p->tree, p->path), fd;

	if (err)
		return err;
	fd = openat(p->parent, p->leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = copy_data(p, fd);
	if (!err)
		err = set_owner(p, fd);
	if (!err && fchmod(fd, mode_of(p)))
		err = -errno;
	if (!err) {
		set_xattrs(p, fd);
		set_acl(p, fd);
		err = set_time(p, fd);
	}
	/* Some file systems say only here that there is no space. */
	if (close(fd) && !err && errno != EINTR)
		err = -errno;
	return err;
}

/* One that is there stays, with what is in it. */
static int put_dir(const struct place *p)
{
	int64_t seconds;
	long nsec = time_of(p, &seconds);
	struct stat st;
	int err = 0, fd;

	if (*p->path && !(!fstatat(p->parent, p->leaf, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode))) {
		err = tree_remove(p->tree, p->path);
		if (!err && mkdirat(p->parent, p->leaf, 0700))
			err = -errno;
	}
	if (err)
		return err;
	fd = tree_open(p->tree, p->path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	err = set_owner(p, fd);
	if (!err) {
		struct acl acl;
		set_xattrs(p, fd);
		acl_take(p->tree, p->tar, &acl);
		err = tree_later(p->tree, p->path, mode_of(p), seconds, nsec, &acl);
		acl_release(&acl);
	}
	close(fd);
	return err;
}

static int put_symlink(const struct place *p)
{
	const char *target = p->tar->lib->archive_entry_symlink(p->tar->entry);
	int err;

	if (!target || !*target) {
		p->tree->why = "a link to nothing";
		return -EBADMSG;
	}
	err = tree_remove(p->tree, p->path);
	if (err)
		return err;
	if (symlinkat(target, p->parent, p->leaf))
		return -errno;
	err = set_owner(p, -1);
	return err ? err : set_time(p, -1);
}

static int put_fifo(const struct place *p)
{
	int err = tree_remove(p->tree, p->path);

	if (err)
		return err;
	if (mkfifoat(p->parent, p->leaf, 0600))
		return -errno;
	err = set_owner(p, -1);
	/* It was made just now, and is no link; not to follow one takes /proc, which is not everywhere. */
	if (!err && fchmodat(p->parent, p->leaf, mode_of(p), 0))
		err = -errno;
	return err ? err : set_time(p, -1);
}

/* Device nodes: /dev gets its own. Sockets: nobody listens any more. What was there is not there after this archive either. */
static int pass_over(const struct place *p)
{
	p->tree->devices++;
	return tree_remove(p->tree, p->path);
}

/* --- hard links ---------------------------------------------------------------------------------------------------------------------- */

static int link_to(const struct place *p, int from, const char *name)
{
	struct stat target, present;

	if (fstatat(from, name, &target, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISDIR(target.st_mode)) {
		p->tree->why = "a hard link to a directory";
		return -EBADMSG;
	}
	/* To itself: removing it first would lose it. */
	if (!fstatat(p->parent, p->leaf, &present, AT_SYMLINK_NOFOLLOW) && present.st_dev == target.st_dev &&
	    present.st_ino == target.st_ino)
		return 0;
	int err = tree_remove(p->tree, p->path);
	/* Without AT_SYMLINK_FOLLOW: a link to a link is another name of that link. */
	return err ? err : linkat(from, name, p->parent, p->leaf, 0) ? -errno : 0;
}

static int put_hardlink(const struct place *p, const char *target)
{
	char path[PATH_MAX];
	const char *leaf;
	int err = tree_path(target, path);

	if (err || !*path) {
		p->tree->why = "a hard link that would leave the directory";
		return err ? err : -EPERM;
	}
	int from = tree_open_parent(p->tree, path, false, &leaf);
	err = from < 0 ? from : link_to(p, from, leaf);
	if (from >= 0)
		close(from);
	if (err == -ENOENT) {
		p->tree->why = "a hard link to what is not in the archive";
		return *target == '/' ? -EPERM : -EBADMSG;
	}
	return err;
}

/* --- the choice ---------------------------------------------------------------------------------------------------------------------- */

static int put_kind(const struct place *p)
{
	const char *hardlink = p->tar->lib->archive_entry_hardlink(p->tar->entry);
	unsigned kind = p->tar->lib->archive_entry_filetype(p->tar->entry);

	if (!*p->path && (hardlink || kind != AE_IFDIR)) {
		p->tree->why = "it would replace the root directory";
		return -EPERM;
	}
	if (hardlink)
		return put_hardlink(p, hardlink);
	switch (kind) {
	case AE_IFREG:
		return put_file(p);
	case AE_IFDIR:
		return put_dir(p);
	case AE_IFLNK:
		return put_symlink(p);
	case AE_IFIFO:
		return put_fifo(p);
	default:
		return pass_over(p);
	}
}

const char *archive_full(int err, int fd, char place[QUOTED_MAX])
{
	char path[32], to[QUOTED_MAX - 8] = "";
	struct statfs fs;

	if (err != -ENOSPC)
		return "";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)!readlink(path, to, sizeof(to) - 1);
	snprintf(place, QUOTED_MAX, " (in %s)",
		 !fstatfs(fd, &fs) && fs.f_type == TMPFS_MAGIC ? "memory: a tmpfs, which gets half of it" : to);
	return place;
}

int tree_put(struct tree *tree, struct tar *tar, const char *path)
{
	struct place p = {.tree = tree, .tar = tar, .path = path};
	char quoted[QUOTED_MAX], place[QUOTED_MAX];
	int err;

	tree->why = NULL;
	if (++tree->entries > ARCHIVE_ENTRIES_MAX) {
		log_error("%s has more than %u entries in all its layers", tree->name, ARCHIVE_ENTRIES_MAX);
		return -E2BIG;
	}
	err = check_size(&p);
	if (!err) {
		p.parent = tree_open_parent(tree, path, true, &p.leaf);
		err = p.parent < 0 ? p.parent : put_kind(&p);
		if (p.parent >= 0)
			close(p.parent);
	}
	if (err)
		log_error("%s: cannot unpack %s: %s%s", tar->name, archive_quote(path, quoted), tree->why ? tree->why : strerror(-err),
			  archive_full(err, tree->fd, place));
	return err;
}
