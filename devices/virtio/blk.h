// SPDX-License-Identifier: Apache-2.0
/*
 * virtio block device: virtio 1.2, section 5.2. Multi-queue, flush, discard, write-zeroes, serial, topology, read-only.
 *
 * Its queues are served by an I/O thread of its own, which runs the device's loop.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/virtio/virtio.h"

struct block;
struct virtio_blk;

#define VIRTIO_BLK_SERIAL_MAX 20

struct virtio_blk_config {
	const char *name;   /* "disk0" */
	const char *serial; /* at most VIRTIO_BLK_SERIAL_MAX bytes; NULL: none */
	unsigned queues;    /* 1 to VIRTIO_QUEUES_MAX */
};

/*
 * Makes the device on an open image, which stays the caller's and is closed after virtio_blk_free(). `loop` is where it is served; the
 * caller runs it, on a thread of its own or (tests) not.
 */
struct virtio_blk *virtio_blk_new(const struct virtio_blk_config *config, struct block *block, struct loop *loop, const struct mem *mem);
struct virtio_dev *virtio_blk_dev(struct virtio_blk *blk);
/* After the transport's release and after the loop stopped. Accepts NULL. */
void virtio_blk_free(struct virtio_blk *blk);

#endif
