// SPDX-License-Identifier: Apache-2.0
/* Requests on a copy-on-write overlay: see cow.h. Opening and checking one is in cow_file.c. */
#include "devices/block/cow.h"

#include <errno.h>
#include <string.h>

#include "devices/block/cow_file.h"
#include "devices/block/file.h"
#include "vmm/util/io.h"

static uint64_t block_of(uint64_t offset)
{
	return offset / COW_BLOCK_BYTES;
}

static bool has_block(const struct cow *cow, uint64_t block)
{
	return __atomic_load_n(&cow->bitmap[block / 8], __ATOMIC_ACQUIRE) >> (block % 8) & 1;
}

/* Call with the lock. */
static void set_blocks(struct cow *cow, uint64_t first, uint64_t end)
{
	for (uint64_t block = first; block < end; block++) {
		if (has_block(cow, block))
			continue;
		__atomic_or_fetch(&cow->bitmap[block / 8], (uint8_t)(1u << (block % 8)), __ATOMIC_RELEASE);
		if (cow->dirty)
			cow->dirty[block / 8 / COW_BLOCK_BYTES] = 1;
		cow->any_dirty = true;
	}
}

/* How many bytes from `offset` on, at most `len`, lie on the same side; *in_overlay tells which. */
static uint64_t run_length(const struct cow *cow, uint64_t offset, uint64_t len, bool *in_overlay)
{
	uint64_t block = block_of(offset), end = offset + len;

	*in_overlay = has_block(cow, block);
	do
		block++;
	while (block * COW_BLOCK_BYTES < end && has_block(cow, block) == *in_overlay);
	return block * COW_BLOCK_BYTES < end ? block * COW_BLOCK_BYTES - offset : len;
}

bool cow_is_direct(const struct cow *cow, const struct block_request *request, bool *in_overlay, uint64_t *offset_bytes)
{
	uint64_t len = request->len_bytes;

	if ((request->op != BLOCK_READ && request->op != BLOCK_WRITE) || !len)
		return false;
	if (run_length(cow, request->offset_bytes, len, in_overlay) != len)
		return false;
	*offset_bytes = request->offset_bytes + (*in_overlay ? cow->data_offset : 0);
	return *in_overlay || request->op == BLOCK_READ;
}

static int cow_read(struct cow *cow, const struct block_request *request)
{
	struct file_span span = { .iov = request->iov, .iov_count = request->iov_count };
	uint64_t offset = request->offset_bytes, left = request->len_bytes;
	bool in_overlay;
	int err = 0;

	while (left && !err) {
		span.len_bytes = run_length(cow, offset, left, &in_overlay);
		err = in_overlay ? file_readv(cow->fd, &span, cow->data_offset + offset) : file_readv(cow->base->fd, &span, offset);
		span.skip_bytes += span.len_bytes;
		offset += span.len_bytes;
		left -= span.len_bytes;
	}
	return err;
}

/*
 * Brings the base's content of a block that is about to change in part into the overlay. The block is not visible there yet: a reader goes
 * on seeing the base's, and so does the next run if this one ends here.
 */
static int copy_up(struct cow *cow, uint64_t block)
{
	uint64_t offset = block * COW_BLOCK_BYTES;
	uint64_t len = cow->size_bytes - offset < COW_BLOCK_BYTES ? cow->size_bytes - offset : COW_BLOCK_BYTES;
	uint8_t copy[COW_BLOCK_BYTES];

	if (has_block(cow, block))
		return 0;
	int err = pread_full(cow->base->fd, copy, len, offset);
	if (err)
		return err == -ENODATA ? -EIO : err;
	return pwrite_full(cow->fd, copy, len, cow->data_offset + offset);
}

/* The blocks at the range's ends that it covers only in part. */
static int copy_up_ends(struct cow *cow, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len;
	int err = 0;

	if (offset % COW_BLOCK_BYTES)
		err = copy_up(cow, block_of(offset));
	if (!err && end % COW_BLOCK_BYTES && end != cow->size_bytes)
		err = copy_up(cow, block_of(end));
	return err;
}

static int change(struct cow *cow, const struct block_request *request)
{
	const struct file_span span = { .iov = request->iov, .iov_count = request->iov_count, .len_bytes = request->len_bytes };

	/* A hole costs the overlay nothing, whatever the guest thinks of its space. */
	if (request->op == BLOCK_WRITE_ZEROES)
		return file_zero(cow->fd, cow->data_offset + request->offset_bytes, request->len_bytes, true);
	return file_writev(cow->fd, &span, cow->data_offset + request->offset_bytes);
}

/*
 * Writes that add blocks take turns: of two that share a block, the second must find the first one's bytes, not the base's.
 */
static int cow_change(struct cow *cow, const struct block_request *request)
{
	uint64_t offset = request->offset_bytes, len = request->len_bytes;
	bool in_overlay;

	if (!len)
		return 0;
	if (run_length(cow, offset, len, &in_overlay) == len && in_overlay)
		return change(cow, request);
	pthread_mutex_lock(&cow->lock);
	int err = copy_up_ends(cow, offset, len);
	if (!err)
		err = change(cow, request);
	if (!err)
		set_blocks(cow, block_of(offset), block_of(offset + len - 1) + 1);
	pthread_mutex_unlock(&cow->lock);
	return err;
}

/* Gives back the space of blocks that the overlay has; they read as zero then. What lies in the base stays what it is. */
static int cow_discard(struct cow *cow, const struct block_request *request)
{
	uint64_t offset = request->offset_bytes, end = offset + request->len_bytes;
	bool in_overlay;
	int err = 0;

	offset = (offset + COW_BLOCK_BYTES - 1) / COW_BLOCK_BYTES * COW_BLOCK_BYTES;
	end = end / COW_BLOCK_BYTES * COW_BLOCK_BYTES;
	while (offset < end && !err) {
		uint64_t len = run_length(cow, offset, end - offset, &in_overlay);
		if (in_overlay)
			err = file_punch(cow->fd, cow->data_offset + offset, len);
		offset += len;
	}
	return err == -EOPNOTSUPP ? 0 : err;
}

/* Call with the lock: no bit may be set while the data that belongs to the dirty ones is on its way. */
static int write_bitmap(struct cow *cow)
{
	int err = 0;

	for (uint64_t page = 0; page < cow->bitmap_bytes / COW_BLOCK_BYTES && !err; page++) {
		uint64_t offset = page * COW_BLOCK_BYTES;
		if (!cow->dirty[page])
			continue;
		err = pwrite_full(cow->fd, cow->bitmap + offset, COW_BLOCK_BYTES, COW_BITMAP_OFFSET + offset);
	}
	return err;
}

static void bitmap_written(struct cow *cow)
{
	memset(cow->dirty, 0, cow->bitmap_bytes / COW_BLOCK_BYTES);
	cow->any_dirty = false;
}

int cow_flush(struct cow *cow)
{
	if (!cow->kept || cow->read_only)
		return 0;
	pthread_mutex_lock(&cow->lock);
	bool any_dirty = cow->any_dirty;
	int err = 0;
	if (any_dirty) {
		err = file_sync(cow->fd);
		if (!err)
			err = write_bitmap(cow);
		if (!err)
			err = file_sync(cow->fd);
		if (!err)
			bitmap_written(cow);
	}
	pthread_mutex_unlock(&cow->lock);
	return any_dirty ? err : file_sync(cow->fd);
}

int cow_execute(struct cow *cow, const struct block_request *request)
{
	if (cow->read_only && request->op != BLOCK_READ && request->op != BLOCK_FLUSH)
		return -EROFS;
	switch (request->op) {
	case BLOCK_READ:
		return cow_read(cow, request);
	case BLOCK_WRITE:
	case BLOCK_WRITE_ZEROES:
		return cow_change(cow, request);
	case BLOCK_FLUSH:
		return cow_flush(cow);
	case BLOCK_DISCARD:
		return cow_discard(cow, request);
	}
	return -EINVAL;
}
