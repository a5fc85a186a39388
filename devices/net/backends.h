// SPDX-License-Identifier: Apache-2.0
/* What netdev_open() chooses from, and what they share. */
#ifndef DEVICES_NET_BACKENDS_H
#define DEVICES_NET_BACKENDS_H

#include "devices/net/netdev.h"

/* Each makes *nd, all but its client, or logs why not. */
int netdev_user_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop);
int netdev_tap_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop);

/*
 * Can the host's side of a forward be had at this moment? libslirp's own answer is a bare failure on some paths; this one knows
 * why. 0 or a negative errno, which netdev_forward_explain() logs.
 */
int netdev_forward_probe(const struct netdev_forward *forward);
void netdev_forward_explain(const struct netdev_forward *forward, int err);

#endif
