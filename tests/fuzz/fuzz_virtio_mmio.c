// SPDX-License-Identifier: Apache-2.0
/*
 * devices/virtio/mmio.c with an entropy device behind it: register accesses of any width and order, resets and set-ups in the middle,
 * chains and raw descriptors, rounds of the loop. The registers that tell the driver the state must agree with the device's own at all
 * times.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/rng.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fuzz/input.h"
#include "vmm/util/log.h"

/* What the guest's memory may hold when a run begins anew. */
#define SCRATCH_BYTES 0x40000u

static void check(struct fake_driver *drv)
{
	uint32_t status = fake_status(drv);

	must(!drv->dev->started ||
	     (status & (FAKE_DRIVER_OK | FAKE_FEATURES_OK | FAKE_NEEDS_RESET)) == (FAKE_DRIVER_OK | FAKE_FEATURES_OK));
	must(fake_reg_read(drv, 0) == 0x74726976);
	must((drv->dev->driver_features & VIRTIO_F_VERSION_1) || !(status & FAKE_FEATURES_OK));
}

/* Control registers lie at multiples of four below 0x100; a few accesses go elsewhere. */
static unsigned take_offset(struct input *in)
{
	unsigned n = take(in, 1);

	return n < 0xc0 ? (n & 0x3f) * 4 : n < 0xe0 ? n & 0x1f : 0x100 + (take(in, 2) % (VIRTIO_MMIO_BYTES - 0x100 - 8));
}

static void step(struct fake_driver *drv, struct input *in)
{
	static const uint8_t widths[] = { 4, 4, 4, 1, 2, 8 };
	struct fake_queue *q = &drv->queue[0];
	struct fake_used used;
	uint64_t value;

	switch (take(in, 1) % 8) {
	case 0:
	case 1: {
		unsigned width = widths[take(in, 1) % 6], offset = take_offset(in);
		value = take(in, 4);
		virtio_mmio_write(&drv->mmio, offset, &value, width);
		break;
	}
	case 2: {
		unsigned width = widths[take(in, 1) % 6];
		virtio_mmio_read(&drv->mmio, take_offset(in), &value, width);
		break;
	}
	case 3:
		fake_driver_restart(drv, take(in, 1) & 1 ? FAKE_FEATURES_ALL : take_u64(in, 8));
		break;
	case 4: {
		struct fake_buffer buffer = { FAKE_RAM_GPA + take(in, 2), take(in, 2), take(in, 1) & 3 };
		if (q->size)
			fake_add(drv, 0, &buffer, 1);
		break;
	}
	case 5:
		if (q->size) {
			unsigned index = take(in, 1) % q->size;
			fake_set_desc(drv, q->desc_gpa, index, FAKE_RAM_GPA + take(in, 3), take(in, 2), take(in, 1) & 7,
				      (uint16_t)take(in, 1));
			fake_make_available(drv, 0, (uint16_t)index);
		}
		break;
	case 6:
		fake_kick(drv, 0);
		break;
	default:
		fake_run_once(drv);
		if (q->size)
			fake_used(drv, 0, &used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fake_driver drv;
	struct input in = { data, len };

	if (!drv.loop) {
		log_set_level(LOG_ERROR);
		fake_driver_init(&drv);
	}
	drv.next_gpa = FAKE_RAM_GPA;
	memset(drv.queue, 0, sizeof(drv.queue));
	memset(fake_at(&drv, FAKE_RAM_GPA), 0, SCRATCH_BYTES);
	struct virtio_rng *rng = virtio_rng_new("rng", drv.loop, &drv.mem);
	if (!rng)
		abort();
	fake_driver_plug(&drv, virtio_rng_dev(rng));
	for (unsigned steps = 0; in.len && steps < 512; steps++) {
		step(&drv, &in);
		check(&drv);
	}
	fake_driver_detach(&drv);
	virtio_rng_free(rng);
	return 0;
}
