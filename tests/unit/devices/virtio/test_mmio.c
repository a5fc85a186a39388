// SPDX-License-Identifier: Apache-2.0
/* devices/virtio/mmio.c: registers (virtio 1.2, 4.2.2), handshake (3.1.1), interrupts, and drivers that break the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/virtio/mmio.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

#define DEVICE_FEATURES 0x010
#define DEVICE_FEATURES_SEL 0x014
#define DRIVER_FEATURES 0x020
#define DRIVER_FEATURES_SEL 0x024
#define QUEUE_SEL 0x030
#define QUEUE_NUM_MAX 0x034
#define QUEUE_NUM 0x038
#define QUEUE_READY 0x044
#define INTERRUPT_STATUS 0x060
#define STATUS 0x070
#define QUEUE_DESC_LOW 0x080
#define QUEUE_DESC_HIGH 0x084
#define SHM_SEL 0x0ac
#define GENERATION 0x0fc

#define OWN_FEATURES (1ull << 5 | 1ull << 40)
#define OFFERED (OWN_FEATURES | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)
#define UP_TO_FEATURES (FAKE_ACKNOWLEDGE | FAKE_DRIVER | FAKE_FEATURES_OK)
#define RUNNING (UP_TO_FEATURES | FAKE_DRIVER_OK)

struct log {
	unsigned starts, resets, kicks[2], config_writes, config_offset, config_len;
};

static struct fake_driver drv;
static struct virtio_dev dev;
static struct log seen;

static void note_start(struct virtio_dev *d)
{
	seen.starts++;
	assert_true(d->started);
}

static void note_reset(struct virtio_dev *d)
{
	(void)d;
	seen.resets++;
}

static void note_kick(struct virtio_dev *d, unsigned queue)
{
	assert_true(d->started);
	seen.kicks[queue]++;
}

static void note_config(struct virtio_dev *d, unsigned offset, unsigned len)
{
	(void)d;
	seen.config_writes++;
	seen.config_offset = offset;
	seen.config_len = len;
}

static const struct virtio_ops ops = { .start = note_start, .reset = note_reset, .kick = note_kick, .config_write = note_config };

static void fill_in(void)
{
	seen = (struct log){ 0 };
	fake_driver_init(&drv);
	dev = (struct virtio_dev){
		.name = "test",
		.device_id = 42,
		.features = OWN_FEATURES,
		.queue_count = 2,
		.queue_size_max = { 64, 16 },
		.config = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
		.config_bytes = 12,
		.config_writable = 0xff0,
		.ops = &ops,
		.loop = drv.loop,
		.mem = &drv.mem,
	};
}

static int plug(void **state)
{
	(void)state;
	fill_in();
	fake_driver_plug(&drv, &dev);
	return 0;
}

static int attach(void **state)
{
	(void)state;
	fill_in();
	return fake_driver_attach(&drv, &dev, FAKE_FEATURES_ALL) ? 0 : -1;
}

static int release(void **state)
{
	(void)state;
	fake_driver_release(&drv);
	return 0;
}

static uint32_t get(unsigned reg)
{
	return fake_reg_read(&drv, reg);
}

static void set(unsigned reg, uint32_t value)
{
	fake_reg_write(&drv, reg, value);
}

static void accept_features(uint64_t features)
{
	for (unsigned half = 0; half < 2; half++) {
		set(DRIVER_FEATURES_SEL, half);
		set(DRIVER_FEATURES, (uint32_t)(features >> 32 * half));
	}
	set(STATUS, UP_TO_FEATURES);
}

/* --- registers ----------------------------------------------------------------------------------------------------- */

static void a_fresh_device_shows_itself(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t value;
	} table[] = {
		{ 0x000, 0x74726976 },
		{ 0x004, 2 },
		{ 0x008, 42 },
		{ DEVICE_FEATURES, (uint32_t)OFFERED },
		{ QUEUE_NUM_MAX, 64 },
		{ QUEUE_READY, 0 },
		{ INTERRUPT_STATUS, 0 },
		{ STATUS, 0 },
		{ 0x0b0, 0xffffffff }, /* no shared memory: length and address all ones */
		{ 0x0b4, 0xffffffff },
		{ 0x0b8, 0xffffffff },
		{ 0x0bc, 0xffffffff },
		{ 0x0c0, 0 }, /* QueueReset, not offered */
		{ 0x100, 0x04030201 },
		{ 0x104, 0x08070605 },
		{ 0x108, 0x0c0b0a09 },
		{ 0x10c, 0 },
		/* write-only ones */
		{ DEVICE_FEATURES_SEL, 0 },
		{ QUEUE_SEL, 0 },
		{ VIRTIO_MMIO_QUEUE_NOTIFY, 0 },
		{ VIRTIO_MMIO_BYTES - 4, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_int_equal(get(table[i].reg), table[i].value);
	set(SHM_SEL, 1);
	assert_int_equal(get(0x0b0), 0xffffffff);
}

static void selectors_select(void **state)
{
	(void)state;
	set(DEVICE_FEATURES_SEL, 1);
	assert_int_equal(get(DEVICE_FEATURES), (uint32_t)(OFFERED >> 32));
	set(DEVICE_FEATURES_SEL, 2);
	assert_int_equal(get(DEVICE_FEATURES), 0);
	set(DEVICE_FEATURES_SEL, 0);
	assert_int_equal(get(DEVICE_FEATURES), (uint32_t)OFFERED);
	set(QUEUE_SEL, 1);
	assert_int_equal(get(QUEUE_NUM_MAX), 16);
	set(QUEUE_SEL, 2); /* does not exist */
	assert_int_equal(get(QUEUE_NUM_MAX), 0);
	set(QUEUE_NUM, 16);
	set(QUEUE_READY, 1);
	assert_int_equal(get(QUEUE_READY), 0);
	set(QUEUE_SEL, UINT32_MAX);
	assert_int_equal(get(QUEUE_NUM_MAX), 0);
	assert_int_equal(fake_status(&drv), 0);
}

static void readiness_is_per_queue(void **state)
{
	(void)state;
	fake_queue_set_up(&drv, 1, 8);
	assert_int_equal(get(QUEUE_READY), 1);
	set(QUEUE_SEL, 0);
	assert_int_equal(get(QUEUE_READY), 0);
	set(QUEUE_SEL, 1);
	set(QUEUE_READY, 0);
	assert_int_equal(get(QUEUE_READY), 0);
	fake_queue_set_up(&drv, 1, 16); /* may be set up anew then */
	assert_int_equal(get(QUEUE_READY), 1);
	assert_false(fake_needs_reset(&drv));
}

/* Where KVM shows the page to the guest, all reads come from it: it must be enough alone. */
static void reads_are_the_page(void **state)
{
	uint8_t data[8];

	(void)state;
	for (unsigned offset = 0; offset < VIRTIO_MMIO_BYTES; offset += 8) {
		virtio_mmio_read(&drv.mmio, offset, data, 8);
		assert_memory_equal(data, drv.mmio.page + offset, 8);
	}
	virtio_mmio_read(&drv.mmio, 1, data, 2);
	assert_memory_equal(data, "ir", 2);
}

static void other_widths_change_no_register(void **state)
{
	uint64_t value = UINT64_MAX;

	(void)state;
	virtio_mmio_write(&drv.mmio, STATUS, &value, 1);
	virtio_mmio_write(&drv.mmio, STATUS, &value, 2);
	virtio_mmio_write(&drv.mmio, STATUS, &value, 8);
	virtio_mmio_write(&drv.mmio, STATUS - 2, &value, 4);
	virtio_mmio_write(&drv.mmio, STATUS + 1, &value, 4);
	virtio_mmio_write(&drv.mmio, 0xfe, &value, 4);
	virtio_mmio_write(&drv.mmio, 0, &value, 4); /* read-only */
	virtio_mmio_write(&drv.mmio, QUEUE_NUM_MAX, &value, 4);
	assert_int_equal(fake_status(&drv), 0);
	assert_int_equal(get(0), 0x74726976);
	assert_int_equal(get(QUEUE_NUM_MAX), 64);
}

/* --- handshake ----------------------------------------------------------------------------------------------------- */

static void a_handshake_starts_the_device(void **state)
{
	(void)state;
	assert_int_equal(seen.starts, 1);
	assert_true(dev.started);
	assert_true(dev.driver_features == OFFERED);
	assert_int_equal(dev.queue[0].size, 64);
	assert_int_equal(dev.queue[1].size, 16);
	assert_true(dev.queue[0].event_idx && dev.queue[0].indirect);
	assert_int_equal(fake_status(&drv), RUNNING);
}

static void features_must_have_been_offered(void **state)
{
	static const uint64_t bad[] = {
		0,
		OWN_FEATURES, /* a driver of the legacy interface */
		VIRTIO_F_VERSION_1 | 1,
		VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM,
		UINT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		set(STATUS, 0);
		set(STATUS, FAKE_ACKNOWLEDGE | FAKE_DRIVER);
		accept_features(bad[i]);
		assert_int_equal(fake_status(&drv), FAKE_ACKNOWLEDGE | FAKE_DRIVER);
	}
	accept_features(OFFERED); /* another try */
	assert_int_equal(fake_status(&drv), UP_TO_FEATURES);
	/* and what was agreed stays */
	set(DRIVER_FEATURES_SEL, 0);
	set(DRIVER_FEATURES, 0);
	assert_true(dev.driver_features == OFFERED);
}

static void features_beyond_64_are_refused(void **state)
{
	(void)state;
	set(DRIVER_FEATURES_SEL, 2);
	set(DRIVER_FEATURES, 0); /* harmless: a driver may clear all of them */
	accept_features(VIRTIO_F_VERSION_1);
	assert_int_equal(fake_status(&drv), UP_TO_FEATURES);
	set(STATUS, 0);
	set(DRIVER_FEATURES_SEL, 2);
	set(DRIVER_FEATURES, 1);
	accept_features(VIRTIO_F_VERSION_1);
	assert_int_equal(fake_status(&drv) & FAKE_FEATURES_OK, 0);
}

static void status_bits_stay_until_a_reset(void **state)
{
	(void)state;
	set(STATUS, FAKE_ACKNOWLEDGE);
	assert_int_equal(fake_status(&drv), RUNNING);
	set(STATUS, RUNNING | FAKE_NEEDS_RESET | 0xffffff30); /* not the driver's to set */
	assert_int_equal(fake_status(&drv), RUNNING);
	set(STATUS, RUNNING | FAKE_FAILED);
	assert_int_equal(fake_status(&drv), RUNNING | FAKE_FAILED);
	assert_int_equal(seen.starts, 1);
}

static void a_reset_forgets_everything(void **state)
{
	(void)state;
	virtio_config_changed(&dev);
	set(QUEUE_SEL, 1);
	set(DEVICE_FEATURES_SEL, 1);
	set(STATUS, 0);
	assert_int_equal(seen.resets, 1);
	assert_false(dev.started);
	assert_true(dev.driver_features == 0);
	assert_int_equal(fake_status(&drv), 0);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_int_equal(get(QUEUE_NUM_MAX), 64); /* QueueSel is 0 */
	assert_int_equal(get(DEVICE_FEATURES), (uint32_t)OFFERED);
	for (unsigned i = 0; i < 2; i++) {
		set(QUEUE_SEL, i);
		assert_int_equal(get(QUEUE_READY), 0);
		assert_true(virtqueue_empty(&dev.queue[i]));
	}
	set(STATUS, 0);
	assert_int_equal(seen.resets, 1); /* it was not running */
	assert_true(fake_driver_restart(&drv, 0));
	assert_int_equal(seen.starts, 2);
	assert_false(dev.queue[0].event_idx || dev.queue[0].indirect);
	virtio_mmio_reset(&drv.mmio); /* a machine's reset is the same */
	assert_int_equal(seen.resets, 2);
	assert_int_equal(fake_status(&drv), 0);
}

/* A queue may be left alone (4.2.3.2): a network driver without its control queue, say. */
static void unused_queues_are_empty(void **state)
{
	struct virtq_chain chain;

	(void)state;
	accept_features(OFFERED);
	fake_queue_set_up(&drv, 1, 0);
	set(STATUS, RUNNING);
	assert_true(dev.started);
	assert_false(virtio_pop(&dev, 0, &chain));
	assert_false(fake_needs_reset(&drv));
}

static void a_stopped_queue_is_left_alone(void **state)
{
	struct fake_buffer buffer = { FAKE_RAM_GPA, 1, true };
	struct virtq_chain chain;
	struct fake_used used;

	(void)state;
	fake_add(&drv, 0, &buffer, 1);
	fake_add(&drv, 0, &buffer, 1);
	assert_true(virtio_pop(&dev, 0, &chain));
	set(QUEUE_SEL, 0);
	set(QUEUE_READY, 0);
	assert_int_equal(get(QUEUE_READY), 0);
	virtqueue_push(&dev.queue[0], chain.head, 1); /* a request that was under way ends */
	assert_false(fake_used(&drv, 0, &used));
	assert_false(virtio_pop(&dev, 0, &chain));
	assert_false(fake_needs_reset(&drv));
}

/* --- rules broken -------------------------------------------------------------------------------------------------- */

static void queue_size(unsigned size)
{
	set(QUEUE_NUM, size);
}

static void size_zero(void)
{
	queue_size(0);
}

static void size_three(void)
{
	queue_size(3);
}

static void size_too_big(void)
{
	queue_size(128);
}

static void size_far_too_big(void)
{
	queue_size(0x10000 + 16);
}

static void ready_without_size(void)
{
	set(QUEUE_READY, 1);
}

static void size_while_ready(void)
{
	fake_queue_set_up(&drv, 0, 0);
	queue_size(16);
}

static void address_while_ready(void)
{
	fake_queue_set_up(&drv, 0, 0);
	set(QUEUE_DESC_LOW, 0);
}

static void driver_ok_without_features_ok(void)
{
	set(STATUS, FAKE_DRIVER_OK | FAKE_ACKNOWLEDGE);
}

static void ring_not_in_ram(void)
{
	accept_features(OFFERED);
	queue_size(64);
	set(QUEUE_DESC_HIGH, 0x80000000);
	set(QUEUE_READY, 1);
	set(STATUS, RUNNING);
}

static void ring_misaligned(void)
{
	accept_features(OFFERED);
	fake_queue_set_up(&drv, 0, 0);
	set(QUEUE_READY, 0);
	queue_size(64);
	set(QUEUE_DESC_LOW, (uint32_t)FAKE_RAM_GPA + 1);
	set(0x90, (uint32_t)FAKE_RAM_GPA + 0x1000);
	set(0xa0, (uint32_t)FAKE_RAM_GPA + 0x2000);
	set(QUEUE_READY, 1);
	set(STATUS, RUNNING);
}

static void queue_after_driver_ok(void)
{
	accept_features(OFFERED);
	set(STATUS, RUNNING);
	fake_queue_set_up(&drv, 0, 0);
}

static void each_rule_broken_needs_a_reset(void **state)
{
	static void (*const breach[])(void) = {
		size_zero,          size_three,       size_too_big,          size_far_too_big,
		ready_without_size, size_while_ready, address_while_ready,   driver_ok_without_features_ok,
		ring_not_in_ram,    ring_misaligned,  queue_after_driver_ok,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(breach) / sizeof(*breach); i++) {
		unsigned interrupts = atomic_load(&drv.interrupts);
		set(STATUS, 0);
		set(STATUS, FAKE_ACKNOWLEDGE | FAKE_DRIVER);
		breach[i]();
		if (!fake_needs_reset(&drv) || dev.started)
			fail_msg("breach %zu was not answered", i);
		/* 2.1.2: the driver hears of it, but only if it had said DRIVER_OK */
		bool told = fake_status(&drv) & FAKE_DRIVER_OK;
		assert_int_equal(atomic_load(&drv.interrupts) - interrupts, told);
		assert_int_equal(get(INTERRUPT_STATUS), told ? VIRTIO_MMIO_INT_CONFIG : 0);
		/* nothing but a reset mends it */
		set(STATUS, RUNNING);
		assert_false(dev.started);
		assert_true(fake_needs_reset(&drv));
		assert_true(fake_driver_restart(&drv, FAKE_FEATURES_ALL));
	}
}

/* Requests may be under way when a device breaks: its reset is told, so that it can end them. */
static void a_broken_device_is_told_of_its_reset(void **state)
{
	(void)state;
	virtio_device_broken(&dev, "a test");
	assert_int_equal(seen.resets, 0);
	fake_kick(&drv, 0);
	assert_int_equal(seen.kicks[0], 0);
	set(STATUS, 0);
	assert_int_equal(seen.resets, 1);
}

static void a_release_resets_a_running_device(void **state)
{
	(void)state;
	fake_driver_detach(&drv);
	assert_int_equal(seen.resets, 1);
	struct virtio_mmio zero = { 0 };
	virtio_mmio_release(&zero);
}

/* --- notifications ------------------------------------------------------------------------------------------------- */

static bool kicked(void *queue)
{
	return seen.kicks[(uintptr_t)queue] > 0;
}

static void notifications_reach_the_queue(void **state)
{
	(void)state;
	/* What was notified before DRIVER_OK is looked at after it. */
	assert_true(fake_run_until(&drv, kicked, (void *)0));
	assert_true(fake_run_until(&drv, kicked, (void *)1));
	for (unsigned i = 1; i <= 3; i++) {
		memset(seen.kicks, 0, sizeof(seen.kicks));
		assert_int_equal(write(drv.mmio.notify_fd[1], &(uint64_t){ 1 }, 8), 8); /* as KVM does */
		fake_run_once(&drv);
		assert_int_equal(seen.kicks[1], 1);
		assert_int_equal(seen.kicks[0], 0);
		set(VIRTIO_MMIO_QUEUE_NOTIFY, 0); /* an exit does the same */
		fake_run_once(&drv);
		assert_int_equal(seen.kicks[0], 1);
		assert_int_equal(seen.kicks[1], 1);
	}
	memset(seen.kicks, 0, sizeof(seen.kicks));
	set(VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	set(VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	fake_run_once(&drv);
	set(STATUS, 0);
	set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	fake_run_once(&drv);
	assert_int_equal(seen.kicks[0] + seen.kicks[1], 0);
}

/* --- interrupts ---------------------------------------------------------------------------------------------------- */

static void use_one(void)
{
	struct fake_buffer buffer = { FAKE_RAM_GPA, 1, true };
	struct virtq_chain chain;
	struct fake_used used;

	fake_interrupts_on(&drv, 0);
	assert_true(fake_add(&drv, 0, &buffer, 1) >= 0);
	assert_true(virtio_pop(&dev, 0, &chain));
	virtqueue_push(&dev.queue[0], chain.head, 0);
	virtio_notify(&dev, 0);
	assert_true(fake_used(&drv, 0, &used));
}

static void interrupts_last_until_acknowledged(void **state)
{
	(void)state;
	use_one();
	assert_int_equal(atomic_load(&drv.interrupts), 1);
	assert_int_equal(get(INTERRUPT_STATUS), VIRTIO_MMIO_INT_USED);
	virtio_config_changed(&dev);
	assert_int_equal(atomic_load(&drv.interrupts), 2);
	assert_int_equal(get(INTERRUPT_STATUS), VIRTIO_MMIO_INT_USED | VIRTIO_MMIO_INT_CONFIG);
	set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_USED);
	assert_int_equal(get(INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	set(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
}

/* With an ioeventfd in front of InterruptACK the device never hears of most acknowledgements. */
static void with_an_ack_fd_the_used_bit_stays(void **state)
{
	(void)state;
	assert_int_equal(virtio_mmio_share(&drv.mmio, NULL), 0);
	assert_true(drv.mmio.ack_fd >= 0);
	use_one();
	virtio_config_changed(&dev);
	assert_int_equal(fake_ack_interrupt(&drv), VIRTIO_MMIO_INT_USED | VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(get(INTERRUPT_STATUS), VIRTIO_MMIO_INT_USED);
	use_one();
	assert_int_equal(atomic_load(&drv.interrupts), 3);
	set(STATUS, 0);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
}

/* Where guests read the page past the cache: what they see of it is what was published. */
static uint8_t published[VIRTIO_MMIO_BYTES];

static void publish(const void *word)
{
	memcpy(published + ((const uint8_t *)word - drv.page), word, 4);
}

static void see_published(struct irq *irq)
{
	(void)irq;
	assert_memory_equal(published, drv.page, sizeof(published));
	atomic_fetch_add(&drv.interrupts, 1);
}

static void what_changes_is_published_before_the_interrupt(void **state)
{
	(void)state;
	memset(published, 0, sizeof(published));
	assert_int_equal(virtio_mmio_share(&drv.mmio, publish), 0);
	assert_memory_equal(published, drv.page, sizeof(published));
	drv.irq.pulse = see_published;
	use_one();
	virtio_config_changed(&dev);
	assert_int_equal(atomic_load(&drv.interrupts), 2);
	set(QUEUE_SEL, 1);
	set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	set(STATUS, 0);
	assert_memory_equal(published, drv.page, sizeof(published));
}

static void nothing_interrupts_before_driver_ok(void **state)
{
	(void)state;
	accept_features(OFFERED);
	dev.config[0] = 99;
	virtio_config_changed(&dev);
	assert_int_equal(atomic_load(&drv.interrupts), 0);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_int_equal(get(0x100) & 0xff, 99);
}

/* --- configuration space ------------------------------------------------------------------------------------------- */

static void a_change_is_seen_with_a_new_generation(void **state)
{
	(void)state;
	uint32_t before = get(GENERATION);
	dev.config[5] = 77;
	virtio_config_changed(&dev);
	assert_int_not_equal(get(GENERATION), before);
	uint8_t value;
	fake_config_read(&drv, 5, &value, 1);
	assert_int_equal(value, 77);
}

static void only_writable_bytes_are_written(void **state)
{
	static const struct {
		unsigned offset, len;
		bool taken;
	} writes[] = {
		{ 0, 4, false },  { 0, 8, false }, { 3, 1, false },  { 3, 2, false },     { 4, 1, true },
		{ 4, 2, true },   { 4, 4, true },  { 4, 8, true },   { 8, 4, true },      { 11, 1, true },
		{ 11, 2, false }, { 8, 8, false }, { 12, 1, false }, { 0xef8, 8, false }, { 0xeff, 1, false },
	};
	uint8_t data[8], expected[16], now[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		unsigned before = seen.config_writes;
		memset(data, (int)(0x80 + i), sizeof(data));
		fake_config_read(&drv, 0, expected, sizeof(expected));
		fake_config_write(&drv, writes[i].offset, data, writes[i].len);
		fake_config_read(&drv, 0, now, sizeof(now));
		assert_int_equal(seen.config_writes - before, writes[i].taken);
		if (writes[i].taken) {
			memcpy(expected + writes[i].offset, data, writes[i].len);
			assert_int_equal(seen.config_offset, writes[i].offset);
			assert_int_equal(seen.config_len, writes[i].len);
		}
		assert_memory_equal(now, expected, sizeof(now));
	}
}

#define PLUGGED(name) cmocka_unit_test_setup_teardown(name, plug, release)
#define RUNS(name) cmocka_unit_test_setup_teardown(name, attach, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLUGGED(a_fresh_device_shows_itself),
		PLUGGED(selectors_select),
		PLUGGED(readiness_is_per_queue),
		RUNS(reads_are_the_page),
		PLUGGED(other_widths_change_no_register),
		RUNS(a_handshake_starts_the_device),
		PLUGGED(features_must_have_been_offered),
		PLUGGED(features_beyond_64_are_refused),
		RUNS(status_bits_stay_until_a_reset),
		RUNS(a_reset_forgets_everything),
		PLUGGED(unused_queues_are_empty),
		RUNS(a_stopped_queue_is_left_alone),
		PLUGGED(each_rule_broken_needs_a_reset),
		RUNS(a_broken_device_is_told_of_its_reset),
		RUNS(a_release_resets_a_running_device),
		RUNS(notifications_reach_the_queue),
		RUNS(interrupts_last_until_acknowledged),
		RUNS(with_an_ack_fd_the_used_bit_stays),
		RUNS(what_changes_is_published_before_the_interrupt),
		PLUGGED(nothing_interrupts_before_driver_ok),
		RUNS(a_change_is_seen_with_a_new_generation),
		RUNS(only_writable_bytes_are_written),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
