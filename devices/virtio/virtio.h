// SPDX-License-Identifier: Apache-2.0
/*
 * What every virtio device is made of: data first, then the few calls in which devices differ.
 *
 * A device is embedded in its own struct (struct virtio_blk, ...), which fills in the data, and is handed to the transport
 * (mmio.h), which owns the handshake: features, status, queue set-up, notifications. A device gets memory, a line and a back end,
 * never the machine; so its unit tests need no KVM.
 *
 * Locking: `lock` covers everything of the device, its queues included. The transport and the loop take it; device code never
 * does. kick() and whatever else the device put on `loop` run on that loop's thread; start(), reset(), config_write() and kick_here() run on a
 * vCPU's.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/virtqueue.h"
#include "vmm/core/irq.h"
#include "vmm/core/loop.h"
#include "vmm/core/mem.h"

#define VIRTIO_QUEUES_MAX 16
#define VIRTIO_CONFIG_MAX 64

/* Feature bits, 6: the ones that the transport cares for (those of the rings are in virtqueue.h). */
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)

struct virtio_dev;

struct virtio_ops {
	/*
	 * The driver said DRIVER_OK: `driver_features` and the queues are set. May be NULL.
	 */
	void (*start)(struct virtio_dev *dev);
	/*
	 * The driver reset the device, or the machine restarts: no buffer of the guest may be touched after this returns, so
	 * requests under way are waited for or dropped. Called only after start(), also when the device broke since. The queues
	 * are reset by the caller, afterwards. May be NULL.
	 */
	void (*reset)(struct virtio_dev *dev);
	/* The driver put chains into `queue`. */
	void (*kick)(struct virtio_dev *dev, unsigned queue);
	/*
	 * The same, on the thread of the vCPU that said so, with the device started: true when all of it is done. Otherwise kick() follows on
	 * the loop. It must not wait for anything, since a processor does. NULL: this device never can.
	 */
	bool (*kick_here)(struct virtio_dev *dev, unsigned queue);
	/* The driver wrote `len` bytes of configuration space, already stored in config[]. May be NULL. */
	void (*config_write)(struct virtio_dev *dev, unsigned offset, unsigned len);
};

struct virtio_dev {
	/* Filled in by the device before it is given to a transport. */
	const char *name;	 /* "disk0": for messages */
	uint32_t device_id;	 /* virtio 1.2, section 5 */
	uint64_t features;	 /* offered; the transport adds VERSION_1, INDIRECT_DESC and EVENT_IDX */
	unsigned queue_count;
	uint16_t queue_size_max[VIRTIO_QUEUES_MAX];
	uint8_t config[VIRTIO_CONFIG_MAX]; /* little-endian, as the guest sees it */
	unsigned config_bytes;
	uint64_t config_writable; /* bit n: the driver may write config[n] */
	const struct virtio_ops *ops;
	struct loop *loop;	  /* where its queues are served; not owned */
	const struct mem *mem;	  /* not owned */

	/* Kept by the transport. */
	pthread_mutex_t lock;
	uint64_t driver_features; /* what the driver accepted */
	struct virtqueue queue[VIRTIO_QUEUES_MAX];
	bool started;		  /* DRIVER_OK seen, and no reset or break since */
	bool broken_logged;
	struct virtio_transport *transport; /* NULL in a bare unit test */
};

/* What a device asks of its transport. virtio/mmio.c has one; unit tests have a fake. */
struct virtio_transport {
	void (*interrupt)(struct virtio_transport *t, bool config_change);
	void (*needs_reset)(struct virtio_transport *t);
};

static inline bool virtio_has(const struct virtio_dev *dev, uint64_t feature)
{
	return (dev->driver_features & feature) != 0;
}

/* Tells the driver of used buffers in `queue`, if it wants to hear of them. */
void virtio_notify(struct virtio_dev *dev, unsigned queue);
/* config[] changed (the caller holds the lock): new generation, configuration interrupt. */
void virtio_config_changed(struct virtio_dev *dev);
/*
 * The driver broke a rule: logs why, once, stops the device, sets DEVICE_NEEDS_RESET (2.1.1). All other devices go on.
 */
void virtio_device_broken(struct virtio_dev *dev, const char *why);

/*
 * virtqueue_pop() with a break handled: true when *chain holds one. Returns false on an empty queue, a broken ring, or a device
 * that is not started.
 */
bool virtio_pop(struct virtio_dev *dev, unsigned queue, struct virtq_chain *chain);

#endif
