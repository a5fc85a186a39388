// SPDX-License-Identifier: Apache-2.0
/*
 * Between the parts of ctr/archive/archive.h. From below: a tar read entry by entry (archive_tar.c), a directory that entries are written into
 * (archive_tree.c, archive_entry.c), the blobs of an image (archive_blobs.c), its JSON (archive_config.c), its layers (archive_layers.c).
 *
 * One convention for messages: what returns an error and says "logged" has said so; all else leaves a reason in a `why` (NULL: the
 * errno says it all), and the caller, who knows the entry, logs it.
 */
#ifndef CTR_ARCHIVE_IMPL_H
#define CTR_ARCHIVE_IMPL_H

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctr/archive/archive.h"
#include "vmm/util/lib.h"

#define ARCHIVE_CALLS(X)                          \
	X(archive_read_new)                       \
	X(archive_read_free)                      \
	X(archive_read_support_format_tar)        \
	X(archive_read_support_filter_by_code)    \
	X(archive_read_append_filter)             \
	X(archive_read_open2)                     \
	X(archive_read_next_header)               \
	X(archive_read_data_block)                \
	X(archive_errno)                          \
	X(archive_error_string)                   \
	X(archive_entry_pathname)                 \
	X(archive_entry_filetype)                 \
	X(archive_entry_perm)                     \
	X(archive_entry_size)                     \
	X(archive_entry_uid)                      \
	X(archive_entry_gid)                      \
	X(archive_entry_mtime)                    \
	X(archive_entry_mtime_nsec)               \
	X(archive_entry_mtime_is_set)             \
	X(archive_entry_symlink)                  \
	X(archive_entry_hardlink)                 \
	X(archive_entry_xattr_reset)              \
	X(archive_entry_xattr_next)               \
	X(archive_entry_acl_reset)                \
	X(archive_entry_acl_next)                 \
	X(archive_entry_sparse_reset)             \
	X(archive_entry_sparse_next)

LIB_STRUCT(archive_lib, ARCHIVE_CALLS);

/* --- names ------------------------------------------------------------------------------------------------------------------------- */

/* libarchive turns names into the locale's text and back, and in the C locale has none for what is not ASCII. */
struct archive_names {
	locale_t utf8, before;
};

void names_begin(struct archive_names *names);
void names_end(struct archive_names *names);

/* --- a stranger's text ------------------------------------------------------------------------------------------------------------- */

/* For messages: control characters, which could be a terminal's commands, become \ooo; cut where it is too long. Returns buf. */
#define QUOTED_MAX 256
const char *archive_quote(const char *text, char buf[QUOTED_MAX]);

/* For the end of a message: on -ENOSPC which file system, that of `fd`, is full; else "". */
const char *archive_full(int err, int fd, char place[QUOTED_MAX]);

/* --- SHA-256, FIPS 180-4 ------------------------------------------------------------------------------------------------------------- */

#define SHA256_BYTES 32
struct sha256 {
	uint32_t state[8];
	uint64_t len;
	uint8_t block[64];
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t len);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);

/* --- a tar, read once from its start to its end -------------------------------------------------------------------------------------- */

/* Bytes `at` to `end` of a file that can be read at any place; the file stays its owner's. */
struct tar_range {
	int fd;
	uint64_t at, end;
};

struct tar {
	const struct archive_lib *lib;
	const char *name; /* for messages */
	struct archive *archive;
	struct archive_entry *entry;
	struct tar_range range;
	uint8_t *buf;
	uint32_t entries;
	int read_err;
	char why[QUOTED_MAX];
};

/* -ENOTSUP, -EBADMSG, -ENOMEM, -EIO; logged. Release it in any case. */
int tar_open(struct tar *tar, const struct archive_lib *lib, const char *name, const struct tar_range *range);
/* 1: tar->entry is the next; 0: that was all. -EBADMSG, -E2BIG, ...; logged. */
int tar_next(struct tar *tar);
/* The next piece of the entry's data, in increasing places: 1, or 0 at its end. Errors are not logged but said in tar->why. */
int tar_data(struct tar *tar, const void **data, size_t *len, uint64_t *offset);
void tar_release(struct tar *tar);

/* --- access control lists --------------------------------------------------------------------------------------------------------------- */

/* Who may use a file, and what a directory gives to what is made in it. */
#define ACL_KINDS 2
struct acl_kind {
	const char *attribute;
	int type; /* libarchive's */
};
extern const struct acl_kind acl_kinds[ACL_KINDS];
/* The kernel's tags, in the order of libarchive's. */
#define ACL_TAGS 6
extern const uint8_t acl_tags[ACL_TAGS];

/* As the kernel's attributes have them; NULL: none. */
struct acl {
	void *value[ACL_KINDS];
	size_t bytes[ACL_KINDS];
};

struct tree;
/* The present entry's. What can't be had, and what is refused, is counted in tree->xattrs. acl_release() in any case. */
void acl_take(struct tree *tree, const struct tar *tar, struct acl *acl);
void acl_set(struct tree *tree, const struct acl *acl, int fd);
void acl_release(struct acl *acl);

/* --- the directory -------------------------------------------------------------------------------------------------------------------- */

/* What a directory gets when all is in it. */
struct tree_dir {
	char *path;
	size_t order;
	mode_t mode;
	int64_t mtime;
	long mtime_nsec; /* UTIME_OMIT: as it is */
	struct acl acl;
};

struct tree {
	int fd; /* the root; the caller's */
	const char *name;
	const char *why;
	bool set_owners;
	struct tree_dir *dir;
	size_t dir_count, dir_room, path_bytes;
	uint32_t entries;
	unsigned devices, xattrs; /* passed over */
};

/*
 * A path as the functions below want it: components between single slashes, none of them "." or "..", no slash at the ends, "" for the
 * root. A leading slash is the root's. -EPERM for "..", -ENAMETOOLONG.
 */
int tree_path(const char *from, char path[PATH_MAX]);
/* Where the last component starts, and the way to it. */
const char *tree_split(const char *path, char parent[PATH_MAX]);

void tree_init(struct tree *tree, int fd, const char *name, bool set_owners);
/* The directory of `path`'s last component, made if missing and `make` says so: a descriptor or a negative errno, with tree->why. */
int tree_open_parent(struct tree *tree, const char *path, bool make, const char **leaf);
/* Opened below the root; no component may be a link. A descriptor or a negative errno. */
int tree_open(const struct tree *tree, const char *path, int flags);
/* Removes what stands there, or, with tree_clear, what is in it. That there is nothing, or no way to it, is fine. */
int tree_remove(struct tree *tree, const char *path);
int tree_clear(struct tree *tree, const char *path);
/* Sets mode, access control lists and time at the end. The last word on a path counts. Takes what is in `acl`, which may be NULL, when it returns 0. */
int tree_later(struct tree *tree, const char *path, mode_t mode, int64_t mtime, long mtime_nsec, struct acl *acl);
/* The last step: what was put off. Logged. */
int tree_finish(struct tree *tree);
void tree_release(struct tree *tree);

/* Writes tar's present entry at `path`. Logged. */
int tree_put(struct tree *tree, struct tar *tar, const char *path);

/* --- images -------------------------------------------------------------------------------------------------------------------------- */

struct image_blob {
	char *name; /* as tree_path() has it */
	char *link; /* a link to another of these names; NULL: has bytes */
	uint64_t offset, len;
	uint8_t digest[SHA256_BYTES];
};

/* The files of a tar that looks like an image, in one file without a name. */
struct image_blobs {
	const char *name;
	int fd;
	uint64_t len;
	struct image_blob *blob;
	size_t count, room;
};

/* A file without a name beside the tree or in $TMPDIR. Logged. */
int spool_open(int dir_fd, const char *name);

/*
 * Reads the tar as far as all its names are those of images. 1: it is one, and the blobs are there. 0: it is something else. Logged.
 */
int blobs_collect(struct image_blobs *blobs, const struct archive_lib *lib, const char *name, const struct tar_range *range, int dir_fd);
/* NULL: it is not there. Links are followed, by name. */
const struct image_blob *blobs_find(const struct image_blobs *blobs, const char *name);
/* Against "sha256:HEX", by the hash that was taken on the way in. */
bool blob_is(const struct image_blob *blob, const char *digest);
void blobs_release(struct image_blobs *blobs);

/* Applies the image's layers, and says what its configuration says. Logged. */
int image_unpack(const struct image_blobs *blobs, const struct archive_lib *lib, struct tree *tree, struct archive_config *config);

/* --- JSON -------------------------------------------------------------------------------------------------------------------------- */

#define JSON_CALLS(X)        \
	X(json_loadb)        \
	X(json_delete)       \
	X(json_object_get)   \
	X(json_array_size)   \
	X(json_array_get)    \
	X(json_string_value)

LIB_STRUCT(json_lib, JSON_CALLS);

int json_open(struct json_lib *lib);
/* The blob as JSON; *root is for lib->json_delete(). -EBADMSG and the like, logged. */
int json_load(const struct json_lib *lib, const struct image_blobs *blobs, const struct image_blob *blob, json_t **root);
/* A member that is a string; NULL otherwise. */
const char *json_text(const struct json_lib *lib, const json_t *object, const char *key);
/* This machine's name in images: amd64, arm64, ... */
const char *json_architecture(char buf[QUOTED_MAX]);
/* The image's configuration: -ENOTSUP when it is for another machine. Logged. `config` may be NULL. */
int json_config(const struct json_lib *lib, const char *name, const json_t *root, struct archive_config *config);

#endif
