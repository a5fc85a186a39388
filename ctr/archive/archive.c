// SPDX-License-Identifier: Apache-2.0
/*
 * Root file systems in archives: see archive.h. Here is the way through: what the archive is, and then either its own entries, or,
 * for an image, those of its layers.
 */
#include "ctr/archive/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctr/archive/archive_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define COPY_BYTES (128u << 10)

/* --- names ------------------------------------------------------------------------------------------------------------------------------
 */

void names_begin(struct archive_names *names)
{
	names->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	names->before = names->utf8 ? uselocale(names->utf8) : (locale_t)0;
}

void names_end(struct archive_names *names)
{
	if (!names->utf8)
		return;
	uselocale(names->before);
	freelocale(names->utf8);
}

/* --- bytes that can be read twice ---------------------------------------------------------------------------------------------------- */

static int open_temporary(void)
{
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/tinyvmm-image.XXXXXX", dir && *dir ? dir : "/tmp") >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int spool_open(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	/* Not every file system has files without names. */
	if (fd < 0)
		fd = open_temporary();
	if (fd < 0)
		log_error("%s: cannot make a temporary file: %s. Name a directory for it in TMPDIR", name, strerror(-fd));
	return fd;
}

/* A pipe's bytes into a file, as which archive is found out by reading it twice. */
static int spool_pipe(int fd, const char *name, int dir_fd, struct tar_range *range)
{
	char *buf = malloc(COPY_BYTES);
	int err = 0;

	range->fd = buf ? spool_open(dir_fd, name) : -ENOMEM;
	if (range->fd < 0) {
		err = range->fd;
		range->fd = -1;
	}
	while (!err) {
		ssize_t n = read(fd, buf, COPY_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n ? -errno : 0;
			break;
		}
		err = write_full(range->fd, buf, (size_t)n);
		range->end += (uint64_t)n;
	}
	if (err && range->fd >= 0)
		log_error("cannot copy %s into a temporary file: %s", name, strerror(-err));
	free(buf);
	return err;
}

/* From where the caller stands in it to its end. */
static int find_range(int fd, const char *name, int dir_fd, struct tar_range *range)
{
	off_t start = lseek(fd, 0, SEEK_CUR), end = start < 0 ? -1 : lseek(fd, 0, SEEK_END);

	*range = (struct tar_range){.fd = fd};
	if (start < 0 && errno == ESPIPE)
		return spool_pipe(fd, name, dir_fd, range);
	if (start < 0 || end < start) {
		log_error("cannot read %s: %s", name, start < 0 || end < 0 ? strerror(errno) : "it is shorter than it was");
		return -EIO;
	}
	range->at = (uint64_t)start;
	range->end = (uint64_t)end;
	return 0;
}

/* --- a root by itself ---------------------------------------------------------------------------------------------------------------- */

static int put_entry(struct tree *tree, struct tar *tar)
{
	const char *name = tar->lib->archive_entry_pathname(tar->entry);
	char path[PATH_MAX], quoted[QUOTED_MAX];
	int err = tree_path(name, path);

	if (!err)
		return tree_put(tree, tar, path);
	log_error("%s: %s: %s", tar->name, archive_quote(name, quoted),
		  err == -EPERM ? "this name would leave the directory" : strerror(-err));
	return err;
}

static int unpack_root(struct tree *tree, const struct archive_lib *lib, const struct tar_range *range)
{
	struct tar tar;
	int err = tar_open(&tar, lib, tree->name, range);

	if (!err) {
		while ((err = tar_next(&tar)) > 0) {
			err = put_entry(tree, &tar);
			if (err)
				break;
		}
	}
	if (!err && !tar.entries) {
		log_error("%s is an archive of nothing", tree->name);
		err = -EBADMSG;
	}
	tar_release(&tar);
	return err;
}

/* --- both ---------------------------------------------------------------------------------------------------------------------------- */

static void tell_passed_over(const struct tree *tree)
{
	if (tree->devices)
		log_warn("%s: %u device nodes or sockets were passed over: a container gets a /dev of its own", tree->name, tree->devices);
	if (tree->xattrs)
		log_warn(
			"%s: %u extended attributes were refused by the file system and left out; programs with capabilities may lack them",
			tree->name, tree->xattrs);
}

static int unpack(const struct archive_lib *lib, const struct tar_range *range, struct tree *tree, struct archive_config *config)
{
	struct image_blobs blobs;
	/* A directory of mkdtemp()'s would keep all of the container's users out; what the archive says of "./" comes later, and counts. */
	int err = tree_later(tree, "", 0755, 0, UTIME_OMIT, NULL);

	if (!err)
		err = blobs_collect(&blobs, lib, tree->name, range, tree->fd);
	else
		blobs = (struct image_blobs){.fd = -1};
	if (err > 0)
		err = image_unpack(&blobs, lib, tree, config);
	else if (!err)
		err = unpack_root(tree, lib, range);
	blobs_release(&blobs);
	if (!err)
		err = tree_finish(tree);
	if (!err)
		tell_passed_over(tree);
	return err;
}

int archive_unpack(int fd, const char *name, int dir_fd, const struct archive_options *options, struct archive_config *config)
{
	struct archive_names names;
	struct archive_lib lib;
	struct tar_range range;
	struct tree tree;
	int err = LIB_OPEN(&lib, "libarchive.so.13", "libarchive13", ARCHIVE_CALLS);

	if (config)
		*config = (struct archive_config){.env = NULL};
	if (err)
		return err;
	names_begin(&names);
	err = find_range(fd, name, dir_fd, &range);
	if (!err) {
		tree_init(&tree, dir_fd, name, options->set_owners);
		err = unpack(&lib, &range, &tree, config);
		tree_release(&tree);
	}
	if (range.fd != fd)
		close_fd(&range.fd);
	names_end(&names);
	return err;
}
