// SPDX-License-Identifier: Apache-2.0
/* What the back ends of a network card share: see netdev.h. */
#include "devices/net/netdev.h"

#include <errno.h>

#include "devices/net/backends.h"
#include "vmm/util/log.h"

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
