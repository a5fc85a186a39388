// SPDX-License-Identifier: Apache-2.0
/* Which network and which address, of those that are free: plain sums on IPv4 addresses in host order. */
#ifndef CTR_VETH_PLAN_H
#define CTR_VETH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A network by any of its addresses; prefix 0 to 32. */
struct veth_net {
	uint32_t address;
	unsigned prefix;
};

static inline uint32_t veth_mask(unsigned prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

static inline uint32_t veth_first(struct veth_net net)
{
	return net.address & veth_mask(net.prefix);
}

static inline uint32_t veth_last(struct veth_net net)
{
	return net.address | ~veth_mask(net.prefix);
}

static inline bool veth_has(struct veth_net net, uint32_t address)
{
	return address >= veth_first(net) && address <= veth_last(net);
}

/*
 * A private network (RFC 1918) that none of the routes leads into, for our own bridge; its address is the bridge's, the first of the network. Routes
 * as wide as a default route (shorter than /8) don't count. False: there is none.
 */
bool veth_choose_network(const struct veth_net *routes, size_t count, struct veth_net *net);

/* The lowest free host address of a network of which net.address is taken too. 0: all are. */
uint32_t veth_choose_address(struct veth_net net, const uint32_t *taken, size_t count);

#endif
