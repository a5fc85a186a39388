// SPDX-License-Identifier: Apache-2.0
/*
 * A directory of kernel modules, lib/modules/RELEASE: found, and searched by a module's name.
 *
 * Where depmod never ran (a package that was unpacked and not installed) there is no modules.dep; modules.order, which the kernel's build
 * leaves, then says where a module is; and what neither lists is looked for in the directory itself, once. The directory is never written
 * to, and every byte in it is hostile: call it in a worker, but for module_tree_locate().
 *
 * Names are compared as the kernel does: "virtio-rng" is "virtio_rng".
 */
#ifndef VMM_MODULE_TREE_H
#define VMM_MODULE_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Including the NUL. The kernel's own bound is 56 (MODULE_NAME_LEN). */
#define MODULE_NAME_MAX 64

struct module_tree {
	int fd;
	char dir[PATH_MAX];
	/* Texts with one path a line, relative to the directory; NULL: not there, or not read yet. */
	char *builtin, *dep, *order, *walk;
	size_t builtin_len, dep_len, order_len, walk_len;
};

struct module_places {
	const char *kernel_path; /* may be NULL */
	const char *release;     /* "" when not known */
	const char *modules_dir; /* what the user gave, or NULL */
};

/* Too small for no list of places. */
#define MODULE_PLACES_TEXT_MAX 2048

/*
 * Where the modules for this kernel are: under modules_dir when given, else beside the kernel, else where the system keeps its own.
 * -ENOENT: nowhere; `looked` then names the places, for the user.
 */
int module_tree_locate(const struct module_places *places, char dir[PATH_MAX], char looked[MODULE_PLACES_TEXT_MAX]);

int module_tree_open(struct module_tree *tree, const char *dir);
/* Accepts a tree that could not be opened. */
void module_tree_release(struct module_tree *tree);

bool module_tree_is_builtin(const struct module_tree *tree, const char *name);
/* Path of a file that is there, relative to the directory. -ENOENT: no such module. */
int module_tree_find(struct module_tree *tree, const char *name, char path[PATH_MAX]);

/* The name in the kernel's spelling; false when it is too long or empty. */
bool module_name(const char *text, size_t len, char name[MODULE_NAME_MAX]);
/* The name of the module in this file: its last component without .ko, .ko.gz, .ko.xz or .ko.zst; false when it is none. */
bool module_name_of_file(const char *path, size_t len, char name[MODULE_NAME_MAX]);
/* Finds the line whose path is of this module: in modules.dep (its part before the colon), modules.order or modules.builtin. NULL: none. */
const char *module_lines_find(const char *text, size_t len, const char *name, size_t *path_len);

#endif
