// SPDX-License-Identifier: Apache-2.0
/* ctr/caps.c: names and numbers of capabilities, and what a container's root keeps. */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctr/caps.h"

static void every_number_has_a_name_that_is_found_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= CAP_CHECKPOINT_RESTORE; i++) {
		char prefixed[64];
		uint64_t set = 0;
		assert_non_null(caps_name(i));
		assert_int_equal(caps_parse(caps_name(i), &set), 0);
		assert_int_equal(set, 1ull << i);
		snprintf(prefixed, sizeof(prefixed), "cap_%s", caps_name(i));
		assert_int_equal(caps_parse(prefixed, &set), 0);
		assert_int_equal(set, 1ull << i);
	}
	assert_null(caps_name(CAP_CHECKPOINT_RESTORE + 1));
	assert_null(caps_name(63));
	assert_null(caps_name(UINT32_MAX));
}

static void names_mean_the_kernels_numbers(void **state)
{
	uint64_t set;

	(void)state;
	assert_string_equal(caps_name(CAP_CHOWN), "CHOWN");
	assert_string_equal(caps_name(CAP_NET_ADMIN), "NET_ADMIN");
	assert_string_equal(caps_name(CAP_CHECKPOINT_RESTORE), "CHECKPOINT_RESTORE");
	assert_int_equal(caps_parse("net_admin", &set), 0);
	assert_int_equal(set, 1ull << CAP_NET_ADMIN);
	assert_int_equal(caps_parse("Cap_Sys_Admin", &set), 0);
	assert_int_equal(set, 1ull << CAP_SYS_ADMIN);
}

static void other_names_are_refused(void **state)
{
	static const char *const bad[] = {"",           "CAP_",       "cap_all",       "NET", "NET_ADMINS",
					  " NET_ADMIN", "NET_ADMIN ", "CAP_CAP_CHOWN", "0",   "ALLL"};
	uint64_t set = 7;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(caps_parse(bad[i], &set), -EINVAL);
	assert_int_equal(set, 7);
}

static void all_is_what_the_kernel_knows(void **state)
{
	FILE *file = fopen("/proc/sys/kernel/cap_last_cap", "re");
	unsigned last;
	uint64_t set;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%u", &last), 1);
	fclose(file);
	assert_int_equal(caps_all(), (2ull << last) - 1);
	assert_int_equal(caps_parse("all", &set), 0);
	assert_int_equal(set, caps_all());
}

static void the_default_set_is_small(void **state)
{
	static const unsigned in[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,     CAP_KILL,   CAP_SETGID,
				      CAP_SETUID, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_SETFCAP};
	uint64_t set = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(in) / sizeof(*in); i++)
		set |= 1ull << in[i];
	assert_int_equal(caps_default(), set);
	assert_int_equal(caps_default() & ~caps_all(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_has_a_name_that_is_found_again),
		cmocka_unit_test(names_mean_the_kernels_numbers),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(all_is_what_the_kernel_knows),
		cmocka_unit_test(the_default_set_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
