// SPDX-License-Identifier: Apache-2.0
/* vmm/core/mem.c: nothing outside RAM can be reached, whatever address and length a guest gives. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/mem.h"

#define LOW_BYTES (4ull << 20)
#define HIGH_GPA (1ull << 32)
#define HIGH_BYTES (1ull << 20)
#define PAGE_BYTES_MAX 0x10000ull /* of any host */

static struct mem mem;

static int set_up(void **state)
{
	(void)state;
	return mem_add(&mem, 0, LOW_BYTES) || mem_add(&mem, HIGH_GPA, HIGH_BYTES) ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	mem_release(&mem);
	return 0;
}

static void every_byte_of_ram_is_reached(void **state)
{
	(void)state;
	uint8_t *low = mem_at(&mem, 0, LOW_BYTES);
	uint8_t *high = mem_at(&mem, HIGH_GPA, HIGH_BYTES);
	assert_non_null(low);
	assert_non_null(high);
	assert_ptr_equal(mem_at(&mem, LOW_BYTES - 1, 1), low + LOW_BYTES - 1);
	assert_ptr_equal(mem_at(&mem, HIGH_GPA + HIGH_BYTES - 1, 1), high + HIGH_BYTES - 1);
	low[0] = low[LOW_BYTES - 1] = high[0] = high[HIGH_BYTES - 1] = 1; /* a fault would tell */
}

static void nothing_else_is(void **state)
{
	static const struct {
		gpa_t gpa;
		uint64_t len;
	} bad[] = {
		{ 0, 0 },
		{ 0, LOW_BYTES + 1 },
		{ LOW_BYTES - 1, 2 },
		{ LOW_BYTES, 1 },
		{ LOW_BYTES - 1, UINT64_MAX },
		{ 1, UINT64_MAX },
		{ HIGH_GPA - 1, 1 },
		{ HIGH_GPA - 1, 2 },
		{ 0, HIGH_GPA + 1 },
		{ HIGH_GPA + HIGH_BYTES, 1 },
		{ HIGH_GPA + HIGH_BYTES - 1, 2 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, 2 },
		{ UINT64_MAX - 4095, 8192 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(mem_at(&mem, bad[i].gpa, bad[i].len));
}

static void copies_are_whole_or_nothing(void **state)
{
	char buf[8] = "unknown";

	(void)state;
	assert_int_equal(mem_write(&mem, LOW_BYTES - 4, "abcdefgh", 8), -EFAULT);
	assert_memory_equal(mem_at(&mem, LOW_BYTES - 4, 4), "\0\0\0\0", 4);
	assert_int_equal(mem_read(&mem, LOW_BYTES - 4, buf, 8), -EFAULT);
	assert_string_equal(buf, "unknown");
	assert_int_equal(mem_write(&mem, LOW_BYTES - 8, "abcdefg", 8), 0);
	assert_int_equal(mem_read(&mem, LOW_BYTES - 8, buf, 8), 0);
	assert_string_equal(buf, "abcdefg");
}

static void cleared_memory_reads_as_zero(void **state)
{
	uint32_t value = 1;

	(void)state;
	assert_int_equal(mem_write(&mem, HIGH_GPA, &value, sizeof(value)), 0);
	assert_int_equal(mem_clear(&mem), 0);
	assert_int_equal(mem_read(&mem, HIGH_GPA, &value, sizeof(value)), 0);
	assert_int_equal(value, 0);
}

/* Huge pages need it: MADV_HUGEPAGE is of no use to KVM otherwise. */
static void host_and_guest_addresses_are_aligned_alike(void **state)
{
	struct mem odd = { 0 };

	(void)state;
	assert_int_equal(mem_add(&odd, 5 * PAGE_BYTES_MAX, 3ull << 20), 0);
	assert_int_equal((uintptr_t)mem_at(&odd, 5 * PAGE_BYTES_MAX, 1) % (2u << 20), 5 * PAGE_BYTES_MAX);
	memset(mem_at(&odd, 5 * PAGE_BYTES_MAX, 3ull << 20), 0xff, 3u << 20);
	mem_release(&odd);
}

static void too_much_is_refused(void **state)
{
	struct mem big = { 0 };

	(void)state;
	assert_int_equal(mem_add(&big, 0, 1ull << 62), -ENOMEM);
	assert_int_equal(mem_add(&big, 0, UINT64_MAX - 4095), -ENOMEM);
	assert_int_equal(big.region_count, 0);
	mem_release(&big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_byte_of_ram_is_reached, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_else_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(copies_are_whole_or_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cleared_memory_reads_as_zero, set_up, tear_down),
		cmocka_unit_test(host_and_guest_addresses_are_aligned_alike),
		cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
