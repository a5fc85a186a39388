// SPDX-License-Identifier: Apache-2.0
/*
 * What the host has of interfaces and addresses, and the bridge that a container joins. Only who holds the lock looks at these, and takes what
 * is free. For the worker of veth.c, and for what is undone at the end.
 */
#ifndef CTR_VETH_HOST_H
#define CTR_VETH_HOST_H

#include <netinet/in.h>
#include <stdbool.h>

#include "ctr/veth/plan.h"
#include "ctr/veth/rtnl.h"
#include "ctr/veth/veth.h"

struct host {
	struct rtnl rtnl;
	struct rtnl_links links;
	struct rtnl_addresses addresses;
	struct rtnl_link bridge; /* the one that is joined */
	struct veth_net net;	 /* its address and network, where it is our own */
};

/* A descriptor that holds the lock, or a negative errno, logged. */
int host_lock(void);

/* Lists all there is. 0 or a negative errno, logged; host_release() either way. */
int host_open(struct host *host);
void host_release(struct host *host);

/* NULL: there is none. */
const struct rtnl_link *host_find(const struct host *host, const char *name);

/*
 * Finds the bridge that `name` names; NULL: our own, which is made where it is missing, and gets a network where it has none. *made becomes true
 * before it is touched. 0 or a negative errno, logged.
 */
int host_find_bridge(struct host *host, const char *name, bool *made);
/* Removes our own, if we made it and it has no port left but `but`, which is gone already. A failure is logged. */
void host_drop_bridge(struct host *host, int but);

/* Checks the address that the configuration names, or finds a free one. net->address 0: it gets none. 0 or a negative errno, logged. */
int host_choose_address(const struct host *host, const struct veth_config *config, struct veth_net *net);

/* For failures of making what a driver is needed for ("veth", "bridge"). Returns err. */
int host_explain_driver(const char *driver, const char *name, int err);

int host_write_sysctl(const char *path, const char *value);
bool host_sysctl_is_on(const char *path);

/* Returns text. */
const char *host_text_of(uint32_t address, char text[INET_ADDRSTRLEN]);

#endif
