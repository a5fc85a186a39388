// SPDX-License-Identifier: Apache-2.0
/* ctr/veth/config.c: the parts of --net veth, good and bad, each and together. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/veth/veth.h"

static void bridges(void **state)
{
	static const char *const bad[] = {"",     ".",    "..",   "a/b",   "../x",  "a b",
					  "a\tb", "br\n", "br:1", "tvm%d", "\x80r", "sixteen-letters-"};
	struct veth_config config = {0};

	(void)state;
	assert_null(veth_take_bridge(&config, "br0"));
	assert_string_equal(config.bridge, "br0");
	assert_null(veth_take_bridge(&config, "fifteen-letters"));
	assert_null(veth_take_bridge(&config, "br.100"));
	/* Our own is our own also by its name. */
	assert_null(veth_take_bridge(&config, VETH_BRIDGE));
	assert_null(config.bridge);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (!veth_take_bridge(&config, bad[i]))
			fail_msg("taken: bridge=%s", bad[i]);
	}
	assert_null(config.bridge);
}

static void addresses(void **state)
{
	static const char *const bad[] = {
		"",
		"10.0.0.2",
		"10.0.0.2/",
		"10.0.0.2/0",
		"10.0.0.2/31",
		"10.0.0.2/32",
		"10.0.0.2/33",
		"10.0.0.2/+8",
		"10.0.0.2/ 8",
		"10.0.0.2/8 ",
		"10.0.0.2/0x8",
		"10.0.0.2/008",
		"10.0.0.2/8/8",
		"10.0.0.2/a",
		"10.0.0/24",
		"10.0.0.0.2/24",
		"10.0.0.256/24",
		"010.0.0.2/24",
		" 10.0.0.2/24",
		"10.0.0.2 /24",
		"10.0.0.02/24",
		"0.0.0.1/8",
		"127.0.0.2/8",
		"224.0.0.1/4",
		"255.255.255.254/1",
		"10.0.0.0/24",
		"10.0.0.255/24",
		"10.255.255.255/8",
		"fd00::2/64",
		"::ffff:10.0.0.2/24",
		"host/24",
		"10.0.0.2.10.0.0.2.10.0.0.2/24",
	};
	struct veth_config config = {0};

	(void)state;
	assert_null(veth_take_ip(&config, "10.88.7.9/16"));
	assert_int_equal(config.address, 0x0a580709);
	assert_int_equal(config.prefix, 16);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (!veth_take_ip(&config, bad[i]))
			fail_msg("taken: ip=%s", bad[i]);
	}
	/* What is refused changes nothing. */
	assert_int_equal(config.address, 0x0a580709);
	assert_int_equal(config.prefix, 16);
	assert_null(veth_take_ip(&config, "192.168.1.2/30"));
	assert_null(veth_take_ip(&config, "1.0.0.0/1"));
}

static void says_what_is_wrong(void **state)
{
	struct veth_config config = {0};

	(void)state;
	assert_non_null(strstr(veth_take_ip(&config, "fd00::2/64"), "IPv6"));
	assert_non_null(strstr(veth_take_gateway(&config, "fd00::1"), "IPv6"));
	assert_non_null(strstr(veth_take_ip(&config, "10.0.0.2"), "prefix"));
}

static void gateways(void **state)
{
	static const char *const bad[] = {"", "10.0.0.1/24", "10.0.0", "0.0.0.0", "127.0.0.1", "255.255.255.255", "10.0.0.1 ", "::1", "gw"};
	struct veth_config config = {0};

	(void)state;
	assert_null(veth_take_gateway(&config, "10.0.0.1"));
	assert_int_equal(config.gateway, 0x0a000001);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (!veth_take_gateway(&config, bad[i]))
			fail_msg("taken: gateway=%s", bad[i]);
	}
}

/* The faults of "bridge|ip|gateway" (empty: none), with forwards between blanks. */
static unsigned faults(const char *bridge, const char *ip, const char *gateway, const char *forwards)
{
	struct veth_config config = {0};
	struct netdev_config netdev = {0};
	char copy[256], *rest = copy;

	if (*bridge)
		assert_null(veth_take_bridge(&config, bridge));
	if (*ip)
		assert_null(veth_take_ip(&config, ip));
	if (*gateway)
		assert_null(veth_take_gateway(&config, gateway));
	snprintf(copy, sizeof(copy), "%s", forwards);
	for (char *rule; (rule = strsep(&rest, " "));) {
		if (*rule)
			assert_null(netdev_add_forward(&netdev, rule));
	}
	unsigned count = veth_check(&config, &netdev);
	netdev_release_forwards(&netdev);
	/* Who is not root has that fault besides. */
	return count - (geteuid() != 0);
}

static void together(void **state)
{
	(void)state;
	assert_int_equal(faults("", "", "", ""), 0);
	assert_int_equal(faults("", "10.88.0.5/16", "10.88.0.6", "tcp:8080-:80 udp:8080-:80"), 0);
	assert_int_equal(faults("br0", "", "", ""), 0);
	assert_int_equal(faults("br0", "10.0.0.2/24", "10.0.0.1", "8080-:80"), 0);
	assert_int_equal(faults("br0", "", "", "8080-:80"), 1);
	assert_int_equal(faults("br0", "", "10.0.0.1", ""), 1);
	assert_int_equal(faults("br0", "", "10.0.0.1", "8080-:80"), 2);
	assert_int_equal(faults("br0", "10.0.0.2/24", "10.0.1.1", ""), 1);
	assert_int_equal(faults("br0", "10.0.0.2/24", "10.0.0.2", ""), 1);
}

static void forwards(void **state)
{
	struct netdev_config netdev = {0};
	const struct veth_config config = {0};
	char rule[64];

	(void)state;
	assert_int_equal(faults("", "", "", "8080-10.88.0.2:80"), 1);
	assert_int_equal(faults("", "", "", "8080-:80 127.0.0.1:8080-:81"), 1);
	assert_int_equal(faults("", "", "", "8080-:80 0.0.0.0:8080-:80"), 1);
	assert_int_equal(faults("", "", "", "8080-:80 192.0.2.1:8080-:80"), 0);
	for (unsigned i = 0; i < VETH_FORWARDS_MAX; i++) {
		snprintf(rule, sizeof(rule), "%u-:80", 8000 + i);
		assert_null(netdev_add_forward(&netdev, rule));
	}
	assert_int_equal(veth_check(&config, &netdev) - (geteuid() != 0), 0);
	assert_null(netdev_add_forward(&netdev, "7000-:80"));
	assert_int_equal(veth_check(&config, &netdev) - (geteuid() != 0), 1);
	netdev_release_forwards(&netdev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges),  cmocka_unit_test(addresses), cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(gateways), cmocka_unit_test(together),  cmocka_unit_test(forwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
