// SPDX-License-Identifier: Apache-2.0
/*
 * virtio-blk against a hostile driver: chains of any shape, requests of any type, kicks, resets. The device answers or breaks; the image
 * never changes its size, and a device that was reset reads again.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/block/block.h"
#include "devices/virtio/blk.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

#define DISK_BYTES 65536
#define QUEUE_NOTIFY 0x050
#define QUEUES 2
#define BUFFERS_MAX 8

struct input {
	const uint8_t *at;
	size_t left;
};

/* Zeroes once the input has ended. */
static uint64_t take(struct input *input, unsigned bytes)
{
	uint64_t value = 0;
	unsigned n = input->left < bytes ? (unsigned)input->left : bytes;

	memcpy(&value, input->at, n);
	input->at += n;
	input->left -= n;
	return value;
}

static uint32_t pick_type(struct input *input)
{
	static const uint32_t types[] = { 0, 1, 4, 8, 11, 13 };
	uint8_t which = (uint8_t)take(input, 1);

	return which < 240 ? types[which % 6] : (uint32_t)take(input, 4);
}

/* A request with its parts cut into buffers wherever the input says. */
static void add_request(struct fake_driver *drv, struct input *input)
{
	struct fake_buffer buffers[2 * BUFFERS_MAX];
	unsigned shape = (unsigned)take(input, 1), count = 0;
	struct {
		uint32_t type, reserved;
		uint64_t sector;
		struct {
			uint64_t sector;
			uint32_t sectors, flags;
		} range[2];
	} header = { .type = pick_type(input), .sector = take(input, shape & 1 ? 8 : 1) };

	for (unsigned i = 0; i < 2; i++) {
		header.range[i].sector = take(input, shape & 2 ? 8 : 1);
		header.range[i].sectors = (uint32_t)take(input, shape & 2 ? 4 : 1);
		header.range[i].flags = (uint32_t)take(input, 1) & 3;
	}
	gpa_t gpa = fake_alloc_data(drv, &header, sizeof(header));
	uint32_t left = shape & 4 ? (uint32_t)take(input, 1) % 64 : sizeof(header) - (shape & 8 ? 32 : 0);
	while (left && count < BUFFERS_MAX) {
		uint32_t len = shape & 16 ? 1 + (uint32_t)take(input, 1) % left : left;
		buffers[count++] = (struct fake_buffer){ gpa, len, false };
		gpa += len;
		left -= len;
	}
	left = shape & 32 ? (uint32_t)take(input, 2) : 1 + 512 * ((uint32_t)take(input, 1) % 16);
	gpa = shape & 32 ? FAKE_HIGH_GPA + FAKE_HIGH_BYTES - 65536 : FAKE_HIGH_GPA;
	while (left && count < 2 * BUFFERS_MAX) {
		uint32_t len = shape & 64 ? 1 + (uint32_t)take(input, 2) % left : left;
		/* OUT with the data where it belongs. */
		bool writable = header.type != 1 || left == 1 || (shape & 128);
		if (!writable && len == left)
			len--;
		buffers[count++] = (struct fake_buffer){ gpa, len, writable };
		gpa += len;
		left -= len;
	}
	if (shape & 1)
		fake_add_indirect(drv, shape / 2 % QUEUES, buffers, count);
	else
		fake_add(drv, shape / 2 % QUEUES, buffers, count);
}

static void add_descriptors(struct fake_driver *drv, struct input *input)
{
	unsigned queue = (unsigned)take(input, 1) % QUEUES, index = (unsigned)take(input, 1);

	for (unsigned i = 0; i < 3; i++) {
		gpa_t addr = (take(input, 1) & 1 ? FAKE_HIGH_GPA : FAKE_RAM_GPA) + take(input, 3);
		uint32_t len = (uint32_t)take(input, 2);
		uint16_t flags = (uint16_t)take(input, 1) & 7;
		fake_set_desc(drv, drv->queue[queue].desc_gpa, (index + i) % drv->queue[queue].size, addr, len, flags,
			      (uint16_t)(index + i + 1));
	}
	fake_make_available(drv, queue, (uint16_t)index);
}

static void step(struct fake_driver *drv, struct input *input)
{
	struct fake_used used;

	switch (take(input, 1) % 8) {
	case 0:
		for (unsigned q = 0; q < QUEUES; q++)
			fake_kick(drv, q);
		break;
	case 1:
		fake_run_once(drv);
		for (unsigned q = 0; q < QUEUES; q++) {
			while (fake_used(drv, q, &used))
				;
		}
		break;
	case 2:
		fake_driver_restart(drv, take(input, 1) & 1 ? FAKE_FEATURES_ALL : 0);
		break;
	case 3:
		add_descriptors(drv, input);
		break;
	case 4: /* as a vCPU's thread says it */
		fake_reg_write(drv, QUEUE_NOTIFY, (uint32_t)take(input, 1) % (QUEUES + 1));
		break;
	default:
		add_request(drv, input);
	}
}

static void check_alive(struct fake_driver *drv)
{
	gpa_t header = fake_alloc(drv, 16), data = fake_alloc(drv, 513);
	const struct fake_buffer read[] = { { header, 16, false }, { data, 513, true } };
	struct fake_used used;

	if (!fake_driver_restart(drv, FAKE_FEATURES_ALL))
		abort();
	fake_add(drv, 0, read, 2);
	fake_kick(drv, 0);
	if (!fake_wait_used(drv, 0, &used) || used.len != 513)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	char path[64];
	unsigned options = (unsigned)take(&input, 1);
	const struct block_config config = { .path = path, .read_only = options & 1, .cow = options & 2, .no_uring = true };
	const struct virtio_blk_config blk_config = { .name = "disk0", .serial = "fuzz", .queues = QUEUES };
	struct fake_driver drv;
	struct block *block;
	struct stat st;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	log_set_level((enum log_level)(LOG_ERROR - 1)); /* broken rules by the thousand are no news */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || ftruncate(fd, DISK_BYTES) || block_open(&block, &config))
		abort();
	fake_driver_init(&drv);
	struct virtio_blk *blk = virtio_blk_new(&blk_config, block, drv.loop, &drv.mem);
	if (!blk || !fake_driver_attach(&drv, virtio_blk_dev(blk), options & 4 ? 0 : FAKE_FEATURES_ALL))
		abort();
	for (unsigned i = 0; i < 64 && input.left; i++)
		step(&drv, &input);
	for (unsigned q = 0; q < QUEUES; q++)
		fake_kick(&drv, q);
	check_alive(&drv);
	fake_driver_detach(&drv);
	virtio_blk_free(blk);
	block_close(block);
	fake_driver_release(&drv);
	if (fstat(fd, &st) || st.st_size != DISK_BYTES)
		abort();
	close(fd);
	return 0;
}
