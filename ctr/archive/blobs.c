// SPDX-License-Identifier: Apache-2.0
/*
 * The files of an image's archive, by name: see archive_impl.h.
 *
 * Whether an archive is an image is known when its index has been read, and that may stand at its end. But an image's archive has names
 * that no root file system has at its top: so reading goes on, and files are put aside, as long as there is none but such. A root file
 * system's archive ends that with its first or second entry, before a byte was copied.
 *
 * The copy is what is hashed, and what is read from then on: nobody can change the one after the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ctr/archive/archive_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define BLOBS_MAX 65536u
#define LINKS_MAX 8
#define HEX_DIGITS (2 * SHA256_BYTES)

/* --- names --------------------------------------------------------------------------------------------------------------------------- */

/*
 * Layouts (OCI image-spec, image-layout.md) have oci-layout, index.json and blobs/; docker save's archives manifest.json, repositories
 * and files or directories named by a hash: HEX.json, HEX.tar, HEX/layer.tar, with other tools sha256:HEX, HEX.tar.gz, config.json.
 */
static bool is_image_name(const char *path)
{
	static const char *const names[] = {"oci-layout", "index.json", "blobs", "manifest.json", "repositories", "config.json"};
	size_t len = strcspn(path, "/");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (len == strlen(names[i]) && !memcmp(path, names[i], len))
			return true;
	}
	if (!strncmp(path, "sha256:", 7))
		path += 7;
	return strspn(path, "0123456789abcdef") == HEX_DIGITS && (!path[HEX_DIGITS] || strchr("./", path[HEX_DIGITS]));
}

/* Where a symbolic link in `name`'s directory points, by name alone. */
static int join_link(const char *name, const char *target, char joined[PATH_MAX])
{
	char text[PATH_MAX], *rest = text, *part;
	const char *slash = strrchr(name, '/');
	size_t used = 0;

	if (snprintf(text, sizeof(text), "%.*s/%s", slash && *target != '/' ? (int)(slash - name) : 0, name, target) >= (int)sizeof(text))
		return -ENAMETOOLONG;
	joined[0] = '\0';
	while ((part = strsep(&rest, "/"))) {
		if (!*part || !strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			char *last = strrchr(joined, '/');
			if (!used)
				return -EPERM;
			used = last ? (size_t)(last - joined) : 0;
			joined[used] = '\0';
			continue;
		}
		/* Never longer than the text it came from. */
		used += (size_t)snprintf(joined + used, PATH_MAX - used, "%s%s", used ? "/" : "", part);
	}
	return 0;
}

/* --- collecting ---------------------------------------------------------------------------------------------------------------------- */

static struct image_blob *add_blob(struct image_blobs *blobs, const char *name)
{
	if (blobs->count == blobs->room) {
		size_t room = blobs->room ? blobs->room * 2 : 64;
		struct image_blob *blob = reallocarray(blobs->blob, room, sizeof(*blob));
		if (!blob)
			return NULL;
		blobs->blob = blob;
		blobs->room = room;
	}
	struct image_blob *blob = &blobs->blob[blobs->count];
	*blob = (struct image_blob){.name = strdup(name), .offset = blobs->len};
	if (!blob->name)
		return NULL;
	blobs->count++;
	return blob;
}

static bool has_room(int fd, int64_t bytes)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) || (uint64_t)bytes <= (uint64_t)fs.f_bavail * fs.f_frsize;
}

static int copy_blob(struct image_blobs *blobs, struct image_blob *blob, struct tar *tar, const char **why)
{
	struct sha256 hash;
	const void *data;
	uint64_t offset;
	size_t len;
	int err;

	sha256_init(&hash);
	while ((err = tar_data(tar, &data, &len, &offset)) > 0) {
		if (offset != blob->len) {
			*why = "it has holes, which no image's files have";
			return -EBADMSG;
		}
		err = pwrite_full(blobs->fd, data, len, blobs->len);
		if (err)
			return err;
		sha256_add(&hash, data, len);
		blob->len += len;
		blobs->len += len;
	}
	*why = tar->why;
	sha256_end(&hash, blob->digest);
	return err;
}

static int spool_blob(struct image_blobs *blobs, struct tar *tar, const char *path, int dir_fd)
{
	int64_t size = tar->lib->archive_entry_size(tar->entry);
	char quoted[QUOTED_MAX], place[QUOTED_MAX];
	const char *why = NULL;

	if (blobs->fd < 0) {
		blobs->fd = spool_open(dir_fd, blobs->name);
		if (blobs->fd < 0)
			return blobs->fd;
	}
	struct image_blob *blob = add_blob(blobs, path);
	if (!blob)
		return -ENOMEM;
	int err = size < 0 ? -EBADMSG : has_room(blobs->fd, size) ? copy_blob(blobs, blob, tar, &why) : -ENOSPC;
	if (err)
		log_error("%s: cannot copy %s into a temporary file: %s%s", blobs->name, archive_quote(path, quoted),
			  why && *why ? why : strerror(-err), archive_full(err, blobs->fd, place));
	return err;
}

/* One that leads out is one that nobody can ask for. */
static int add_link(struct image_blobs *blobs, const char *path, const char *target, bool hard)
{
	char joined[PATH_MAX];

	if (hard ? tree_path(target, joined) : join_link(path, target, joined))
		return 0;
	struct image_blob *blob = add_blob(blobs, path);
	if (!blob)
		return -ENOMEM;
	blob->link = strdup(joined);
	return blob->link ? 0 : -ENOMEM;
}

static int collect(struct image_blobs *blobs, struct tar *tar, const char *path, int dir_fd)
{
	const char *hard = tar->lib->archive_entry_hardlink(tar->entry);
	const char *soft = tar->lib->archive_entry_symlink(tar->entry);

	if (blobs->count == BLOBS_MAX) {
		log_error("%s: an image of more than %u files", blobs->name, BLOBS_MAX);
		return -E2BIG;
	}
	if (hard || soft)
		return add_link(blobs, path, hard ? hard : soft, hard);
	if (tar->lib->archive_entry_filetype(tar->entry) == AE_IFREG)
		return spool_blob(blobs, tar, path, dir_fd);
	return 0;
}

/* 1: all names were an image's. */
static int collect_all(struct image_blobs *blobs, struct tar *tar, int dir_fd)
{
	char path[PATH_MAX];
	int err;

	while ((err = tar_next(tar)) > 0) {
		if (tree_path(tar->lib->archive_entry_pathname(tar->entry), path))
			return 0;
		if (!*path)
			continue;
		if (!is_image_name(path))
			return 0;
		err = collect(blobs, tar, path, dir_fd);
		if (err)
			return err;
	}
	return err ? err : 1;
}

int blobs_collect(struct image_blobs *blobs, const struct archive_lib *lib, const char *name, const struct tar_range *range, int dir_fd)
{
	struct tar tar;

	*blobs = (struct image_blobs){.name = name, .fd = -1};
	int err = tar_open(&tar, lib, name, range);
	if (!err)
		err = collect_all(blobs, &tar, dir_fd);
	tar_release(&tar);
	if (err > 0)
		err = (blobs_find(blobs, "oci-layout") && blobs_find(blobs, "index.json")) || blobs_find(blobs, "manifest.json");
	/* What is unpacked instead may need the space. */
	if (!err)
		blobs_release(blobs);
	return err;
}

/* --- using ------------------------------------------------------------------------------------------------------------------------------
 */

/* The last of a name, as when all had been unpacked. */
static const struct image_blob *find_name(const struct image_blobs *blobs, const char *name)
{
	for (size_t i = blobs->count; i > 0; i--) {
		if (!strcmp(blobs->blob[i - 1].name, name))
			return &blobs->blob[i - 1];
	}
	return NULL;
}

const struct image_blob *blobs_find(const struct image_blobs *blobs, const char *name)
{
	char path[PATH_MAX];
	const struct image_blob *blob = tree_path(name, path) ? NULL : find_name(blobs, path);

	for (unsigned i = 0; blob && blob->link && i < LINKS_MAX; i++)
		blob = find_name(blobs, blob->link);
	return blob && blob->link ? NULL : blob;
}

bool blob_is(const struct image_blob *blob, const char *digest)
{
	char text[sizeof("sha256:") + HEX_DIGITS] = "sha256:";

	for (unsigned i = 0; i < SHA256_BYTES; i++)
		snprintf(text + 7 + (size_t)i * 2, 3, "%02x", blob->digest[i]);
	return !strcmp(text, digest);
}

void blobs_release(struct image_blobs *blobs)
{
	for (size_t i = 0; i < blobs->count; i++) {
		free(blobs->blob[i].name);
		free(blobs->blob[i].link);
	}
	free(blobs->blob);
	blobs->blob = NULL;
	blobs->count = blobs->room = 0;
	close_fd(&blobs->fd);
}
