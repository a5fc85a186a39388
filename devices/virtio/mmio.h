// SPDX-License-Identifier: Apache-2.0
/*
 * virtio over MMIO, version 2: virtio 1.2, section 4.2.
 *
 * The registers that the driver reads live in a page of their own, kept up to date at every change. Where KVM can show read-only memory
 * to a guest (KVM_CAP_READONLY_MEM), that page is put into the guest's address space: reading a register, InterruptStatus
 * above all, then takes no exit. Where it can't, the read handler copies from the same page. Either way the page is the one truth for
 * reads.
 *
 * Writes are exits, all but two. QueueNotify is an ioeventfd per queue, watched on the device's loop; a device that does some of its work on
 * the vCPU's thread (virtio_ops.kick_here) has it only while most of what comes is for the loop anyway. InterruptACK of a used-buffer
 * interrupt alone may be one that nobody watches (`ack_fd`). Nothing depends on that acknowledgement while InterruptStatus keeps its
 * used-buffer bit set: the guest asks only after an interrupt, and then always finds work or an empty ring. A configuration change is
 * acknowledged with another value (2 or 3), which is an exit, so its bit is exact.
 */
#ifndef DEVICES_VIRTIO_MMIO_H
#define DEVICES_VIRTIO_MMIO_H

#include <stddef.h>

#include "devices/virtio/virtio.h"

/* What a device takes of the guest's address space: a host page of any size has room for its registers. */
#define VIRTIO_MMIO_BYTES 0x1000
#define VIRTIO_MMIO_QUEUE_NOTIFY 0x50
#define VIRTIO_MMIO_INTERRUPT_ACK 0x64
/* InterruptStatus, and what the driver writes to InterruptACK. */
#define VIRTIO_MMIO_INT_USED 1u
#define VIRTIO_MMIO_INT_CONFIG 2u

struct virtio_mmio {
	struct virtio_transport transport;
	struct virtio_dev *dev;
	struct irq *irq;
	uint8_t *page;	      /* what the driver reads: VIRTIO_MMIO_BYTES, the caller's */
	/* eventfds, for KVM_IOEVENTFD at QUEUE_NOTIFY with the queue's number as data */
	int notify_fd[VIRTIO_QUEUES_MAX];
	/* eventfd for KVM_IOEVENTFD at INTERRUPT_ACK, 4 bytes, data VIRTIO_MMIO_INT_USED and no other; -1 until virtio_mmio_share() */
	int ack_fd;
	/* The rest is mmio.c's own. */
	void (*publish)(const void *word);
	struct loop_watch notify_watch[VIRTIO_QUEUES_MAX];
	int (*in_kernel)(void *arg, unsigned queue, bool on);
	void *in_kernel_arg;
	struct virtio_mmio_kick {
		struct virtio_mmio *mmio;
		unsigned queue;
		unsigned tried, missed; /* of the last notifications: how many went to kick_here(), and how many of these to the loop after all */
		int64_t here_again_ns;  /* on the loop's clock; 0: notifications are exits now, or never */
	} kick[VIRTIO_QUEUES_MAX];
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint32_t status, interrupt_status, config_generation;
	bool running;	      /* ops->start() was called, ops->reset() not since */
	bool features_beyond; /* the driver accepted features above bit 63 */
	bool odd_logged, refused_logged, failed_logged;
};

/*
 * Takes a filled-in device. `irq` is raised for it; `page` is VIRTIO_MMIO_BYTES of zeroed memory, aligned to 4 bytes; both live longer
 * than the transport. The notification eventfds are made and watched on dev->loop at once, so this is called before that loop runs.
 * Initialises dev->lock.
 */
int virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_dev *dev, struct irq *irq, void *page);

/*
 * The caller is going to show the page to the guest and to swallow InterruptACK of VIRTIO_MMIO_INT_USED with an ioeventfd: makes ack_fd.
 * `publish` is called with each 32-bit word that is stored, before the guest is told of it; NULL where guests see a store by itself.
 * Before the first access.
 */
int virtio_mmio_share(struct virtio_mmio *mmio, void (*publish)(const void *word));

/*
 * `in_kernel` makes KVM signal notify_fd[queue] at QUEUE_NOTIFY, or no more; 0 or a negative errno. For a device without kick_here() it is
 * called here, once a queue. For one with it the transport calls it as notifications come, with the device's lock, on a vCPU's thread
 * (on) and the loop's (off); should that fail, all goes on as before. Before the first access. Without this call each notification is an exit.
 */
int virtio_mmio_notify_in_kernel(struct virtio_mmio *mmio, int (*in_kernel)(void *arg, unsigned queue, bool on), void *arg);

/* Stops the device and releases what init made; accepts a zeroed or half-built object. On the loop's thread, or while it does not run. */
void virtio_mmio_release(struct virtio_mmio *mmio);

/* A machine reset: as if the driver had written 0 to Status. Takes the device's lock itself. */
void virtio_mmio_reset(struct virtio_mmio *mmio);

/* For struct bus_range, with `dev` the struct virtio_mmio. They take the device's lock themselves. */
void virtio_mmio_read(void *mmio, uint64_t offset, void *data, unsigned len);
void virtio_mmio_write(void *mmio, uint64_t offset, const void *data, unsigned len);

#endif
