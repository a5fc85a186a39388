// SPDX-License-Identifier: Apache-2.0
/* devices/pl031.c: the clock as a driver sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "devices/pl031.h"

#define DATA 0x00
#define MATCH 0x04
#define LOAD 0x08
#define CONTROL 0x0c
#define MASK 0x10
#define RAW_STATUS 0x14
#define MASKED_STATUS 0x18
#define CLEAR 0x1c

static uint32_t get(struct pl031 *rtc, uint64_t offset)
{
	uint32_t value;

	pl031_read(rtc, offset, &value, sizeof(value));
	return value;
}

static void set(struct pl031 *rtc, uint64_t offset, uint32_t value)
{
	pl031_write(rtc, offset, &value, sizeof(value));
}

/* The clock reads `expected` plus what passed since `since`, however slow this host is. */
static void reads(struct pl031 *rtc, uint32_t expected, time_t since)
{
	uint32_t value = get(rtc, DATA), passed = (uint32_t)(time(NULL) - since);

	assert_true(value - expected <= passed + 1);
}

static int start(void **state)
{
	static struct pl031 rtc;

	pl031_init(&rtc);
	*state = &rtc;
	return 0;
}

static int end(void **state)
{
	pl031_release(*state);
	return 0;
}

static void tells_the_hosts_time(void **state)
{
	time_t now = time(NULL);

	reads(*state, (uint32_t)now, now);
	assert_int_equal(get(*state, CONTROL), 1);
}

static void can_be_set(void **state)
{
	static const uint32_t times[] = { 0, 1000, UINT32_MAX - 100, 1u << 31 };
	time_t now = time(NULL);

	for (unsigned i = 0; i < sizeof(times) / sizeof(*times); i++) {
		now = time(NULL);
		set(*state, LOAD, times[i]);
		assert_int_equal(get(*state, LOAD), times[i]);
		reads(*state, times[i], now);
	}
	/* It counts, and can't be written itself nor stopped. */
	set(*state, DATA, 7);
	set(*state, CONTROL, 0);
	reads(*state, times[3], now);
	assert_int_equal(get(*state, CONTROL), 1);
}

static void a_reset_brings_the_hosts_time_back(void **state)
{
	set(*state, LOAD, 5);
	set(*state, MATCH, 6);
	set(*state, MASK, 1);
	pl031_reset(*state);
	time_t now = time(NULL);
	reads(*state, (uint32_t)now, now);
	assert_int_equal(get(*state, MATCH), 0);
	assert_int_equal(get(*state, LOAD), 0);
	assert_int_equal(get(*state, MASK), 0);
}

/* A driver may set an alarm; none is ever raised. */
static void no_alarm(void **state)
{
	set(*state, MASK, UINT32_MAX);
	assert_int_equal(get(*state, MASK), 1);
	set(*state, MATCH, get(*state, DATA));
	assert_int_equal(get(*state, RAW_STATUS), 0);
	assert_int_equal(get(*state, MASKED_STATUS), 0);
	set(*state, CLEAR, 1);
}

/* Linux's bus for such devices finds the driver by this. */
static void identifies_itself(void **state)
{
	uint32_t peripheral = 0, cell = 0;

	for (unsigned i = 0; i < 4; i++) {
		peripheral |= get(*state, 0xfe0 + 4 * i) << 8 * i;
		cell |= get(*state, 0xff0 + 4 * i) << 8 * i;
	}
	assert_int_equal(peripheral, 0x00041031);
	assert_int_equal(cell, 0xb105f00d);
}

static void odd_accesses(void **state)
{
	struct pl031 *rtc = *state;
	uint64_t wide = UINT64_MAX;
	uint8_t byte = 0xff;

	set(rtc, MATCH, 0x12345678);
	pl031_write(rtc, MATCH, &wide, sizeof(wide));
	pl031_write(rtc, MATCH, &byte, sizeof(byte));
	pl031_write(rtc, MATCH + 1, &byte, sizeof(byte));
	set(rtc, MATCH + 2, 1);
	assert_int_equal(get(rtc, MATCH), 0x12345678);
	pl031_read(rtc, MATCH, &wide, sizeof(wide));
	assert_int_equal(wide, 0);
	pl031_read(rtc, MATCH, &byte, sizeof(byte));
	assert_int_equal(byte, 0);
	for (uint64_t offset = 0; offset < PL031_BYTES; offset++) {
		if (offset % 4 || (offset > CLEAR && offset < 0xfe0)) {
			set(rtc, offset, UINT32_MAX);
			assert_int_equal(get(rtc, offset), 0);
		}
	}
}

#define RTC_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RTC_TEST(tells_the_hosts_time), RTC_TEST(can_be_set),   RTC_TEST(a_reset_brings_the_hosts_time_back), RTC_TEST(no_alarm),
		RTC_TEST(identifies_itself),    RTC_TEST(odd_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
