// SPDX-License-Identifier: Apache-2.0
/* What back ends do with frames: make them flat, finish their checksums, keep them for later. */
#ifndef DEVICES_NET_FRAME_H
#define DEVICES_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Copies all of the buffers to `dst`. Returns their length, or 0 when that is more than `room`. */
size_t frame_flatten(const struct iovec *iov, unsigned iov_count, uint8_t *dst, size_t room);

/*
 * Finishes a checksum that the sender left to the device (virtio 1.2, 5.1.6.2, VIRTIO_NET_HDR_F_NEEDS_CSUM): the Internet checksum of
 * everything from `start`, where the field at start + offset holds the pseudo-header's sum, goes into that field. The field must
 * lie in the frame.
 */
void frame_checksum(uint8_t *frame, size_t len, size_t start, size_t offset);

/* Frames that wait, first in, first out. A zeroed queue is empty. */
struct frame {
	struct frame *next;
	size_t len;
	uint8_t data[];
};

struct frame_queue {
	struct frame *first, **last;
	size_t bytes;
};

/* False when memory is short: the frame is lost then, as on a network it may. */
bool frame_queue_put(struct frame_queue *queue, const void *data, size_t len);
/* Takes the first frame, if there is one, out of the queue and frees it. */
void frame_queue_drop(struct frame_queue *queue);
void frame_queue_release(struct frame_queue *queue);

#endif
