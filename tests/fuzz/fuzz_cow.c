// SPDX-License-Identifier: Apache-2.0
/*
 * An overlay made of hostile bytes: it is refused, or it is a disk, and the base stays as it was either way.
 *
 * The first byte chooses: the input is the whole file (even), or a patch of a good overlay (odd), with what is left as requests.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "devices/block/block.h"
#include "devices/block/cow.h"
#include "tests/fakes/fake_disk.h"
#include "vmm/util/log.h"

#define BASE_BYTES (65536 + 512)
#define OVERLAY_BYTES (2 * COW_BLOCK_BYTES + BASE_BYTES)
#define PATCH_BYTES 6

static uint8_t base[BASE_BYTES], data[BASE_BYTES];

static int new_file(const void *bytes, size_t len)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || futimens(fd, times))
		abort();
	return fd;
}

static int open_overlay(struct block **block, int base_fd, int overlay_fd)
{
	char base_path[64], overlay_path[64];
	const struct block_config config = { .path = base_path, .cow = true, .cow_path = overlay_path, .no_uring = true };

	snprintf(base_path, sizeof(base_path), "/proc/self/fd/%d", base_fd);
	snprintf(overlay_path, sizeof(overlay_path), "/proc/self/fd/%d", overlay_fd);
	return block_open(block, &config);
}

/* Each six bytes put one byte somewhere; the last of them, if it is there, sets the length. */
static void patch_overlay(int fd, const uint8_t *input, size_t size)
{
	uint32_t where;

	for (; size >= PATCH_BYTES; input += PATCH_BYTES, size -= PATCH_BYTES) {
		memcpy(&where, input, sizeof(where));
		/* Mostly header and bitmap. */
		where %= input[5] & 1 ? OVERLAY_BYTES : 2 * COW_BLOCK_BYTES;
		if (pwrite(fd, input + 4, 1, where) != 1)
			abort();
	}
	if (size == 4) {
		memcpy(&where, input, sizeof(where));
		if (ftruncate(fd, where % (2 * OVERLAY_BYTES)))
			abort();
	}
}

static void use_disk(struct block *block, const uint8_t *input, size_t size)
{
	for (; size >= 4; input += 4, size -= 4) {
		enum block_op op = (enum block_op)(input[0] % 5);
		uint64_t offset = input[1] % (BASE_BYTES / 512) * 512u, len = input[2] * 512u;

		if (len > BASE_BYTES - offset)
			len = BASE_BYTES - offset;
		if (op == BLOCK_READ)
			disk_read(block, offset, data, len);
		else if (op == BLOCK_WRITE)
			disk_write(block, offset, data, len);
		else
			disk_do(block, op, offset, op == BLOCK_FLUSH ? 0 : len);
	}
	disk_read(block, 0, data, BASE_BYTES);
}

static void check_base(int fd)
{
	static uint8_t now[BASE_BYTES + 1];

	if (pread(fd, now, sizeof(now), 0) != BASE_BYTES || memcmp(now, base, BASE_BYTES))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct block *block = NULL;

	log_set_level((enum log_level)(LOG_ERROR - 1)); /* refusals by the thousand are no news */
	if (!size)
		return 0;
	for (unsigned i = 0; i < BASE_BYTES; i++)
		base[i] = disk_byte(i);
	bool patch = input[0] & 1;
	int base_fd = new_file(base, sizeof(base));
	int overlay_fd = new_file(input + 1, patch ? 0 : size - 1);
	if (patch) {
		if (open_overlay(&block, base_fd, overlay_fd))
			abort();
		block_close(block);
		patch_overlay(overlay_fd, input + 1, size - 1);
	}
	block = NULL;
	if (!open_overlay(&block, base_fd, overlay_fd))
		use_disk(block, input + 1, size - 1);
	block_close(block);
	check_base(base_fd);
	close(overlay_fd);
	close(base_fd);
	return 0;
}
