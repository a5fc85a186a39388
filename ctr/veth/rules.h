// SPDX-License-Identifier: Apache-2.0
/*
 * A container's rules in the host's packet filter: nf_tables, by libnftnl, which nft(8) itself uses.
 *
 * All of them are in one table of the container's own, "tinyvmm-" and the number of its card on the host (a name would be free again too soon:
 * the kernel removes the card by itself, before or after the table), which belongs to the socket that made it (NFT_TABLE_F_OWNER, Linux 5.12): the kernel removes it when that is closed, also by a kill, and nobody else may change it, so that
 * `nft flush ruleset` and a firewall's reload leave it alone. There is nothing that containers share, nothing to count and nothing to mend.
 * That is also why neither nft(8) nor its library libnftables, which would take the rules as text, are used: the socket is theirs.
 */
#ifndef CTR_VETH_RULES_H
#define CTR_VETH_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "ctr/veth/plan.h"
#include "devices/net/netdev.h"

#define RULES_FORWARDS_MAX 64

struct rules {
	int card;            /* the number of the pair's end on the host, which names the table */
	const char *bridge;  /* whose port it is */
	struct veth_net net; /* the container's address and its network */
	bool apart;          /* the network is ours: what leaves it gets the host's address, what is not forwarded does not come in */
	const struct netdev_forward *forwards; /* RULES_FORWARDS_MAX at most */
};

/* Opens a socket for them. A descriptor or a negative errno, logged. */
int rules_open(void);

/* Makes the table; `fd` owns it. 0 or a negative errno, logged. */
int rules_set(int fd, const struct rules *rules);

#endif
