// SPDX-License-Identifier: Apache-2.0
/*
 * How the driver's notifications reach a device: on the vCPU's thread, or by an eventfd on the device's loop. Part of mmio.c, for nobody else.
 */
#ifndef DEVICES_VIRTIO_MMIO_NOTIFY_H
#define DEVICES_VIRTIO_MMIO_NOTIFY_H

#include "devices/virtio/mmio.h"

/* Makes notify_fd[queue] and has the loop watch it; virtio_mmio_release() undoes it. 0 or a negative errno. */
int virtio_mmio_watch_queue(struct virtio_mmio *mmio, unsigned queue);
/* As if the driver had notified, on the loop. Any thread. */
void virtio_mmio_notify_loop(struct virtio_mmio *mmio, unsigned queue);
/* A write to QueueNotify that was an exit, on that vCPU's thread and without the device's lock. False: there is no such queue. */
bool virtio_mmio_notified(struct virtio_mmio *mmio, uint32_t queue);

#endif
