// SPDX-License-Identifier: Apache-2.0
/* Directories of kernel modules for tests, with modules that say what they depend on and nothing else; and archives taken apart again. */
#ifndef TESTS_FAKES_FAKE_MODULES_H
#define TESTS_FAKES_FAKE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fakes/fake_kernel.h"

struct fake_tree {
	char dir[64];
};

void fake_tree_init(struct fake_tree *tree);
/* Removes it and all in it. */
void fake_tree_release(struct fake_tree *tree);
/* A path in it, in a buffer that the next call uses again. */
const char *fake_tree_path(const struct fake_tree *tree, const char *name);
/* Writes a file; makes the directories it is in. */
void fake_tree_file(const struct fake_tree *tree, const char *name, const void *data, size_t len);
void fake_tree_text(const struct fake_tree *tree, const char *name, const char *text);
/* A module whose .modinfo has these strings ("depends=a,b"; NULL ends them), compressed as its name's ending says. */
void fake_tree_module(const struct fake_tree *tree, const char *name, ...) __attribute__((sentinel));
/* The module alone: an ELF file with nothing but .modinfo. */
struct blob fake_module(const char *const *info);

#define ARCHIVE_MEMBERS_MAX 64

struct archive_member {
	const char *name;
	uint32_t inode, mode, major, minor;
	const char *data;
	size_t len;
};

struct archive {
	char *bytes;
	size_t len;
	struct archive_member member[ARCHIVE_MEMBERS_MAX];
	unsigned count; /* without the trailer */
};

/* Reads what was written to the file as cpio(5) says, strictly: the test fails when it is wrong. */
void archive_read(struct archive *archive, int fd, uint64_t bytes);
void archive_release(struct archive *archive);
/* NULL: there is none. */
const struct archive_member *archive_find(const struct archive *archive, const char *name);

#endif
