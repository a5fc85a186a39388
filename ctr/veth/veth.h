// SPDX-License-Identifier: Apache-2.0
/*
 * --net veth: a pair of virtual Ethernet cards (veth(4)), one end of it the container's eth0, the other a port of a bridge of the host. Packets
 * stay in the kernel, and no process stands in between, which is what this is for; it takes root.
 *
 * Without `bridge` there is one of our own, tinyvmm0, made by the first container and removed by the last, with a private network that the
 * host has no route to; each container has an address of it and goes out under the host's (masquerading). With `bridge` the pair joins
 * that one, whose network is the user's business. Forwarded ports work on both.
 *
 * Nothing is left behind, whatever ends us, and nobody watches over it: the pair goes with the container's network namespace, and the rules are in
 * a table that the kernel removes with the socket that made it. Only a bridge without ports can stay, which the next container takes over.
 *
 * IPv4 only. Addresses are in host order, but those of struct netdev_forward.
 */
#ifndef CTR_VETH_VETH_H
#define CTR_VETH_VETH_H

#include <stdint.h>

#include "devices/net/netdev.h"

#define VETH_BRIDGE "tinyvmm0" /* our own */
#define VETH_CARD "eth0"       /* in the container */
#define VETH_FORWARDS_MAX 64

struct veth_config {
	const char *bridge; /* NULL: our own */
	uint32_t address;   /* 0: chosen on our own bridge; none on another */
	unsigned prefix;
	uint32_t gateway;   /* 0: our own bridge's address; none on another */
};

/* The parts bridge=, ip= and gateway=. NULL, or what is wrong (a constant string), not logged. */
const char *veth_take_bridge(struct veth_config *config, const char *value);
const char *veth_take_ip(struct veth_config *config, const char *value);
const char *veth_take_gateway(struct veth_config *config, const char *value);

/* Logs every fault of the whole and returns their number. Of the netdev_config, forwards and mtu count. Opens nothing. */
unsigned veth_check(const struct veth_config *config, const struct netdev_config *netdev);

struct veth;

/*
 * Takes the ports that are forwarded, as long as the container lives, so that one that is in use is found before anything is started. Both
 * configurations must outlive it. 0 or a negative errno, logged.
 */
int veth_new(struct veth **veth, const struct veth_config *config, const struct netdev_config *netdev);

/*
 * Makes the pair and all that belongs to it; `child` is a NETLINK_ROUTE socket of the container's network namespace, and stays the caller's.
 * 0 or a negative errno, logged; veth_free() undoes what was made either way.
 */
int veth_connect(struct veth *veth, int child);

/* Removes it all. The container's processes have ended, or are about to. Accepts NULL. */
void veth_free(struct veth *veth);

#endif
