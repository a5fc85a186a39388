// SPDX-License-Identifier: Apache-2.0
/*
 * --net veth from beginning to end: see veth.h.
 *
 * What is made, and who undoes it: the ports that are forwarded are held by sockets of ours, the rules (rules.h) live as long as a socket
 * of ours does, the pair as long as the container's namespace; the bridge is removed by who removes its last port. What is free, a name, an
 * address, is seen from the interfaces themselves, each of which carries its container's address as its alias. A lock makes looking and
 * taking one step. It is held by a worker, which alone loads the libraries; at the end, when it does not matter any more, by ourselves.
 */
#include "ctr/veth/veth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctr/veth/host.h"
#include "ctr/veth/rules.h"
#include "devices/net/backends.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define CARD_PREFIX "tvm"
#define CARDS_MAX 100000
#define SYSCTL "/proc/sys/net/ipv4/"

_Static_assert(VETH_FORWARDS_MAX <= RULES_FORWARDS_MAX, "there is room for all rules");

/* What the worker made, for us to undo. */
struct made {
	int card; /* the number of the pair's end on the host; 0: none */
	bool bridge;
};

struct veth {
	const struct veth_config *config;
	const struct netdev_config *netdev;
	struct made *made; /* shared with the worker */
	int held[VETH_FORWARDS_MAX];
	unsigned held_count;
	int rules_fd, child;
};

static const char *bridge_of(const struct veth *veth)
{
	return veth->config->bridge ? veth->config->bridge : VETH_BRIDGE;
}

/* --- the ports of the host ------------------------------------------------------------------------------------------------------------ */

/*
 * Held although packets for it never arrive here: nobody else takes a port that would be dead, and a second container is refused the same
 * one. Listening, as otherwise somebody with SO_REUSEADDR could have it too.
 */
static int hold_port(const struct netdev_forward *forward)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(forward->host_port),
		.sin_addr.s_addr = forward->host_addr,
	};
	int one = 1;
	int fd = socket(AF_INET, (forward->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* Old connections that linger don't keep it from us. */
	if (!forward->udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) && (forward->udp || !listen(fd, 0)))
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

int veth_new(struct veth **out, const struct veth_config *config, const struct netdev_config *netdev)
{
	struct veth *veth = calloc(1, sizeof(*veth));
	int err = 0;

	if (!veth)
		return -ENOMEM;
	*veth = (struct veth){.config = config, .netdev = netdev, .rules_fd = -1, .child = -1};
	veth->made = shared_alloc(sizeof(*veth->made));
	if (!veth->made)
		err = -ENOMEM;
	for (const struct netdev_forward *forward = netdev->forwards; !err && forward; forward = forward->next) {
		int fd = hold_port(forward);
		if (fd < 0) {
			err = fd;
			netdev_forward_explain(forward, err);
		} else {
			veth->held[veth->held_count++] = fd;
		}
	}
	if (err)
		veth_free(veth);
	else
		*out = veth;
	return err;
}

/* --- the pair ------------------------------------------------------------------------------------------------------------------------- */

static void choose_name(const struct host *host, char name[IFNAMSIZ])
{
	for (unsigned n = 0; n < CARDS_MAX; n++) {
		snprintf(name, IFNAMSIZ, CARD_PREFIX "%u", n);
		if (!host_find(host, name))
			return;
	}
}

static int make_pair(struct veth *veth, struct host *host, struct veth_net net, const char *name)
{
	/* The same for the same address always, so that no neighbour remembers the one of a container that is gone. */
	uint8_t mac[RTNL_MAC_BYTES] = {2, 't'};
	uint32_t address = htonl(net.address);
	char alias[INET_ADDRSTRLEN] = "";
	struct rtnl_pair pair = {
		.name = name,
		.peer = VETH_CARD,
		.peer_netns = ioctl(veth->child, SIOCGSKNS),
		.mtu = veth->netdev->mtu ? veth->netdev->mtu : host->bridge.mtu,
		.mac = net.address ? mac : NULL,
	};
	memcpy(mac + 2, &address, sizeof(address));
	int err = pair.peer_netns < 0 ? -errno : rtnl_add_pair(&host->rtnl, &pair);

	close_fd(&pair.peer_netns);
	if (err)
		return host_explain_driver("veth", name, err);
	int index = rtnl_find(&host->rtnl, name);
	if (index > 0)
		veth->made->card = index;
	if (net.address)
		host_text_of(net.address, alias);
	err = index < 0 ? index : rtnl_set_up(&host->rtnl, index, alias, host->bridge.index);
	if (err)
		log_error("--net veth: %s can't become a port of %s: %s", name, host->bridge.name, strerror(-err));
	return err;
}

static int set_up_child(const struct veth *veth, const struct host *host, struct veth_net net)
{
	uint32_t gateway = veth->config->gateway ? veth->config->gateway : host->net.address;
	char text[INET_ADDRSTRLEN];
	struct rtnl rtnl;
	int err = rtnl_init(&rtnl, veth->child);

	if (err)
		return err;
	int index = rtnl_find(&rtnl, VETH_CARD);
	err = index < 0 ? index : net.address ? rtnl_add_address(&rtnl, index, net) : 0;
	if (!err)
		err = rtnl_set_up(&rtnl, index, NULL, 0);
	if (err) {
		log_error("--net veth: the container's " VETH_CARD " can't be set up: %s", strerror(-err));
		return err;
	}
	err = net.address && gateway ? rtnl_add_default_route(&rtnl, index, gateway) : 0;
	if (err)
		log_error("--net veth: the container can't have %s as its gateway: %s", host_text_of(gateway, text), strerror(-err));
	return err;
}

/* --- packets between them ------------------------------------------------------------------------------------------------------------- */

static int enable_forwarding(void)
{
	const char *path = SYSCTL "ip_forward";

	if (host_sysctl_is_on(path))
		return 0;
	int err = host_write_sysctl(path, "1");
	if (err)
		log_error("--net veth: net.ipv4.ip_forward is off and can't be set: %s: sysctl -w net.ipv4.ip_forward=1", strerror(-err));
	else
		log_info("--net veth: net.ipv4.ip_forward is on now, which makes the host a router, and stays on");
	return err;
}

/* Connections to the host's loopback leave it only by an interface that may carry such addresses. A user's bridge is his to open. */
static int open_loopback(const struct veth *veth)
{
	char path[128];

	snprintf(path, sizeof(path), SYSCTL "conf/%s/route_localnet", bridge_of(veth));
	if (host_sysctl_is_on(path) || host_sysctl_is_on(SYSCTL "conf/all/route_localnet"))
		return 0;
	if (veth->config->bridge) {
		log_error("--net veth,bridge=%s: hostfwd from the host's loopback, as it is without an address, takes "
			  "'echo 1 >%s'; or name an address of the host's, as in tcp:0.0.0.0:8080-:80",
			  veth->config->bridge, path);
		return -EADDRNOTAVAIL;
	}
	int err = host_write_sysctl(path, "1");
	if (err)
		log_error("--net veth: %s can't be set: %s", path, strerror(-err));
	return err;
}

static bool is_loopback(const struct netdev_forward *forward)
{
	return ntohl(forward->host_addr) >> 24 == IN_LOOPBACKNET;
}

static int connect_host(const struct veth *veth, const struct host *host, struct veth_net net)
{
	const struct rules rules = {
		.card = veth->made->card,
		.bridge = host->bridge.name,
		.net = net,
		.apart = !veth->config->bridge,
		.forwards = veth->netdev->forwards,
	};
	bool loopback = false;

	if (!rules.apart && !rules.forwards)
		return 0;
	for (const struct netdev_forward *forward = rules.forwards; forward; forward = forward->next)
		loopback |= is_loopback(forward) || (rules.apart && forward->host_addr == INADDR_ANY);
	int err = rules_set(veth->rules_fd, &rules);
	/* Not before the rules: they guard what it opens. */
	if (!err && loopback)
		err = open_loopback(veth);
	return err ? err : enable_forwarding();
}

/* --- beginning and end ---------------------------------------------------------------------------------------------------------------- */

static int connect_job(void *arg)
{
	struct veth *veth = arg;
	struct veth_net net = {0};
	struct host host;
	char name[IFNAMSIZ];
	int lock = host_lock();

	if (lock < 0)
		return lock;
	int err = host_open(&host);
	if (!err)
		err = host_find_bridge(&host, veth->config->bridge, &veth->made->bridge);
	if (!err)
		err = host_choose_address(&host, veth->config, &net);
	if (!err) {
		choose_name(&host, name);
		err = make_pair(veth, &host, net, name);
	}
	if (!err)
		err = set_up_child(veth, &host, net);
	if (!err)
		err = connect_host(veth, &host, net);
	host_release(&host);
	close_fd(&lock);
	return err;
}

int veth_connect(struct veth *veth, int child)
{
	bool rules = !veth->config->bridge || veth->netdev->forwards;

	veth->child = child;
	/* Ours, not the worker's: the rules end with it. */
	veth->rules_fd = rules ? rules_open() : -1;
	if (rules && veth->rules_fd < 0)
		return veth->rules_fd;
	return worker_run("network", connect_job, veth);
}

/*
 * By numbers, which the kernel does not give again soon: by name it could be the next container's already. The rules go after the card
 * that they guard the host from.
 */
static void undo(struct veth *veth)
{
	const struct made *made = veth->made;
	struct host host;
	int lock = host_lock();

	if (lock < 0)
		return;
	int err = host_open(&host);
	if (!err && made->card) {
		/* It may be gone already, with its namespace. */
		err = rtnl_delete_link(&host.rtnl, made->card);
		if (err && err != -ENODEV)
			log_warn("--net veth: the container's card on the host can't be removed: %s", strerror(-err));
		err = 0;
	}
	close_fd(&veth->rules_fd);
	if (!err && made->bridge)
		host_drop_bridge(&host, made->card);
	host_release(&host);
	close_fd(&lock);
}

void veth_free(struct veth *veth)
{
	if (!veth)
		return;
	if (veth->made && (veth->made->card || veth->made->bridge))
		undo(veth);
	close_fd(&veth->rules_fd);
	for (unsigned i = 0; i < veth->held_count; i++)
		close_fd(&veth->held[i]);
	shared_free(veth->made, sizeof(*veth->made));
	free(veth);
}
