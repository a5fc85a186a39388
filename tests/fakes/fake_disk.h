// SPDX-License-Identifier: Apache-2.0
/*
 * Disk images for tests: a directory of their own, files in it, and requests that wait for their end.
 */
#ifndef TESTS_FAKES_FAKE_DISK_H
#define TESTS_FAKES_FAKE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/block/block.h"

#define DISK_PATH_MAX 256

struct fake_disk {
	char dir[64];
	char path[DISK_PATH_MAX]; /* "disk.img" in it */
};

/* Makes the directory and an image of `size_bytes`, whose content is disk_byte(offset). */
void fake_disk_init(struct fake_disk *disk, uint64_t size_bytes);
/* Removes the directory and all in it. */
void fake_disk_release(struct fake_disk *disk);
/* A path in the directory. */
void fake_disk_path(const struct fake_disk *disk, const char *name, char path[DISK_PATH_MAX]);

uint8_t disk_byte(uint64_t offset);
bool disk_has_content(uint64_t offset, const uint8_t *data, size_t len);

/* Which way a disk's requests go: for groups of tests that run once for each. */
struct disk_way {
	const char *name;
	bool no_uring, never_here;
};
#define DISK_WAYS 3
extern const struct disk_way disk_ways[DISK_WAYS];

/* One request, waited for. Returns its result. `done` and `arg` are set here. */
int disk_run(struct block *block, struct block_request *request);
int disk_read(struct block *block, uint64_t offset, void *data, size_t len);
int disk_write(struct block *block, uint64_t offset, const void *data, size_t len);
int disk_do(struct block *block, enum block_op op, uint64_t offset, uint64_t len);

#endif
