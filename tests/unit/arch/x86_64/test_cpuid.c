// SPDX-License-Identifier: Apache-2.0
/* arch/x86_64/cpuid.c: what a guest is told of its processors and clocks, from crafted host tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/cpuid.h"

static struct cpuid_table table;

static void add(uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	table.entry[table.head.nent++] = (struct kvm_cpuid_entry2){
		.function = function, .index = index, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx,
		.flags = function == 4 || function == 0xb || function == 0x8000001d ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
}

static const struct kvm_cpuid_entry2 *get(uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < table.head.nent; i++) {
		if (table.entry[i].function == function && table.entry[i].index == index)
			return &table.entry[i];
	}
	return NULL;
}

static int intel(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	add(0, 0, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69);
	add(1, 0, 0x306c3, 0x05100800, 0, 0);
	add(4, 0, 0x1c004121, 0, 0, 0);
	add(4, 2, 0x1c03c163, 0, 0, 0);
	add(0xb, 0, 9, 9, 9, 9);
	add(0xb, 1, 9, 9, 9, 9);
	add(0x40000000, 0, 0x40000001, 0, 0, 0);
	return 0;
}

static void topology(void **state)
{
	const struct cpuid_machine machine = { .cpus = 6, .tsc_deadline = true, .tsc_khz = 2100000 };

	(void)state;
	cpuid_adjust(&table, &machine, 5);
	assert_int_equal(get(1, 0)->ebx >> 24, 5);
	assert_int_equal(get(1, 0)->ebx >> 16 & 0xff, 8);
	assert_true(get(1, 0)->edx & 1u << 28);
	assert_int_equal(get(0xb, 0)->eax, 0);
	assert_int_equal(get(0xb, 0)->ebx, 1);
	assert_int_equal(get(0xb, 0)->ecx, 0x100);
	assert_int_equal(get(0xb, 1)->eax, 3);
	assert_int_equal(get(0xb, 1)->ebx, 6);
	assert_int_equal(get(0xb, 1)->ecx, 0x201);
	assert_int_equal(get(0xb, 1)->edx, 5);
	assert_int_equal(get(0xb, 2)->ebx, 0);
	/* the first level belongs to one core, the third to all */
	assert_int_equal(get(4, 0)->eax >> 14 & 0xfff, 0);
	assert_int_equal(get(4, 2)->eax >> 14 & 0xfff, 7);
	assert_int_equal(get(4, 2)->eax >> 26, 7);
}

static void one_processor(void **state)
{
	const struct cpuid_machine machine = { .cpus = 1 };

	(void)state;
	cpuid_adjust(&table, &machine, 0);
	assert_false(get(1, 0)->edx & 1u << 28);
	assert_int_equal(get(1, 0)->ebx >> 16 & 0xff, 1);
	assert_int_equal(get(0xb, 1)->eax, 0);
	assert_int_equal(get(0xb, 1)->ebx, 1);
}

static void clocks(void **state)
{
	const struct cpuid_machine machine = { .cpus = 1, .tsc_deadline = true, .tsc_khz = 2100000 };

	(void)state;
	cpuid_adjust(&table, &machine, 0);
	assert_true(get(1, 0)->ecx & 1u << 24);
	assert_true(get(1, 0)->ecx & 1u << 31);
	assert_int_equal(get(0, 0)->eax, 0x15);
	/* crystal * ebx / eax = 2.1 GHz */
	const struct kvm_cpuid_entry2 *e = get(0x15, 0);
	assert_int_equal((uint64_t)e->ecx * e->ebx / e->eax, 2100000000ull);
	assert_int_equal(get(0x40000000, 0)->eax, 0x40000010);
	assert_int_equal(get(0x40000010, 0)->eax, 2100000);
}

static void no_deadline_timer(void **state)
{
	const struct cpuid_machine machine = { .cpus = 1 };

	(void)state;
	((struct kvm_cpuid_entry2 *)get(1, 0))->ecx |= 1u << 24;
	cpuid_adjust(&table, &machine, 0);
	assert_false(get(1, 0)->ecx & 1u << 24);
	assert_null(get(0x15, 0)); /* frequency not known: not told */
}

static void amd(void **state)
{
	const struct cpuid_machine machine = { .cpus = 4, .tsc_khz = 1000 };

	(void)state;
	table.entry[0].ebx = 0x68747541;
	add(0x80000008, 0, 0, 0, 0x500f, 0);
	add(0x8000001e, 0, 7, 7, 7, 7);
	cpuid_adjust(&table, &machine, 3);
	assert_int_equal(get(0x80000008, 0)->ecx & 0xff, 3);
	assert_int_equal(get(0x80000008, 0)->ecx >> 12 & 0xf, 2);
	assert_int_equal(get(0x8000001e, 0)->eax, 3);
	assert_int_equal(get(0, 0)->eax, 0xd); /* no crystal leaf on AMD */
	assert_null(get(0x15, 0));
}

static void a_full_table_stays_in_bounds(void **state)
{
	const struct cpuid_machine machine = { .cpus = 254, .tsc_khz = 1000 };

	(void)state;
	while (table.head.nent < CPUID_ENTRIES_MAX)
		add(0x20000000 + table.head.nent, 0, 0, 0, 0, 0);
	cpuid_adjust(&table, &machine, 253);
	assert_true(table.head.nent <= CPUID_ENTRIES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(topology, intel), cmocka_unit_test_setup(one_processor, intel),
		cmocka_unit_test_setup(clocks, intel),	 cmocka_unit_test_setup(no_deadline_timer, intel),
		cmocka_unit_test_setup(amd, intel),	 cmocka_unit_test_setup(a_full_table_stays_in_bounds, intel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
