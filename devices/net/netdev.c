// SPDX-License-Identifier: Apache-2.0
/* What the back ends of a network card share: see netdev.h. */
#include "devices/net/netdev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "devices/net/backends.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

int netdev_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop)
{
	*nd = NULL;
	if (config->mtu && (config->mtu < NETDEV_MTU_MIN || config->mtu > NETDEV_MTU_MAX)) {
		log_error("net: an MTU of %u is out of range: it can be %u to %u", config->mtu, NETDEV_MTU_MIN, NETDEV_MTU_MAX);
		return -ERANGE;
	}
	return config->kind == NETDEV_TAP ? netdev_tap_open(nd, config, loop) : netdev_user_open(nd, config, loop);
}

int netdev_attach(struct netdev *nd, const struct netdev_client *client)
{
	nd->client = *client;
	return nd->ops->start(nd);
}

void netdev_close(struct netdev *nd)
{
	if (nd)
		nd->ops->release(nd);
}

/* "[ADDR:]PORT", of `len` bytes. Without ADDR, *addr stays. */
static int parse_endpoint(const char *text, size_t len, uint32_t *addr, uint16_t *port)
{
	char copy[sizeof("255.255.255.255:65535")];
	uint64_t value;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	char *port_text = copy;
	char *colon = strchr(copy, ':');
	if (colon) {
		*colon = '\0';
		port_text = colon + 1;
		struct in_addr in;
		if (colon != copy && inet_pton(AF_INET, copy, &in) != 1)
			return -EINVAL;
		if (colon != copy)
			*addr = in.s_addr;
	}
	if (parse_u64(port_text, 1, UINT16_MAX, &value))
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int netdev_parse_forward(const char *text, struct netdev_forward *forward)
{
	struct netdev_forward parsed = { .host_addr = htonl(INADDR_LOOPBACK) };

	if (!strncmp(text, "udp:", 4))
		parsed.udp = true;
	if (parsed.udp || !strncmp(text, "tcp:", 4))
		text += 4;
	const char *dash = strchr(text, '-');
	if (!dash)
		return -EINVAL;
	if (parse_endpoint(text, (size_t)(dash - text), &parsed.host_addr, &parsed.host_port) ||
	    parse_endpoint(dash + 1, strlen(dash + 1), &parsed.guest_addr, &parsed.guest_port))
		return -EINVAL;
	*forward = parsed;
	return 0;
}
