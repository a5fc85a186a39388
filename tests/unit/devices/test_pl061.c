// SPDX-License-Identifier: Apache-2.0
/* devices/pl061.c: the pins as a driver sees them, and how often it is interrupted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/pl061.h"

enum {
	DIR = 0x400,
	SENSE = 0x404,
	BOTH = 0x408,
	EVENT = 0x40c,
	ENABLE = 0x410,
	RAW = 0x414,
	MASKED = 0x418,
	CLEAR = 0x41c,
	AFSEL = 0x420,
};
#define PINS(mask) ((uint64_t)(mask) << 2)
#define PIN 3
#define BIT (1u << PIN)

struct board {
	struct pl061 gpio;
	struct irq irq;
	unsigned pulses;
};

static void count_pulse(struct irq *irq)
{
	((struct board *)irq->arg)->pulses++;
}

static uint8_t get(struct board *b, uint64_t offset)
{
	uint8_t value;

	pl061_read(&b->gpio, offset, &value, sizeof(value));
	return value;
}

static void set(struct board *b, uint64_t offset, uint8_t value)
{
	pl061_write(&b->gpio, offset, &value, sizeof(value));
}

static void hold(struct board *b, unsigned pin, bool high)
{
	pthread_mutex_lock(&b->gpio.lock);
	pl061_set_pin(&b->gpio, pin, high);
	pthread_mutex_unlock(&b->gpio.lock);
}

static int start(void **state)
{
	static struct board board;

	memset(&board, 0, sizeof(board));
	board.irq = (struct irq){ .pulse = count_pulse, .arg = &board };
	pl061_init(&board.gpio, &board.irq);
	*state = &board;
	return 0;
}

static int end(void **state)
{
	pl061_release(&((struct board *)*state)->gpio);
	return 0;
}

/* What pins hold, and who was pulsed how often. */
static void expect(struct board *b, uint8_t raw, uint8_t masked, unsigned pulses)
{
	assert_int_equal(get(b, RAW), raw);
	assert_int_equal(get(b, MASKED), masked);
	assert_int_equal(b->pulses, pulses);
}

/* --- pins ------------------------------------------------------------------------------------------------------------------------- */

/* The address says which pins are meant. */
static void inputs_read_what_they_are_held_at(void **state)
{
	struct board *b = *state;

	assert_int_equal(get(b, PINS(0xff)), 0);
	hold(b, PIN, true);
	hold(b, 7, true);
	assert_int_equal(get(b, PINS(0xff)), BIT | 0x80);
	assert_int_equal(get(b, PINS(BIT)), BIT);
	assert_int_equal(get(b, PINS(0x80)), 0x80);
	assert_int_equal(get(b, PINS(0xff & ~BIT)), 0x80);
	assert_int_equal(get(b, PINS(0)), 0);
	hold(b, PIN, false);
	assert_int_equal(get(b, PINS(BIT)), 0);
}

static void outputs_read_what_was_written(void **state)
{
	struct board *b = *state;

	set(b, DIR, 0x0f);
	assert_int_equal(get(b, DIR), 0x0f);
	set(b, PINS(0xff), 0xff);
	assert_int_equal(get(b, PINS(0xff)), 0x0f);
	set(b, PINS(0x03), 0);
	assert_int_equal(get(b, PINS(0xff)), 0x0c);
	/* What an output pin is held at from outside does not count while it is one. */
	hold(b, 0, true);
	assert_int_equal(get(b, PINS(0xff)), 0x0c);
	set(b, DIR, 0);
	assert_int_equal(get(b, PINS(0xff)), 0x01);
}

static void it_is_told_whether_a_pin_was_looked_at(void **state)
{
	struct board *b = *state;

	hold(b, PIN, true);
	assert_false(pl061_pin_seen(&b->gpio, PIN));
	get(b, PINS(0xff & ~BIT));
	get(b, RAW);
	assert_false(pl061_pin_seen(&b->gpio, PIN));
	get(b, PINS(BIT));
	assert_true(pl061_pin_seen(&b->gpio, PIN));
	hold(b, PIN, true);
	assert_true(pl061_pin_seen(&b->gpio, PIN));
	hold(b, PIN, false);
	assert_false(pl061_pin_seen(&b->gpio, PIN));
}

/* --- interrupts -------------------------------------------------------------------------------------------------------------------- */

static void nothing_is_raised_unasked(void **state)
{
	struct board *b = *state;

	set(b, BOTH, 0xff);
	hold(b, PIN, true);
	expect(b, BIT, 0, 0);
	/* It was latched, and comes up when it is let through; but once only. */
	set(b, ENABLE, BIT);
	expect(b, BIT, BIT, 1);
	set(b, ENABLE, 0xff);
	expect(b, BIT, BIT, 1);
}

/* As Linux has a key: both edges, each cleared before it is looked at. */
static void both_edges(void **state)
{
	struct board *b = *state;

	set(b, BOTH, BIT);
	set(b, ENABLE, BIT);
	for (unsigned i = 1; i <= 6; i++) {
		hold(b, PIN, i % 2);
		expect(b, BIT, BIT, i);
		set(b, CLEAR, BIT);
		expect(b, 0, 0, i);
	}
	/* Of two that come before the first is cleared one is seen, as by hardware. */
	hold(b, PIN, true);
	hold(b, PIN, false);
	expect(b, BIT, BIT, 7);
	set(b, CLEAR, BIT);
	expect(b, 0, 0, 7);
}

static void one_edge(void **state)
{
	struct board *b = *state;

	set(b, ENABLE, BIT);
	set(b, EVENT, BIT);
	hold(b, PIN, true);
	expect(b, BIT, BIT, 1);
	set(b, CLEAR, BIT);
	hold(b, PIN, false);
	expect(b, 0, 0, 1);
	set(b, EVENT, 0);
	hold(b, PIN, true);
	expect(b, 0, 0, 1);
	hold(b, PIN, false);
	expect(b, BIT, BIT, 2);
	/* What does not change is no edge. */
	set(b, CLEAR, BIT);
	hold(b, PIN, false);
	expect(b, 0, 0, 2);
}

/* A level can't be cleared; it is raised anew when a driver that masked it is done with it. */
static void levels(void **state)
{
	struct board *b = *state;

	set(b, SENSE, BIT);
	set(b, EVENT, BIT);
	set(b, ENABLE, BIT);
	expect(b, 0, 0, 0);
	hold(b, PIN, true);
	expect(b, BIT, BIT, 1);
	set(b, CLEAR, 0xff);
	expect(b, BIT, BIT, 1);
	set(b, ENABLE, 0);
	set(b, ENABLE, BIT);
	expect(b, BIT, BIT, 2);
	hold(b, PIN, false);
	expect(b, 0, 0, 2);
	set(b, EVENT, 0);
	expect(b, BIT, BIT, 3);
}

/* Each pin for itself: one that waits does not keep another from being heard. */
static void pins_that_wait_hide_none(void **state)
{
	struct board *b = *state;

	set(b, BOTH, 0xff);
	set(b, ENABLE, 0xff);
	hold(b, 0, true);
	hold(b, 1, true);
	expect(b, 3, 3, 2);
	set(b, CLEAR, 1);
	expect(b, 2, 2, 2);
	hold(b, 0, false);
	expect(b, 3, 3, 3);
}

static void outputs_raise_nothing(void **state)
{
	struct board *b = *state;

	set(b, DIR, 0xff);
	set(b, BOTH, 0xff);
	set(b, ENABLE, 0xff);
	hold(b, PIN, true);
	set(b, PINS(0xff), 0xff);
	set(b, SENSE, 0xff);
	expect(b, 0, 0, 0);
}

/* --- the rest ------------------------------------------------------------------------------------------------------------------------ */

static void a_reset_leaves_only_what_is_held(void **state)
{
	static const uint64_t kept[] = { DIR, SENSE, BOTH, EVENT, ENABLE };
	struct board *b = *state;

	set(b, ENABLE, 0xff);
	set(b, BOTH, 0xff);
	hold(b, PIN, true);
	set(b, DIR, 0xf0);
	set(b, PINS(0xff), 0xff);
	set(b, SENSE, 0xaa);
	set(b, EVENT, 0x55);
	pl061_reset(&b->gpio);
	for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_int_equal(get(b, kept[i]), 0);
	expect(b, 0, 0, b->pulses);
	assert_int_equal(get(b, PINS(0xff)), BIT);
	set(b, DIR, 0xff);
	assert_int_equal(get(b, PINS(0xff)), 0);
}

/* Linux's bus for such devices finds the driver by this, in 32-bit reads. */
static void identifies_itself(void **state)
{
	struct board *b = *state;
	uint32_t peripheral = 0, cell = 0, value;

	for (unsigned i = 0; i < 8; i++) {
		pl061_read(&b->gpio, 0xfe0 + 4 * i, &value, sizeof(value));
		assert_true(value < 256);
		if (i < 4)
			peripheral |= value << 8 * i;
		else
			cell |= value << 8 * (i - 4);
	}
	assert_int_equal(peripheral, 0x00041061);
	assert_int_equal(cell, 0xb105f00d);
}

static void odd_accesses(void **state)
{
	struct board *b = *state;
	uint64_t wide = UINT64_MAX;
	uint32_t word = 0xffffff00 | BIT;
	uint16_t half = 0xff00;

	pl061_write(&b->gpio, ENABLE, &word, sizeof(word));
	assert_int_equal(get(b, ENABLE), BIT);
	pl061_write(&b->gpio, ENABLE, &wide, sizeof(wide));
	pl061_write(&b->gpio, ENABLE + 1, &word, 1);
	pl061_write(&b->gpio, ENABLE + 2, &half, sizeof(half));
	assert_int_equal(get(b, ENABLE), BIT);
	word = UINT32_MAX;
	pl061_read(&b->gpio, ENABLE, &word, sizeof(word));
	assert_int_equal(word, BIT);
	pl061_read(&b->gpio, ENABLE, &wide, sizeof(wide));
	assert_int_equal(wide, 0);
	pl061_write(&b->gpio, ENABLE, &half, sizeof(half));
	assert_int_equal(get(b, ENABLE), 0);
	for (uint64_t offset = 0; offset < PL061_BYTES; offset++) {
		if (offset % 4 || (offset >= AFSEL && offset < 0xfe0)) {
			set(b, offset, 0xff);
			assert_int_equal(get(b, offset), 0);
		}
	}
	assert_int_equal(get(b, DIR), 0);
	assert_int_equal(b->pulses, 0);
}

#define PIN_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PIN_TEST(inputs_read_what_they_are_held_at),
		PIN_TEST(outputs_read_what_was_written),
		PIN_TEST(it_is_told_whether_a_pin_was_looked_at),
		PIN_TEST(nothing_is_raised_unasked),
		PIN_TEST(both_edges),
		PIN_TEST(one_edge),
		PIN_TEST(levels),
		PIN_TEST(pins_that_wait_hide_none),
		PIN_TEST(outputs_raise_nothing),
		PIN_TEST(a_reset_leaves_only_what_is_held),
		PIN_TEST(identifies_itself),
		PIN_TEST(odd_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
