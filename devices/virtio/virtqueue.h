// SPDX-License-Identifier: Apache-2.0
/*
 * A split virtqueue, seen from the device: virtio 1.2, section 2.7, with indirect descriptors (2.7.5.3) and used-buffer and
 * available-buffer notification suppression by event index (2.7.7, 2.7.10).
 *
 * The rings lie in guest memory and are hostile: each descriptor is copied once and the copy is checked; chains are bounded, so
 * a loop ends; every buffer is proved to be RAM before a device sees it. A ring that breaks the rules makes virtqueue_pop() return
 * -EPROTO, and its device goes to DEVICE_NEEDS_RESET (virtio_device_broken()).
 *
 * A queue is used by one thread at a time: its device's lock covers it.
 */
#ifndef DEVICES_VIRTIO_VIRTQUEUE_H
#define DEVICES_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/core/mem.h"

/* Feature bits, 6, that change the rings. */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)

#define VIRTQUEUE_SIZE_MAX 256
/* Buffers a chain may have; what guests are told through seg_max must fit with room for a request's header and status. */
#define VIRTQ_CHAIN_MAX 256

struct virtqueue {
	/* Set by the transport while the driver sets the queue up. */
	uint16_t size;		     /* entries; a power of two */
	bool ready;
	gpa_t desc_gpa, avail_gpa, used_gpa;

	/* Set by virtqueue_start(). */
	const struct mem *mem;
	bool event_idx, indirect;
	uint8_t *desc, *avail, *used; /* host addresses of the three areas */
	uint16_t avail_next;	     /* next entry of the available ring to read */
	uint16_t used_next;	     /* next entry of the used ring to write */
	uint16_t used_signalled;     /* used_next when virtqueue_should_interrupt() was last asked */
	bool notify_off;	     /* the driver was asked not to notify */
};

/*
 * A chain as copied and checked: the driver's readable buffers first, then the ones the device writes. The pointers are host addresses;
 * what they point to still changes under the reader.
 */
struct virtq_chain {
	uint16_t head;
	unsigned out_count, in_count; /* iov[0..out_count) is read by the device, the next in_count are written */
	uint64_t out_bytes, in_bytes;
	struct iovec iov[VIRTQ_CHAIN_MAX];
};

/* Finds the three areas in RAM. -EINVAL: not RAM, misaligned (2.7), or not a size the device offers. */
int virtqueue_start(struct virtqueue *vq, const struct mem *mem, uint64_t features);
/* Back to the state before the driver touched it. */
void virtqueue_reset(struct virtqueue *vq);

/*
 * 1: the next chain is in *chain. 0: none waits. -EPROTO: the ring is broken, and why was written to *why (a constant string).
 * An unready queue is empty.
 */
int virtqueue_pop(struct virtqueue *vq, struct virtq_chain *chain, const char **why);
/*
 * Puts the chain popped last back, so that the next pop gives it again; then, if called again, the one before it, as far as none was
 * published.
 */
void virtqueue_unpop(struct virtqueue *vq);
/* Once this, or a pop, found nothing, a notification follows the next chain, unless virtqueue_notify_off() is in force. */
bool virtqueue_empty(const struct virtqueue *vq);

/*
 * Gives the chain back with `written_bytes` put into its writable buffers. On a queue that was reset meanwhile it does nothing, as do the
 * next two.
 */
void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written_bytes);
/*
 * For receive buffers that span several chains (VIRTIO_NET_F_MRG_RXBUF): fill entries ahead with stage(index 0, 1, ...), then
 * publish them all at once.
 */
void virtqueue_stage(struct virtqueue *vq, unsigned index, uint16_t head, uint32_t written_bytes);
void virtqueue_publish(struct virtqueue *vq, unsigned count);

/* Whether the driver wants to hear of what was published since this was last asked (2.7.7). Contains the full barrier. */
bool virtqueue_should_interrupt(struct virtqueue *vq);

/* Tell the driver not to notify while the device is looking anyway; then, before sleeping, to do so again. A queue starts with "on". */
void virtqueue_notify_off(struct virtqueue *vq);
/* True when chains arrived before the driver could see the wish: look again. */
bool virtqueue_notify_on(struct virtqueue *vq);

/* Copies between a chain's buffers and flat memory, from `offset_bytes` on. Returns the bytes copied, fewer where the chain ends. */
size_t iov_read(const struct iovec *iov, unsigned count, size_t offset_bytes, void *dst, size_t len);
size_t iov_write(const struct iovec *iov, unsigned count, size_t offset_bytes, const void *src, size_t len);

#endif
