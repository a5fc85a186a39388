// SPDX-License-Identifier: Apache-2.0
/* devices/power.c: which writes end or restart the machine, and that nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/power.h"

#define SLEEP_ENABLE 0x20
#define S5_WITH_ENABLE (SLEEP_ENABLE | POWER_SLEEP_TYPE_OFF << 2)

struct seen {
	unsigned offs, resets;
};

static void on_off(void *arg)
{
	((struct seen *)arg)->offs++;
}

static void on_reset(void *arg)
{
	((struct seen *)arg)->resets++;
}

static struct seen after_write(uint64_t offset, uint8_t value)
{
	struct seen seen = { 0 };
	struct power power = { .off = on_off, .reset = on_reset, .arg = &seen };

	power_write(&power, offset, &value, 1);
	return seen;
}

static void only_s5_powers_off(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		struct seen seen = after_write(POWER_SLEEP_CONTROL, (uint8_t)value);
		bool s5 = (value & SLEEP_ENABLE) && (value >> 2 & 7) == POWER_SLEEP_TYPE_OFF;
		assert_int_equal(seen.offs, s5);
		assert_int_equal(seen.resets, 0);
	}
}

static void only_the_reset_value_resets(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		struct seen seen = after_write(POWER_RESET, (uint8_t)value);
		assert_int_equal(seen.resets, value == POWER_RESET_VALUE);
		assert_int_equal(seen.offs, 0);
	}
}

/* A driver clears WAK_STS by writing it (ACPI 6.5, 4.8.3.7). */
static void the_status_register_does_nothing(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		struct seen seen = after_write(POWER_SLEEP_STATUS, (uint8_t)value);
		assert_int_equal(seen.offs + seen.resets, 0);
	}
}

static void wide_accesses_are_ignored(void **state)
{
	struct seen seen = { 0 };
	struct power power = { .off = on_off, .reset = on_reset, .arg = &seen };
	const uint8_t value[2] = { S5_WITH_ENABLE, 0 };

	(void)state;
	power_write(&power, POWER_SLEEP_CONTROL, value, 2);
	assert_int_equal(seen.offs, 0);
}

static void reads_as_zero(void **state)
{
	struct power power = { 0 };
	uint8_t data[4];

	(void)state;
	for (unsigned len = 1; len <= 2; len++) {
		memset(data, 0x55, sizeof(data));
		power_read(&power, POWER_SLEEP_CONTROL, data, len);
		for (unsigned i = 0; i < sizeof(data); i++)
			assert_int_equal(data[i], i < len ? 0 : 0x55);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_s5_powers_off),
		cmocka_unit_test(only_the_reset_value_resets),
		cmocka_unit_test(the_status_register_does_nothing),
		cmocka_unit_test(wide_accesses_are_ignored),
		cmocka_unit_test(reads_as_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
