// SPDX-License-Identifier: Apache-2.0
/* vmm/util/parse.c: nothing but exactly what was meant is accepted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util/parse.h"

static void numbers(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "-1", "+1", "1x", "0x", "0xg", "1.5" };
	uint64_t v = 0;

	(void)state;
	assert_int_equal(parse_u64("0", 0, UINT64_MAX, &v), 0);
	assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_u64("0xFf", 0, 255, &v), 0);
	assert_int_equal(v, 255);
	assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_u64("256", 0, 255, &v), -ERANGE);
	assert_int_equal(parse_u64("0", 1, 255, &v), -ERANGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse_u64(bad[i], 0, UINT64_MAX, &v), -EINVAL);
}

static void sizes(void **state)
{
	static const char *const bad[] = { "", "M", "1X", "1MM", "1Mib1", "-1M", "1 M", "0x10M" };
	uint64_t v = 0;
	char buf[PARSE_SIZE_MAX];

	(void)state;
	assert_int_equal(parse_size("4097", &v), 0);
	assert_int_equal(v, 4097);
	assert_int_equal(parse_size("512M", &v), 0);
	assert_int_equal(v, 512 << 20);
	assert_int_equal(parse_size("8GiB", &v), 0);
	assert_true(v == 8ull << 30);
	assert_int_equal(parse_size("1kb", &v), 0);
	assert_int_equal(v, 1024);
	assert_int_equal(parse_size("100B", &v), 0);
	assert_int_equal(v, 100);
	assert_int_equal(parse_size("99999999T", &v), -ERANGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse_size(bad[i], &v), -EINVAL);
	assert_string_equal(format_size(512 << 20, buf), "512M");
	assert_string_equal(format_size(1025, buf), "1025");
	assert_string_equal(format_size(0, buf), "0");
}

static void macs(void **state)
{
	uint8_t mac[6];

	(void)state;
	assert_int_equal(parse_mac("52:54:00:12:34:fF", mac), 0);
	assert_memory_equal(mac, "\x52\x54\x00\x12\x34\xff", 6);
	assert_int_equal(parse_mac("53:54:00:12:34:56", mac), -EINVAL);
	assert_int_equal(parse_mac("00:00:00:00:00:00", mac), -EINVAL);
	assert_int_equal(parse_mac("52:54:00:12:34", mac), -EINVAL);
	assert_int_equal(parse_mac("52:54:00:12:34:56:", mac), -EINVAL);
	assert_int_equal(parse_mac("52-54-00-12-34-56", mac), -EINVAL);
	assert_int_equal(parse_mac("", mac), -EINVAL);
}

static void options(void **state)
{
	char text[] = "a,,b.img,ro,serial=x=y,,z,format=";
	char *cursor = text, *key, *value;

	(void)state;
	assert_true(parse_option(&cursor, &key, &value));
	assert_string_equal(key, "a,b.img");
	assert_null(value);
	assert_true(parse_option(&cursor, &key, &value));
	assert_string_equal(key, "ro");
	assert_true(parse_option(&cursor, &key, &value));
	assert_string_equal(key, "serial");
	assert_string_equal(value, "x=y,z");
	assert_true(parse_option(&cursor, &key, &value));
	assert_string_equal(key, "format");
	assert_string_equal(value, "");
	assert_false(parse_option(&cursor, &key, &value));
}

static void booleans(void **state)
{
	bool v = false;

	(void)state;
	assert_int_equal(parse_bool("on", &v), 0);
	assert_true(v);
	assert_int_equal(parse_bool("no", &v), 0);
	assert_false(v);
	assert_int_equal(parse_bool("On", &v), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(sizes),    cmocka_unit_test(macs),
		cmocka_unit_test(options), cmocka_unit_test(booleans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
