// SPDX-License-Identifier: Apache-2.0
/*
 * The cable between a container's network card, which is a tap device, and a netdev: what a virtual machine's network card is to it, a
 * descriptor is here. Everything runs on the loop's thread.
 */
#ifndef CTR_CABLE_H
#define CTR_CABLE_H

#include "devices/net/netdev.h"

struct cable;

/* Takes over `tap_fd` on success. 0 or a negative errno, logged. */
int cable_new(struct cable **cable, struct netdev *nd, int tap_fd, struct loop *loop);
/* Before netdev_close(). Accepts NULL. */
void cable_free(struct cable *cable);

#endif
