// SPDX-License-Identifier: Apache-2.0
/*
 * Whole directories: see tree.h.
 *
 * Removing goes by breadth: what is in a subdirectory's subdirectories is moved up beside it, so that two descriptors are enough however
 * deep the tree is, and each directory is moved once.
 */
#include "ctr/store/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/mapped.h"
#include "vmm/util/io.h"

#define HOISTED ".tinyvmm-hoisted-"

struct removal {
	int top_fd;
	unsigned hoisted; /* numbers given */
	bool again;
};

static DIR *open_list(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* A file, or an empty directory. -ENOTEMPTY for another. */
static int remove_one(int dir_fd, const char *name)
{
	if (!unlinkat(dir_fd, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (!unlinkat(dir_fd, name, AT_REMOVEDIR))
		return 0;
	return errno == EEXIST ? -ENOTEMPTY : -errno;
}

/* -EEXIST: a guest gave something a name of ours. */
static int hoist(struct removal *r, int dir_fd, const char *name)
{
	char to[48];
	int err;

	do {
		snprintf(to, sizeof(to), HOISTED "%u", r->hoisted++);
		err = renameat2(dir_fd, name, r->top_fd, to, RENAME_NOREPLACE) ? -errno : 0;
	} while (err == -EEXIST);
	r->again |= !err;
	return err;
}

static int empty_into_top(struct removal *r, const char *name)
{
	struct stat st;
	DIR *dir = open_list(r->top_fd, name);
	int err = 0;

	/* Its owner may have closed it. */
	if (!dir && errno == EACCES && !fstatat(r->top_fd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode) &&
	    !fchmodat(r->top_fd, name, 0700, 0))
		dir = open_list(r->top_fd, name);
	if (!dir)
		return -errno;
	if (fchmod(dirfd(dir), 0700))
		err = -errno;
	for (const struct dirent *e; !err && (e = readdir(dir));) {
		if (is_dot(e->d_name))
			continue;
		err = remove_one(dirfd(dir), e->d_name);
		if (err == -ENOTEMPTY)
			err = hoist(r, dirfd(dir), e->d_name);
	}
	closedir(dir);
	return err ? err : remove_one(r->top_fd, name);
}

static int remove_contents(int top_fd)
{
	struct removal r = {.top_fd = top_fd, .again = true};
	int err = 0;

	while (r.again && !err) {
		r.again = false;
		DIR *dir = open_list(top_fd, ".");
		if (!dir)
			return -errno;
		for (const struct dirent *e; !err && (e = readdir(dir));) {
			if (is_dot(e->d_name))
				continue;
			err = remove_one(top_fd, e->d_name);
			if (err == -ENOTEMPTY || err == -EACCES)
				err = empty_into_top(&r, e->d_name);
			/* More came into it while it was listed: seen in the next round. */
			if (err == -ENOTEMPTY) {
				r.again = true;
				err = 0;
			}
		}
		closedir(dir);
	}
	return err;
}

struct tree {
	int dir_fd;
	const char *name;
};

static int remove_job(void *arg)
{
	const struct tree *tree = arg;
	int top = openat(tree->dir_fd, tree->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int err = top < 0 ? -errno : remove_contents(top);

	close_fd(&top);
	if (!err && unlinkat(tree->dir_fd, tree->name, AT_REMOVEDIR))
		err = -errno;
	return err == -ENOENT ? 0 : err;
}

int directory_remove(int dir_fd, const char *name)
{
	struct tree tree = {.dir_fd = dir_fd, .name = name};
	int err = remove_job(&tree);

	return (err == -EACCES || err == -EPERM) && geteuid() ? mapped_run("removal", remove_job, &tree) : err;
}
