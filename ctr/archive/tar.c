// SPDX-License-Identifier: Apache-2.0
/*
 * A tar read entry by entry, by libarchive: see archive_impl.h.
 *
 * libarchive would find out the compression by itself, again and again: an archive could be gzip in gzip in gzip, some thousandfold
 * bigger at each step. So one layer of it is recognised here, and libarchive is told. It would also start a program of that name for
 * what it was built without; hence the question first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctr/archive/archive_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define BUF_BYTES (128u << 10)
#define MAGIC_BYTES 6

static const struct {
	const char *name;
	const char *magic;
	size_t magic_bytes;
	int filter;
} compressions[] = {
	{"gzip", "\x1f\x8b", 2, ARCHIVE_FILTER_GZIP},         {"xz", "\xfd\x37zXZ\0", 6, ARCHIVE_FILTER_XZ},
	{"zstd", "\x28\xb5\x2f\xfd", 4, ARCHIVE_FILTER_ZSTD}, {"bzip2", "BZh", 3, ARCHIVE_FILTER_BZIP2},
	{"lz4", "\x04\x22\x4d\x18", 4, ARCHIVE_FILTER_LZ4},
};

const char *archive_quote(const char *text, char buf[QUOTED_MAX])
{
	size_t used = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool control = c < 0x20 || c == 0x7f || c == '\\';
		/* Room for this one, the dots and the end. */
		if (used + (control ? 4 : 1) + 4 > QUOTED_MAX) {
			memcpy(buf + used, "...", 3);
			used += 3;
			break;
		}
		if (control)
			used += (size_t)snprintf(buf + used, QUOTED_MAX - used, "\\%03o", c);
		else
			buf[used++] = (char)c;
	}
	buf[used] = '\0';
	return buf;
}

/* --- what libarchive calls ----------------------------------------------------------------------------------------------------------- */

static la_ssize_t read_some(struct archive *archive, void *data, const void **buffer)
{
	struct tar *tar = data;
	uint64_t left = tar->range.end - tar->range.at;
	ssize_t n;

	(void)archive;
	*buffer = tar->buf;
	do {
		n = pread(tar->range.fd, tar->buf, left < BUF_BYTES ? left : BUF_BYTES, (off_t)tar->range.at);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		tar->read_err = -errno;
		return ARCHIVE_FATAL;
	}
	tar->range.at += (uint64_t)n;
	return n;
}

/* Never beyond the end: then the next read finds that something is missing. */
static la_int64_t skip_some(struct archive *archive, void *data, la_int64_t request)
{
	struct tar *tar = data;
	uint64_t left = tar->range.end - tar->range.at;

	(void)archive;
	if (request < 0)
		return 0;
	uint64_t n = (uint64_t)request < left ? (uint64_t)request : left;
	tar->range.at += n;
	return (la_int64_t)n;
}

/* --- what we call -------------------------------------------------------------------------------------------------------------------- */

/* What libarchive said last, as an errno and in tar->why. */
static int failure(struct tar *tar)
{
	const char *text = tar->lib->archive_error_string(tar->archive);

	if (tar->read_err) {
		snprintf(tar->why, sizeof(tar->why), "cannot read: %s", strerror(-tar->read_err));
		return tar->read_err;
	}
	archive_quote(text ? text : "it is damaged", tar->why);
	return tar->lib->archive_errno(tar->archive) == ENOMEM ? -ENOMEM : -EBADMSG;
}

/* Names that aren't text of the present locale's are a warning. */
static bool good(int result)
{
	return result == ARCHIVE_OK || result == ARCHIVE_WARN;
}

static int add_filter(struct tar *tar, const uint8_t *magic, size_t len)
{
	for (size_t i = 0; i < sizeof(compressions) / sizeof(*compressions); i++) {
		if (len < compressions[i].magic_bytes || memcmp(magic, compressions[i].magic, compressions[i].magic_bytes))
			continue;
		if (tar->lib->archive_read_support_filter_by_code(tar->archive, compressions[i].filter) != ARCHIVE_OK) {
			log_error("%s: this host's libarchive was built without %s", tar->name, compressions[i].name);
			return -ENOTSUP;
		}
		return tar->lib->archive_read_append_filter(tar->archive, compressions[i].filter) == ARCHIVE_OK ? 0 : -ENOMEM;
	}
	return tar->lib->archive_read_append_filter(tar->archive, ARCHIVE_FILTER_NONE) == ARCHIVE_OK ? 0 : -ENOMEM;
}

int tar_open(struct tar *tar, const struct archive_lib *lib, const char *name, const struct tar_range *range)
{
	uint8_t magic[MAGIC_BYTES] = {0};
	size_t len = range->end - range->at < MAGIC_BYTES ? (size_t)(range->end - range->at) : MAGIC_BYTES;
	int err;

	*tar = (struct tar){.lib = lib, .name = name, .range = *range};
	if (!len) {
		log_error("%s is empty", name);
		return -EBADMSG;
	}
	err = pread_full(range->fd, magic, len, range->at);
	if (err) {
		log_error("cannot read %s: %s", name, strerror(-err));
		return err;
	}
	tar->buf = malloc(BUF_BYTES);
	tar->archive = lib->archive_read_new();
	if (!tar->buf || !tar->archive || lib->archive_read_support_format_tar(tar->archive) != ARCHIVE_OK)
		return -ENOMEM;
	err = add_filter(tar, magic, len);
	if (err)
		return err;
	if (lib->archive_read_open2(tar->archive, tar, NULL, read_some, skip_some, NULL) == ARCHIVE_OK)
		return 0;
	err = failure(tar);
	log_error("%s: %s", name, tar->why);
	return err;
}

int tar_next(struct tar *tar)
{
	int result = tar->lib->archive_read_next_header(tar->archive, &tar->entry), err;

	if (result == ARCHIVE_EOF)
		return 0;
	if (good(result)) {
		if (!tar->lib->archive_entry_pathname(tar->entry)) {
			log_error("%s: an entry has no name", tar->name);
			return -EBADMSG;
		}
		if (tar->entries++ < ARCHIVE_ENTRIES_MAX)
			return 1;
		log_error("%s has more than %u entries", tar->name, ARCHIVE_ENTRIES_MAX);
		return -E2BIG;
	}
	err = failure(tar);
	log_error(tar->entries ? "%s is damaged or cut off after %u entries: %s" : "%s is no tar archive, %u entries were read: %s",
		  tar->name, tar->entries, tar->why);
	return err;
}

int tar_data(struct tar *tar, const void **data, size_t *len, uint64_t *offset)
{
	la_int64_t at = 0;
	int result = tar->lib->archive_read_data_block(tar->archive, data, len, &at);

	if (result == ARCHIVE_EOF)
		return 0;
	if (!good(result))
		return failure(tar);
	if (at < 0) {
		snprintf(tar->why, sizeof(tar->why), "its map of holes is wrong");
		return -EBADMSG;
	}
	*offset = (uint64_t)at;
	return 1;
}

void tar_release(struct tar *tar)
{
	if (tar->archive)
		tar->lib->archive_read_free(tar->archive);
	tar->archive = NULL;
	free(tar->buf);
	tar->buf = NULL;
}
