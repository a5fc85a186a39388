// SPDX-License-Identifier: Apache-2.0
/*
 * devices/virtio/blk.c as in a machine: the driver on one thread, the disk's loop on another, and the ring or the pool beside it. The driver
 * notifies only when the device asks for it, and sleeps until it is interrupted: whoever misses the other's wish leaves it asleep, which
 * the deadline ends. Run under ThreadSanitizer, too.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/virtio/blk.h"
#include "tests/fakes/fake_disk.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define DISK_BYTES (1u << 20)
#define DATA_BYTES 4096u
#define QUEUES 2
#define DEPTH 24 /* requests under way in a queue, at most */
#define REQUESTS 6000
#define DEADLINE_MS 60000

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4 };
enum { S_OK = 0, S_NONE = 0xee };

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* Memory for one request. */
struct slot {
	gpa_t header, data, status;
	bool busy;
};

struct rig {
	struct fake_disk disk;
	struct fake_driver drv;
	int irq_fd; /* an eventfd: each interrupt is written to it */
	struct block *block;
	struct virtio_blk *blk;
	pthread_t thread;
	struct slot slot[QUEUES][DEPTH];
	struct slot *by_head[QUEUES][VIRTQUEUE_SIZE_MAX];
	unsigned under_way[QUEUES];
	unsigned seed;
};

static unsigned some(struct rig *r, unsigned below)
{
	return (unsigned)rand_r(&r->seed) % below;
}

static void *run_disk(void *arg)
{
	loop_run(((struct rig *)arg)->drv.loop);
	return NULL;
}

static void write_pulse(struct irq *irq)
{
	uint64_t one = 1;

	assert_int_equal(write(*(int *)irq->arg, &one, sizeof(one)), sizeof(one));
}

static void rig_init(struct rig *r, bool no_uring, bool never_here, uint64_t features)
{
	const struct virtio_blk_config config = { .name = "disk0", .queues = QUEUES };

	memset(r, 0, sizeof(*r));
	log_set_level(LOG_ERROR);
	fake_disk_init(&r->disk, DISK_BYTES);
	fake_driver_init(&r->drv);
	const struct block_config image = { .path = r->disk.path, .no_uring = no_uring, .never_here = never_here };
	assert_int_equal(block_open(&r->block, &image), 0);
	r->blk = virtio_blk_new(&config, r->block, r->drv.loop, &r->drv.mem);
	assert_non_null(r->blk);
	assert_true(fake_driver_attach(&r->drv, virtio_blk_dev(r->blk), features));
	r->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(r->irq_fd >= 0);
	r->drv.irq.pulse = write_pulse;
	r->drv.irq.arg = &r->irq_fd;
	for (unsigned q = 0; q < QUEUES; q++) {
		for (unsigned i = 0; i < DEPTH; i++) {
			r->slot[q][i].header = fake_alloc(&r->drv, sizeof(struct header));
			r->slot[q][i].data = fake_alloc(&r->drv, DATA_BYTES);
			r->slot[q][i].status = fake_alloc(&r->drv, 1);
		}
	}
	assert_int_equal(pthread_create(&r->thread, NULL, run_disk, r), 0);
}

static void rig_release(struct rig *r)
{
	loop_stop(r->drv.loop);
	pthread_join(r->thread, NULL);
	fake_driver_detach(&r->drv);
	close_fd(&r->irq_fd);
	virtio_blk_free(r->blk);
	block_close(r->block);
	fake_driver_release(&r->drv);
	fake_disk_release(&r->disk);
}

static struct slot *free_slot(struct rig *r, unsigned queue)
{
	struct slot *slot = r->slot[queue];

	while (slot->busy)
		slot++;
	return slot;
}

/* Mostly reads, some writes of what the disk has there already, a flush now and then. */
static void add_one(struct rig *r, unsigned queue)
{
	struct slot *slot = free_slot(r, queue);
	unsigned what = some(r, 16);
	uint32_t type = what == 0 ? T_FLUSH : what < 4 ? T_OUT : T_IN;
	uint64_t block = some(r, DISK_BYTES / DATA_BYTES);
	const struct header header = { .type = type, .sector = type == T_FLUSH ? 0 : block * (DATA_BYTES / 512) };
	struct fake_buffer bufs[3] = { { slot->header, sizeof(header), false } };
	unsigned count = 1;

	memcpy(fake_at(&r->drv, slot->header), &header, sizeof(header));
	*(uint8_t *)fake_at(&r->drv, slot->status) = S_NONE;
	if (type == T_OUT) {
		uint8_t *data = fake_at(&r->drv, slot->data);
		for (unsigned i = 0; i < DATA_BYTES; i++)
			data[i] = disk_byte(block * DATA_BYTES + i);
	}
	if (type != T_FLUSH)
		bufs[count++] = (struct fake_buffer){ slot->data, DATA_BYTES, type == T_IN };
	bufs[count++] = (struct fake_buffer){ slot->status, 1, true };
	int head = fake_add(&r->drv, queue, bufs, count);
	assert_true(head >= 0);
	slot->busy = true;
	r->by_head[queue][head] = slot;
	r->under_way[queue]++;
}

/* As KVM does for a guest's write to QueueNotify. */
static void notify(struct rig *r, unsigned queue)
{
	const uint64_t one = 1;

	if (fake_wants_kick(&r->drv, queue))
		assert_int_equal(write(r->drv.mmio.notify_fd[queue], &one, sizeof(one)), sizeof(one));
}

static unsigned reap(struct rig *r)
{
	struct fake_used used;
	unsigned count = 0;

	for (unsigned q = 0; q < QUEUES; q++) {
		while (fake_used(&r->drv, q, &used)) {
			struct slot *slot = r->by_head[q][used.head];
			assert_true(slot->busy);
			assert_int_equal(*(uint8_t *)fake_at(&r->drv, slot->status), S_OK);
			slot->busy = false;
			r->under_way[q]--;
			count++;
		}
	}
	return count;
}

/* Asks to be interrupted, looks once more, and sleeps. */
static unsigned wait_and_reap(struct rig *r)
{
	struct pollfd line = { .fd = r->irq_fd, .events = POLLIN };
	uint64_t count;

	for (unsigned q = 0; q < QUEUES; q++)
		fake_interrupts_on(&r->drv, q);
	unsigned done = reap(r);
	if (done)
		return done;
	if (poll(&line, 1, DEADLINE_MS) != 1) {
		done = reap(r);
		fail_msg("%s", done ? "an interrupt was lost" : "a notification was lost");
	}
	assert_int_equal(read(r->irq_fd, &count, sizeof(count)), sizeof(count));
	return reap(r);
}

static void keep_busy(struct rig *r)
{
	for (unsigned done = 0; done < REQUESTS;) {
		/* Alone, in company, or as much as there is room for. */
		static const unsigned most[] = { 1, 4, DEPTH };
		unsigned depth = most[some(r, 3)];
		for (unsigned q = 0; q < QUEUES; q++) {
			while (r->under_way[q] < depth && some(r, 8))
				add_one(r, q);
			notify(r, q);
		}
		if (some(r, 2))
			done += reap(r);
		else if (r->under_way[0] || r->under_way[1])
			done += wait_and_reap(r);
	}
	while (r->under_way[0] || r->under_way[1])
		wait_and_reap(r);
}

static void nobody_is_left_asleep(bool no_uring, bool never_here, uint64_t features)
{
	struct rig *r = malloc(sizeof(*r));

	assert_non_null(r);
	rig_init(r, no_uring, never_here, features);
	keep_busy(r);
	assert_false(fake_needs_reset(&r->drv));
	rig_release(r);
	free(r);
}

static void as_it_likes(void **state)
{
	(void)state;
	nobody_is_left_asleep(false, false, FAKE_FEATURES_ALL);
}

static void as_it_likes_without_event_index(void **state)
{
	(void)state;
	nobody_is_left_asleep(false, false, FAKE_FEATURES_ALL & ~VIRTIO_F_EVENT_IDX);
}

static void on_the_ring(void **state)
{
	(void)state;
	nobody_is_left_asleep(false, true, FAKE_FEATURES_ALL);
}

static void on_the_pool(void **state)
{
	(void)state;
	nobody_is_left_asleep(true, true, FAKE_FEATURES_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_likes),
		cmocka_unit_test(as_it_likes_without_event_index),
		cmocka_unit_test(on_the_ring),
		cmocka_unit_test(on_the_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
