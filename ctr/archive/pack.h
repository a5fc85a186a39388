// SPDX-License-Identifier: Apache-2.0
/*
 * A root into an archive: tar in the form of POSIX.1-2001 (pax), by libarchive. Owners are numbers, times have their nanoseconds, files with several
 * names and holes stay that. Of extended attributes those go along that archive_unpack() takes: user.* but for overlayfs's, and security.capability,
 * as SCHILY.xattr; access control lists as SCHILY.acl, which others read, too. Sockets are passed over.
 */
#ifndef CTR_ARCHIVE_PACK_H
#define CTR_ARCHIVE_PACK_H

enum pack_compression { PACK_PLAIN, PACK_GZIP, PACK_XZ, PACK_ZSTD };

/*
 * Writes all that is in the directory `root_fd` (O_PATH will do) to `out_fd`, which may be a pipe; nothing that is mounted in it. `name` is for messages.
 * Call it in a worker: libarchive and its compressors stay in memory. 0 or a negative errno, logged with the file and the reason: -ENOTSUP (libarchive was built
 * without this compression), -ENOSPC, -ENAMETOOLONG (a path that no archive's reader could make), ...
 */
int archive_pack(int root_fd, const char *name, int out_fd, enum pack_compression compression);

#endif
