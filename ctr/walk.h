// SPDX-License-Identifier: Apache-2.0
/*
 * A whole tree of a container's, one entry after the other. It may be as deep as it likes: there is no recursion, two descriptors are open at a time,
 * and no path is handed to the kernel. No link is followed, and what is mounted in the tree is not entered. What is kept in memory is the names of
 * directories that are still to be visited, and a struct for each level.
 *
 * Nothing else changes the tree meanwhile; if something does, the walk may miss it or fail, but does not leave the tree.
 */
#ifndef CTR_WALK_H
#define CTR_WALK_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum walk_what {
	WALK_FILE,  /* anything but a directory: `name` in `fd` */
	WALK_ENTER, /* a directory: `fd` is itself, `name` what its parent calls it */
	WALK_LEAVE, /* the same directory once more: all that is in it was there; `name` is NULL */
};

struct walk {
	/* The present entry, until the next walk_next(). */
	enum walk_what what;
	int fd;
	const char *name;
	struct stat st;
	char *path;	 /* from the top, which is "" */
	unsigned depth;	 /* 0: the top */

	/* The walk's own. */
	struct walk_level *level;
	size_t level_room, path_room;
	DIR *dir; /* NULL: the files of the present level are done */
	uint64_t mount;
	bool begun;
};

/* The directory `name` is entry one and, as it is left, the last. 0 or a negative errno; walk_close() in any case. */
int walk_open(struct walk *walk, int dir_fd, const char *name);
/* 1: here is an entry; 0: that was all; or a negative errno, and walk->path is where. */
int walk_next(struct walk *walk);
void walk_close(struct walk *walk);

/* For messages, which are shorter than a path may be: the end of walk->path. */
const char *walk_place(const struct walk *walk);

#endif
