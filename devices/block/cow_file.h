// SPDX-License-Identifier: Apache-2.0
/* The overlay as its two source files see it: cow_file.c makes, checks and closes one; cow.c serves requests. */
#ifndef DEVICES_BLOCK_COW_FILE_H
#define DEVICES_BLOCK_COW_FILE_H

#include <pthread.h>
#include <stddef.h>

#include "devices/block/cow.h"

#define COW_BITMAP_OFFSET COW_BLOCK_BYTES

struct cow {
	const struct raw *base;
	int fd;
	int lock_fd; /* kept: see file_lock() */
	bool kept, read_only;
	bool may_punch;
	uint64_t size_bytes;
	uint64_t data_offset;	/* where block 0 is in the overlay */
	/*
	 * One bit a block, read with atomic loads and set under the lock. Anonymous memory, also of a kept overlay: a mapping of the file
	 * would reach the disk before the data does.
	 */
	uint8_t *bitmap;
	size_t bitmap_bytes;	/* padded to whole blocks */
	pthread_mutex_t lock;	/* held by what sets bits */
	uint8_t *dirty;		/* kept: a byte for each block of the bitmap that the file has not got yet */
	bool any_dirty;
};

/* Brings a kept overlay to disk; in cow.c. */
int cow_flush(struct cow *cow);

#endif
