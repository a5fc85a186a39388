// SPDX-License-Identifier: Apache-2.0
/* Disk images for tests: see fake_disk.h. */
#include "tests/fakes/fake_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

uint8_t disk_byte(uint64_t offset)
{
	return (uint8_t)(offset * 31 + offset / 512 * 7 + 1);
}

bool disk_has_content(uint64_t offset, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != disk_byte(offset + i))
			return false;
	}
	return true;
}

const struct disk_way disk_ways[DISK_WAYS] = {
	{ "here", false, false },
	{ "ring", false, true },
	{ "pool", true, true },
};

void fake_disk_init(struct fake_disk *disk, uint64_t size_bytes)
{
	uint8_t *data = malloc(size_bytes ? size_bytes : 1);
	const char *tmp = getenv("TMPDIR");

	must(data != NULL, "malloc");
	for (uint64_t i = 0; i < size_bytes; i++)
		data[i] = disk_byte(i);
	must(snprintf(disk->dir, sizeof(disk->dir), "%s/tinyvmm-disk.XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp") <
		     (int)sizeof(disk->dir),
	     "path");
	must(mkdtemp(disk->dir) != NULL, "mkdtemp");
	fake_disk_path(disk, "disk.img", disk->path);
	int fd = open(disk->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(fd >= 0, disk->path);
	must(write(fd, data, size_bytes) == (ssize_t)size_bytes, "write");
	close(fd);
	free(data);
}

void fake_disk_path(const struct fake_disk *disk, const char *name, char path[DISK_PATH_MAX])
{
	snprintf(path, DISK_PATH_MAX, "%s/%s", disk->dir, name);
}

void fake_disk_release(struct fake_disk *disk)
{
	DIR *dir = opendir(disk->dir);
	struct dirent *entry;

	must(dir != NULL, disk->dir);
	while ((entry = readdir(dir))) {
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
	must(!rmdir(disk->dir), disk->dir);
}

static void finished(struct block_request *request, int result)
{
	*(int *)request->arg = result;
}

int disk_run(struct block *block, struct block_request *request)
{
	int result = 1;

	request->done = finished;
	request->arg = &result;
	block_submit(block, request);
	block_submit_batch(block);
	block_drain(block);
	return result;
}

int disk_read(struct block *block, uint64_t offset, void *data, size_t len)
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct block_request request = { .op = BLOCK_READ, .iov = &iov, .iov_count = 1, .offset_bytes = offset, .len_bytes = len };

	return disk_run(block, &request);
}

int disk_write(struct block *block, uint64_t offset, const void *data, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct block_request request = { .op = BLOCK_WRITE, .iov = &iov, .iov_count = 1, .offset_bytes = offset, .len_bytes = len };

	return disk_run(block, &request);
}

int disk_do(struct block *block, enum block_op op, uint64_t offset, uint64_t len)
{
	struct block_request request = { .op = op, .may_unmap = true, .offset_bytes = offset, .len_bytes = len };

	return disk_run(block, &request);
}
