// SPDX-License-Identifier: Apache-2.0
/*
 * Root file systems in archives: a tar of the root (plain, gzip, xz, zstd, bzip2, lz4), an OCI image layout in a tar, or `docker save`'s
 * tar, whose layers are applied in order with their whiteouts (OCI image specification, layer.md, "Whiteouts"). By libarchive.
 *
 * The archive is a stranger's. Nothing leaves the directory: every path is resolved component by component below `dir_fd` without
 * following links (openat2, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS for parents), so an entry behind a link is refused even where it would
 * stay inside; ".." is refused, in names and in hard links' targets, and a leading slash is the directory's. Device nodes and sockets
 * are passed over with a count (they are made fresh in /dev). Sizes and entry counts are bounded by free space and ARCHIVE_ENTRIES_MAX.
 * What is unpacked may hold setuid programs: keep it below a directory that other users can't enter.
 */
#ifndef CTR_ARCHIVE_H
#define CTR_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ARCHIVE_ENTRIES_MAX 4000000u

struct archive_options {
	bool set_owners; /* chown to the archive's numbers; otherwise everything is the caller's */
};

/* What an image's configuration says of the process; strings are malloc'ed, NULL when not there. */
struct archive_config {
	char **env, **entrypoint, **cmd; /* NULL-terminated */
	char *user, *workdir;
};

/*
 * Unpacks the archive on `fd`, from its present place on (a pipe will do), into the empty directory `dir_fd`. The directory itself gets
 * the mode that the archive says, or 0755. `name` is for messages. Files without names, as big as the image, are used beside `dir_fd` or
 * in $TMPDIR. Runs in the caller; call it in a worker, since libarchive and its decompressors stay in memory. 0 or a negative errno,
 * logged with the entry and the reason: -EBADMSG (not an archive, truncated, a digest is wrong), -EPERM (an entry that would escape),
 * -ENOSPC, -ENOTSUP (an image for another architecture, a compression that libarchive has not), -ENOENT (no libarchive), -EACCES or
 * -EINVAL (an owner that can't be set: see set_owners). After an error the directory holds a part, which its owner can remove. `config`
 * may be NULL; release it in any case.
 */
int archive_unpack(int fd, const char *name, int dir_fd, const struct archive_options *options, struct archive_config *config);
void archive_config_release(struct archive_config *config);

#endif
