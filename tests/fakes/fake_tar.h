// SPDX-License-Identifier: Apache-2.0
/* Tar archives made for tests header by header, so that they can be as wrong as a test wants them; images of them; and where they go. */
#ifndef TESTS_FAKES_FAKE_TAR_H
#define TESTS_FAKES_FAKE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/fakes/fake_kernel.h"

struct fake_tar {
	struct blob blob; /* free with blob_free() */
	size_t room;
	unsigned mode, uid, gid; /* of the entries that follow; 0, 0 and 0 at first: mode 0644, or 0755 for directories */
	unsigned long mtime;
};

/* A ustar header and data; `type` as tar(5) has it, `link` may be NULL. Names too long for it get a GNU header in front. */
void fake_tar_add(struct fake_tar *tar, char type, const char *name, const char *link, const void *data, size_t len);
/* The same with text, and without. */
void fake_tar_text(struct fake_tar *tar, const char *name, const char *text);
void fake_tar_dir(struct fake_tar *tar, const char *name);
/* A header that says `size` and has nothing behind it. */
void fake_tar_header(struct fake_tar *tar, char type, const char *name, const char *link, uint64_t size);
/* A pax extended header, "key=value" with the length in front, for the next entry. */
void fake_tar_pax(struct fake_tar *tar, const char *key, const char *value);
/* Two blocks of zeros. */
void fake_tar_end(struct fake_tar *tar);

/* A file without a name that has these bytes. */
int fake_tar_file(const struct blob *blob);

/* A directory with a file "outside" and an empty directory "root" in it: what is outside must stay as it is. */
struct fake_root {
	char dir[64];
	int fd; /* of root */
};

/* `where` is a directory, or NULL for the usual one of temporary files. */
void fake_root_init(struct fake_root *root, const char *where);
/* Whether all outside is as it was made. */
bool fake_root_intact(const struct fake_root *root);
void fake_root_release(struct fake_root *root);

#endif
