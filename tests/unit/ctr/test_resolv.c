// SPDX-License-Identifier: Apache-2.0
/* ctr/resolv.c: which resolver files name a server that a container can reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctr/resolv.h"

static void reaches_out(void **state)
{
	static const char *const good[] = {
		"nameserver 192.0.2.1\n",
		"nameserver\t192.0.2.1",
		"# nameserver\nnameserver 127.0.0.53\nnameserver  10.0.0.1 # it\n",
		"options edns0\nnameserver fd00::1\n",
		"nameserver ::11\n",
		"nameserver 12.7.0.1\r\n",
	};
	static const char *const bad[] = {
		"",
		"\n\n",
		"nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n",
		"nameserver ::1\n",
		"nameserver 127.1",
		"nameserver",
		"nameserver \n192.0.2.1\n",
		"#nameserver 192.0.2.1\n",
		" nameserver 192.0.2.1\n",
		"nameservers 192.0.2.1\n",
		"search nameserver 192.0.2.1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (!resolv_reaches_out(good[i]))
			fail_msg("reaches nobody: %s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (resolv_reaches_out(bad[i]))
			fail_msg("reaches out: %s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reaches_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
