// SPDX-License-Identifier: Apache-2.0
/* devices/net/forward.c: forwarded ports as people write them. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/net/netdev.h"

static void forwards(void **state)
{
	static const struct {
		const char *text;
		bool udp;
		uint32_t host, guest;
		uint16_t host_port, guest_port;
	} good[] = {
		{ "2222-:22", false, INADDR_LOOPBACK, 0, 2222, 22 },
		{ ":2222-:22", false, INADDR_LOOPBACK, 0, 2222, 22 },
		{ "tcp:127.0.0.1:2222-:22", false, 0x7f000001, 0, 2222, 22 },
		{ "tcp:2222-22", false, INADDR_LOOPBACK, 0, 2222, 22 },
		{ "udp:0.0.0.0:53-10.0.2.15:5353", true, 0, 0x0a00020f, 53, 5353 },
		{ "udp:65535-1", true, INADDR_LOOPBACK, 0, 65535, 1 },
		{ "255.255.255.254:65535-255.255.255.254:65535", false, 0xfffffffe, 0xfffffffe, 65535, 65535 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct netdev_forward forward;
		assert_int_equal(netdev_parse_forward(good[i].text, &forward), 0);
		assert_int_equal(forward.udp, good[i].udp);
		assert_true(forward.host_addr == htonl(good[i].host));
		assert_true(forward.guest_addr == htonl(good[i].guest));
		assert_int_equal(forward.host_port, good[i].host_port);
		assert_int_equal(forward.guest_port, good[i].guest_port);
		assert_null(forward.next);
	}
}

static void malformed_forwards(void **state)
{
	static const char *const bad[] = {
		"",	      "-",	       "22",		 "22-",		      "-22",		  "0-22",	     "22-0",
		"65536-22",   "22-65536",      "tcp:",		 "sctp:22-22",	      "tcp:tcp:22-22",	  "22-22-22",	     "a:22-22",
		"1.2.3:22-1", "1.2.3.4.5:1-1", "256.0.0.1:1-1",	 "127.0.0.1:22:1-22", "127.0.0.1-22",	  " 22-22",	     "22-22 ",
		"+22-22",     "22-:",	       "localhost:22-22", "::1:22-22",	      "[::1]:22-22",	  "TCP:22-22",	     "22--22",
		"1-1.1.1.1",  "127.0.0.1:22-22,", "0000000000000000000000000022-22",
	};
	struct netdev_forward forward;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memset(&forward, 0x5a, sizeof(forward));
		assert_int_equal(netdev_parse_forward(bad[i], &forward), -EINVAL);
		/* Nothing half done. */
		for (size_t j = 0; j < sizeof(forward); j++)
			assert_int_equal(((uint8_t *)&forward)[j], 0x5a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards),
		cmocka_unit_test(malformed_forwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
