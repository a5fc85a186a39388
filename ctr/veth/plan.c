// SPDX-License-Identifier: Apache-2.0
/* Free networks and addresses: see plan.h. */
#include "ctr/veth/plan.h"

/*
 * 10.88 first, up to 10.119: seldom a company's or a provider's. Then ends of the two other private ranges that neither home routers nor
 * container engines begin with.
 */
static const struct {
	struct veth_net first;
	unsigned count; /* networks, one behind the other */
} candidates[] = {
	{{0x0a580000, 16}, 32}, /* 10.88.0.0/16 */
	{{0xac180000, 16}, 8},  /* 172.24.0.0/16 */
	{{0xc0a8c800, 24}, 55}, /* 192.168.200.0/24 */
};

/* Narrower ones are somebody's network; a wider one is a default route, or the half of one, as VPNs set them. */
#define ROUTE_PREFIX_MIN 8

static bool is_routed(struct veth_net net, const struct veth_net *routes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (routes[i].prefix >= ROUTE_PREFIX_MIN && veth_first(routes[i]) <= veth_last(net) &&
		    veth_last(routes[i]) >= veth_first(net))
			return true;
	}
	return false;
}

bool veth_choose_network(const struct veth_net *routes, size_t count, struct veth_net *net)
{
	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates); i++) {
		*net = candidates[i].first;
		for (unsigned n = 0; n < candidates[i].count; n++) {
			if (!is_routed(*net, routes, count)) {
				net->address++;
				return true;
			}
			net->address += (uint32_t)(1ull << (32 - net->prefix));
		}
	}
	return false;
}

static bool is_taken(uint32_t address, const uint32_t *taken, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (taken[i] == address)
			return true;
	}
	return false;
}

uint32_t veth_choose_address(struct veth_net net, const uint32_t *taken, size_t count)
{
	for (uint32_t address = veth_first(net) + 1; address < veth_last(net); address++) {
		if (address != net.address && !is_taken(address, taken, count))
			return address;
	}
	return 0;
}
