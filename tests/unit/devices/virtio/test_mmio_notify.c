// SPDX-License-Identifier: Apache-2.0
/* Notifications of a device that does some of its work on the vCPU's thread: when the kernel is asked to bring them to the loop instead. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/virtio/mmio.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

/* In a row, as mmio_notify.c has it. */
#define TRIES 16

static struct fake_driver drv;
static struct virtio_dev dev;
static unsigned here, kicks;
static bool does_it; /* kick_here()'s answer */
static bool in_kernel[2];
static unsigned changes;
static int refusal;

static bool note_here(struct virtio_dev *d, unsigned queue)
{
	(void)queue;
	assert_true(d->started);
	here++;
	return does_it;
}

static void note_kick(struct virtio_dev *d, unsigned queue)
{
	(void)d;
	(void)queue;
	kicks++;
}

static const struct virtio_ops with_here = { .kick = note_kick, .kick_here = note_here };
static const struct virtio_ops without = { .kick = note_kick };

static int note_in_kernel(void *arg, unsigned queue, bool on)
{
	assert_ptr_equal(arg, &changes);
	changes++;
	if (refusal)
		return refusal;
	assert_int_not_equal(in_kernel[queue], on);
	in_kernel[queue] = on;
	return 0;
}

static int attach_with(const struct virtio_ops *ops)
{
	here = kicks = changes = 0;
	does_it = true;
	in_kernel[0] = in_kernel[1] = false;
	refusal = 0;
	fake_driver_init(&drv);
	dev = (struct virtio_dev){
		.name = "test",
		.device_id = 42,
		.queue_count = 2,
		.queue_size_max = { 16, 16 },
		.ops = ops,
		.loop = drv.loop,
		.mem = &drv.mem,
	};
	if (!fake_driver_attach(&drv, &dev, FAKE_FEATURES_ALL))
		return -1;
	/* What comes with DRIVER_OK */
	fake_run_once(&drv);
	here = kicks = 0;
	return 0;
}

static int attach(void **state)
{
	(void)state;
	return attach_with(&with_here);
}

static int attach_plain(void **state)
{
	(void)state;
	return attach_with(&without);
}

static int release(void **state)
{
	(void)state;
	fake_driver_release(&drv);
	return 0;
}

static void use_kernel(void)
{
	assert_int_equal(virtio_mmio_notify_in_kernel(&drv.mmio, note_in_kernel, &changes), 0);
}

static void notify(unsigned queue, unsigned times, bool done)
{
	does_it = done;
	while (times--)
		fake_reg_write(&drv, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

static void without_kick_here_the_kernel_does_it(void **state)
{
	(void)state;
	use_kernel();
	assert_true(in_kernel[0] && in_kernel[1]);
	assert_int_equal(changes, 2);
	notify(0, 4 * TRIES, true);
	fake_run_once(&drv);
	assert_int_equal(here, 0);
	assert_int_equal(kicks, 1);
	assert_int_equal(changes, 2);
}

static void a_kernel_that_refuses_is_told_of(void **state)
{
	(void)state;
	refusal = -ENOSPC;
	assert_int_equal(virtio_mmio_notify_in_kernel(&drv.mmio, note_in_kernel, &changes), -ENOSPC);
	assert_int_equal(changes, 1);
}

static void what_is_done_here_stays_here(void **state)
{
	(void)state;
	use_kernel();
	assert_int_equal(changes, 0);
	notify(0, 10 * TRIES, true);
	assert_int_equal(here, 10 * TRIES);
	/* Three of sixteen: still */
	for (unsigned i = 0; i < 10; i++) {
		notify(0, TRIES - 3, true);
		notify(0, 3, false);
	}
	assert_int_equal(changes, 0);
	fake_run_once(&drv);
	assert_int_equal(kicks, 1);
}

static void what_goes_to_the_loop_is_brought_there(void **state)
{
	(void)state;
	use_kernel();
	notify(1, TRIES - 1, false);
	assert_int_equal(changes, 0);
	notify(1, 1, false);
	assert_int_equal(changes, 1);
	assert_true(in_kernel[1]);
	assert_false(in_kernel[0]);
	/* A vCPU may have been on its way out; it is served, and nothing changes */
	notify(1, 2 * TRIES, false);
	assert_int_equal(changes, 1);
	fake_run_once(&drv);
	assert_int_equal(kicks, 1);
	assert_true(in_kernel[1]);
}

static void a_quarter_is_enough(void **state)
{
	(void)state;
	use_kernel();
	notify(0, TRIES - 4, true);
	notify(0, 4, false);
	assert_true(in_kernel[0]);
}

static void after_a_while_it_is_tried_again(void **state)
{
	(void)state;
	use_kernel();
	notify(0, TRIES, false);
	assert_true(in_kernel[0]);
	fake_run_once(&drv);
	assert_true(in_kernel[0]);
	/* The second is over */
	drv.mmio.kick[0].here_again_ns = 1;
	virtio_mmio_write(&drv.mmio, VIRTIO_MMIO_QUEUE_NOTIFY, &(uint32_t){ 0 }, 4);
	fake_run_once(&drv);
	assert_false(in_kernel[0]);
	assert_int_equal(kicks, 2);
	here = 0;
	notify(0, TRIES, true);
	assert_int_equal(here, TRIES);
	assert_false(in_kernel[0]);
	notify(0, TRIES, false);
	assert_true(in_kernel[0]);
}

static void a_refusal_changes_nothing(void **state)
{
	(void)state;
	use_kernel();
	refusal = -ENOMEM;
	notify(0, 3 * TRIES, false);
	assert_int_equal(changes, 3);
	assert_int_equal(here, 3 * TRIES);
	refusal = 0;
	notify(0, TRIES, false);
	assert_true(in_kernel[0]);
	refusal = -ENOENT;
	drv.mmio.kick[0].here_again_ns = 1;
	for (unsigned i = 0; i < 3; i++) {
		notify(0, 1, false);
		fake_run_once(&drv);
	}
	assert_true(in_kernel[0]);
	assert_int_equal(kicks, 3);
}

static void without_a_kernel_to_ask_all_are_exits(void **state)
{
	(void)state;
	notify(0, 3 * TRIES, false);
	assert_int_equal(here, 3 * TRIES);
	fake_run_once(&drv);
	assert_int_equal(kicks, 1);
}

#define RUNS(name) cmocka_unit_test_setup_teardown(name, attach, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_kick_here_the_kernel_does_it, attach_plain, release),
		cmocka_unit_test_setup_teardown(a_kernel_that_refuses_is_told_of, attach_plain, release),
		RUNS(what_is_done_here_stays_here),
		RUNS(what_goes_to_the_loop_is_brought_there),
		RUNS(a_quarter_is_enough),
		RUNS(after_a_while_it_is_tried_again),
		RUNS(a_refusal_changes_nothing),
		RUNS(without_a_kernel_to_ask_all_are_exits),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
