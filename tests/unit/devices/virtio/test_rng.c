// SPDX-License-Identifier: Apache-2.0
/* devices/virtio/rng.c: virtio 1.2, 5.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/virtio/rng.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

struct fixture {
	struct fake_driver drv;
	struct virtio_rng *rng;
};

static struct fixture fx;

static int set_up(void **state)
{
	(void)state;
	fake_driver_init(&fx.drv);
	fx.rng = virtio_rng_new("rng", fx.drv.loop, &fx.drv.mem);
	return fake_driver_attach(&fx.drv, virtio_rng_dev(fx.rng), FAKE_FEATURES_ALL) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	fake_driver_detach(&fx.drv);
	virtio_rng_free(fx.rng);
	fake_driver_release(&fx.drv);
	return 0;
}

static bool all_zero(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i])
			return false;
	}
	return true;
}

static void fills_every_buffer(void **state)
{
	struct fake_used used;
	/* The last 64 bytes stay untouched: the device may not write past its buffers. */
	gpa_t gpa = fake_alloc(&fx.drv, 64 + 4096 + 64);
	struct fake_buffer in[] = { { gpa, 64, true }, { gpa + 64, 4096, true } };
	const uint8_t *data = fake_at(&fx.drv, gpa);

	(void)state;
	int head = fake_add(&fx.drv, 0, in, 2);
	fake_kick(&fx.drv, 0);
	assert_true(fake_used(&fx.drv, 0, &used));
	assert_int_equal(used.head, head);
	assert_int_equal(used.len, 64 + 4096);
	assert_false(all_zero(data, 64));
	assert_false(all_zero(data + 64 + 4096 - 64, 64));
	assert_true(all_zero(data + 64 + 4096, 64));
	assert_int_equal(atomic_load(&fx.drv.interrupts), 1);
	assert_int_equal(fake_ack_interrupt(&fx.drv), VIRTIO_MMIO_INT_USED);
}

static void two_requests_differ(void **state)
{
	gpa_t gpa = fake_alloc(&fx.drv, 64);
	struct fake_buffer in[] = { { gpa, 32, true }, { gpa + 32, 32, true } };
	const uint8_t *data = fake_at(&fx.drv, gpa);
	struct fake_used used;

	(void)state;
	fake_add_indirect(&fx.drv, 0, &in[0], 1);
	fake_add_indirect(&fx.drv, 0, &in[1], 1);
	fake_kick(&fx.drv, 0);
	assert_true(fake_used(&fx.drv, 0, &used));
	assert_true(fake_used(&fx.drv, 0, &used));
	assert_false(fake_used(&fx.drv, 0, &used));
	assert_memory_not_equal(data, data + 32, 32);
}

/* A guest must not hold the loop with one request for gigabytes: it gets a part, at least one byte. */
static void a_huge_request_is_cut(void **state)
{
	struct fake_buffer in = { FAKE_HIGH_GPA, FAKE_HIGH_BYTES, true };
	struct fake_used used;

	(void)state;
	fake_add(&fx.drv, 0, &in, 1);
	fake_kick(&fx.drv, 0);
	assert_true(fake_used(&fx.drv, 0, &used));
	assert_in_range(used.len, 1, FAKE_HIGH_BYTES / 4);
	assert_true(all_zero((uint8_t *)fake_at(&fx.drv, FAKE_HIGH_GPA) + used.len, FAKE_HIGH_BYTES - used.len));
}

static void a_readable_buffer_breaks_it_and_a_reset_mends_it(void **state)
{
	gpa_t gpa = fake_alloc(&fx.drv, 64);
	struct fake_buffer bufs[] = { { gpa, 32, false }, { gpa + 32, 32, true } };
	struct fake_used used;

	(void)state;
	log_set_level(LOG_ERROR);
	fake_add(&fx.drv, 0, bufs, 2);
	fake_kick(&fx.drv, 0);
	assert_true(fake_needs_reset(&fx.drv));
	assert_false(fake_used(&fx.drv, 0, &used));
	assert_true(fake_driver_restart(&fx.drv, 0));
	fake_add(&fx.drv, 0, &bufs[1], 1);
	fake_kick(&fx.drv, 0);
	assert_true(fake_used(&fx.drv, 0, &used));
	assert_int_equal(used.len, 32);
}

/* The whole way: the driver's notification reaches the device through the loop. */
static void a_notification_is_enough(void **state)
{
	gpa_t gpa = fake_alloc(&fx.drv, 32);
	struct fake_buffer in = { gpa, 32, true };
	struct fake_used used;

	(void)state;
	fake_add(&fx.drv, 0, &in, 1);
	fake_reg_write(&fx.drv, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_true(fake_wait_used(&fx.drv, 0, &used));
	assert_int_equal(used.len, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fills_every_buffer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_requests_differ, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_huge_request_is_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_readable_buffer_breaks_it_and_a_reset_mends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_notification_is_enough, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
