// SPDX-License-Identifier: Apache-2.0
/*
 * Small, complete input and output: each call finishes the whole length or says why not, and restarts after a signal.
 * All return 0 (or what they say) or a negative errno; none of them logs.
 */
#ifndef VMM_UTIL_IO_H
#define VMM_UTIL_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* -ENODATA when the input ends early. */
int pread_full(int fd, void *buf, size_t len, uint64_t offset);
int write_full(int fd, const void *buf, size_t len);
int pwrite_full(int fd, const void *buf, size_t len, uint64_t offset);

/*
 * The whole of a file or pipe, at most `limit` bytes (-EFBIG beyond). *data is malloc'ed, NUL-terminated past *len, and the caller's.
 */
int read_file(const char *path, size_t limit, char **data, size_t *len);

/* Writes path.XXXXXX beside `path`, then renames it over `path`: a reader sees the old file or the new, never a part. */
int write_file_atomic(const char *path, const void *data, size_t len, mode_t mode);

/* mkdir -p with mode 0700 for what it makes. */
int make_dirs(const char *path);

/* Closes *fd if it is open and sets it to -1. */
void close_fd(int *fd);

#endif
