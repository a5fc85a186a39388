// SPDX-License-Identifier: Apache-2.0
/*
 * A root into an archive: see pack.h.
 *
 * libarchive wants a file's holes told in its header, and then all of its bytes, of which it leaves the holes out unseen: they come from
 * memory that is nothing but zeros.
 */
#include "ctr/archive/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctr/archive/archive_impl.h"
#include "ctr/walk.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define BUF_BYTES (128u << 10)
#define ZERO_BYTES (256u << 20)
/* Of the kernel: XATTR_LIST_MAX, XATTR_SIZE_MAX. */
#define LIST_BYTES 65536
#define VALUE_BYTES 65536

#define PACK_CALLS(X)                              \
	X(archive_write_new)                       \
	X(archive_write_free)                      \
	X(archive_write_close)                     \
	X(archive_write_set_format_pax)            \
	X(archive_write_set_options)               \
	X(archive_write_add_filter_none)           \
	X(archive_write_add_filter_gzip)           \
	X(archive_write_add_filter_xz)             \
	X(archive_write_add_filter_zstd)           \
	X(archive_write_open_fd)                   \
	X(archive_write_header)                    \
	X(archive_write_data)                      \
	X(archive_write_finish_entry)              \
	X(archive_errno)                           \
	X(archive_error_string)                    \
	X(archive_entry_new)                       \
	X(archive_entry_clear)                     \
	X(archive_entry_free)                      \
	X(archive_entry_set_pathname)              \
	X(archive_entry_set_mode)                  \
	X(archive_entry_set_uid)                   \
	X(archive_entry_set_gid)                   \
	X(archive_entry_set_size)                  \
	X(archive_entry_set_mtime)                 \
	X(archive_entry_set_dev)                   \
	X(archive_entry_set_ino64)                 \
	X(archive_entry_set_nlink)                 \
	X(archive_entry_set_rdev)                  \
	X(archive_entry_set_symlink)               \
	X(archive_entry_hardlink)                  \
	X(archive_entry_xattr_add_entry)           \
	X(archive_entry_acl_add_entry)             \
	X(archive_entry_sparse_add_entry)          \
	X(archive_entry_linkresolver_new)          \
	X(archive_entry_linkresolver_set_strategy) \
	X(archive_entry_linkify)                   \
	X(archive_entry_linkresolver_free)

LIB_STRUCT(pack_lib, PACK_CALLS);

/* Bytes of a file that are no hole. */
struct extent {
	int64_t at, end;
};

struct pack {
	const char *name;
	struct pack_lib lib;
	struct archive *archive;
	struct archive_entry *entry;
	struct archive_entry_linkresolver *links;
	struct walk walk;
	struct extent *extent; /* of the present file */
	size_t extent_count, extent_room;
	char *buf, *list, *value;
	const void *zeros;
	unsigned sockets;
	char why[QUOTED_MAX];
};

/* --- libarchive -------------------------------------------------------------------------------------------------------------------------
 */

static int failure(struct pack *p)
{
	const char *text = p->lib.archive_error_string(p->archive);
	int err = p->lib.archive_errno(p->archive);

	archive_quote(text ? text : "libarchive does not say why", p->why);
	return err > 0 && err < 4096 ? -err : -EIO;
}

/* Names that are no UTF-8 are a warning: they go into the archive as they are. */
static bool good(int result)
{
	return result == ARCHIVE_OK || result == ARCHIVE_WARN;
}

static int add_filter(struct pack *p, enum pack_compression compression)
{
	static const char *const names[] = {[PACK_GZIP] = "gzip", [PACK_XZ] = "xz", [PACK_ZSTD] = "zstd"};
	int result = ARCHIVE_FATAL;

	switch (compression) {
	case PACK_PLAIN:
		result = p->lib.archive_write_add_filter_none(p->archive);
		break;
	case PACK_GZIP:
		result = p->lib.archive_write_add_filter_gzip(p->archive);
		break;
	case PACK_XZ:
		result = p->lib.archive_write_add_filter_xz(p->archive);
		break;
	case PACK_ZSTD:
		result = p->lib.archive_write_add_filter_zstd(p->archive);
		break;
	}
	if (result == ARCHIVE_OK)
		return 0;
	/* A warning: it would start a program of that name. */
	log_error("%s: this host's libarchive was built without %s", p->name, compression == PACK_PLAIN ? "tar" : names[compression]);
	return -ENOTSUP;
}

static int begin(struct pack *p, int out_fd, enum pack_compression compression)
{
	p->archive = p->lib.archive_write_new();
	p->entry = p->lib.archive_entry_new();
	p->links = p->lib.archive_entry_linkresolver_new();
	p->buf = malloc(BUF_BYTES + LIST_BYTES + VALUE_BYTES);
	p->zeros = mmap(NULL, ZERO_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!p->archive || !p->entry || !p->links || !p->buf || p->zeros == MAP_FAILED)
		return -ENOMEM;
	p->list = p->buf + BUF_BYTES;
	p->value = p->list + LIST_BYTES;
	p->lib.archive_entry_linkresolver_set_strategy(p->links, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
	if (p->lib.archive_write_set_format_pax(p->archive) != ARCHIVE_OK)
		return -ENOMEM;
	int err = add_filter(p, compression);
	if (err)
		return err;
	/* One form of attributes, which all readers know. An old libarchive writes another beside it. */
	if (p->lib.archive_write_set_options(p->archive, "pax:xattrheader=SCHILY") != ARCHIVE_OK)
		log_debug("%s: attributes are written in two forms", p->name);
	if (p->lib.archive_write_open_fd(p->archive, out_fd) == ARCHIVE_OK)
		return 0;
	err = failure(p);
	log_error("%s: %s", p->name, p->why);
	return err;
}

static void end(struct pack *p)
{
	walk_close(&p->walk);
	if (p->archive)
		p->lib.archive_write_free(p->archive);
	if (p->links)
		p->lib.archive_entry_linkresolver_free(p->links);
	if (p->entry)
		p->lib.archive_entry_free(p->entry);
	if (p->zeros != MAP_FAILED)
		munmap((void *)p->zeros, ZERO_BYTES);
	free(p->extent);
	free(p->buf);
}

/* --- an entry's header -------------------------------------------------------------------------------------------------------------------
 */

static void add_acl(struct pack *p, int type, size_t bytes)
{
	const struct posix_acl_xattr_entry *entry = (const void *)(p->value + sizeof(struct posix_acl_xattr_header));

	for (; (const char *)(entry + 1) <= p->value + bytes; entry++) {
		for (int i = 0; i < ACL_TAGS; i++) {
			if (acl_tags[i] == entry->e_tag)
				p->lib.archive_entry_acl_add_entry(p->entry, type, entry->e_perm, ARCHIVE_ENTRY_ACL_USER + i,
								   (int)entry->e_id, NULL);
		}
	}
}

/* Whether an attribute of that name, whose value is in p->value, is an access control list, which archives have a form of their own for. */
static bool is_acl(struct pack *p, const char *name, ssize_t bytes)
{
	for (unsigned i = 0; i < ACL_KINDS; i++) {
		if (strcmp(name, acl_kinds[i].attribute))
			continue;
		add_acl(p, acl_kinds[i].type, (size_t)bytes);
		return true;
	}
	return false;
}

static int add_xattrs(struct pack *p)
{
	char path[64 + NAME_MAX];

	/* Neither links nor fifos can be opened for it; a directory's is ".". */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", p->walk.fd, p->walk.what == WALK_FILE ? p->walk.name : ".");
	ssize_t len = llistxattr(path, p->list, LIST_BYTES);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *name = p->list; name < p->list + len; name += strlen(name) + 1) {
		if ((strncmp(name, "user.", 5) && strcmp(name, "security.capability") && strncmp(name, "system.posix_acl_", 17)) ||
		    !strncmp(name, "user.overlay.", 13))
			continue;
		ssize_t bytes = lgetxattr(path, name, p->value, VALUE_BYTES);
		if (bytes < 0 && errno != ENODATA)
			return -errno;
		if (bytes >= 0 && !is_acl(p, name, bytes))
			p->lib.archive_entry_xattr_add_entry(p->entry, name, p->value, (size_t)bytes);
	}
	return 0;
}

static int set_name(struct pack *p)
{
	if (strlen(p->walk.path) >= PATH_MAX) {
		snprintf(p->why, sizeof(p->why), "its path is longer than any that an archive's reader could make");
		return -ENAMETOOLONG;
	}
	p->lib.archive_entry_set_pathname(p->entry, *p->walk.path ? p->walk.path : "./");
	return 0;
}

static int fill_header(struct pack *p)
{
	const struct stat *st = &p->walk.st;

	p->lib.archive_entry_clear(p->entry);
	int err = set_name(p);
	if (err)
		return err;
	p->lib.archive_entry_set_mode(p->entry, st->st_mode);
	p->lib.archive_entry_set_uid(p->entry, st->st_uid);
	p->lib.archive_entry_set_gid(p->entry, st->st_gid);
	p->lib.archive_entry_set_mtime(p->entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	p->lib.archive_entry_set_dev(p->entry, st->st_dev);
	p->lib.archive_entry_set_ino64(p->entry, (la_int64_t)st->st_ino);
	p->lib.archive_entry_set_nlink(p->entry, S_ISDIR(st->st_mode) ? 1 : (unsigned)st->st_nlink);
	p->lib.archive_entry_set_size(p->entry, S_ISREG(st->st_mode) ? st->st_size : 0);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		p->lib.archive_entry_set_rdev(p->entry, st->st_rdev);
	return add_xattrs(p);
}

static int write_header(struct pack *p)
{
	return good(p->lib.archive_write_header(p->archive, p->entry)) ? 0 : failure(p);
}

/* --- data --------------------------------------------------------------------------------------------------------------------------------
 */

static int add_extent(struct pack *p, int64_t at, int64_t end)
{
	if (p->extent_count == p->extent_room) {
		size_t room = p->extent_room ? p->extent_room * 2 : 64;
		struct extent *bigger = reallocarray(p->extent, room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		p->extent = bigger;
		p->extent_room = room;
	}
	p->extent[p->extent_count++] = (struct extent){at, end};
	return 0;
}

static int find_extents(struct pack *p, int fd, int64_t size)
{
	int64_t at = 0;
	int err = 0;

	p->extent_count = 0;
	while (!err && at < size) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		/* A file system that knows nothing of holes */
		if (hole <= data)
			return add_extent(p, at, size);
		if (data < size)
			err = add_extent(p, data, hole < size ? hole : size);
		at = hole;
	}
	return err;
}

static void tell_holes(struct pack *p, int64_t size)
{
	if (!size || (p->extent_count == 1 && !p->extent[0].at && p->extent[0].end == size))
		return;
	for (size_t i = 0; i < p->extent_count; i++)
		p->lib.archive_entry_sparse_add_entry(p->entry, p->extent[i].at, p->extent[i].end - p->extent[i].at);
	/* Nothing but a hole */
	if (!p->extent_count)
		p->lib.archive_entry_sparse_add_entry(p->entry, 0, 0);
}

static int put(struct pack *p, const void *data, size_t len)
{
	while (len) {
		la_ssize_t n = p->lib.archive_write_data(p->archive, data, len);
		if (n <= 0)
			return failure(p);
		data = (const char *)data + n;
		len -= (size_t)n;
	}
	return 0;
}

static int put_hole(struct pack *p, int64_t len)
{
	int err = 0;

	while (!err && len > 0) {
		size_t n = len < (int64_t)ZERO_BYTES ? (size_t)len : ZERO_BYTES;
		err = put(p, p->zeros, n);
		len -= (int64_t)n;
	}
	return err;
}

static int put_extent(struct pack *p, int fd, const struct extent *extent)
{
	for (int64_t at = extent->at; at < extent->end;) {
		size_t n = extent->end - at < (int64_t)BUF_BYTES ? (size_t)(extent->end - at) : BUF_BYTES;
		int err = pread_full(fd, p->buf, n, (uint64_t)at);
		if (!err)
			err = put(p, p->buf, n);
		if (err)
			return err;
		at += (int64_t)n;
	}
	return 0;
}

static int put_data(struct pack *p, int fd, int64_t size)
{
	int64_t at = 0;
	int err = 0;

	for (size_t i = 0; !err && i < p->extent_count; i++) {
		err = put_hole(p, p->extent[i].at - at);
		if (!err)
			err = put_extent(p, fd, &p->extent[i]);
		at = p->extent[i].end;
	}
	return err ? err : put_hole(p, size - at);
}

/* --- the kinds ---------------------------------------------------------------------------------------------------------------------------
 */

static int pack_regular(struct pack *p)
{
	int64_t size = p->walk.st.st_size;
	int fd = openat(p->walk.fd, p->walk.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int err = fd < 0 ? -errno : find_extents(p, fd, size);

	if (!err) {
		tell_holes(p, size);
		err = write_header(p);
	}
	if (!err)
		err = put_data(p, fd, size);
	close_fd(&fd);
	return err;
}

static int pack_symlink(struct pack *p)
{
	ssize_t len = readlinkat(p->walk.fd, p->walk.name, p->buf, BUF_BYTES - 1);

	if (len < 0)
		return -errno;
	p->buf[len] = '\0';
	p->lib.archive_entry_set_symlink(p->entry, p->buf);
	return write_header(p);
}

static int pack_kind(struct pack *p)
{
	struct archive_entry *spare = NULL;

	if (S_ISDIR(p->walk.st.st_mode))
		return write_header(p);
	/* One that came before, under another name: only this is told then. */
	p->lib.archive_entry_linkify(p->links, &p->entry, &spare);
	if (p->lib.archive_entry_hardlink(p->entry))
		return write_header(p);
	if (S_ISREG(p->walk.st.st_mode))
		return pack_regular(p);
	return S_ISLNK(p->walk.st.st_mode) ? pack_symlink(p) : write_header(p);
}

static int pack_entry(struct pack *p)
{
	p->why[0] = '\0';
	if (p->walk.what == WALK_LEAVE)
		return 0;
	if (S_ISSOCK(p->walk.st.st_mode)) {
		p->sockets++;
		return 0;
	}
	int err = fill_header(p);
	if (!err)
		err = pack_kind(p);
	return !err && !good(p->lib.archive_write_finish_entry(p->archive)) ? failure(p) : err;
}

static int pack_all(struct pack *p, int root_fd)
{
	int err = walk_open(&p->walk, root_fd, ".");

	while (!err && (err = walk_next(&p->walk)) > 0)
		err = pack_entry(p);
	if (err) {
		log_error("%s: '%s' can't be put into it: %s%s", p->name, walk_place(&p->walk), *p->why ? p->why : strerror(-err),
			  err == -EACCES ? ": who may read it can export the container" : "");
		return err;
	}
	if (p->lib.archive_write_close(p->archive) != ARCHIVE_OK) {
		err = failure(p);
		log_error("%s: can't be finished: %s", p->name, p->why);
	}
	if (!err && p->sockets)
		log_info("%s: %u sockets were passed over", p->name, p->sockets);
	return err;
}

int archive_pack(int root_fd, const char *name, int out_fd, enum pack_compression compression)
{
	struct archive_names names;
	struct pack p = {.name = name, .walk.fd = -1, .zeros = MAP_FAILED};
	int err = LIB_OPEN(&p.lib, "libarchive.so.13", "libarchive13", PACK_CALLS);

	if (err)
		return err;
	names_begin(&names);
	err = begin(&p, out_fd, compression);
	if (err == -ENOMEM)
		log_error("%s: %s", name, strerror(-err));
	if (!err)
		err = pack_all(&p, root_fd);
	end(&p);
	names_end(&names);
	return err;
}
