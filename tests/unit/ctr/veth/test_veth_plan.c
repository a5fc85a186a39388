// SPDX-License-Identifier: Apache-2.0
/* ctr/veth/plan.c: which network and which address are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctr/veth/plan.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void sums(void **state)
{
	const struct veth_net net = {IP(10, 1, 2, 3), 20}, all = {IP(10, 1, 2, 3), 0}, one = {IP(10, 1, 2, 3), 32};

	(void)state;
	assert_int_equal(veth_first(net), IP(10, 1, 0, 0));
	assert_int_equal(veth_last(net), IP(10, 1, 15, 255));
	assert_true(veth_has(net, IP(10, 1, 15, 255)) && veth_has(net, IP(10, 1, 0, 0)));
	assert_false(veth_has(net, IP(10, 1, 16, 0)) || veth_has(net, IP(10, 0, 255, 255)));
	assert_int_equal(veth_first(all), 0);
	assert_int_equal(veth_last(all), UINT32_MAX);
	assert_int_equal(veth_first(one), veth_last(one));
}

static void chooses(const struct veth_net *routes, size_t count, uint32_t address, unsigned prefix)
{
	struct veth_net net;

	assert_true(veth_choose_network(routes, count, &net));
	assert_int_equal(net.address, address);
	assert_int_equal(net.prefix, prefix);
}

static void free_network(void **state)
{
	const struct veth_net defaults[] = {{0, 0}, {0, 1}, {IP(128, 0, 0, 0), 1}, {IP(8, 0, 0, 0), 5}};
	const struct veth_net inside[] = {{IP(10, 88, 200, 0), 24}}, host[] = {{IP(10, 88, 0, 1), 32}};
	const struct veth_net wide[] = {{IP(10, 88, 0, 0), 14}}, before[] = {{IP(10, 87, 0, 0), 16}, {IP(10, 89, 0, 0), 16}};

	(void)state;
	chooses(NULL, 0, IP(10, 88, 0, 1), 16);
	chooses(defaults, COUNT(defaults), IP(10, 88, 0, 1), 16);
	chooses(before, COUNT(before), IP(10, 88, 0, 1), 16);
	chooses(inside, COUNT(inside), IP(10, 89, 0, 1), 16);
	chooses(host, COUNT(host), IP(10, 89, 0, 1), 16);
	chooses(wide, COUNT(wide), IP(10, 92, 0, 1), 16);
}

static void full_ranges(void **state)
{
	struct veth_net routes[57] = {{IP(10, 0, 0, 0), 8}, {IP(172, 16, 0, 0), 12}}, net;

	(void)state;
	chooses(routes, 1, IP(172, 24, 0, 1), 16);
	chooses(routes, 2, IP(192, 168, 200, 1), 24);
	for (unsigned i = 0; i < 54; i++)
		routes[2 + i] = (struct veth_net){IP(192, 168, 200 + i, 7), 32};
	chooses(routes, 56, IP(192, 168, 254, 1), 24);
	routes[56] = (struct veth_net){IP(192, 168, 254, 0), 23};
	assert_false(veth_choose_network(routes, 57, &net));
}

static void free_address(void **state)
{
	const struct veth_net net = {IP(10, 88, 0, 1), 16}, middle = {IP(10, 9, 0, 2), 29}, none = {IP(10, 9, 0, 1), 32};
	const uint32_t some[] = {IP(10, 88, 0, 3), IP(10, 88, 0, 2), IP(10, 88, 0, 5)};
	const uint32_t most[] = {IP(10, 9, 0, 1), IP(10, 9, 0, 3), IP(10, 9, 0, 4), IP(10, 9, 0, 5), IP(10, 9, 0, 6)};

	(void)state;
	assert_int_equal(veth_choose_address(net, NULL, 0), IP(10, 88, 0, 2));
	assert_int_equal(veth_choose_address(net, some, COUNT(some)), IP(10, 88, 0, 4));
	assert_int_equal(veth_choose_address(middle, most, 0), IP(10, 9, 0, 1));
	assert_int_equal(veth_choose_address(middle, most, 4), IP(10, 9, 0, 6));
	assert_int_equal(veth_choose_address(middle, most, 5), 0);
	assert_int_equal(veth_choose_address(none, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(free_network),
		cmocka_unit_test(full_ranges),
		cmocka_unit_test(free_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
