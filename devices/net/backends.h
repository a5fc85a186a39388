// SPDX-License-Identifier: Apache-2.0
/* What netdev_open() chooses from. Each fills in *nd, all but its client and loop, or logs why not. */
#ifndef DEVICES_NET_BACKENDS_H
#define DEVICES_NET_BACKENDS_H

#include "devices/net/netdev.h"

int netdev_user_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop);
int netdev_tap_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop);

#endif
