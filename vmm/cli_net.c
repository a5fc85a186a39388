// SPDX-License-Identifier: Apache-2.0
/*
 * --net user|tap|none[,PART]...: a network card and where its cable ends. Interfaces and ports are looked at by netdev_open(), which
 * explains its own failures.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli_options.h"
#include "vmm/util/parse.h"

#define MTU_MIN 68    /* RFC 791 */
#define MTU_MAX 65520 /* netdev.h */

static const char *take_hostfwd(void *target, char *value)
{
	return netdev_add_forward(&((struct config_net *)target)->netdev, value);
}

static const char *take_restrict(void *target, char *value)
{
	struct config_net *net = target;

	(void)value;
	net->netdev.restricted = true;
	return NULL;
}

static const char *take_mac(void *target, char *value)
{
	struct config_net *net = target;

	if (parse_mac(value, net->mac))
		return "not an address of one card";
	net->has_mac = true;
	return NULL;
}

/* What dev_valid_name() of the kernel takes, and no '%', which would make it a pattern. */
static const char *take_ifname(void *target, char *value)
{
	struct config_net *net = target;

	if (strlen(value) >= IFNAMSIZ)
		return "too long";
	if (!strcmp(value, ".") || !strcmp(value, "..") || strpbrk(value, "/:% \t\n\v\f\r"))
		return "not an interface's name";
	net->netdev.ifname = value;
	return NULL;
}

static const char *take_mtu(void *target, char *value)
{
	struct config_net *net = target;
	uint64_t mtu;
	int err = parse_u64(value, MTU_MIN, MTU_MAX, &mtu);

	if (err)
		return err == -ERANGE ? "out of range" : "not a number";
	net->netdev.mtu = (uint16_t)mtu;
	return NULL;
}

/* An IPv4 address that one host may have: neither 0.x, loopback, multicast nor reserved. */
static bool parse_host_address(const char *text, uint32_t *address)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	*address = ntohl(in.s_addr);
	uint32_t first = *address >> 24;
	return first && first != 127 && first < 224;
}

static const char *take_ip(void *target, char *value)
{
	struct config_net *net = target;
	char *slash = strchr(value, '/');
	uint32_t address;
	uint64_t prefix;

	if (!slash)
		return "has no /PREFIX";
	if (parse_u64(slash + 1, 1, 32, &prefix))
		return "not a prefix from 1 to 32 after the '/'";
	*slash = '\0';
	bool good = parse_host_address(value, &address);
	*slash = '/';
	if (!good)
		return "not an address of one host";
	uint32_t host_bits = prefix == 32 ? 0 : UINT32_MAX >> prefix;
	if (prefix < 31 && ((address & host_bits) == 0 || (address & host_bits) == host_bits))
		return "the network's own address or its broadcast";
	net->address = value;
	return NULL;
}

static const char *take_address(const char **field, const char *value)
{
	uint32_t address;

	if (!parse_host_address(value, &address))
		return "not an address of one host";
	*field = value;
	return NULL;
}

static const char *take_gw(void *target, char *value)
{
	struct config_net *net = target;

	return take_address(&net->gateway, value);
}

static const char *take_dns(void *target, char *value)
{
	struct config_net *net = target;

	return take_address(&net->dns, value);
}

static const struct option_part net_parts[] = {
	{ .name = "hostfwd",
	  .valued = true,
	  .repeats = true,
	  .take = take_hostfwd,
	  .takes = "[tcp|udp:][ADDRESS:]PORT-[ADDRESS]:PORT, such as tcp:127.0.0.1:2222-:22" },
	{ .name = "restrict", .bare = true, .take = take_restrict, .takes = "no value" },
	{ .name = "mac", .valued = true, .take = take_mac, .takes = "six bytes such as 52:54:00:12:34:56, the first of them even" },
	{ .name = "ifname", .valued = true, .take = take_ifname, .takes = "up to 15 characters, no blank, no / : %" },
	{ .name = "mtu", .valued = true, .take = take_mtu, .takes = "a number from 68 to 65520" },
	{ .name = "ip", .valued = true, .take = take_ip, .takes = "an IPv4 address and prefix such as 192.168.5.2/24" },
	{ .name = "gw", .valued = true, .take = take_gw, .takes = "an IPv4 address such as 192.168.5.1" },
	{ .name = "dns", .valued = true, .take = take_dns, .takes = "an IPv4 address such as 9.9.9.9" },
};

/* Parts that belong to the other kind. */
static void check_kind(struct options *options, const char *kind, const struct config_net *net)
{
	const char *user_takes = "hostfwd=, restrict, mac=, mtu= and dns=";
	const char *tap_takes = "ifname=, ip=, gw=, mac=, mtu= and dns=";

	if (net->netdev.kind == NETDEV_USER) {
		if (net->netdev.ifname)
			options_fault(options, kind, "ifname= is a part of tap", user_takes);
		if (net->address || net->gateway)
			options_fault(options, kind, "ip= and gw= are parts of tap; this network gives the guest 10.0.2.15/24", user_takes);
		return;
	}
	if (net->netdev.forwards)
		options_fault(options, kind, "hostfwd= is a part of user; a tap's guest is reached at its own address", tap_takes);
	if (net->netdev.restricted)
		options_fault(options, kind, "restrict is a part of user", tap_takes);
	if (net->gateway && !net->address)
		options_fault(options, kind, "gw= without ip=", "both or neither");
}

const char *cli_take_net(struct options *options, char *value)
{
	struct config *config = options->target;
	char *kind, *rest;

	if (!parse_option(&value, &kind, &rest) || rest || (strcmp(kind, "user") && strcmp(kind, "tap") && strcmp(kind, "none"))) {
		if (rest)
			rest[-1] = '=';
		options_fault(options, kind, "no such kind of network", options->option->takes);
		return NULL;
	}
	if (!strcmp(kind, "none")) {
		if (*value)
			options_fault(options, value, "no network has no parts", "none alone");
		if (config->net_count)
			options_fault(options, kind, "there is another --net", "none alone");
		config->no_net = true;
		return NULL;
	}
	if (config->no_net)
		options_fault(options, kind, "there is --net none", "one or the other");
	if (config->net_count == CONFIG_NETS_MAX)
		return "one network too many: 8 are the most";
	struct config_net *net = &config->net[config->net_count++];
	net->netdev.kind = !strcmp(kind, "user") ? NETDEV_USER : NETDEV_TAP;
	options_take_parts(options, kind, value, net_parts, sizeof(net_parts) / sizeof(*net_parts), net);
	check_kind(options, kind, net);
	return NULL;
}
