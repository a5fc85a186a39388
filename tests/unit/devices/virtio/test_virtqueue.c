// SPDX-License-Identifier: Apache-2.0
/* devices/virtio/virtqueue.c: what a driver that keeps the rules sees. One that breaks them is in test_virtqueue_hostile.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/virtio/virtqueue.h"
#include "tests/fakes/fake_driver.h"

#define SIZE 8

static struct fake_driver drv;
static struct virtio_dev dev;
static struct virtqueue *vq;
static struct virtq_chain chain;

static int set_up(uint64_t features)
{
	fake_driver_init(&drv);
	vq = &dev.queue[0];
	return fake_driver_attach_idle(&drv, &dev, SIZE, features) ? 0 : -1;
}

static int set_up_all(void **state)
{
	(void)state;
	return set_up(FAKE_FEATURES_ALL);
}

static int set_up_plain(void **state)
{
	(void)state;
	return set_up(0);
}

static int tear_down(void **state)
{
	(void)state;
	fake_driver_release(&drv);
	return 0;
}

static int pop(void)
{
	const char *why = "no reason given";
	int n = virtqueue_pop(vq, &chain, &why);

	if (n < 0)
		print_message("%s\n", why);
	return n;
}

static void add_one(void)
{
	struct fake_buffer buffer = { FAKE_RAM_GPA, 64, true };

	assert_true(fake_add(&drv, 0, &buffer, 1) >= 0);
}

/* --- chains -------------------------------------------------------------------------------------------------------- */

static void expect_iov(unsigned index, gpa_t gpa, uint32_t len)
{
	assert_ptr_equal(chain.iov[index].iov_base, fake_at(&drv, gpa));
	assert_int_equal(chain.iov[index].iov_len, len);
}

static void a_chain_comes_as_it_was_made(void **state)
{
	struct fake_buffer buffers[] = {
		{ FAKE_RAM_GPA + 3, 16, false },
		{ FAKE_HIGH_GPA, FAKE_HIGH_BYTES, false },
		{ FAKE_RAM_GPA + FAKE_RAM_BYTES - 1, 1, true },
	};
	struct fake_used used;

	(void)state;
	assert_int_equal(pop(), 0);
	for (unsigned indirect = 0; indirect < 2; indirect++) {
		int head = indirect ? fake_add_indirect(&drv, 0, buffers, 3) : fake_add(&drv, 0, buffers, 3);
		assert_false(virtqueue_empty(vq));
		assert_int_equal(pop(), 1);
		assert_int_equal(chain.head, head);
		assert_int_equal(chain.out_count, 2);
		assert_int_equal(chain.in_count, 1);
		assert_int_equal(chain.out_bytes, 16 + FAKE_HIGH_BYTES);
		assert_int_equal(chain.in_bytes, 1);
		for (unsigned i = 0; i < 3; i++)
			expect_iov(i, buffers[i].gpa, buffers[i].len);
		assert_true(virtqueue_empty(vq));
		assert_int_equal(pop(), 0);
		virtqueue_push(vq, chain.head, 1);
		assert_true(fake_used(&drv, 0, &used));
		assert_int_equal(used.head, head);
		assert_int_equal(used.len, 1);
	}
}

/* 2.7.5.3.2: ordinary descriptors may come before the indirect one, whose write flag means nothing. Its table need not be aligned. */
static void an_indirect_table_may_end_a_chain(void **state)
{
	gpa_t table = fake_alloc(&drv, 64) + 5;

	(void)state;
	uint8_t entries[32];
	gpa_t aligned = fake_alloc(&drv, 32);
	fake_set_desc(&drv, aligned, 0, FAKE_RAM_GPA + 1, 2, FAKE_DESC_NEXT, 1);
	fake_set_desc(&drv, aligned, 1, FAKE_RAM_GPA + 2, 3, FAKE_DESC_WRITE, 77);
	memcpy(entries, fake_at(&drv, aligned), 32);
	memcpy(fake_at(&drv, table), entries, 32);
	fake_set_desc(&drv, drv.queue[0].desc_gpa, 0, FAKE_RAM_GPA, 1, FAKE_DESC_NEXT, 5);
	fake_set_desc(&drv, drv.queue[0].desc_gpa, 5, table, 32, FAKE_DESC_INDIRECT | FAKE_DESC_WRITE, 0);
	fake_make_available(&drv, 0, 0);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.out_count, 2);
	assert_int_equal(chain.in_count, 1);
	for (unsigned i = 0; i < 3; i++)
		expect_iov(i, FAKE_RAM_GPA + i, i + 1);
}

/* Linux makes such chains: longer than the queue, in a table. */
static void a_table_may_hold_a_chain_of_the_greatest_length(void **state)
{
	struct fake_buffer buffers[VIRTQ_CHAIN_MAX];

	(void)state;
	for (unsigned i = 0; i < VIRTQ_CHAIN_MAX; i++)
		buffers[i] = (struct fake_buffer){ FAKE_RAM_GPA + i, 1, i > 100 };
	fake_add_indirect(&drv, 0, buffers, VIRTQ_CHAIN_MAX);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.out_count, 101);
	assert_int_equal(chain.in_count, VIRTQ_CHAIN_MAX - 101);
	expect_iov(VIRTQ_CHAIN_MAX - 1, FAKE_RAM_GPA + VIRTQ_CHAIN_MAX - 1, 1);
}

static void what_is_put_back_comes_again(void **state)
{
	(void)state;
	add_one();
	add_one();
	assert_int_equal(pop(), 1);
	uint16_t head = chain.head;
	virtqueue_unpop(vq);
	assert_false(virtqueue_empty(vq));
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.head, head);
	assert_int_equal(pop(), 1);
	assert_int_not_equal(chain.head, head);
	assert_int_equal(pop(), 0);
}

static void staged_entries_show_when_published(void **state)
{
	struct fake_used used;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		add_one();
		assert_int_equal(pop(), 1);
		virtqueue_stage(vq, i, chain.head, 10 + i);
	}
	assert_false(fake_used(&drv, 0, &used));
	virtqueue_publish(vq, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fake_used(&drv, 0, &used));
		assert_int_equal(used.len, 10 + i);
	}
	assert_false(fake_used(&drv, 0, &used));
}

/* Three times round the 16-bit indices, with batches that cut the rings at every place. */
static void indices_wrap(void **state)
{
	unsigned added = 0, seen = 0;
	struct fake_used used;

	(void)state;
	for (unsigned round = 0; added < 200000; round++) {
		for (unsigned i = 0; i < round % SIZE + 1; i++, added++) {
			struct fake_buffer buffer = { FAKE_RAM_GPA, added + 1, true };
			assert_true(fake_add(&drv, 0, &buffer, 1) >= 0);
		}
		while (pop() == 1)
			virtqueue_push(vq, chain.head, (uint32_t)chain.in_bytes);
		assert_true(virtqueue_should_interrupt(vq));
		while (fake_used(&drv, 0, &used))
			assert_int_equal(used.len, ++seen);
		assert_int_equal(seen, added);
		fake_interrupts_on(&drv, 0);
	}
}

static void a_reset_queue_takes_and_gives_nothing(void **state)
{
	(void)state;
	add_one();
	add_one();
	assert_int_equal(pop(), 1);
	virtqueue_reset(vq);
	assert_true(virtqueue_empty(vq));
	assert_int_equal(pop(), 0);
	virtqueue_push(vq, chain.head, 0);
	virtqueue_unpop(vq);
	virtqueue_notify_off(vq);
	assert_false(virtqueue_notify_on(vq));
	assert_false(virtqueue_should_interrupt(vq));
	assert_int_equal(*(uint16_t *)(drv.queue[0].used + 2), 0);
}

/* --- interrupts: virtio 1.2, 2.7.7 --------------------------------------------------------------------------------- */

static void push_one(void)
{
	add_one();
	assert_int_equal(pop(), 1);
	virtqueue_push(vq, chain.head, 0);
}

static void interrupts_follow_the_event_index(void **state)
{
	struct fake_used used;
	uint8_t *event = drv.queue[0].avail + 4 + 2 * SIZE;

	(void)state;
	assert_false(virtqueue_should_interrupt(vq)); /* nothing was used */
	push_one();
	assert_true(virtqueue_should_interrupt(vq)); /* used_event 0 waits for the first */
	assert_false(virtqueue_should_interrupt(vq));
	push_one();
	assert_false(virtqueue_should_interrupt(vq)); /* the driver has not asked again */
	while (fake_used(&drv, 0, &used))
		;
	fake_interrupts_on(&drv, 0);
	push_one();
	push_one();
	assert_true(virtqueue_should_interrupt(vq)); /* once for both */
	assert_false(virtqueue_should_interrupt(vq));
	*(uint16_t *)event = 6; /* "when three more are there": entries 4, 5 and 6 */
	push_one();
	assert_false(virtqueue_should_interrupt(vq));
	push_one();
	assert_false(virtqueue_should_interrupt(vq));
	push_one();
	assert_true(virtqueue_should_interrupt(vq));
	while (fake_used(&drv, 0, &used))
		;
	fake_interrupts_off(&drv, 0);
	push_one();
	assert_false(virtqueue_should_interrupt(vq));
}

static void interrupts_follow_the_flag(void **state)
{
	struct fake_used used;

	(void)state;
	assert_false(virtqueue_should_interrupt(vq));
	push_one();
	assert_true(virtqueue_should_interrupt(vq));
	assert_false(virtqueue_should_interrupt(vq));
	push_one();
	push_one();
	assert_true(virtqueue_should_interrupt(vq));
	while (fake_used(&drv, 0, &used))
		;
	fake_interrupts_off(&drv, 0);
	push_one();
	assert_false(virtqueue_should_interrupt(vq));
	fake_interrupts_on(&drv, 0);
	push_one();
	assert_true(virtqueue_should_interrupt(vq));
}

/* --- notifications: virtio 1.2, 2.7.10; the same with and without the event index ----------------------------------- */

static void notifications_can_be_switched(void **state)
{
	(void)state;
	add_one();
	assert_true(fake_wants_kick(&drv, 0)); /* a fresh queue wants them */
	assert_int_equal(pop(), 1);
	assert_int_equal(pop(), 0);
	add_one();
	assert_true(fake_wants_kick(&drv, 0)); /* still, without having been asked to */
	virtqueue_notify_off(vq);
	assert_int_equal(pop(), 1);
	assert_int_equal(pop(), 0);
	add_one();
	assert_false(fake_wants_kick(&drv, 0));
	assert_true(virtqueue_notify_on(vq)); /* look again: that one came unannounced */
	assert_int_equal(pop(), 1);
	assert_false(virtqueue_notify_on(vq));
	add_one();
	assert_true(fake_wants_kick(&drv, 0));
}

/* A device may look with virtqueue_empty() alone and then rely on a notification. */
static void looking_is_enough_to_be_notified(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(virtqueue_empty(vq));
		add_one();
		assert_true(fake_wants_kick(&drv, 0));
		assert_false(virtqueue_empty(vq));
		assert_int_equal(pop(), 1);
		virtqueue_push(vq, chain.head, 0);
	}
}

/* --- set-up -------------------------------------------------------------------------------------------------------- */

static void only_rings_in_ram_start(void **state)
{
	static const struct {
		uint16_t size;
		gpa_t desc, avail, used;
		int err;
	} cases[] = {
		{ 8, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + 0x2000, 0 },
		{ 1, FAKE_RAM_GPA, FAKE_HIGH_GPA, FAKE_HIGH_GPA + 8, 0 },
		{ 256, FAKE_RAM_GPA + FAKE_RAM_BYTES - 4096, FAKE_HIGH_GPA, FAKE_HIGH_GPA + 0x1000, 0 },
		/* sizes */
		{ 0, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 3, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 512, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x4000, FAKE_RAM_GPA + 0x8000, -EINVAL },
		{ 0x8000, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x100000, FAKE_RAM_GPA + 0x200000, -EINVAL },
		/* alignment */
		{ 8, FAKE_RAM_GPA + 8, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 8, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x1001, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 8, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + 0x2002, -EINVAL },
		/* not RAM, or not all of it */
		{ 8, 0, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 8, FAKE_RAM_GPA, 0, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 8, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x1000, UINT64_MAX - 3, -EINVAL },
		{ 8, FAKE_RAM_GPA + FAKE_RAM_BYTES - 112, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 8, FAKE_RAM_GPA, FAKE_RAM_GPA + FAKE_RAM_BYTES - 20, FAKE_RAM_GPA + 0x2000, -EINVAL },
		{ 8, FAKE_RAM_GPA, FAKE_RAM_GPA + 0x1000, FAKE_RAM_GPA + FAKE_RAM_BYTES - 68, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct virtqueue q = {
			.size = cases[i].size,
			.ready = true,
			.desc_gpa = cases[i].desc,
			.avail_gpa = cases[i].avail,
			.used_gpa = cases[i].used,
		};
		assert_int_equal(virtqueue_start(&q, &drv.mem, 0), cases[i].err);
		assert_true(!cases[i].err || virtqueue_empty(&q));
	}
}

/* --- buffers ------------------------------------------------------------------------------------------------------- */

static void iov_copies_cross_pieces(void **state)
{
	char a[] = "abc", b[] = "", c[] = "defgh", flat[16] = { 0 };
	struct iovec iov[] = { { a, 3 }, { b, 0 }, { c, 5 } };

	(void)state;
	assert_int_equal(iov_read(iov, 3, 0, flat, 16), 8);
	assert_string_equal(flat, "abcdefgh");
	assert_int_equal(iov_read(iov, 3, 2, flat, 3), 3);
	assert_memory_equal(flat, "cde", 3);
	assert_int_equal(iov_read(iov, 3, 3, flat, 16), 5);
	assert_int_equal(iov_read(iov, 3, 8, flat, 1), 0);
	assert_int_equal(iov_read(iov, 3, SIZE_MAX, flat, 1), 0);
	assert_int_equal(iov_read(iov, 0, 0, flat, 1), 0);
	assert_int_equal(iov_write(iov, 3, 1, "WXYZ", 4), 4);
	assert_string_equal(a, "aWX");
	assert_string_equal(c, "YZfgh");
	assert_int_equal(iov_write(iov, 3, 7, "12345", 5), 1);
	assert_string_equal(c, "YZfg1");
}

#define WITH_ALL(name) cmocka_unit_test_setup_teardown(name, set_up_all, tear_down)
#define WITH_NONE(name) cmocka_unit_test_setup_teardown(name, set_up_plain, tear_down)
/* cmocka names a test after its function. */
#define WITH_BOTH(name) WITH_ALL(name), WITH_NONE(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(a_chain_comes_as_it_was_made),
		WITH_ALL(an_indirect_table_may_end_a_chain),
		WITH_ALL(a_table_may_hold_a_chain_of_the_greatest_length),
		WITH_BOTH(what_is_put_back_comes_again),
		WITH_BOTH(staged_entries_show_when_published),
		WITH_BOTH(indices_wrap),
		WITH_BOTH(a_reset_queue_takes_and_gives_nothing),
		WITH_ALL(interrupts_follow_the_event_index),
		WITH_NONE(interrupts_follow_the_flag),
		WITH_BOTH(notifications_can_be_switched),
		WITH_BOTH(looking_is_enough_to_be_notified),
		WITH_ALL(only_rings_in_ram_start),
		cmocka_unit_test(iov_copies_cross_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
