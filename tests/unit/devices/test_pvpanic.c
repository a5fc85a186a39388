// SPDX-License-Identifier: Apache-2.0
/* devices/pvpanic.c: what a guest's kernel learns from the byte, and what its writes do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/pvpanic.h"
#include "tests/fakes/capture.h"

static void on_panic(void *arg)
{
	++*(unsigned *)arg;
}

static unsigned panics_after(uint8_t value)
{
	unsigned panics = 0;
	struct pvpanic pvpanic = { .panicked = on_panic, .arg = &panics };
	char said[256];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);

	pvpanic_write(&pvpanic, 0, &value, 1);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	return panics;
}

/* A driver writes only events that the device says it knows. */
static void tells_the_events_it_knows(void **state)
{
	struct pvpanic pvpanic = { 0 };
	uint8_t value = 0;

	(void)state;
	pvpanic_read(&pvpanic, 0, &value, 1);
	assert_int_equal(value, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
}

static void a_panic_ends_the_machine(void **state)
{
	(void)state;
	assert_int_equal(panics_after(PVPANIC_PANICKED), 1);
	assert_int_equal(panics_after(0), 0);
	assert_int_equal(panics_after(0xfc), 0);
}

/* The dump has still to be written. */
static void a_crash_kernel_goes_on(void **state)
{
	(void)state;
	assert_int_equal(panics_after(PVPANIC_CRASH_LOADED), 0);
	assert_int_equal(panics_after(PVPANIC_PANICKED | PVPANIC_CRASH_LOADED), 0);
}

/* A guest can write as often as it likes, and must not fill the host's log. */
static void says_so_once(void **state)
{
	struct pvpanic pvpanic = { .panicked = on_panic };
	uint8_t value = PVPANIC_CRASH_LOADED;
	char said[65536];
	unsigned lines = 0;
	int saved, memory = capture_begin(STDERR_FILENO, &saved);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		pvpanic_write(&pvpanic, 0, &value, 1);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	for (const char *p = said; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_the_events_it_knows),
		cmocka_unit_test(a_panic_ends_the_machine),
		cmocka_unit_test(a_crash_kernel_goes_on),
		cmocka_unit_test(says_so_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
