// SPDX-License-Identifier: Apache-2.0
/*
 * Interfaces, addresses and routes of a network namespace: rtnetlink(7), by libmnl, which ip-link(8) itself uses. Each call is one request and
 * waits for its answer. All return 0 (or what they say) or the kernel's negative errno, and log nothing but a missing library.
 */
#ifndef CTR_VETH_RTNL_H
#define CTR_VETH_RTNL_H

#include <libmnl/libmnl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctr/veth/plan.h"
#include "vmm/util/lib.h"

#define RTNL_CALLS(X)                                                                                                              \
	X(mnl_nlmsg_put_header) X(mnl_nlmsg_put_extra_header) X(mnl_attr_put) X(mnl_attr_put_u16) X(mnl_attr_put_u32) X(mnl_attr_put_strz) \
	X(mnl_attr_nest_start) X(mnl_attr_nest_end) X(mnl_cb_run) X(mnl_nlmsg_get_payload) X(mnl_attr_parse) X(mnl_attr_parse_nested)      \
	X(mnl_attr_get_type) X(mnl_attr_get_payload) X(mnl_attr_get_payload_len) X(mnl_attr_validate) X(mnl_attr_get_u32) X(mnl_attr_get_str)
LIB_STRUCT(rtnl_lib, RTNL_CALLS);

#define RTNL_ALIAS_MAX 32
#define RTNL_MAC_BYTES 6

struct rtnl {
	struct rtnl_lib lib;
	int fd;	      /* a NETLINK_ROUTE socket of the namespace; the caller's */
	uint32_t seq;
};

struct rtnl_link {
	int index, master; /* master 0: of no bridge */
	uint32_t mtu;
	bool bridge;
	char name[IFNAMSIZ], alias[RTNL_ALIAS_MAX];
};

struct rtnl_address {
	int index;	     /* of the interface; 0 for a route */
	struct veth_net net; /* a route's destination, or an address with its network */
};

/* Growing lists; released by free(list.at), also after an error. */
struct rtnl_links {
	struct rtnl_link *at;
	size_t count;
};

struct rtnl_addresses {
	struct rtnl_address *at;
	size_t count;
};

/* Loads the library. */
int rtnl_init(struct rtnl *rtnl, int fd);

int rtnl_list_links(struct rtnl *rtnl, struct rtnl_links *links);
int rtnl_list_addresses(struct rtnl *rtnl, struct rtnl_addresses *addresses);
int rtnl_list_routes(struct rtnl *rtnl, struct rtnl_addresses *routes);
/* The number of the interface of that name, which is positive. */
int rtnl_find(struct rtnl *rtnl, const char *name);

int rtnl_add_bridge(struct rtnl *rtnl, const char *name, const uint8_t mac[RTNL_MAC_BYTES]);

/* A veth pair, down: `name` here, `peer` in the namespace of peer_netns, whose MAC address the kernel chooses where mac is NULL. */
struct rtnl_pair {
	const char *name, *peer;
	int peer_netns;
	uint32_t mtu;
	const uint8_t *mac;
};
int rtnl_add_pair(struct rtnl *rtnl, const struct rtnl_pair *pair);

/* Brings it up, after giving it an alias and a bridge where these are not NULL and 0. */
int rtnl_set_up(struct rtnl *rtnl, int index, const char *alias, int master);
int rtnl_set_alias(struct rtnl *rtnl, int index, const char *alias);
int rtnl_add_address(struct rtnl *rtnl, int index, struct veth_net net);
int rtnl_add_default_route(struct rtnl *rtnl, int index, uint32_t gateway);
int rtnl_delete_link(struct rtnl *rtnl, int index);

#endif
