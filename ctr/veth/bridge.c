// SPDX-License-Identifier: Apache-2.0
/* Bridges and the addresses of those behind them: see host.h. */
#include "ctr/veth/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/util/log.h"

/* Marks a bridge as made by us, and thus ours to remove. */
#define BRIDGE_ALIAS "tinyvmm"
#define BRIDGE_MTU 1500

/* --- the bridge ----------------------------------------------------------------------------------------------------------------------- */

/* Its first address of IPv4; false: it has none. */
static bool bridge_address(const struct host *host, int index, struct veth_net *net)
{
	for (size_t i = 0; i < host->addresses.count; i++) {
		if (host->addresses.at[i].index == index) {
			*net = host->addresses.at[i].net;
			return true;
		}
	}
	return false;
}

/* The networks that are somebody's: routes, and addresses, which have none while their interface is down. NULL: no memory, or `err`. */
static struct veth_net *list_networks(struct host *host, size_t *count, int *err)
{
	struct rtnl_addresses routes = {0};
	struct veth_net *nets = NULL;

	*count = 0;
	*err = rtnl_list_routes(&host->rtnl, &routes);
	if (!*err) {
		nets = calloc(routes.count + host->addresses.count + 1, sizeof(*nets));
		*err = nets ? 0 : -ENOMEM;
	}
	for (size_t i = 0; nets && i < routes.count; i++)
		nets[(*count)++] = routes.at[i].net;
	for (size_t i = 0; nets && i < host->addresses.count; i++)
		nets[(*count)++] = host->addresses.at[i].net;
	free(routes.at);
	return nets;
}

static int number_bridge(struct host *host)
{
	size_t count;
	int err;
	struct veth_net *nets = list_networks(host, &count, &err);

	if (err) {
		log_error("--net veth: the host's routes can't be listed: %s", strerror(-err));
	} else if (!veth_choose_network(nets, count, &host->net)) {
		err = -EADDRNOTAVAIL;
		log_error("--net veth: the host has routes to all private networks that " VETH_BRIDGE
			  " could get (10.88.0.0/16 and on): make a bridge with an address of your own, and name it by bridge=");
	} else {
		err = rtnl_add_address(&host->rtnl, host->bridge.index, host->net);
		if (err)
			log_error("--net veth: " VETH_BRIDGE " can't get its address: %s", strerror(-err));
	}
	free(nets);
	return err;
}

static int make_bridge(struct host *host)
{
	/* An address of its own, as otherwise it would change with its ports, and break connections. Locally administered, no group's. */
	uint8_t mac[RTNL_MAC_BYTES];
	int err = getrandom(mac, sizeof(mac), 0) == sizeof(mac) ? 0 : -EIO;

	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
	if (!err)
		err = rtnl_add_bridge(&host->rtnl, VETH_BRIDGE, mac);
	if (err)
		return host_explain_driver("bridge", VETH_BRIDGE, err);
	int index = rtnl_find(&host->rtnl, VETH_BRIDGE);
	err = index < 0 ? index : rtnl_set_alias(&host->rtnl, index, BRIDGE_ALIAS);
	if (err)
		log_error("--net veth: " VETH_BRIDGE " can't be set up: %s", strerror(-err));
	host->bridge = (struct rtnl_link){.index = index, .mtu = BRIDGE_MTU, .bridge = true, .name = VETH_BRIDGE, .alias = BRIDGE_ALIAS};
	/* Neither reached nor led astray by IPv6 of a container's (CVE-2020-13401). A kernel without it has no such file. */
	host_write_sysctl("/proc/sys/net/ipv6/conf/" VETH_BRIDGE "/disable_ipv6", "1");
	return err;
}

/* Ours: made where it is missing, mended where somebody was killed while making it. */
static int find_own(struct host *host, bool *made)
{
	const struct rtnl_link *link = host_find(host, VETH_BRIDGE);
	int err = 0;

	if (link && !link->bridge) {
		log_error("--net veth: the host's interface " VETH_BRIDGE " is no bridge: rename or remove it, or name another by bridge=");
		return -EEXIST;
	}
	/* Should it be without ports in the end, it goes with us. */
	*made = true;
	if (link)
		host->bridge = *link;
	else
		err = make_bridge(host);
	if (!err && !bridge_address(host, host->bridge.index, &host->net))
		err = number_bridge(host);
	if (err)
		return err;
	err = rtnl_set_up(&host->rtnl, host->bridge.index, NULL, 0);
	if (err)
		log_error("--net veth: " VETH_BRIDGE " can't be brought up: %s", strerror(-err));
	return err;
}

int host_find_bridge(struct host *host, const char *name, bool *made)
{
	if (!name)
		return find_own(host, made);
	const struct rtnl_link *link = host_find(host, name);
	if (!link || !link->bridge) {
		log_error("--net veth,bridge=%s: %s", name,
			  link ? "that interface is no bridge"
			       : "the host has no such bridge: make it (ip link add NAME type bridge), or leave bridge= out for one of "
				 "tinyvmm's");
		return -ENODEV;
	}
	host->bridge = *link;
	return 0;
}

void host_drop_bridge(struct host *host, int but)
{
	const struct rtnl_link *bridge = host_find(host, VETH_BRIDGE);

	if (!bridge || strcmp(bridge->alias, BRIDGE_ALIAS))
		return;
	for (size_t i = 0; i < host->links.count; i++) {
		if (host->links.at[i].master == bridge->index && host->links.at[i].index != but)
			return;
	}
	int err = rtnl_delete_link(&host->rtnl, bridge->index);
	if (err)
		log_warn("--net veth: " VETH_BRIDGE " can't be removed: %s", strerror(-err));
}

/* --- the container's address ---------------------------------------------------------------------------------------------------------- */

/* What no container may get: other containers' addresses on this bridge, and all that the host has. */
static size_t list_taken(const struct host *host, uint32_t *taken)
{
	struct in_addr in;
	size_t count = 0;

	for (size_t i = 0; i < host->links.count; i++) {
		const struct rtnl_link *link = &host->links.at[i];
		if (link->master == host->bridge.index && inet_pton(AF_INET, link->alias, &in) == 1)
			taken[count++] = ntohl(in.s_addr);
	}
	for (size_t i = 0; i < host->addresses.count; i++)
		taken[count++] = host->addresses.at[i].net.address;
	return count;
}

static int check_wanted(const struct veth_config *config, const struct host *host, const uint32_t *taken, size_t count)
{
	char address[INET_ADDRSTRLEN], own[INET_ADDRSTRLEN];

	host_text_of(config->address, address);
	if (!config->bridge && (config->prefix != host->net.prefix || !veth_has(host->net, config->address))) {
		log_error("--net veth,ip=%s/%u: not in the network of " VETH_BRIDGE ", which is %s/%u", address, config->prefix,
			  host_text_of(veth_first(host->net), own), host->net.prefix);
		return -EADDRNOTAVAIL;
	}
	for (size_t i = 0; i < count; i++) {
		if (taken[i] != config->address)
			continue;
		log_error("--net veth,ip=%s/%u: that address is in use, by another container or by the host: choose another%s", address,
			  config->prefix, config->bridge ? "" : ", or leave ip= out");
		return -EADDRINUSE;
	}
	return 0;
}

int host_choose_address(const struct host *host, const struct veth_config *config, struct veth_net *net)
{
	uint32_t *taken = calloc(host->links.count + host->addresses.count + 1, sizeof(*taken));
	int err = taken ? 0 : -ENOMEM;

	*net = (struct veth_net){config->address, config->prefix};
	size_t count = taken ? list_taken(host, taken) : 0;
	if (!err && config->address) {
		err = check_wanted(config, host, taken, count);
	} else if (!err && !config->bridge) {
		*net = (struct veth_net){veth_choose_address(host->net, taken, count), host->net.prefix};
		if (!net->address) {
			err = -EADDRNOTAVAIL;
			log_error("--net veth: all addresses of " VETH_BRIDGE "'s network are in use: bridge= names another bridge");
		}
	}
	free(taken);
	return err;
}
