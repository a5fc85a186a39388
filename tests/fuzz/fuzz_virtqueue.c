// SPDX-License-Identifier: Apache-2.0
/*
 * devices/virtio/virtqueue.c: the input is the guest's memory, and then what guest and device do in turn. Whatever comes out of a pop must
 * be whole and lie in RAM.
 *
 * Input: queue size (as a power of two) and features, one byte; then steps of an operation byte and its operands; the rest, read in
 * advance, fills the rings.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtqueue.h"
#include "tests/fuzz/input.h"

#define RAM_BYTES 0x10000u
#define DESC_GPA 0u
#define AVAIL_GPA 0x1000u
#define USED_GPA 0x2000u

static void check_chain(const struct mem *mem, const struct virtq_chain *chain)
{
	const struct mem_region *ram = &mem->region[0];
	unsigned count = chain->out_count + chain->in_count;
	uint64_t sum = 0;
	uint8_t copy[64];

	must(count >= 1 && count <= VIRTQ_CHAIN_MAX);
	for (unsigned i = 0; i < count; i++) {
		size_t offset = (size_t)((uint8_t *)chain->iov[i].iov_base - ram->host);
		must(chain->iov[i].iov_len && offset < ram->size_bytes && chain->iov[i].iov_len <= ram->size_bytes - offset);
		sum += chain->iov[i].iov_len;
	}
	must(sum == chain->out_bytes + chain->in_bytes && sum <= UINT32_MAX);
	iov_read(chain->iov, chain->out_count, 3, copy, sizeof(copy));
}

/* `popped`: *chain holds the chain popped last, not yet given back. */
static void step(struct virtqueue *vq, struct virtq_chain *chain, bool *popped, struct input *in)
{
	const struct mem *mem = vq->mem;
	uint8_t *avail = mem_at(mem, AVAIL_GPA, 4), *ram = mem_at(mem, 0, RAM_BYTES);
	const char *why = NULL;

	switch (take(in, 1) % 9) {
	case 0: /* the guest makes more available */
		*(uint16_t *)(avail + 2) = (uint16_t)(*(uint16_t *)(avail + 2) + take(in, 1) % 4);
		break;
	case 1: /* or writes anything anywhere */
		ram[take(in, 2)] = (uint8_t)take(in, 1);
		break;
	case 2:
	case 3: {
		int n = virtqueue_pop(vq, chain, &why);
		must(n >= 0 ? n <= 1 : why != NULL);
		if (n == 1)
			check_chain(mem, chain);
		must((uint16_t)(vq->avail_next - vq->used_next) <= vq->size);
		*popped = n == 1;
		break;
	}
	case 4:
		if (*popped)
			virtqueue_push(vq, chain->head, (uint32_t)chain->in_bytes);
		*popped = false;
		break;
	case 5:
		if (*popped)
			virtqueue_unpop(vq);
		*popped = false;
		break;
	case 6:
		virtqueue_should_interrupt(vq);
		break;
	case 7:
		virtqueue_notify_off(vq);
		break;
	default:
		virtqueue_notify_on(vq);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct mem mem;
	static struct virtq_chain chain;
	struct input in = { data, len };
	bool popped = false;

	if (!mem.region_count && mem_add(&mem, 0, RAM_BYTES))
		abort();
	unsigned shape = take(&in, 1);
	uint8_t *ram = mem_at(&mem, 0, RAM_BYTES);
	memset(ram, 0, 0x4000);
	/* Descriptors are what matters: half of the input, repeated, fills the table; the rest of it, the indirect tables. */
	for (size_t i = 0; len > 2 && i < 0x1000; i++)
		ram[i] = data[len / 2 + i % (len - len / 2)];
	struct virtqueue vq = {
		.size = (uint16_t)(1u << shape % 9), .ready = true, .desc_gpa = DESC_GPA, .avail_gpa = AVAIL_GPA, .used_gpa = USED_GPA
	};
	if (virtqueue_start(&vq, &mem, (shape & 16 ? VIRTIO_F_EVENT_IDX : 0) | (shape & 32 ? VIRTIO_F_INDIRECT_DESC : 0)))
		abort();
	for (unsigned steps = 0; in.len && steps < 4096; steps++)
		step(&vq, &chain, &popped, &in);
	virtqueue_reset(&vq);
	return 0;
}
