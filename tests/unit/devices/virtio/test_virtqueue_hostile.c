// SPDX-License-Identifier: Apache-2.0
/*
 * devices/virtio/virtqueue.c against drivers that break the rules, and against drivers on another CPU. Run under AddressSanitizer and
 * ThreadSanitizer too.
 */
#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "devices/virtio/virtqueue.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

#define SIZE 8
#define RAM FAKE_RAM_GPA
#define RAM_END (FAKE_RAM_GPA + FAKE_RAM_BYTES)

#define NEXT FAKE_DESC_NEXT
#define WRITE FAKE_DESC_WRITE
#define INDIRECT FAKE_DESC_INDIRECT

static struct fake_driver drv;
static struct virtio_dev dev;
static struct virtqueue *vq;
static struct virtq_chain chain;

static void start(uint64_t features)
{
	fake_driver_init(&drv);
	vq = &dev.queue[0];
	assert_true(fake_driver_attach_idle(&drv, &dev, SIZE, features));
}

static int pop(void)
{
	const char *why = NULL;
	int n = virtqueue_pop(vq, &chain, &why);

	assert_true(n >= 0 || (n == -EPROTO && why));
	return n;
}

/* --- attacks ------------------------------------------------------------------------------------------------------- */

struct raw {
	gpa_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* `desc` goes to the queue's descriptors, `table` to an indirect table at TABLE. What is not written out is zero. */
#define TABLE (RAM + 0x100000)

struct attack {
	const char *what;
	uint64_t features;
	uint16_t head;
	struct raw desc[4], table[4];
};

#define ALL FAKE_FEATURES_ALL
#define NO_INDIRECT (~VIRTIO_F_INDIRECT_DESC)

static const struct attack attacks[] = {
	{ "a head out of range", ALL, SIZE, { { RAM, 1, 0, 0 } }, { { 0 } } },
	{ "a head far out of range", ALL, 0xffff, { { RAM, 1, 0, 0 } }, { { 0 } } },
	{ "a chain of itself", ALL, 0, { { RAM, 1, NEXT, 0 } }, { { 0 } } },
	{ "a loop of two", ALL, 0, { { RAM, 1, NEXT, 1 }, { RAM, 1, NEXT, 0 } }, { { 0 } } },
	{ "a next out of range", ALL, 0, { { RAM, 1, NEXT, SIZE } }, { { 0 } } },
	{ "a next far out of range", ALL, 0, { { RAM, 1, NEXT, 0xffff } }, { { 0 } } },
	{ "no length", ALL, 0, { { RAM, 1, NEXT, 1 }, { RAM, 0, WRITE, 0 } }, { { 0 } } },
	{ "below RAM", ALL, 0, { { 0, 1, 0, 0 } }, { { 0 } } },
	{ "between RAM", ALL, 0, { { RAM_END, 1, 0, 0 } }, { { 0 } } },
	{ "across the end of RAM", ALL, 0, { { RAM_END - 1, 2, 0, 0 } }, { { 0 } } },
	{ "across two regions", ALL, 0, { { RAM_END - 1, (uint32_t)(FAKE_HIGH_GPA - RAM_END + 2), 0, 0 } }, { { 0 } } },
	{ "across the end of the address space", ALL, 0, { { UINT64_MAX, 2, 0, 0 } }, { { 0 } } },
	{ "4 GiB less one", ALL, 0, { { RAM, UINT32_MAX, WRITE, 0 } }, { { 0 } } },
	{ "readable after writable", ALL, 0, { { RAM, 1, WRITE | NEXT, 1 }, { RAM, 1, 0, 0 } }, { { 0 } } },
	{ "indirect, not negotiated", NO_INDIRECT, 0, { { TABLE, 16, INDIRECT, 0 } }, { { RAM, 1, 0, 0 } } },
	{ "indirect with next", ALL, 0, { { TABLE, 16, INDIRECT | NEXT, 1 }, { RAM, 1, 0, 0 } }, { { RAM, 1, 0, 0 } } },
	{ "indirect inside indirect", ALL, 0, { { TABLE, 16, INDIRECT, 0 } }, { { TABLE, 16, INDIRECT, 0 } } },
	{ "indirect without length", ALL, 0, { { TABLE, 0, INDIRECT, 0 } }, { { RAM, 1, 0, 0 } } },
	{ "indirect with half an entry", ALL, 0, { { TABLE, 24, INDIRECT, 0 } }, { { RAM, 1, 0, 0 } } },
	{ "indirect of 15 bytes", ALL, 0, { { TABLE, 15, INDIRECT, 0 } }, { { RAM, 1, 0, 0 } } },
	{ "indirect table not in RAM", ALL, 0, { { 16, 16, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect table across the end of RAM", ALL, 0, { { RAM_END - 16, 32, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect table of 4 GiB", ALL, 0, { { TABLE, 0xfffffff0, INDIRECT, 0 } }, { { RAM, 1, 0, 0 } } },
	{ "a next out of the table", ALL, 0, { { TABLE, 32, INDIRECT, 0 } }, { { RAM, 1, NEXT, 2 } } },
	{ "a loop in the table", ALL, 0, { { TABLE, 32, INDIRECT, 0 } }, { { RAM, 1, NEXT, 1 }, { RAM, 1, NEXT, 0 } } },
	{ "readable after writable, across tables",
	  ALL,
	  0,
	  { { RAM, 1, WRITE | NEXT, 1 }, { TABLE, 16, INDIRECT, 0 } },
	  { { RAM, 1, 0, 0 } } },
};

static void set_descs(gpa_t table, const struct raw *raw, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		fake_set_desc(&drv, table, i, raw[i].addr, raw[i].len, raw[i].flags, raw[i].next);
}

static void attacks_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
		start(attacks[i].features);
		set_descs(drv.queue[0].desc_gpa, attacks[i].desc, 4);
		set_descs(TABLE, attacks[i].table, 4);
		fake_make_available(&drv, 0, attacks[i].head);
		if (pop() != -EPROTO)
			fail_msg("not refused: %s", attacks[i].what);
		fake_driver_release(&drv);
	}
}

/* Overlapping regions of RAM sum up to more than a used entry can tell. */
static void a_chain_of_4_gib_is_refused(void **state)
{
	struct fake_buffer buffers[VIRTQ_CHAIN_MAX];

	(void)state;
	start(ALL);
	for (unsigned i = 0; i < VIRTQ_CHAIN_MAX; i++)
		buffers[i] = (struct fake_buffer){ RAM, FAKE_RAM_BYTES, true };
	fake_add_indirect(&drv, 0, buffers, VIRTQ_CHAIN_MAX);
	assert_int_equal(pop(), -EPROTO);
	fake_driver_release(&drv);
}

static void a_chain_that_is_too_long_is_refused(void **state)
{
	struct fake_buffer buffers[VIRTQ_CHAIN_MAX + 1];

	(void)state;
	start(ALL);
	for (unsigned i = 0; i <= VIRTQ_CHAIN_MAX; i++)
		buffers[i] = (struct fake_buffer){ RAM, 1, true };
	fake_add_indirect(&drv, 0, buffers, VIRTQ_CHAIN_MAX + 1);
	assert_int_equal(pop(), -EPROTO);
	fake_driver_release(&drv);
}

/* --- the available index ------------------------------------------------------------------------------------------- */

static void set_avail_idx(uint16_t idx)
{
	__atomic_store_n((uint16_t *)(drv.queue[0].avail + 2), idx, __ATOMIC_RELEASE);
}

static void an_index_that_runs_ahead_is_refused(void **state)
{
	(void)state;
	start(ALL);
	fake_set_desc(&drv, drv.queue[0].desc_gpa, 0, RAM, 1, 0, 0);
	set_avail_idx(SIZE + 1);
	assert_int_equal(pop(), -EPROTO);
	set_avail_idx(0xffff); /* or back */
	assert_int_equal(pop(), -EPROTO);
	set_avail_idx(0x8000);
	assert_int_equal(pop(), -EPROTO);
	set_avail_idx(SIZE);
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(pop(), 1);
	fake_driver_release(&drv);
}

/* Else a guest could have any number of requests under way, each of which costs the host memory. */
static void no_more_than_the_ring_holds_is_under_way(void **state)
{
	unsigned popped = 0;

	(void)state;
	start(ALL);
	fake_set_desc(&drv, drv.queue[0].desc_gpa, 0, RAM, 1, 0, 0);
	for (uint16_t idx = 1; idx < 1000 && popped <= SIZE; idx++) {
		set_avail_idx(idx);
		popped += pop() == 1;
	}
	assert_int_equal(popped, SIZE);
	assert_int_equal(pop(), -EPROTO);
	fake_driver_release(&drv);
}

/* --- a device with its transport ------------------------------------------------------------------------------------ */

static void a_broken_ring_needs_a_reset_and_gets_over_it(void **state)
{
	struct fake_buffer buffer = { RAM, 1, true };

	(void)state;
	start(ALL);
	fake_make_available(&drv, 0, 77);
	assert_false(virtio_pop(&dev, 0, &chain));
	assert_true(fake_needs_reset(&drv));
	assert_int_equal(fake_ack_interrupt(&drv), VIRTIO_MMIO_INT_CONFIG);
	fake_add(&drv, 0, &buffer, 1);
	assert_false(virtio_pop(&dev, 0, &chain));
	virtio_notify(&dev, 0); /* says nothing any more */
	assert_int_equal(fake_ack_interrupt(&drv), 0);
	assert_true(fake_driver_restart(&drv, ALL));
	assert_false(virtio_pop(&dev, 0, &chain));
	fake_add(&drv, 0, &buffer, 1);
	assert_true(virtio_pop(&dev, 0, &chain));
	assert_false(fake_needs_reset(&drv));
	fake_driver_release(&drv);
}

/* --- change under way ------------------------------------------------------------------------------------------------ */

struct flipper {
	pthread_t thread;
	atomic_bool stop;
};

/* xorshift: repeatable noise */
static uint64_t noise(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void *flip(void *arg)
{
	static const gpa_t addr[] = { RAM, RAM_END - 1, RAM_END, FAKE_HIGH_GPA, TABLE, UINT64_MAX };
	static const uint32_t len[] = { 0, 1, 16, 32, 24, 0x10000, UINT32_MAX };
	struct flipper *flipper = arg;
	uint64_t seed = 88172645463325252ull;

	while (!atomic_load(&flipper->stop)) {
		uint64_t n = noise(&seed);
		fake_set_desc(&drv, n & 1 ? TABLE : drv.queue[0].desc_gpa, (n >> 1) % SIZE, addr[(n >> 8) % 6], len[(n >> 16) % 7],
			      (n >> 24) & 7, (uint16_t)((n >> 32) % (SIZE + 1)));
	}
	return NULL;
}

static bool in_ram(const struct iovec *iov)
{
	for (unsigned i = 0; i < drv.mem.region_count; i++) {
		const struct mem_region *r = &drv.mem.region[i];
		size_t offset = (size_t)((uint8_t *)iov->iov_base - r->host);
		if (offset < r->size_bytes && iov->iov_len <= r->size_bytes - offset)
			return true;
	}
	return false;
}

static void check_chain(void)
{
	uint64_t out = 0, in = 0;

	assert_in_range(chain.out_count + chain.in_count, 1, VIRTQ_CHAIN_MAX);
	for (unsigned i = 0; i < chain.out_count + chain.in_count; i++) {
		assert_true(chain.iov[i].iov_len > 0);
		assert_true(in_ram(&chain.iov[i]));
		*(i < chain.out_count ? &out : &in) += chain.iov[i].iov_len;
	}
	assert_int_equal(out, chain.out_bytes);
	assert_int_equal(in, chain.in_bytes);
	assert_true(out + in <= UINT32_MAX);
}

/* Whatever another CPU does to descriptors while they are read, a chain that comes out is whole and lies in RAM. */
static void descriptors_that_change_while_they_are_read(void **state)
{
	struct flipper flipper = { 0 };
	unsigned good = 0, bad = 0;

	(void)state;
	start(ALL);
	assert_int_equal(pthread_create(&flipper.thread, NULL, flip, &flipper), 0);
	int64_t deadline = loop_now_ns() + 10000000000ll;
	while ((good < 2000 || bad < 2000) && loop_now_ns() < deadline) {
		fake_make_available(&drv, 0, 0);
		if (pop() == 1) {
			check_chain();
			virtqueue_push(vq, chain.head, 0);
			good++;
			continue;
		}
		bad++;
		/* as a reset and a fresh set-up would */
		drv.queue[0].avail_idx = 0;
		set_avail_idx(0);
		assert_int_equal(virtqueue_start(vq, &drv.mem, drv.features), 0);
	}
	atomic_store(&flipper.stop, true);
	pthread_join(flipper.thread, NULL);
	assert_true(good && bad);
	fake_driver_release(&drv);
}

/* --- two CPUs: no wake-up may be lost -------------------------------------------------------------------------------- */

#define TRANSFERS 60000u

struct exchange {
	sem_t kick, interrupt;
	atomic_bool failed;
	unsigned kicks, interrupts;
};

static bool wait_for(sem_t *sem, struct exchange *ex)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	while (sem_timedwait(sem, &until)) {
		if (errno == EINTR)
			continue;
		atomic_store(&ex->failed, true);
		return false;
	}
	return true;
}

static void *serve(void *arg)
{
	struct exchange *ex = arg;
	const char *why;
	unsigned served = 0;

	while (served < TRANSFERS && !atomic_load(&ex->failed)) {
		if (!wait_for(&ex->kick, ex))
			break;
		ex->kicks++;
		do {
			virtqueue_notify_off(vq);
			while (virtqueue_pop(vq, &chain, &why) == 1) {
				virtqueue_push(vq, chain.head, (uint32_t)chain.in_bytes);
				served++;
				/* in batches of changing size */
				if (served % 5 == 0 && virtqueue_should_interrupt(vq))
					sem_post(&ex->interrupt);
			}
			if (virtqueue_should_interrupt(vq))
				sem_post(&ex->interrupt);
		} while (virtqueue_notify_on(vq));
	}
	return NULL;
}

static void add_some(struct exchange *ex, unsigned *added)
{
	while (*added < TRANSFERS) {
		struct fake_buffer buffer = { RAM, *added % 4096 + 1, true };
		if (fake_add(&drv, 0, &buffer, 1) < 0)
			break;
		++*added;
		if (*added % 3 == 0 && fake_wants_kick(&drv, 0))
			sem_post(&ex->kick);
	}
	if (fake_wants_kick(&drv, 0))
		sem_post(&ex->kick);
}

static unsigned take_used(unsigned seen)
{
	struct fake_used used;

	while (fake_used(&drv, 0, &used)) {
		assert_int_equal(used.len, seen % 4096 + 1);
		seen++;
	}
	return seen;
}

static void exchange(uint64_t features)
{
	struct exchange ex = { 0 };
	unsigned added = 0, seen = 0;
	pthread_t thread;

	start(features);
	sem_init(&ex.kick, 0, 0);
	sem_init(&ex.interrupt, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &ex), 0);
	while (seen < TRANSFERS && !atomic_load(&ex.failed)) {
		unsigned before = seen;
		add_some(&ex, &added);
		seen = take_used(seen);
		fake_interrupts_on(&drv, 0);
		seen = take_used(seen);
		if (seen == before && wait_for(&ex.interrupt, &ex))
			ex.interrupts++;
	}
	pthread_join(thread, NULL);
	assert_false(atomic_load(&ex.failed));
	assert_int_equal(seen, TRANSFERS);
	sem_destroy(&ex.kick);
	sem_destroy(&ex.interrupt);
	fake_driver_release(&drv);
}

static void two_cpus_with_event_index(void **state)
{
	(void)state;
	exchange(ALL);
}

static void two_cpus_with_flags(void **state)
{
	(void)state;
	exchange(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attacks_are_refused),
		cmocka_unit_test(a_chain_of_4_gib_is_refused),
		cmocka_unit_test(a_chain_that_is_too_long_is_refused),
		cmocka_unit_test(an_index_that_runs_ahead_is_refused),
		cmocka_unit_test(no_more_than_the_ring_holds_is_under_way),
		cmocka_unit_test(a_broken_ring_needs_a_reset_and_gets_over_it),
		cmocka_unit_test(descriptors_that_change_while_they_are_read),
		cmocka_unit_test(two_cpus_with_event_index),
		cmocka_unit_test(two_cpus_with_flags),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
