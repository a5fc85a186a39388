// SPDX-License-Identifier: Apache-2.0
/* The "newc" archive: see cpio.h. Each member is a header of hexadecimal digits, its name and its data, each filled up to four bytes. */
#include "vmm/cpio.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/util/io.h"

#define HEADER_BYTES 110
#define TRAILER "TRAILER!!!"

struct member {
	const char *name;
	uint32_t mode, links, major, minor;
	const void *data;
	size_t len;
};

static bool component_ok(const char *at, size_t len)
{
	return len && !(len == 1 && at[0] == '.') && !(len == 2 && at[0] == '.' && at[1] == '.');
}

static bool path_ok(const char *path)
{
	if (strlen(path) >= PATH_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(path, "/");
		if (!component_ok(path, len))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static int write_padded(struct cpio *cpio, const void *data, size_t len)
{
	static const char zeros[4];
	int err = pwrite_full(cpio->fd, data, len, cpio->offset);

	if (!err)
		err = pwrite_full(cpio->fd, zeros, padded(len) - len, cpio->offset + len);
	if (!err)
		cpio->offset += padded(len);
	return err;
}

static int write_member(struct cpio *cpio, const struct member *m)
{
	char buf[HEADER_BYTES + PATH_MAX];

	if (m->len > UINT32_MAX)
		return -EFBIG;
	/* magic, inode, mode, uid, gid, links, mtime, size, device (2), the device it is (2), length of the name with its NUL, checksum */
	int n = snprintf(buf, sizeof(buf), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s", cpio->inode++, m->mode, 0u, 0u,
			 m->links, 0u, (uint32_t)m->len, 0u, 0u, m->major, m->minor, (uint32_t)strlen(m->name) + 1, 0u, m->name);
	int err = write_padded(cpio, buf, (size_t)n + 1);
	return err || !m->len ? err : write_padded(cpio, m->data, m->len);
}

void cpio_init(struct cpio *cpio, int fd, uint64_t offset, uint32_t first_inode)
{
	*cpio = (struct cpio){ .fd = fd, .offset = offset, .inode = first_inode };
}

int cpio_directory(struct cpio *cpio, const char *path, uint32_t mode)
{
	const struct member m = { .name = path, .mode = S_IFDIR | mode, .links = 2 };

	return path_ok(path) ? write_member(cpio, &m) : -EINVAL;
}

int cpio_file(struct cpio *cpio, const char *path, uint32_t mode, const void *data, size_t len)
{
	const struct member m = { .name = path, .mode = S_IFREG | mode, .links = 1, .data = data, .len = len };

	return path_ok(path) ? write_member(cpio, &m) : -EINVAL;
}

int cpio_device(struct cpio *cpio, const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	const struct member m = { .name = path, .mode = mode, .links = 1, .major = major, .minor = minor };

	return path_ok(path) ? write_member(cpio, &m) : -EINVAL;
}

int cpio_end(struct cpio *cpio)
{
	const struct member m = { .name = TRAILER, .links = 1 };

	return write_member(cpio, &m);
}
