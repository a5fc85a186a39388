// SPDX-License-Identifier: Apache-2.0
/*
 * Which modules a machine needs, in the order in which they can be loaded: those asked for and what they depend on, read from the modules
 * themselves by libkmod ("depends" and "softdep" of .modinfo), so that a directory without modules.dep does as well. Configuration of the
 * host's own modprobe is not read: it is about another machine.
 *
 * Loads libkmod and, for compressed modules, their libraries; parses hostile files: call it in a worker.
 */
#ifndef VMM_MODULES_H
#define VMM_MODULES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "vmm/initramfs.h"
#include "vmm/module_tree.h"

#define MODULES_MAX 128

struct module {
	char name[MODULE_NAME_MAX];
	char path[PATH_MAX]; /* of the file, relative to the tree */
	bool optional;
	bool absent; /* optional, and something is missing that it needs */
	int fd;      /* the module, unpacked; -1 when it could not be */
	size_t bytes;
	struct stat file; /* of the file as it was read */
};

struct module_list {
	struct module *module[MODULES_MAX]; /* all that were looked at */
	unsigned module_count;
	unsigned order[MODULES_MAX]; /* which to load, first to last */
	unsigned order_count;
};

/*
 * Fills *list, which the caller releases in any case. What is built in is left out. -ENOENT when modules are missing that are not optional:
 * all of them have been logged, with the reasons. Other failures are logged too.
 */
int modules_resolve(struct module_list *list, struct module_tree *tree, const struct initramfs_module *wanted, unsigned wanted_count);
void modules_release(struct module_list *list);

#endif
