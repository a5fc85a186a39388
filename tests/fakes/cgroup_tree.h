// SPDX-License-Identifier: Apache-2.0
/*
 * A host with the control groups that a test wants: a temporary directory with a /proc of texts, and hierarchies of plain files, or the
 * texts alone, cut from the real ones.
 */
#ifndef TESTS_FAKES_CGROUP_TREE_H
#define TESTS_FAKES_CGROUP_TREE_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/io.h"

struct cgroup_tree {
	char root[64];
	char proc[80];
};

/* Adds to a file below the root, and makes the directories above it. */
__attribute__((format(printf, 3, 4))) static inline void tree_write(struct cgroup_tree *t, const char *file, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	snprintf(path, sizeof(path), "%s/%s", t->root, file);
	*strrchr(path, '/') = '\0';
	assert_int_equal(make_dirs(path), 0);
	path[strlen(path)] = '/';
	FILE *f = fopen(path, "ae");
	assert_non_null(f);
	va_start(args, fmt);
	(void)vfprintf(f, fmt, args);
	va_end(args);
	assert_int_equal(fclose(f), 0);
}

/* What the file has, without its last newline; NULL when it is not there. In a buffer that lives until the next call. */
static inline const char *tree_read(const struct cgroup_tree *t, const char *file)
{
	static char text[8192];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", t->root, file);
	FILE *f = fopen(path, "re");
	if (!f)
		return NULL;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[n && text[n - 1] == '\n' ? n - 1 : n] = '\0';
	return text;
}

static inline void tree_begin(struct cgroup_tree *t)
{
	snprintf(t->root, sizeof(t->root), "/tmp/tinyvmm-cgroup.XXXXXX");
	assert_non_null(mkdtemp(t->root));
	snprintf(t->proc, sizeof(t->proc), "%s/proc", t->root);
	tree_write(t, "proc/self/mountinfo", "22 1 0:20 / /proc rw,nosuid - proc proc rw\n");
	tree_write(t, "proc/self/cgroup", "%s", "");
	tree_write(t, "proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
}

static inline int tree_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void tree_end(struct cgroup_tree *t)
{
	(void)nftw(t->root, tree_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* A version 1 hierarchy mounted at sys/DIR, with ourselves in the group `own`. */
static inline void tree_add_v1(struct cgroup_tree *t, const char *dir, const char *controllers, const char *own)
{
	tree_write(t, "proc/self/mountinfo", "31 22 0:30 / %s/sys/%s rw,nosuid shared:9 - cgroup cgroup rw,%s\n", t->root, dir, controllers);
	tree_write(t, "proc/self/cgroup", "3:%s:%s\n", controllers, own);
	char file[PATH_MAX];
	snprintf(file, sizeof(file), "sys/%s/cgroup.procs", dir);
	tree_write(t, file, "%s", "");
}

/* Version 2, mounted at sys/unified. */
static inline void tree_add_v2(struct cgroup_tree *t, const char *controllers, const char *own)
{
	tree_write(t, "proc/self/mountinfo", "41 22 0:38 / %s/sys/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n", t->root);
	tree_write(t, "proc/self/cgroup", "0::%s\n", own);
	tree_write(t, "sys/unified/cgroup.controllers", "%s\n", controllers);
	tree_write(t, "sys/unified/cgroup.procs", "%s", "");
}

/* The real host's texts, without the lines that have `without` in them (of mountinfo). */
static inline void tree_add_real(struct cgroup_tree *t, const char *without)
{
	char *text, *cursor, *line;
	size_t len;

	assert_int_equal(read_file("/proc/self/mountinfo", 16 << 20, &text, &len), 0);
	for (cursor = text; (line = strsep(&cursor, "\n"));) {
		if (!strstr(line, without))
			tree_write(t, "proc/self/mountinfo", "%s\n", line);
	}
	free(text);
	assert_int_equal(read_file("/proc/self/cgroup", 1 << 20, &text, &len), 0);
	tree_write(t, "proc/self/cgroup", "%s", text);
	free(text);
}

/* A group with its limits, as a container's start makes it; none is left of one that fails. As cgroup_new_from(). */
static inline int tree_group(struct cgroup **cgroup, const struct cgroup_tree *t, int create, const char *name, const struct cgroup_limits *limits,
			     bool best_effort)
{
	int err = cgroup_new_from(cgroup, t->proc, create, name, limits, best_effort);

	if (!err)
		err = cgroup_limit(*cgroup, limits);
	if (err) {
		cgroup_remove(*cgroup);
		cgroup_free(*cgroup);
		*cgroup = NULL;
	}
	return err;
}

#endif
