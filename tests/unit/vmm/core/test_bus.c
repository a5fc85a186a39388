// SPDX-License-Identifier: Apache-2.0
/* vmm/core/bus.c: each access reaches exactly the device whose range holds all of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/bus.h"

struct device {
	unsigned accesses, len;
	uint64_t offset, value;
	pthread_mutex_t *lock; /* must be held by the bus */
};

static void note(struct device *dev, uint64_t offset, unsigned len)
{
	dev->accesses++;
	dev->offset = offset;
	dev->len = len;
	if (dev->lock)
		assert_int_equal(pthread_mutex_trylock(dev->lock), EBUSY);
}

static void device_read(void *arg, uint64_t offset, void *data, unsigned len)
{
	struct device *dev = arg;

	note(dev, offset, len);
	memcpy(data, &dev->value, len);
}

static void device_write(void *arg, uint64_t offset, const void *data, unsigned len)
{
	struct device *dev = arg;

	note(dev, offset, len);
	dev->value = 0;
	memcpy(&dev->value, data, len);
}

static int add(struct bus *bus, uint64_t base, uint64_t size_bytes, struct device *dev)
{
	struct bus_range range = {
		.name = "device",
		.base = base,
		.size_bytes = size_bytes,
		.dev = dev,
		.read = device_read,
		.write = device_write,
		.lock = dev->lock,
	};

	return bus_add(bus, &range);
}

static void each_access_finds_its_device(void **state)
{
	struct bus bus = { 0 };
	struct device dev[3] = { 0 };
	uint32_t value = 0x12345678;

	(void)state;
	/* not in order, two of them touching, one at the very end of the address space */
	assert_int_equal(add(&bus, 0x2000, 0x1000, &dev[1]), 0);
	assert_int_equal(add(&bus, 0x1000, 0x1000, &dev[0]), 0);
	assert_int_equal(add(&bus, UINT64_MAX - 7, 8, &dev[2]), 0);
	bus_freeze(&bus);
	assert_true(bus_write(&bus, 0x1ffc, &value, 4));
	assert_int_equal(dev[0].offset, 0xffc);
	assert_int_equal(dev[0].value, 0x12345678);
	assert_true(bus_write(&bus, 0x2000, &value, 1));
	assert_int_equal(dev[1].offset, 0);
	assert_int_equal(dev[1].value, 0x78);
	value = 0;
	assert_true(bus_read(&bus, 0x1ffe, &value, 2));
	assert_int_equal(value, 0x5678);
	assert_true(bus_write(&bus, UINT64_MAX - 7, &(uint64_t){ 5 }, 8));
	assert_int_equal(dev[2].value, 5);
	assert_true(bus_write(&bus, UINT64_MAX, &value, 1));
	assert_int_equal(dev[2].offset, 7);
}

static void nobody_answers_with_all_ones(void **state)
{
	struct bus bus = { 0 };
	struct device dev = { 0 };

	(void)state;
	assert_int_equal(add(&bus, 0x1000, 0x10, &dev), 0);
	bus_freeze(&bus);
	static const struct {
		uint64_t addr;
		unsigned len;
	} bad[] = { { 0xfff, 1 },
		    { 0x1010, 1 },
		    { 0, 8 },
		    { UINT64_MAX, 1 },
		    { 0xffe, 4 },
		    { 0x100e, 4 },
		    { 0x100f, 2 },
		    { 0x1009, 8 },
		    /* widths that no device knows */
		    { 0x1000, 0 },
		    { 0x1000, 3 },
		    { 0x1000, 5 },
		    { 0x1000, 7 },
		    { 0x1000, 16 } };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint8_t data[16] = { 0 };
		assert_false(bus_read(&bus, bad[i].addr, data, bad[i].len));
		for (unsigned at = 0; at < sizeof(data); at++)
			assert_int_equal(data[at], at < bad[i].len ? 0xff : 0);
		assert_false(bus_write(&bus, bad[i].addr, data, bad[i].len));
	}
	assert_int_equal(dev.accesses, 0);
}

static void an_empty_bus_answers_too(void **state)
{
	struct bus bus = { 0 };
	uint8_t value = 0;

	(void)state;
	bus_freeze(&bus);
	assert_false(bus_read(&bus, 0, &value, 1));
	assert_int_equal(value, 0xff);
}

static void overlaps_are_refused(void **state)
{
	struct bus bus = { 0 };
	struct device dev = { 0 };

	(void)state;
	assert_int_equal(add(&bus, 0x1000, 0x1000, &dev), 0);
	assert_int_equal(add(&bus, 0x1000, 0x1000, &dev), -EEXIST);
	assert_int_equal(add(&bus, 0x1fff, 1, &dev), -EEXIST);
	assert_int_equal(add(&bus, 0xfff, 2, &dev), -EEXIST);
	assert_int_equal(add(&bus, 0, UINT64_MAX, &dev), -EEXIST);
	assert_int_equal(add(&bus, 0x1800, 0x10, &dev), -EEXIST);
	assert_int_equal(bus.count, 1);
}

static void a_full_bus_says_so(void **state)
{
	struct bus bus = { 0 };
	struct device dev[BUS_RANGES_MAX + 1];

	(void)state;
	memset(dev, 0, sizeof(dev));
	for (unsigned i = 0; i < BUS_RANGES_MAX; i++)
		assert_int_equal(add(&bus, 0x10000 - i * 0x10, 0x10, &dev[i]), 0); /* descending */
	assert_int_equal(add(&bus, 0x20000, 0x10, &dev[BUS_RANGES_MAX]), -ENOSPC);
	bus_freeze(&bus);
	for (unsigned i = 0; i < BUS_RANGES_MAX; i++) {
		assert_true(bus_write(&bus, 0x10000 - i * 0x10 + 3, &i, 4));
		assert_int_equal(dev[i].offset, 3);
		assert_int_equal(dev[i].accesses, 1);
	}
}

static void the_lock_is_held_around_handlers(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct bus bus = { 0 };
	struct device dev = { .lock = &lock };
	uint32_t value = 0;

	(void)state;
	assert_int_equal(add(&bus, 0, 16, &dev), 0);
	bus_freeze(&bus);
	assert_true(bus_read(&bus, 0, &value, 4));
	assert_true(bus_write(&bus, 0, &value, 4));
	assert_int_equal(dev.accesses, 2);
	assert_int_equal(pthread_mutex_trylock(&lock), 0);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_access_finds_its_device), cmocka_unit_test(nobody_answers_with_all_ones),
		cmocka_unit_test(an_empty_bus_answers_too),     cmocka_unit_test(overlaps_are_refused),
		cmocka_unit_test(a_full_bus_says_so),           cmocka_unit_test(the_lock_is_held_around_handlers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
