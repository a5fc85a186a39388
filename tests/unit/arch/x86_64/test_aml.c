// SPDX-License-Identifier: Apache-2.0
/* arch/x86_64/aml.c: encodings byte by byte (ACPI 6.5, 20.2), package lengths, and buffers that are too small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/aml.h"

static uint8_t buf[4096];

static struct aml fresh(void)
{
	memset(buf, 0x55, sizeof(buf));
	return (struct aml){ .buf = buf, .room = sizeof(buf) };
}

#define SAME(aml, ...)                                                   \
	do {                                                             \
		const uint8_t expected_[] = { __VA_ARGS__ };             \
		assert_int_equal(aml_bytes(&(aml)), sizeof(expected_));  \
		assert_memory_equal(buf, expected_, sizeof(expected_));  \
	} while (0)

/* Each value in the shortest form. */
static void integers(void **state)
{
	struct aml aml = fresh();

	(void)state;
	aml_name_integer(&aml, "AAAA", 0);
	SAME(aml, 0x08, 'A', 'A', 'A', 'A', 0x00);
	aml = fresh();
	aml_name_integer(&aml, "AAAA", 1);
	SAME(aml, 0x08, 'A', 'A', 'A', 'A', 0x01);
	aml = fresh();
	aml_name_integer(&aml, "AAAA", 0xff);
	SAME(aml, 0x08, 'A', 'A', 'A', 'A', 0x0a, 0xff);
	aml = fresh();
	aml_name_integer(&aml, "AAAA", 0x100);
	SAME(aml, 0x08, 'A', 'A', 'A', 'A', 0x0b, 0x00, 0x01);
	aml = fresh();
	aml_name_integer(&aml, "AAAA", 0xffffffff);
	SAME(aml, 0x08, 'A', 'A', 'A', 'A', 0x0c, 0xff, 0xff, 0xff, 0xff);
	aml = fresh();
	aml_name_integer(&aml, "AAAA", 0x100000000);
	SAME(aml, 0x08, 'A', 'A', 'A', 'A', 0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
}

static void strings_and_identifiers(void **state)
{
	struct aml aml = fresh();

	(void)state;
	aml_name_string(&aml, "_HID", "LNRO0005");
	SAME(aml, 0x08, '_', 'H', 'I', 'D', 0x0d, 'L', 'N', 'R', 'O', '0', '0', '0', '5', 0);
	/* EISAID("PNP0501") is 0x0105d041, as every disassembler knows it. */
	aml = fresh();
	aml_name_eisa_id(&aml, "_HID", "PNP0501");
	SAME(aml, 0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01);
	/* EISAID("PNP0C0F") has letters among its digits: 0x0f0cd041. */
	aml = fresh();
	aml_name_eisa_id(&aml, "_HID", "PNP0C0F");
	SAME(aml, 0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0c, 0x0f);
}

static void packages_count_themselves(void **state)
{
	struct aml aml = fresh();
	const uint8_t values[] = { 5, 0, 1, 0x80 };

	(void)state;
	aml_name_package(&aml, "_S5_", values, 4);
	/* Length 3 + 1 + 6, in the three-byte form. */
	SAME(aml, 0x08, '_', 'S', '5', '_', 0x12, 0x8a, 0x00, 0x00, 4, 0x0a, 5, 0x00, 0x01, 0x0a, 0x80);
}

static void methods(void **state)
{
	struct aml aml = fresh();

	(void)state;
	size_t method = aml_begin_method(&aml, "_EVT", 1);
	aml_notify(&aml, "PWRB", 0x80);
	aml_end(&aml, method);
	/* Length 3 + 4 + 1 + 7; one argument, serialized (20.2.5.2, 20.2.5.3). */
	SAME(aml, 0x14, 0x8f, 0x00, 0x00, '_', 'E', 'V', 'T', 0x09, 0x86, 'P', 'W', 'R', 'B', 0x0a, 0x80);
}

static size_t length_at(size_t at)
{
	assert_int_equal(buf[at] >> 4, 8);
	return (size_t)(buf[at] & 15) | (size_t)buf[at + 1] << 4 | (size_t)buf[at + 2] << 12;
}

/* A length reaches from its own first byte to the end, over all carries. */
static void lengths_of_any_size(void **state)
{
	(void)state;
	for (size_t names = 0; names < 400; names += 7) {
		struct aml aml = fresh();
		size_t scope = aml_begin_scope(&aml, "\\_SB_");
		size_t device = aml_begin_device(&aml, "VI00");
		for (size_t i = 0; i < names; i++)
			aml_name_integer(&aml, "AAAA", 0x1000);
		aml_end(&aml, device);
		aml_end(&aml, scope);
		assert_int_equal(buf[0], 0x10);
		assert_int_equal(length_at(1), 3 + 5 + 2 + 3 + 4 + names * 8);
		assert_int_equal(buf[9], 0x5b);
		assert_int_equal(buf[10], 0x82);
		assert_int_equal(length_at(11), 3 + 4 + names * 8);
		assert_int_equal(aml_bytes(&aml), 1 + length_at(1));
	}
}

static void resources(void **state)
{
	struct aml aml = fresh();
	struct aml_resources r = aml_begin_resources(&aml, "_CRS");

	(void)state;
	aml_io(&aml, 0x3f8, 8);
	aml_memory32(&aml, 0xd0000000, 0x1000);
	aml_interrupt(&aml, 0x11223344, true);
	aml_interrupt(&aml, 5, false);
	aml_end_resources(&aml, &r);
	SAME(aml, 0x08, '_', 'C', 'R', 'S', 0x11, 0x8e, 0x02, 0x00, 0x0b, 40, 0x00,
	     /* 6.4.2.5 */
	     0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08,
	     /* 6.4.3.4 */
	     0x86, 9, 0, 0x01, 0x00, 0x00, 0x00, 0xd0, 0x00, 0x10, 0x00, 0x00,
	     /* 6.4.3.6: consumer, edge, high; shared */
	     0x89, 6, 0, 0x0b, 1, 0x44, 0x33, 0x22, 0x11, 0x89, 6, 0, 0x03, 1, 5, 0, 0, 0,
	     /* 6.4.2.9 */
	     0x79, 0x00);
}

static void write_everything(struct aml *aml)
{
	const uint8_t values[] = { 5, 0, 0, 0 };
	size_t scope = aml_begin_scope(aml, "\\_SB_");
	size_t device = aml_begin_device(aml, "VI00");

	aml_name_string(aml, "_HID", "LNRO0005");
	aml_name_eisa_id(aml, "_CID", "PNP0501");
	aml_name_integer(aml, "_UID", 0x1ffffffff);
	aml_name_package(aml, "_S5_", values, 4);
	struct aml_resources r = aml_begin_resources(aml, "_CRS");
	aml_io(aml, 0x3f8, 8);
	aml_memory32(aml, 0xd0000000, 0x1000);
	aml_interrupt(aml, 5, false);
	aml_end_resources(aml, &r);
	size_t method = aml_begin_method(aml, "_EVT", 1);
	aml_notify(aml, "PWRB", 0x80);
	aml_end(aml, method);
	aml_end(aml, device);
	aml_end(aml, scope);
}

/*
 * At whichever byte the room ends: nothing is written behind it, and it is told. Each buffer is malloc'ed, for the address sanitizer
 * to watch.
 */
static void no_room(void **state)
{
	struct aml whole = fresh();

	(void)state;
	write_everything(&whole);
	size_t bytes = aml_bytes(&whole);
	assert_true(bytes > 80);
	for (size_t room = 0; room <= bytes; room++) {
		uint8_t *small = malloc(room + 1);
		small[room] = 0x55;
		struct aml aml = { .buf = small, .room = room };
		write_everything(&aml);
		assert_int_equal(small[room], 0x55);
		assert_int_equal(aml_bytes(&aml), room == bytes ? bytes : 0);
		free(small);
	}
}

/* Three bytes of length reach to 1 MiB. */
static void too_long_for_its_length(void **state)
{
	size_t room = (1 << 20) + 4096;
	uint8_t *big = malloc(room);
	struct aml aml = { .buf = big, .room = room };

	(void)state;
	size_t scope = aml_begin_scope(&aml, "\\_SB_");
	while (room - aml.used > 100)
		aml_name_integer(&aml, "AAAA", 0x1ffffffff);
	assert_true(aml_bytes(&aml) > 0);
	aml_end(&aml, scope);
	assert_int_equal(aml_bytes(&aml), 0);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(strings_and_identifiers),
		cmocka_unit_test(packages_count_themselves),
		cmocka_unit_test(methods),
		cmocka_unit_test(lengths_of_any_size),
		cmocka_unit_test(resources),
		cmocka_unit_test(no_room),
		cmocka_unit_test(too_long_for_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
