// SPDX-License-Identifier: Apache-2.0
/* --net of `tinyvmm ctr run`, and its parts: see options.h. */
#include "ctr/options.h"
#include "vmm/util/parse.h"

static const char *take_hostfwd(void *target, char *value)
{
	return netdev_add_forward(&((struct spec *)target)->netdev, value);
}

static const char *take_restrict(void *target, char *value)
{
	(void)value;
	((struct spec *)target)->netdev.restricted = true;
	return NULL;
}

static const char *take_mtu(void *target, char *value)
{
	uint64_t mtu;

	if (parse_u64(value, NETDEV_MTU_MIN, NETDEV_MTU_MAX, &mtu))
		return "not a number from 68 to 65520";
	((struct spec *)target)->netdev.mtu = (uint16_t)mtu;
	return NULL;
}

static const struct option_part user_parts[] = {
	{.name = "hostfwd",
	 .valued = true,
	 .repeats = true,
	 .take = take_hostfwd,
	 .takes = "[tcp:|udp:][ADDR:]PORT-[ADDR]:PORT, such as tcp:127.0.0.1:2222-:22"},
	{.name = "restrict", .bare = true, .take = take_restrict, .takes = "no value"},
	{.name = "mtu", .valued = true, .take = take_mtu, .takes = "a number from 68 to 65520"},
};

static const char *take_bridge(void *target, char *value)
{
	return veth_take_bridge(&((struct spec *)target)->veth, value);
}

static const char *take_ip(void *target, char *value)
{
	return veth_take_ip(&((struct spec *)target)->veth, value);
}

static const char *take_gateway(void *target, char *value)
{
	return veth_take_gateway(&((struct spec *)target)->veth, value);
}

static const struct option_part veth_parts[] = {
	{.name = "bridge", .valued = true, .take = take_bridge, .takes = "a bridge of the host, such as br0"},
	{.name = "ip", .valued = true, .take = take_ip, .takes = "an IPv4 address and its network's prefix length, such as 10.88.0.5/16"},
	{.name = "gateway", .valued = true, .take = take_gateway, .takes = "an IPv4 address"},
	{.name = "hostfwd",
	 .valued = true,
	 .repeats = true,
	 .take = take_hostfwd,
	 .takes = "[tcp:|udp:][ADDR:]PORT-:PORT, such as tcp:0.0.0.0:8080-:80"},
	{.name = "mtu", .valued = true, .take = take_mtu, .takes = "a number from 68 to 65520"},
};

const char *ctr_take_net(struct options *options, char *value)
{
	static const char *const words[] = {[NET_NONE] = "none", [NET_USER] = "user", [NET_HOST] = "host", [NET_VETH] = "veth", NULL};
	struct spec *spec = options->target;
	char *kind, *rest;
	int i = -1;

	if (parse_option(&value, &kind, &rest) && !rest)
		i = options_find_word(words, kind);
	if (i < 0)
		return "no such kind of network";
	spec->net = (enum spec_net)i;
	if (spec->net == NET_HOST)
		spec->ns[NS_NET].share = true;
	if (spec->net == NET_USER)
		options_take_parts(options, kind, value, user_parts, sizeof(user_parts) / sizeof(*user_parts), spec);
	else if (spec->net == NET_VETH)
		options_take_parts(options, kind, value, veth_parts, sizeof(veth_parts) / sizeof(*veth_parts), spec);
	else if (*value)
		return "only --net user and --net veth have parts";
	return NULL;
}
