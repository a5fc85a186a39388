// SPDX-License-Identifier: Apache-2.0
/* devices/power_key.c: a press as a guest with a driver sees it, and one that nobody looks at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/power_key.h"

#define PIN 3
#define BIT (1u << PIN)
#define NS_PER_MS 1000000ll

enum { BOTH = 0x408, ENABLE = 0x410, CLEAR = 0x41c };

struct board {
	struct loop *loop;
	struct irq irq;
	struct pl061 gpio;
	struct power_key key;
	unsigned pulses;
};

static void count_pulse(struct irq *irq)
{
	((struct board *)irq->arg)->pulses++;
}

static uint8_t get_pin(struct board *b)
{
	uint8_t value;

	pthread_mutex_lock(&b->gpio.lock);
	pl061_read(&b->gpio, BIT << 2, &value, sizeof(value));
	pthread_mutex_unlock(&b->gpio.lock);
	return value;
}

static void set(struct board *b, uint64_t offset, uint8_t value)
{
	pthread_mutex_lock(&b->gpio.lock);
	pl061_write(&b->gpio, offset, &value, sizeof(value));
	pthread_mutex_unlock(&b->gpio.lock);
}

/* Runs the loop until the driver was interrupted so often. */
static void wait_for(struct board *b, unsigned pulses)
{
	while (b->pulses < pulses)
		assert_int_equal(loop_step(b->loop), 0);
	assert_int_equal(b->pulses, pulses);
	set(b, CLEAR, BIT);
}

static int start(void **state)
{
	static struct board board;

	memset(&board, 0, sizeof(board));
	board.irq = (struct irq){ .pulse = count_pulse, .arg = &board };
	board.loop = loop_new();
	pl061_init(&board.gpio, &board.irq);
	power_key_init(&board.key, &board.gpio, PIN, board.loop);
	set(&board, BOTH, BIT);
	set(&board, ENABLE, BIT);
	*state = &board;
	return board.loop ? 0 : -1;
}

static int end(void **state)
{
	struct board *b = *state;

	power_key_reset(&b->key);
	pl061_release(&b->gpio);
	loop_free(b->loop);
	return 0;
}

static void press_and_release(struct board *b, unsigned pulses)
{
	int64_t before = loop_now_ns();

	power_key_press(&b->key);
	wait_for(b, pulses + 1);
	assert_int_equal(get_pin(b), BIT);
	wait_for(b, pulses + 2);
	assert_int_equal(get_pin(b), 0);
	assert_true(loop_now_ns() - before >= POWER_KEY_PRESS_MS * NS_PER_MS);
}

static void a_press_is_down_and_up(void **state)
{
	press_and_release(*state, 0);
	press_and_release(*state, 2);
}

/* One more while it is down is none; the driver sees one press. */
static void pressing_what_is_down(void **state)
{
	struct board *b = *state;

	power_key_press(&b->key);
	power_key_press(&b->key);
	wait_for(b, 1);
	power_key_press(&b->key);
	assert_int_equal(loop_step(b->loop), 0);
	assert_int_equal(get_pin(b), BIT);
	wait_for(b, 2);
	assert_int_equal(get_pin(b), 0);
}

/* A guest that is slow to look finds the key down however long that takes, within reason. */
static void it_waits_to_be_seen(void **state)
{
	struct board *b = *state;
	int64_t before = loop_now_ns();

	power_key_press(&b->key);
	wait_for(b, 1);
	/* The timer looked twice since, and it is still down. */
	assert_int_equal(loop_step(b->loop), 0);
	assert_int_equal(loop_step(b->loop), 0);
	assert_true(loop_now_ns() - before >= 2 * POWER_KEY_PRESS_MS * NS_PER_MS);
	assert_int_equal(b->pulses, 1);
	assert_int_equal(get_pin(b), BIT);
	wait_for(b, 2);
}

static void without_a_driver_it_comes_up_by_itself(void **state)
{
	struct board *b = *state;
	int64_t before = loop_now_ns();

	power_key_press(&b->key);
	wait_for(b, 1);
	wait_for(b, 2);
	assert_true(loop_now_ns() - before >= POWER_KEY_PRESS_MAX_MS * NS_PER_MS);
	assert_int_equal(get_pin(b), 0);
}

static void a_reset_lets_go(void **state)
{
	struct board *b = *state;

	power_key_press(&b->key);
	power_key_reset(&b->key);
	power_key_press(&b->key);
	wait_for(b, 1);
	power_key_reset(&b->key);
	pl061_reset(&b->gpio);
	assert_int_equal(get_pin(b), 0);
	set(b, BOTH, BIT);
	set(b, ENABLE, BIT);
	b->pulses = 0;
	press_and_release(b, 0);
}

#define KEY_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEY_TEST(a_press_is_down_and_up), KEY_TEST(pressing_what_is_down), KEY_TEST(it_waits_to_be_seen),
		KEY_TEST(without_a_driver_it_comes_up_by_itself), KEY_TEST(a_reset_lets_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
