// SPDX-License-Identifier: Apache-2.0
/* Trees as deep as they like: see walk.h. Down by name, up by "..", which must lead to where we came from. */
#include "ctr/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/util/io.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define PLACE_MAX 300

struct walk_level {
	struct stat st;
	size_t path_len;
	/* Subdirectories that are still to be visited, each with its NUL; the next of them is at `at`. */
	char *names;
	size_t used, room, at;
	bool closed; /* something is mounted on it */
};

/* --- memory --------------------------------------------------------------------------------------------------------------------------- */

/* Room for `more` bytes beyond `used`. */
static int make_room(char **bytes, size_t *room, size_t used, size_t more)
{
	size_t wanted = *room ? *room : 256;

	while (wanted - used < more || wanted < used)
		wanted *= 2;
	if (wanted == *room)
		return 0;
	char *bigger = realloc(*bytes, wanted);
	if (!bigger)
		return -ENOMEM;
	*bytes = bigger;
	*room = wanted;
	return 0;
}

static int push_name(struct walk_level *level, const char *name)
{
	size_t len = strlen(name) + 1;
	int err = make_room(&level->names, &level->room, level->used, len);

	if (err)
		return err;
	memcpy(level->names + level->used, name, len);
	level->used += len;
	return 0;
}

/* The path of `name` in the directory whose own is the first `len` bytes. */
static int set_path(struct walk *walk, size_t len, const char *name)
{
	size_t more = strlen(name) + 2;
	int err = make_room(&walk->path, &walk->path_room, len, more);

	if (err)
		return err;
	if (len && *name)
		walk->path[len++] = '/';
	memcpy(walk->path + len, name, strlen(name) + 1);
	return 0;
}

/* --- levels ----------------------------------------------------------------------------------------------------------------------------
 */

static struct walk_level *here(const struct walk *walk)
{
	return &walk->level[walk->depth];
}

static uint64_t mount_of(int fd)
{
	struct statx stx;

	/* 0, for all of them, before Linux 5.8. */
	return !statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) && stx.stx_mask & STATX_MNT_ID ? stx.stx_mnt_id : 0;
}

/* `fd`, which is ours from now on, is the directory that is entered, at `depth`. */
static int enter(struct walk *walk, int fd, unsigned depth)
{
	if (depth == walk->level_room) {
		size_t room = walk->level_room ? walk->level_room * 2 : 16;
		struct walk_level *bigger = reallocarray(walk->level, room, sizeof(*bigger));
		if (!bigger) {
			close(fd);
			return -ENOMEM;
		}
		walk->level = bigger;
		walk->level_room = room;
	}
	close_fd(&walk->fd);
	walk->fd = fd;
	walk->depth = depth;
	struct walk_level *level = here(walk);
	*level = (struct walk_level){.path_len = strlen(walk->path)};
	if (fstat(fd, &level->st))
		return -errno;
	level->closed = depth && mount_of(fd) != walk->mount;
	walk->st = level->st;
	walk->what = WALK_ENTER;
	return 1;
}

static int open_list(struct walk *walk)
{
	if (here(walk)->closed)
		return 0;
	int fd = openat(walk->fd, ".", OPEN_DIR);
	if (fd < 0)
		return -errno;
	walk->dir = fdopendir(fd);
	if (walk->dir)
		return 0;
	int err = -errno;
	close(fd);
	return err;
}

/* 1: a file; 0: there is no more. Directories are put aside. */
static int next_file(struct walk *walk)
{
	struct walk_level *level = here(walk);
	const struct dirent *e;

	for (errno = 0; (e = readdir(walk->dir)); errno = 0) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		int err = set_path(walk, level->path_len, e->d_name);
		if (!err && fstatat(walk->fd, e->d_name, &walk->st, AT_SYMLINK_NOFOLLOW))
			err = -errno;
		if (!err && S_ISDIR(walk->st.st_mode))
			err = push_name(level, e->d_name);
		if (err)
			return err;
		if (S_ISDIR(walk->st.st_mode))
			continue;
		walk->name = e->d_name;
		walk->what = WALK_FILE;
		return 1;
	}
	int err = -errno;
	closedir(walk->dir);
	walk->dir = NULL;
	walk->path[level->path_len] = '\0';
	return err;
}

static int next_directory(struct walk *walk)
{
	struct walk_level *level = here(walk);

	if (level->at == level->used) {
		free(level->names);
		level->names = NULL;
		walk->path[level->path_len] = '\0';
		walk->name = NULL;
		walk->st = level->st;
		walk->what = WALK_LEAVE;
		return 1;
	}
	walk->name = level->names + level->at;
	level->at += strlen(walk->name) + 1;
	int err = set_path(walk, level->path_len, walk->name);
	if (err)
		return err;
	int fd = openat(walk->fd, walk->name, OPEN_DIR);
	return fd < 0 ? -errno : enter(walk, fd, walk->depth + 1);
}

static int go_up(struct walk *walk)
{
	struct stat st;
	int fd = openat(walk->fd, "..", OPEN_DIR);

	if (fd < 0)
		return -errno;
	close_fd(&walk->fd);
	walk->fd = fd;
	walk->depth--;
	if (fstat(fd, &st))
		return -errno;
	/* Somebody moved it while we were in it. */
	return st.st_ino == here(walk)->st.st_ino && st.st_dev == here(walk)->st.st_dev ? 0 : -ESTALE;
}

/* --- all of it -------------------------------------------------------------------------------------------------------------------------
 */

int walk_open(struct walk *walk, int dir_fd, const char *name)
{
	*walk = (struct walk){.fd = -1, .name = name};
	int err = set_path(walk, 0, "");
	int fd = err ? err : openat(dir_fd, name, OPEN_DIR);

	if (fd < 0)
		return err ? err : -errno;
	walk->mount = mount_of(fd);
	err = enter(walk, fd, 0);
	return err < 0 ? err : 0;
}

int walk_next(struct walk *walk)
{
	int err = 0;

	if (!walk->begun) {
		walk->begun = true;
		return 1;
	}
	if (walk->what == WALK_ENTER) {
		err = open_list(walk);
	} else if (walk->what == WALK_LEAVE) {
		if (!walk->depth)
			return 0;
		err = go_up(walk);
	}
	if (!err && walk->dir)
		err = next_file(walk);
	return err ? err : next_directory(walk);
}

void walk_close(struct walk *walk)
{
	if (walk->dir)
		closedir(walk->dir);
	for (unsigned i = 0; walk->level && i <= walk->depth; i++)
		free(walk->level[i].names);
	free(walk->level);
	free(walk->path);
	close_fd(&walk->fd);
	*walk = (struct walk){.fd = -1};
}

const char *walk_place(const struct walk *walk)
{
	size_t len = walk->path ? strlen(walk->path) : 0;

	return !len ? "." : len <= PLACE_MAX ? walk->path : walk->path + len - PLACE_MAX;
}
