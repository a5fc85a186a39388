// SPDX-License-Identifier: Apache-2.0
/* vmm/cli_net.c: the kinds of --net and their parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/cli_run.h"

static void user(void **state)
{
	struct cli_run run;
	const struct config_net *net = run.config.net;

	(void)state;
	cli_run_good(&run,
		     "-k K -n user,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp:0.0.0.0:5353-10.0.2.15:53,mac=52:54:00:aa:bb:cc,mtu=1500,"
		     "dns=9.9.9.9,restrict");
	assert_int_equal(run.config.net_count, 1);
	assert_int_equal(net->netdev.kind, NETDEV_USER);
	const struct netdev_forward *forward = net->netdev.forwards;
	assert_false(forward->udp);
	assert_int_equal(forward->host_port, 2222);
	assert_int_equal(forward->guest_port, 22);
	forward = forward->next;
	assert_true(forward->udp);
	assert_int_equal(forward->host_port, 5353);
	assert_null(forward->next);
	assert_true(net->has_mac);
	assert_memory_equal(net->mac, "\x52\x54\x00\xaa\xbb\xcc", 6);
	assert_int_equal(net->netdev.mtu, 1500);
	assert_string_equal(net->dns, "9.9.9.9");
	assert_true(net->netdev.restricted);
	cli_run_end(&run);
}

static void tap(void **state)
{
	struct cli_run run;
	const struct config_net *net = run.config.net;

	(void)state;
	cli_run_good(&run, "-k K -n tap,ifname=tap0,ip=192.168.5.2/24,gw=192.168.5.1,dns=192.168.5.1 -n tap -n user");
	assert_int_equal(run.config.net_count, 3);
	assert_int_equal(net[0].netdev.kind, NETDEV_TAP);
	assert_string_equal(net[0].netdev.ifname, "tap0");
	assert_string_equal(net[0].address, "192.168.5.2/24");
	assert_string_equal(net[0].gateway, "192.168.5.1");
	assert_string_equal(net[0].dns, "192.168.5.1");
	assert_int_equal(net[0].netdev.mtu, 0);
	assert_false(net[0].has_mac);
	assert_int_equal(net[1].netdev.kind, NETDEV_TAP);
	assert_null(net[1].netdev.ifname);
	assert_null(net[1].address);
	assert_int_equal(net[2].netdev.kind, NETDEV_USER);
	cli_run_end(&run);
	cli_run_good(&run, "-k K -n tap,ip=10.0.0.0/31");
	cli_run_end(&run);
	cli_run_good(&run, "-k K -n tap,ip=10.0.0.7/32");
	cli_run_end(&run);
}

static void none(void **state)
{
	struct cli_run run;

	(void)state;
	cli_run_good(&run, "-k K -n none");
	assert_int_equal(run.config.net_count, 0);
	cli_run_end(&run);
}

static void refused_parts(void **state)
{
	static const struct refused bad[] = {
		{ "-k K -n bridge", { "--net: 'bridge': no such kind of network: takes none, user[,hostfwd=RULE]" } },
		{ "-k K -n user=1", { "--net: 'user=1': no such kind of network" } },
		{ "-k K -n hostfwd=tcp::1-:2", { "--net: 'hostfwd=tcp::1-:2': no such kind of network" } },
		{ "-k K -n ,mac=x", { "--net: '': no such kind of network" } },
		{ "-k K -n none,mtu=1500", { "--net: 'mtu=1500': no network has no parts: takes none alone" } },
		{ "-k K -n none -n user", { "--net: 'user': there is --net none" } },
		{ "-k K -n tap -n none", { "--net: 'none': there is another --net" } },
		{ "-k K -n user,hostfwd=22",
		  { "--net: 'user,hostfwd=22': not a forwarding rule: takes [tcp|udp:][ADDRESS:]PORT-[ADDRESS]:PORT" } },
		{ "-k K -n user,hostfwd", { "--net: 'user,hostfwd': no value given" } },
		{ "-k K -n user,hostfw=x", { "--net: 'user,hostfw=x': unknown part, did you mean hostfwd?" } },
		{ "-k K -n user,mac=1", { "--net: 'user,mac=1': not an address of one card: takes six bytes" } },
		{ "-k K -n user,mac=01:00:00:00:00:01", { "not an address of one card" } },
		{ "-k K -n user,mtu=67", { "--net: 'user,mtu=67': out of range: takes a number from 68 to 65520" } },
		{ "-k K -n user,mtu=65521", { "out of range" } },
		{ "-k K -n user,mtu=x", { "not a number" } },
		{ "-k K -n user,mtu=1500,mtu=1400", { "--net: 'user,mtu=1400': given a second time" } },
		{ "-k K -n user,dns=one", { "--net: 'user,dns=one': not an address of one host" } },
		{ "-k K -n user,dns=127.0.0.53", { "--net: 'user,dns=127.0.0.53': not an address of one host" } },
		{ "-k K -n user,ifname=tap0",
		  { "--net: 'user': ifname= is a part of tap: takes hostfwd=, restrict, mac=, mtu= and dns=" } },
		{ "-k K -n user,ip=10.0.2.9/24",
		  { "--net: 'user': ip= and gw= are parts of tap; this network gives the guest 10.0.2.15/24" } },
		{ "-k K -n tap,hostfwd=tcp:127.0.0.1:1-:2", { "--net: 'tap': hostfwd= is a part of user" } },
		{ "-k K -n tap,restrict", { "--net: 'tap': restrict is a part of user" } },
		{ "-k K -n tap,gw=10.0.0.1", { "--net: 'tap': gw= without ip=" } },
		{ "-k K -n tap,ifname=abcdefghijklmnop", { "--net: 'tap,ifname=abcdefghijklmnop': too long" } },
		{ "-k K -n tap,ifname=a/b", { "not an interface's name" } },
		{ "-k K -n tap,ifname=tap%d", { "not an interface's name" } },
		{ "-k K -n tap,ifname=..", { "not an interface's name" } },
		{ "-k K -n tap,ip=10.0.0.1", { "--net: 'tap,ip=10.0.0.1': has no /PREFIX" } },
		{ "-k K -n tap,ip=10.0.0.1/33", { "not a prefix" } },
		{ "-k K -n tap,ip=10.0.0.1/", { "not a prefix" } },
		{ "-k K -n tap,ip=10.0.0.0/24", { "--net: 'tap,ip=10.0.0.0/24': the network's own address or its broadcast" } },
		{ "-k K -n tap,ip=10.0.0.255/24", { "the network's own address or its broadcast" } },
		{ "-k K -n tap,ip=224.0.0.1/24", { "not an address of one host" } },
		{ "-k K -n user -n user -n user -n user -n user -n user -n user -n user -n user",
		  { "--net: 'user': one network too many: 8 are the most" } },
	};

	(void)state;
	check_all_refused(bad, sizeof(bad) / sizeof(*bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user),
		cmocka_unit_test(tap),
		cmocka_unit_test(none),
		cmocka_unit_test(refused_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
