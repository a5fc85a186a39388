// SPDX-License-Identifier: Apache-2.0
/* Snapshots of what a container wrote: see snapshot.h. */
#include "ctr/store/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/store/copy.h"
#include "ctr/store/tree.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/options.h"

#define SNAPSHOTS "snapshots"
#define HALF ".half"

const char *entry_writes(bool image)
{
	return image ? "root" : "upper";
}

static int fail(const struct entry *entry, const char *name, const char *what, int err)
{
	log_error("container '%s': snapshot '%s': %s: %s", entry->name, name, what, strerror(-err));
	return err;
}

/* --- directories ------------------------------------------------------------------------------------------------------------------------
 */

static DIR *open_list(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_fd(&fd);
	return dir;
}

static bool is_dir(int dir_fd, const char *name)
{
	struct stat st;

	return !fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static void sweep(const struct entry *entry, const char *name)
{
	DIR *dir = open_list(entry->fd, name);

	for (const struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] != '.' || !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !is_dir(dirfd(dir), e->d_name))
			continue;
		int err = directory_remove(dirfd(dir), e->d_name);
		if (err)
			log_warn("container '%s': %s/%s: left by a crash, and can't be removed: %s", entry->name, name, e->d_name,
				 strerror(-err));
	}
	if (dir)
		closedir(dir);
}

void entry_sweep(const struct entry *entry)
{
	sweep(entry, ".");
	sweep(entry, SNAPSHOTS);
}

static int open_snapshots(const struct entry *entry, bool make)
{
	if (make && mkdirat(entry->fd, SNAPSHOTS, 0700) && errno != EEXIST)
		return -errno;
	int fd = openat(entry->fd, SNAPSHOTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* Before it gets a name by which it is believed. */
static int to_disk(int dir_fd)
{
	return syncfs(dir_fd) ? -errno : 0;
}

/* --- taking -----------------------------------------------------------------------------------------------------------------------------
 */

static int choose_name(int dir_fd, char chosen[STORE_NAME_MAX + 1])
{
	for (unsigned i = 0;; i++) {
		snprintf(chosen, STORE_NAME_MAX + 1, "snap%u", i);
		if (faccessat(dir_fd, chosen, F_OK, AT_SYMLINK_NOFOLLOW))
			return errno == ENOENT ? 0 : -errno;
	}
}

static int publish(const struct entry *entry, int dir_fd, const char *name)
{
	int err = to_disk(dir_fd);

	if (!err && renameat2(dir_fd, HALF, dir_fd, name, RENAME_NOREPLACE))
		err = -errno;
	if (err)
		directory_remove(dir_fd, HALF);
	return err ? fail(entry, name, "can't get its name", err) : 0;
}

int snapshot_take(const struct entry *entry, bool image, const char *name, char chosen[STORE_NAME_MAX + 1])
{
	int dir = open_snapshots(entry, true);
	int err = dir < 0 ? dir : 0;

	entry_sweep(entry);
	if (name)
		snprintf(chosen, STORE_NAME_MAX + 1, "%s", name);
	else if (!err)
		err = choose_name(dir, chosen);
	if (err) {
		close_fd(&dir);
		return fail(entry, name ? name : "snap0", "the place for it can't be opened", err);
	}
	if (!faccessat(dir, chosen, F_OK, AT_SYMLINK_NOFOLLOW)) {
		log_error("container '%s': has a snapshot '%s' already ('tinyvmm ctr snapshot %s --list'); another name, or '%s --delete' "
			  "first",
			  entry->name, chosen, entry->name, chosen);
		err = -EEXIST;
	}
	if (!err)
		err = directory_copy(entry->fd, entry_writes(image), dir, HALF);
	if (!err)
		err = publish(entry, dir, chosen);
	close_fd(&dir);
	return err;
}

/* --- finding ----------------------------------------------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

int snapshot_names(const struct entry *entry, char ***names)
{
	DIR *dir = open_list(entry->fd, SNAPSHOTS);
	unsigned count = 0;
	int err = dir || errno == ENOENT ? 0 : -errno;

	*names = NULL;
	for (const struct dirent *e; dir && !err && (e = readdir(dir));) {
		char *name = e->d_name[0] == '.' ? NULL : strdup(e->d_name);
		if (name)
			err = options_append(names, name) ? -ENOMEM : 0;
		count += name != NULL;
	}
	if (dir)
		closedir(dir);
	if (err)
		log_error("container '%s': its snapshots can't be listed: %s", entry->name, strerror(-err));
	if (count)
		qsort(*names, count, sizeof(**names), by_name);
	return err;
}

long long snapshot_time(const struct entry *entry, const char *name)
{
	char path[STORE_NAME_MAX + 32];
	struct stat st;

	/* Its own name was the last that changed of it. */
	snprintf(path, sizeof(path), SNAPSHOTS "/%s", name);
	return fstatat(entry->fd, path, &st, AT_SYMLINK_NOFOLLOW) ? 0 : (long long)st.st_ctim.tv_sec;
}

static void explain_missing(const struct entry *entry, const char *name)
{
	char **names;
	unsigned count = 0;

	snapshot_names(entry, &names);
	while (names && names[count])
		count++;
	const char *near = count ? options_nearest(name, (const char *const *)names, sizeof(*names), count) : NULL;
	if (near)
		log_error("container '%s': has no snapshot '%s': did you mean '%s'?", entry->name, name, near);
	else if (count)
		log_error("container '%s': has no snapshot '%s': 'tinyvmm ctr snapshot %s --list' lists its others", entry->name, name,
			  entry->name);
	else
		log_error("container '%s': has no snapshot '%s', nor any other: 'tinyvmm ctr snapshot %s' takes one", entry->name, name,
			  entry->name);
	store_free_names(names);
}

/* The snapshots' directory, if there is such a one in it. */
static int open_with(const struct entry *entry, const char *name)
{
	int dir = open_snapshots(entry, false);

	if (dir >= 0 && name[0] != '.' && !strchr(name, '/') && is_dir(dir, name))
		return dir;
	if (dir >= 0 || dir == -ENOENT) {
		explain_missing(entry, name);
		close_fd(&dir);
		return -ENOENT;
	}
	return fail(entry, name, "can't be opened", dir);
}

/* --- restoring and deleting -------------------------------------------------------------------------------------------------------------
 */

/* HALF becomes `name`, and what that was HALF. */
static int exchange(const struct entry *entry, const char *name)
{
	int err = to_disk(entry->fd);

	if (!err && renameat2(entry->fd, HALF, entry->fd, name, RENAME_EXCHANGE)) {
		err = -errno;
		/* There may be nothing to exchange it with. */
		if (err == -ENOENT && !renameat2(entry->fd, HALF, entry->fd, name, RENAME_NOREPLACE))
			err = 0;
	}
	return err;
}

int snapshot_restore(const struct entry *entry, bool image, const char *name)
{
	const char *writes = entry_writes(image);
	int dir = open_with(entry, name);

	if (dir < 0)
		return dir;
	entry_sweep(entry);
	int err = directory_copy(dir, name, entry->fd, HALF);
	close_fd(&dir);
	if (err)
		return err;
	err = exchange(entry, writes);
	if (err)
		fail(entry, name,
		     err == -EINVAL ? "this file system can't exchange two directories" : "can't become the container's writes", err);
	/* The old writes, or the copy that is of no use. */
	if (directory_remove(entry->fd, HALF))
		log_warn("container '%s': " HALF " in its directory can't be removed", entry->name);
	/* Overlayfs's notes are of what is gone; it makes new ones. */
	if (!err && !image && directory_remove(entry->fd, "work"))
		log_warn("container '%s': work in its directory can't be removed", entry->name);
	return err;
}

int snapshot_delete(const struct entry *entry, const char *name)
{
	int dir = open_with(entry, name);

	if (dir < 0)
		return dir;
	entry_sweep(entry);
	int err = renameat2(dir, name, dir, HALF, RENAME_NOREPLACE) ? -errno : 0;
	if (!err)
		err = directory_remove(dir, HALF);
	close_fd(&dir);
	return err ? fail(entry, name, "can't be removed", err) : 0;
}
