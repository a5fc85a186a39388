// SPDX-License-Identifier: Apache-2.0
/*
 * Root file systems in archives: a tar of the root (plain, gzip, xz, zstd), an OCI image layout in a tar, or `docker save`'s tar, whose
 * layers are applied in order with their whiteouts (OCI image specification, layer.md, "Whiteouts"). By libarchive.
 *
 * The archive is a stranger's. Nothing leaves the directory: every path is resolved component by component below `dir_fd` without following
 * links (openat2, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS for parents), ".." and absolute hard-link targets outside are refused, device
 * nodes are passed over with a count (they are made fresh in /dev), sizes and entry counts are bounded by free space and ARCHIVE_ENTRIES_MAX.
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
 * Unpacks the archive on `fd` into the empty directory `dir_fd`. `name` is for messages. Runs in the caller; call it in a worker, since
 * libarchive and its decompressors stay in memory. 0 or a negative errno, logged with the entry and the reason: -EBADMSG (not an archive, truncated),
 * -EPERM (an entry that would escape), -ENOSPC, -ENOTSUP (an image for another architecture, a compression that libarchive has not).
 * `config` may be NULL; release it in any case.
 */
int archive_unpack(int fd, const char *name, int dir_fd, const struct archive_options *options, struct archive_config *config);
void archive_config_release(struct archive_config *config);

#endif
