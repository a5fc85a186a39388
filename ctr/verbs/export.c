// SPDX-License-Identifier: Apache-2.0
/*
 * `tinyvmm ctr export`: a container's root, as it sees it, in an archive. It is put together as for a start (ctr/rootfs.h), in a worker
 * with the container's users and a mount namespace of its own, but only to be looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/archive/pack.h"
#include "ctr/mapped.h"
#include "ctr/options.h"
#include "ctr/rootfs.h"
#include "ctr/verbs/lifecycle.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* --- the file ---------------------------------------------------------------------------------------------------------------------------
 */

/* Beside the file it will replace; without a name, where the file system has such. */
struct output {
	const char *path;
	enum pack_compression compression;
	int fd, dir_fd;
	const char *leaf;
	char temporary[64];
	bool named; /* `temporary` is there */
};

/* Which tar it will be, by its name. */
static bool choose_compression(struct output *out)
{
	static const struct {
		const char *ending;
		enum pack_compression compression;
	} endings[] = {
		{".tar", PACK_PLAIN}, {".tar.gz", PACK_GZIP},  {".tgz", PACK_GZIP},  {".tar.xz", PACK_XZ},
		{".txz", PACK_XZ},    {".tar.zst", PACK_ZSTD}, {".tzst", PACK_ZSTD},
	};
	size_t len = strlen(out->path);

	if (!strcmp(out->path, "-"))
		return true;
	for (unsigned i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t n = strlen(endings[i].ending);
		if (len <= n || strcmp(out->path + len - n, endings[i].ending))
			continue;
		out->compression = endings[i].compression;
		return true;
	}
	log_error("%s: what it is to be shows in its name: takes one that ends in .tar, .tar.gz, .tar.xz or .tar.zst, or - for standard "
		  "output",
		  out->path);
	return false;
}

static int open_parent(struct output *out)
{
	const char *slash = strrchr(out->path, '/');
	char *dir = slash ? strndup(out->path, (size_t)(slash - out->path) + 1) : strdup(".");
	struct stat st;

	if (!dir)
		return -ENOMEM;
	out->leaf = slash ? slash + 1 : out->path;
	out->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = out->dir_fd < 0 ? -errno : 0;
	free(dir);
	/* A fifo or a device would be replaced, not written to. */
	if (!err && !fstatat(out->dir_fd, out->leaf, &st, 0) && !S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
	return err;
}

static int open_output(struct output *out)
{
	if (!strcmp(out->path, "-")) {
		out->fd = STDOUT_FILENO;
		if (!isatty(out->fd))
			return 0;
		log_error("-: standard output is a terminal: send it to a file or a pipe");
		return -EINVAL;
	}
	int err = open_parent(out);
	/* It has all that the container has: keys, and hashes of passwords. */
	if (!err)
		out->fd = openat(out->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (!err && out->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		out->fd = openat(out->dir_fd, out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		out->named = out->fd >= 0;
	}
	if (!err && out->fd < 0)
		err = -errno;
	if (err)
		log_error("%s: %s", out->path, err == -EEXIST ? "is there, and no file" : strerror(-err));
	return err;
}

static int name_output(struct output *out)
{
	char link[64];

	if (out->fd == STDOUT_FILENO)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", out->fd);
	int err = fsync(out->fd) ? -errno : 0;
	if (!err && !out->named) {
		err = linkat(AT_FDCWD, link, out->dir_fd, out->temporary, AT_SYMLINK_FOLLOW) ? -errno : 0;
		out->named = !err;
	}
	if (!err && renameat(out->dir_fd, out->temporary, out->dir_fd, out->leaf))
		err = -errno;
	if (err)
		log_error("%s: can't get its name: %s", out->path, strerror(-err));
	else
		out->named = false;
	return err;
}

static void close_output(struct output *out)
{
	if (out->named)
		unlinkat(out->dir_fd, out->temporary, 0);
	if (out->fd != STDOUT_FILENO)
		close_fd(&out->fd);
	close_fd(&out->dir_fd);
}

/* --- the worker --------------------------------------------------------------------------------------------------------------------------
 */

struct export
{
	const struct spec *spec;
	const struct output *out;
	struct rootfs rootfs;
};

static int map_files(void *arg, pid_t pid)
{
	struct export *export = arg;

	return rootfs_map(&export->rootfs, export->spec, pid);
}

static int export_job(void *arg)
{
	struct export *export = arg;
	int err = 0;

	/* Whoever reads it may have had enough: an error like others. */
	signal(SIGPIPE, SIG_IGN);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		err = -errno;
		log_error("a mount namespace can't be made: %s", strerror(-err));
	}
	if (!err)
		err = rootfs_open(&export->rootfs, export->spec);
	return err ? err : archive_pack(export->rootfs.fd, export->out->path, export->out->fd, export->out->compression);
}

static int export_root(struct subject *subject, const struct output *out)
{
	char path[sizeof(subject->store.path) + 128];
	struct idmap map;
	struct spec spec;
	int err = subject_spec(subject, &spec);
	struct export export = {.spec = &spec, .out = out};

	rootfs_init(&export.rootfs);
	export.rootfs.view = true;
	if (!err)
		subject_place(subject, &spec, path, sizeof(path));
	if (!err)
		err = idmap_choose(&map, spec.userns);
	if (!err)
		err = rootfs_prepare(&export.rootfs, &spec, &map);
	/* Without users of its own nobody calls map_files(). */
	if (!err && !map.userns)
		err = rootfs_map(&export.rootfs, &spec, 0);
	if (!err)
		err = mapped_run_as(&map, "export", map_files, export_job, &export);
	rootfs_release(&export.rootfs);
	spec_release(&spec);
	return err;
}

int verb_export(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "export",
		.usage = "NAME FILE.tar[.gz|.xz|.zst]|-",
		.help = "writes the root of a container that rests, as it sees it, into an archive",
		.min = 2,
		.max = 2,
	};
	struct output out = {.fd = -1, .dir_fd = -1};
	struct subject subject;
	int status;

	/* A word that looks like an option to whoever parses them: "-" does not. */
	if (!verb_parse(&line, argc, argv, &status))
		return status;
	out.path = line.words.word[1];
	snprintf(out.temporary, sizeof(out.temporary), ".tinyvmm-export-%d", (int)getpid());
	if (!choose_compression(&out))
		return VERB_USAGE;
	int err = subject_open(&subject, line.words.word[0], true);
	if (!err)
		err = lifecycle_rest(&subject);
	/* Before we go to the directory of the container's description. */
	if (!err)
		err = open_output(&out);
	if (!err)
		err = export_root(&subject, &out);
	if (!err)
		err = name_output(&out);
	close_output(&out);
	subject_close(&subject);
	return err ? VERB_FAILED : VERB_OK;
}
