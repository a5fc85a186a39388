// SPDX-License-Identifier: Apache-2.0
/*
 * Copy-on-write: writes go to an overlay, the base image is only ever read.
 *
 * The overlay is a sparse file in which a block of the disk lies at its own offset, and a bitmap that says which blocks it has:
 *
 *	0                header (struct cow_header, one block)
 *	4096             bitmap, a bit a block, padded to whole blocks
 *	data_offset      block 0 of the disk, block 1, ...
 *
 * A dropped overlay is an unlinked file without header and bitmap (the bitmap is in memory); its flush has nothing to do, since nobody will
 * ever read it again. A kept one is brought to disk by each flush, in an order that leaves it whole whenever the host stops: the data,
 * then the bits that make it visible. Blocks written since the last flush may be lost then, as on any disk with a write cache.
 *
 * A bit, once set, stays set. So a block that the overlay has may be read and written without a lock; only what sets bits takes one.
 *
 * The file may come from anywhere and is checked like any other hostile input before a byte of it counts.
 */
#ifndef DEVICES_BLOCK_COW_H
#define DEVICES_BLOCK_COW_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/block/block.h"
#include "devices/block/raw.h"

#define COW_BLOCK_BYTES 4096u
#define COW_MAGIC "tinyvmm overlay" /* 16 bytes with its NUL */
#define COW_VERSION 1
#define COW_BASE_PATH_MAX 1024

/* Little-endian; the rest of the block is zero. */
struct cow_header {
	char magic[16];
	uint32_t version;
	uint32_t block_bytes;
	uint64_t size_bytes;	  /* of the disk: the base's */
	int64_t base_mtime_s;	  /* the base as it was; 0 for a device, which has no such time */
	uint32_t base_mtime_ns;
	uint32_t base_path_bytes;
	char base_path[COW_BASE_PATH_MAX]; /* for messages only; not NUL-terminated */
};

struct cow;

/*
 * `base` is open read-only, stays the caller's and outlives the overlay. path NULL: an overlay that is dropped. read_only: the overlay
 * at `path` must exist, and is only read. Logs every failure.
 */
int cow_open(struct cow **cow, const struct raw *base, const char *base_path, const char *path, bool read_only);
/* Brings a kept overlay to disk. Accepts NULL. */
void cow_close(struct cow *cow);

int cow_fd(const struct cow *cow);
void cow_limits(const struct cow *cow, struct block_limits *limits);

/* Synchronous; any thread. */
int cow_execute(struct cow *cow, const struct block_request *request);

/*
 * True for a read or write that needs nothing but input and output on one file, at one place: all blocks in the overlay, or a read
 * with none there.
 */
bool cow_is_direct(const struct cow *cow, const struct block_request *request, bool *in_overlay, uint64_t *offset_bytes);

#endif
