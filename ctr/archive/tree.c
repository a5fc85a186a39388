// SPDX-License-Identifier: Apache-2.0
/*
 * The directory that an archive goes into: see archive_impl.h. Every way into it is openat2(2) with RESOLVE_BENEATH and without links,
 * or one component at a time without following; so an archive's own links lead nowhere, whatever came before in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/archive/archive_impl.h"
#include "vmm/util/log.h"

/* What the directories' names may take in memory until the end: thousands of times what a big distribution has. */
#define PATH_BYTES_LIMIT (256u << 20)

/* --- paths --------------------------------------------------------------------------------------------------------------------------- */

int tree_path(const char *from, char path[PATH_MAX])
{
	size_t used = 0;

	path[0] = '\0';
	while (*from) {
		size_t n = strcspn(from, "/");
		if (n == 2 && !memcmp(from, "..", 2))
			return -EPERM;
		if (n && !(n == 1 && *from == '.')) {
			if (used + (used ? 1 : 0) + n >= PATH_MAX)
				return -ENAMETOOLONG;
			if (used)
				path[used++] = '/';
			memcpy(path + used, from, n);
			used += n;
			path[used] = '\0';
		}
		from += n + (from[n] == '/');
	}
	return 0;
}

const char *tree_split(const char *path, char parent[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(parent, PATH_MAX, "%.*s", slash ? (int)(slash - path) : 0, path);
	return slash ? slash + 1 : path;
}

int tree_open(const struct tree *tree, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, tree->fd, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Makes what is missing of a path, component by component. What it makes is the archive's unsaid directory: 0755. */
static int make_path(struct tree *tree, const char *path)
{
	char at[PATH_MAX];
	int err = 0, fd = tree_open(tree, "", O_PATH | O_DIRECTORY);

	snprintf(at, sizeof(at), "%s", path);
	for (char *name = at, *end; fd >= 0 && !err; name = end + 1) {
		end = name + strcspn(name, "/");
		bool last = !*end;
		*end = '\0';
		if (!mkdirat(fd, name, 0700))
			err = tree_later(tree, at, 0755, 0, UTIME_OMIT, NULL);
		else if (errno != EEXIST)
			err = -errno;
		int next = err ? -1 : openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (!err && next < 0)
			err = -errno;
		close(fd);
		fd = next;
		if (last)
			break;
		*end = '/';
	}
	if (fd < 0)
		return err ? err : -EIO;
	close(fd);
	return err;
}

int tree_open_parent(struct tree *tree, const char *path, bool make, const char **leaf)
{
	char parent[PATH_MAX];

	*leaf = tree_split(path, parent);
	int fd = tree_open(tree, parent, O_PATH | O_DIRECTORY);
	if (fd == -ENOENT && make) {
		int err = make_path(tree, parent);
		fd = err ? err : tree_open(tree, parent, O_PATH | O_DIRECTORY);
	}
	if (fd == -ELOOP) {
		tree->why = "its directory is a link, which is not followed";
		return -EPERM;
	}
	if (fd == -ENOTDIR) {
		tree->why = "what should be its directory is something else";
		return -EBADMSG;
	}
	return fd;
}

/* --- removing ------------------------------------------------------------------------------------------------------------------------ */

static bool nothing_there(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -ELOOP;
}

/* Removes all but directories. 1: one is left, of which `sub` gets the name. 0: none is. */
static int clear_level(struct tree *tree, const char *path, char sub[NAME_MAX + 1])
{
	int err = 0, fd = tree_open(tree, path, O_RDONLY | O_DIRECTORY);
	struct dirent *entry;

	if (fd < 0)
		return fd;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		err = -errno;
		close(fd);
		return err;
	}
	for (errno = 0; !err && (entry = readdir(dir)); errno = 0) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || !unlinkat(fd, entry->d_name, 0))
			continue;
		err = errno == EISDIR ? 1 : -errno;
		if (err > 0)
			snprintf(sub, NAME_MAX + 1, "%s", entry->d_name);
	}
	if (!err && errno)
		err = -errno;
	closedir(dir);
	return err;
}

static int remove_empty(struct tree *tree, const char *path)
{
	const char *leaf;
	int err = 0, parent = tree_open_parent(tree, path, false, &leaf);

	if (parent < 0)
		return parent;
	if (unlinkat(parent, leaf, AT_REMOVEDIR))
		err = -errno;
	close(parent);
	return err;
}

/* Down and up by path, not by recursion: a stranger chose the depth, and descriptors are few. */
static int clear(struct tree *tree, const char *path)
{
	char at[PATH_MAX], sub[NAME_MAX + 1];
	size_t top = strlen(path), len = top;

	memcpy(at, path, top + 1);
	for (;;) {
		int err = clear_level(tree, at, sub);
		if (err < 0)
			return err;
		if (err) {
			int n = snprintf(at + len, sizeof(at) - len, "%s%s", len ? "/" : "", sub);
			len += (size_t)n;
			if (len >= sizeof(at))
				return -ENAMETOOLONG;
			continue;
		}
		if (len == top)
			return 0;
		err = remove_empty(tree, at);
		if (err)
			return err;
		while (len > top && at[len - 1] != '/')
			len--;
		len -= len > top;
		at[len] = '\0';
	}
}

int tree_clear(struct tree *tree, const char *path)
{
	int err = clear(tree, path);

	return nothing_there(err) ? 0 : err;
}

int tree_remove(struct tree *tree, const char *path)
{
	char parent[PATH_MAX];
	const char *leaf = tree_split(path, parent);
	int err = 0, fd = tree_open(tree, parent, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return nothing_there(fd) ? 0 : fd;
	if (unlinkat(fd, leaf, 0))
		err = -errno;
	close(fd);
	if (err != -EISDIR)
		return err == -ENOENT ? 0 : err;
	err = clear(tree, path);
	return err ? err : remove_empty(tree, path);
}

/* --- what is put off ------------------------------------------------------------------------------------------------------------------ */

void tree_init(struct tree *tree, int fd, const char *name, bool set_owners)
{
	*tree = (struct tree){.fd = fd, .name = name, .set_owners = set_owners};
}

int tree_later(struct tree *tree, const char *path, mode_t mode, int64_t mtime, long mtime_nsec, struct acl *acl)
{
	size_t bytes = strlen(path) + 1 + (acl ? acl->bytes[0] + acl->bytes[1] : 0);

	if (tree->path_bytes + bytes > PATH_BYTES_LIMIT) {
		tree->why = "there are more directories than any system has";
		return -E2BIG;
	}
	if (tree->dir_count == tree->dir_room) {
		size_t room = tree->dir_room ? tree->dir_room * 2 : 1024;
		struct tree_dir *bigger = reallocarray(tree->dir, room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		tree->dir = bigger;
		tree->dir_room = room;
	}
	struct tree_dir *dir = &tree->dir[tree->dir_count];
	*dir = (struct tree_dir){strdup(path), tree->dir_count, mode, mtime, mtime_nsec, {{NULL}, {0}}};
	if (!dir->path)
		return -ENOMEM;
	if (acl) {
		dir->acl = *acl;
		*acl = (struct acl){.bytes = {0}};
	}
	tree->dir_count++;
	tree->path_bytes += bytes;
	return 0;
}

/* What is deeper comes first, before its parents' modes may close the way; of one path, what was said last. */
static int deeper_first(const void *a, const void *b)
{
	const struct tree_dir *left = a, *right = b;
	int order = strcmp(right->path, left->path);

	return order ? order : left->order < right->order ? 1 : -1;
}

static int finish_dir(struct tree *tree, const struct tree_dir *dir)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)dir->mtime, .tv_nsec = dir->mtime_nsec}};
	int err = 0, fd = tree_open(tree, dir->path, O_RDONLY | O_DIRECTORY);

	/* Later entries may have removed it, or put something else there. */
	if (fd < 0)
		return nothing_there(fd) ? 0 : fd;
	if (fchmod(fd, dir->mode))
		err = -errno;
	acl_set(tree, &dir->acl, fd);
	if (!err && futimens(fd, times))
		err = -errno;
	close(fd);
	return err;
}

int tree_finish(struct tree *tree)
{
	char quoted[QUOTED_MAX];

	if (tree->dir_count)
		qsort(tree->dir, tree->dir_count, sizeof(*tree->dir), deeper_first);
	for (size_t i = 0; i < tree->dir_count; i++) {
		if (i && !strcmp(tree->dir[i].path, tree->dir[i - 1].path))
			continue;
		int err = finish_dir(tree, &tree->dir[i]);
		if (err) {
			log_error("%s: cannot set the mode and time of /%s: %s", tree->name, archive_quote(tree->dir[i].path, quoted),
				  strerror(-err));
			return err;
		}
	}
	return 0;
}

void tree_release(struct tree *tree)
{
	for (size_t i = 0; i < tree->dir_count; i++) {
		free(tree->dir[i].path);
		acl_release(&tree->dir[i].acl);
	}
	free(tree->dir);
	tree->dir = NULL;
	tree->dir_count = tree->dir_room = 0;
}
