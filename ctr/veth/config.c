// SPDX-License-Identifier: Apache-2.0
/* What people write behind --net veth: see veth.h. */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "ctr/veth/plan.h"
#include "ctr/veth/veth.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

/* A host's own: neither "this network", loopback, group addresses nor what is above them. */
static bool is_unicast(uint32_t address)
{
	uint32_t first = address >> 24;

	return first > 0 && first < 224 && first != 127;
}

static const char *parse_address(const char *text, uint32_t *address)
{
	struct in_addr in;

	if (strchr(text, ':'))
		return "IPv6, which --net veth has not";
	if (inet_pton(AF_INET, text, &in) != 1)
		return "not an IPv4 address";
	*address = ntohl(in.s_addr);
	return is_unicast(*address) ? NULL : "not the address of a host";
}

const char *veth_take_bridge(struct veth_config *config, const char *value)
{
	/* What the kernel takes for a name (dev_valid_name()) and, as names also become parts of paths, of printing characters. */
	if (!*value || strlen(value) >= IFNAMSIZ || !strcmp(value, ".") || !strcmp(value, ".."))
		return "not the name of an interface";
	for (const char *p = value; *p; p++) {
		if (*p <= ' ' || *p > '~' || *p == '/' || *p == ':' || *p == '%')
			return "not the name of an interface";
	}
	/* Asked for by name it is ours all the same. */
	config->bridge = strcmp(value, VETH_BRIDGE) ? value : NULL;
	return NULL;
}

const char *veth_take_ip(struct veth_config *config, const char *value)
{
	char copy[INET_ADDRSTRLEN];
	const char *slash = strchr(value, '/');
	uint64_t prefix;
	uint32_t address;

	if (strchr(value, ':'))
		return "IPv6, which --net veth has not";
	if (!slash)
		return "has no prefix length";
	size_t len = (size_t)(slash - value);
	if (len >= sizeof(copy))
		return "not an IPv4 address";
	memcpy(copy, value, len);
	copy[len] = '\0';
	const char *wrong = parse_address(copy, &address);
	if (wrong)
		return wrong;
	if (strlen(slash + 1) > 2 || parse_u64(slash + 1, 1, 30, &prefix))
		return "not a prefix length from 1 to 30 after the '/'";
	if (address == veth_first((struct veth_net){address, (unsigned)prefix}) ||
	    address == veth_last((struct veth_net){address, (unsigned)prefix}))
		return "the first or last address of its network, which no host has";
	config->address = address;
	config->prefix = (unsigned)prefix;
	return NULL;
}

const char *veth_take_gateway(struct veth_config *config, const char *value)
{
	return parse_address(value, &config->gateway);
}

static unsigned fault(bool wrong, const char *text)
{
	if (wrong)
		log_error("--net veth: %s", text);
	return wrong;
}

static bool same_port(const struct netdev_forward *a, const struct netdev_forward *b)
{
	return a->udp == b->udp && a->host_port == b->host_port &&
	       (a->host_addr == b->host_addr || a->host_addr == INADDR_ANY || b->host_addr == INADDR_ANY);
}

static unsigned check_forwards(const struct netdev_forward *forwards)
{
	unsigned count = 0, faults = 0;
	bool addressed = false, twice = false;

	for (const struct netdev_forward *forward = forwards; forward; forward = forward->next, count++) {
		addressed |= forward->guest_addr != 0;
		for (const struct netdev_forward *other = forwards; other != forward; other = other->next)
			twice |= same_port(forward, other);
	}
	faults += fault(count > VETH_FORWARDS_MAX, "hostfwd: 64 are the most");
	faults += fault(addressed,
			"hostfwd: the container's side of a rule is a port alone, as in tcp:127.0.0.1:8080-:80; ip= sets its address");
	faults += fault(twice, "hostfwd: the same port of the host is forwarded twice");
	return faults;
}

unsigned veth_check(const struct veth_config *config, const struct netdev_config *netdev)
{
	struct veth_net net = {config->address, config->prefix};
	unsigned faults = check_forwards(netdev->forwards);

	faults += fault(geteuid() != 0, "takes root; --net user does not");
	faults += fault(config->bridge && !config->address && netdev->forwards,
			"hostfwd: with bridge= the container has an address only by ip=ADDRESS/PREFIX, and none to forward to");
	faults += fault(config->bridge && !config->address && config->gateway,
			"gateway: with bridge= the container has an address only by ip=ADDRESS/PREFIX, and no route without one");
	faults += fault(config->address && config->gateway == config->address, "gateway: the same address as ip=");
	faults += fault(config->address && config->gateway && !veth_has(net, config->gateway),
			"gateway: not in the network that ip=ADDRESS/PREFIX names, so the container could not reach it");
	return faults;
}
