// SPDX-License-Identifier: Apache-2.0
/* Frames in flat memory: see frame.h. The Internet checksum is RFC 1071's. */
#include "devices/net/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t frame_flatten(const struct iovec *iov, unsigned iov_count, uint8_t *dst, size_t room)
{
	size_t len = 0;

	for (unsigned i = 0; i < iov_count; i++) {
		if (iov[i].iov_len > room - len)
			return 0;
		memcpy(dst + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

/* The one's complement sum in memory order, folded to 16 bits. Summing wide words and folding late gives the same (RFC 1071, 2 (C)). */
static uint16_t ones_sum(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (; len >= sizeof(uint64_t); p += sizeof(uint64_t), len -= sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		sum += word;
		sum += sum < word; /* the carry comes round */
	}
	if (len) {
		uint64_t word = 0;
		memcpy(&word, p, len);
		sum += word;
		sum += sum < word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void frame_checksum(uint8_t *frame, size_t len, size_t start, size_t offset)
{
	assert(start < len && offset + sizeof(uint16_t) <= len - start);
	uint16_t sum = (uint16_t)~ones_sum(frame + start, len - start);
	/* A UDP checksum of zero would mean that there is none (RFC 768); to all others the two zeros are equal. */
	if (!sum)
		sum = 0xffff;
	memcpy(frame + start + offset, &sum, sizeof(sum));
}

bool frame_queue_put(struct frame_queue *queue, const void *data, size_t len)
{
	struct frame *frame = malloc(sizeof(*frame) + len);

	if (!frame)
		return false;
	frame->next = NULL;
	frame->len = len;
	memcpy(frame->data, data, len);
	if (!queue->first)
		queue->last = &queue->first;
	*queue->last = frame;
	queue->last = &frame->next;
	queue->bytes += len;
	return true;
}

void frame_queue_drop(struct frame_queue *queue)
{
	struct frame *frame = queue->first;

	if (!frame)
		return;
	queue->first = frame->next;
	queue->bytes -= frame->len;
	free(frame);
}

void frame_queue_release(struct frame_queue *queue)
{
	while (queue->first)
		frame_queue_drop(queue);
}
