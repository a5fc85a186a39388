// SPDX-License-Identifier: Apache-2.0
/*
 * A fake guest driver for the tests of virtio devices: guest memory is plain host memory, the transport is the real virtio-mmio, and what
 * a guest does is done by calls of the test.
 *
 *	struct fake_driver drv;
 *	fake_driver_init(&drv);                                     // memory and a loop for the device
 *	struct virtio_rng *rng = virtio_rng_new("rng", drv.loop, &drv.mem);
 *	fake_driver_attach(&drv, virtio_rng_dev(rng), FAKE_FEATURES_ALL); // handshake, queues, DRIVER_OK
 *
 *	gpa_t buf = fake_alloc(&drv, 64);
 *	struct fake_buffer in = { .gpa = buf, .len = 64, .writable = true };
 *	int head = fake_add(&drv, 0, &in, 1);
 *	fake_kick(&drv, 0);                                         // the device's kick(), as its loop would call it
 *	struct fake_used used;
 *	assert_true(fake_wait_used(&drv, 0, &used));                // runs the loop where the device needs it, with a deadline
 *	assert_memory_not_zero(fake_at(&drv, buf), used.len);
 *
 *	fake_driver_detach(&drv);                                   // then free the device ...
 *	virtio_rng_free(rng);
 *	fake_driver_release(&drv);                                  // ... and the rest
 *
 * One thread uses a fake driver. Memory that fake_alloc() gave is never taken back before release. Ring memory is written with atomic
 * stores, so that a device on another thread is clean under ThreadSanitizer. Nothing here asserts but on host failures; the tests judge.
 */
#ifndef TESTS_FAKES_FAKE_DRIVER_H
#define TESTS_FAKES_FAKE_DRIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/mmio.h"
#include "devices/virtio/virtio.h"

/* The guest's memory: 16 MiB from FAKE_RAM_GPA on, and 4 MiB more above 4 GiB, whose start is FAKE_HIGH_GPA. All else is no RAM. */
#define FAKE_RAM_GPA 0x100000ull
#define FAKE_RAM_BYTES (16ull << 20)
#define FAKE_HIGH_GPA 0x100000000ull
#define FAKE_HIGH_BYTES (4ull << 20)

/* For fake_driver_attach(): everything that the device offers. */
#define FAKE_FEATURES_ALL UINT64_MAX
#define FAKE_DEADLINE_MS 10000

/* Status bits, virtio 1.2, 2.1. */
#define FAKE_ACKNOWLEDGE 1u
#define FAKE_DRIVER 2u
#define FAKE_DRIVER_OK 4u
#define FAKE_FEATURES_OK 8u
#define FAKE_NEEDS_RESET 64u
#define FAKE_FAILED 128u

/* Descriptor flags, virtio 1.2, 2.7.5. */
#define FAKE_DESC_NEXT 1u
#define FAKE_DESC_WRITE 2u
#define FAKE_DESC_INDIRECT 4u

struct fake_queue {
	uint16_t size; /* 0: the device has no such queue, or it was not set up */
	gpa_t desc_gpa, avail_gpa, used_gpa;
	uint8_t *desc, *avail, *used;
	uint16_t avail_idx, used_seen;
	uint16_t kicked_idx; /* avail_idx when fake_wants_kick() was last asked */
	uint16_t free_head, free_count;
	/* By descriptor, kept outside guest memory, where an attack would spoil them. */
	uint16_t next[VIRTQUEUE_SIZE_MAX];	/* in its chain, or on the free list */
	uint16_t chain_len[VIRTQUEUE_SIZE_MAX]; /* of a head: descriptors to free when it comes back */
};

struct fake_driver {
	struct mem mem;
	struct loop *loop;
	struct virtio_dev *dev; /* NULL until attach */
	struct virtio_mmio mmio;
	uint8_t page[VIRTIO_MMIO_BYTES]; /* its registers */
	struct irq irq;
	atomic_uint interrupts; /* pulses of the line so far */
	uint64_t features;	/* what was accepted */
	struct fake_queue queue[VIRTIO_QUEUES_MAX];
	gpa_t next_gpa;
};

struct fake_buffer {
	gpa_t gpa;
	uint32_t len;
	bool writable;
};

struct fake_used {
	uint16_t head;
	uint32_t len; /* bytes the device says it wrote */
};

void fake_driver_init(struct fake_driver *drv);
/*
 * The whole handshake through the registers, accepting `features` as far as they are offered (VERSION_1 always), with queues as large as
 * the device allows. False when FEATURES_OK or DRIVER_OK did not hold.
 */
bool fake_driver_attach(struct fake_driver *drv, struct virtio_dev *dev, uint64_t features);
/* That with a device of one queue which does nothing by itself, made in *dev: for tests of the queue. */
bool fake_driver_attach_idle(struct fake_driver *drv, struct virtio_dev *dev, uint16_t queue_size, uint64_t features);
/* The same once more after a reset, which it does first: fresh, empty rings. */
bool fake_driver_restart(struct fake_driver *drv, uint64_t features);
/* virtio_mmio_release(); afterwards the test frees the device. Harmless when not attached. */
void fake_driver_detach(struct fake_driver *drv);
void fake_driver_release(struct fake_driver *drv);

/* Only the transport, no handshake: for tests that do it by hand. */
void fake_driver_plug(struct fake_driver *drv, struct virtio_dev *dev);
/* Allocates and sets up one queue (`size` 0: the largest), before DRIVER_OK. */
void fake_queue_set_up(struct fake_driver *drv, unsigned queue, uint16_t size);

/* Guest memory: zeroed and 64-byte aligned; NULL from fake_at() when it is no RAM. */
gpa_t fake_alloc(struct fake_driver *drv, uint32_t len);
gpa_t fake_alloc_data(struct fake_driver *drv, const void *data, uint32_t len);
void *fake_at(const struct fake_driver *drv, gpa_t gpa);

/*
 * Makes a chain of the buffers and puts it into the available ring. Returns its head, or -1 when the queue has too few free descriptors.
 * fake_add_indirect() uses one descriptor and a table.
 */
int fake_add(struct fake_driver *drv, unsigned queue, const struct fake_buffer *buffers, unsigned count);
int fake_add_indirect(struct fake_driver *drv, unsigned queue, const struct fake_buffer *buffers, unsigned count);

/* For attacks: one descriptor as it is, at `table` (a queue's desc_gpa, or anywhere); a head straight into the available ring. */
void fake_set_desc(struct fake_driver *drv, gpa_t table, unsigned index, gpa_t addr, uint32_t len, uint16_t flags, uint16_t next);
void fake_make_available(struct fake_driver *drv, unsigned queue, uint16_t head);

/* Calls the device's kick() with its lock held, if it is started, as its loop would. */
void fake_kick(struct fake_driver *drv, unsigned queue);
/* The next used entry, if there is one; its descriptors are free again. */
bool fake_used(struct fake_driver *drv, unsigned queue, struct fake_used *used);
/* Waits for it: runs the loop until then, FAKE_DEADLINE_MS at most. Not when another thread runs the loop. */
bool fake_wait_used(struct fake_driver *drv, unsigned queue, struct fake_used *used);
/* Runs the loop until done(arg), FAKE_DEADLINE_MS at most. */
bool fake_run_until(struct fake_driver *drv, bool (*done)(void *arg), void *arg);
/* One round of the loop: delivers what is ready now and the work deferred so far, without waiting. */
void fake_run_once(struct fake_driver *drv);

/* Suppression of interrupts: used_event where EVENT_IDX was accepted, else the flag. off = no interrupts at all. */
void fake_interrupts_off(struct fake_driver *drv, unsigned queue);
void fake_interrupts_on(struct fake_driver *drv, unsigned queue);
/* Whether the device wants to be notified of what was added since this was last asked (avail_event, or the flag). */
bool fake_wants_kick(struct fake_driver *drv, unsigned queue);

/* Registers and configuration space, as an exit to the bus would: with the device's lock. */
uint32_t fake_reg_read(struct fake_driver *drv, unsigned reg);
void fake_reg_write(struct fake_driver *drv, unsigned reg, uint32_t value);
void fake_config_read(struct fake_driver *drv, unsigned offset, void *data, unsigned len);
void fake_config_write(struct fake_driver *drv, unsigned offset, const void *data, unsigned len);
uint32_t fake_status(struct fake_driver *drv);
bool fake_needs_reset(struct fake_driver *drv);
/* Reads InterruptStatus and acknowledges it. */
uint32_t fake_ack_interrupt(struct fake_driver *drv);

#endif
