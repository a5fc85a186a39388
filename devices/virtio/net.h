// SPDX-License-Identifier: Apache-2.0
/*
 * virtio network device: virtio 1.2, section 5.1. One queue pair, MRG_RXBUF, checksum and segmentation offloads where the cable serves
 * them, MTU, status, MAC.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/virtio/virtio.h"

struct netdev;
struct virtio_net;

struct virtio_net_config {
	const char *name; /* "net0"; lives as long as the device */
	uint8_t mac[6];
};

/*
 * Attaches the device to `netdev`, which stays the caller's and is closed before virtio_net_free(). Both are served by `loop`, on which the
 * netdev was opened. NULL: no memory, or the netdev cannot start (logged).
 */
struct virtio_net *virtio_net_new(const struct virtio_net_config *config, struct netdev *netdev, struct loop *loop, const struct mem *mem);
struct virtio_dev *virtio_net_dev(struct virtio_net *net);
void virtio_net_free(struct virtio_net *net); /* accepts NULL */

#endif
