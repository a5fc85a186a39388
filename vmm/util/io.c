// SPDX-License-Identifier: Apache-2.0
/* Complete reads and writes: see io.h. */
#include "vmm/util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int finish(ssize_t n, bool reading, size_t *done)
{
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return reading ? -ENODATA : -EIO;
	*done += (size_t)n;
	return 0;
}

int pread_full(int fd, void *buf, size_t len, uint64_t offset)
{
	int err = 0;

	for (size_t done = 0; done < len && !err;)
		err = finish(pread(fd, (char *)buf + done, len - done, (off_t)(offset + done)), true, &done);
	return err;
}

int write_full(int fd, const void *buf, size_t len)
{
	int err = 0;

	for (size_t done = 0; done < len && !err;)
		err = finish(write(fd, (const char *)buf + done, len - done), false, &done);
	return err;
}

int pwrite_full(int fd, const void *buf, size_t len, uint64_t offset)
{
	int err = 0;

	for (size_t done = 0; done < len && !err;)
		err = finish(pwrite(fd, (const char *)buf + done, len - done, (off_t)(offset + done)), false, &done);
	return err;
}

static int read_to_end(int fd, size_t limit, char **data, size_t *len)
{
	size_t used = 0, room = 16384;
	char *buf = malloc(room + 1);

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;
			free(buf);
			return err;
		}
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > limit) {
			free(buf);
			return -EFBIG;
		}
		if (used == room) {
			char *bigger = realloc(buf, room * 2 + 1);
			if (!bigger) {
				free(buf);
				return -ENOMEM;
			}
			buf = bigger;
			room *= 2;
		}
	}
	buf[used] = '\0';
	*data = buf;
	*len = used;
	return 0;
}

int read_file(const char *path, size_t limit, char **data, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int err = read_to_end(fd, limit, data, len);
	close(fd);
	return err;
}

int write_file_atomic(const char *path, const void *data, size_t len, mode_t mode)
{
	char temp[PATH_MAX];
	int err = 0;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	int fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode))
		err = -errno;
	if (!err)
		err = write_full(fd, data, len);
	if (!err && fsync(fd))
		err = -errno;
	close(fd);
	if (!err && rename(temp, path))
		err = -errno;
	if (err)
		unlink(temp);
	return err;
}

int make_dirs(const char *path)
{
	char copy[PATH_MAX];
	struct stat st;

	if (!*path)
		return -ENOENT;
	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	for (char *p = copy + 1;; p++) {
		char c = *p;
		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0700) && errno != EEXIST)
			return -errno;
		*p = c;
		if (!c)
			break;
	}
	/* What was there already may be something else. */
	if (stat(copy, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
