// SPDX-License-Identifier: Apache-2.0
/* The driver for virtio over MMIO: see virtio.h. */
#include "guest/bare/virtio.h"

#define MAGIC 0x74726976u

/* --- registers ------------------------------------------------------------------------------------------------------------ */

uint64_t virtio_config(const struct virtio *v, unsigned offset, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= arch_io_read(v->base + REG_CONFIG + offset + i, 1) << 8 * i;
	return value;
}

uint64_t virtio_offered(const struct virtio *v)
{
	virtio_write(v, REG_DEVICE_FEATURES_SEL, 0);
	uint64_t low = virtio_read(v, REG_DEVICE_FEATURES);
	virtio_write(v, REG_DEVICE_FEATURES_SEL, 1);
	return (uint64_t)virtio_read(v, REG_DEVICE_FEATURES) << 32 | low;
}

bool virtio_find(struct virtio *v, const struct machine *m, uint32_t id, unsigned nth)
{
	for (unsigned i = 0; i < m->virtio_count; i++) {
		v->base = m->virtio[i].base;
		v->line = m->virtio[i].line;
		v->id = id;
		if (virtio_read(v, REG_MAGIC) == MAGIC && virtio_read(v, REG_DEVICE_ID) == id && !nth--)
			return true;
	}
	return false;
}

const char *virtio_name(uint32_t id)
{
	switch (id) {
	case ID_NET:
		return "net";
	case ID_BLK:
		return "blk";
	case ID_CONSOLE:
		return "console";
	case ID_RNG:
		return "rng";
	default:
		return "device";
	}
}

/* --- set-up --------------------------------------------------------------------------------------------------------------- */

void virtio_reset(struct virtio *v)
{
	virtio_write(v, REG_STATUS, 0);
	wait_until(!virtio_read(v, REG_STATUS));
}

bool virtio_broken(const struct virtio *v)
{
	return virtio_read(v, REG_STATUS) & STATUS_NEEDS_RESET;
}

bool virtio_negotiate(struct virtio *v, uint64_t wanted)
{
	virtio_reset(v);
	virtio_write(v, REG_STATUS, STATUS_ACKNOWLEDGE);
	virtio_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	v->features = (wanted & virtio_offered(v)) | F_VERSION_1;
	virtio_write(v, REG_DRIVER_FEATURES_SEL, 0);
	virtio_write(v, REG_DRIVER_FEATURES, (uint32_t)v->features);
	virtio_write(v, REG_DRIVER_FEATURES_SEL, 1);
	virtio_write(v, REG_DRIVER_FEATURES, (uint32_t)(v->features >> 32));
	virtio_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	return virtio_read(v, REG_STATUS) & STATUS_FEATURES_OK;
}

void virtio_plan(struct virtio *v)
{
	v->queue_count = 0;
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		struct queue *q = &v->queue[i];
		virtio_write(v, REG_QUEUE_SEL, i);
		uint32_t max = virtio_read(v, REG_QUEUE_NUM_MAX);
		if (!max)
			return;
		memset(q, 0, sizeof(*q));
		q->number = i;
		q->size = max < RING_ENTRIES ? max : RING_ENTRIES;
		q->desc = (uint64_t)&q->ring.desc;
		q->avail = (uint64_t)&q->ring.avail;
		q->used = (uint64_t)&q->ring.used;
		v->queue_count++;
	}
}

static void write_address(const struct virtio *v, unsigned reg, uint64_t value)
{
	virtio_write(v, reg, (uint32_t)value);
	virtio_write(v, reg + 4, (uint32_t)(value >> 32));
}

void virtio_install(struct virtio *v, struct queue *q)
{
	virtio_write(v, REG_QUEUE_SEL, q->number);
	virtio_write(v, REG_QUEUE_NUM, q->size);
	write_address(v, REG_QUEUE_DESC, q->desc);
	write_address(v, REG_QUEUE_DRIVER, q->avail);
	write_address(v, REG_QUEUE_DEVICE, q->used);
	virtio_write(v, REG_QUEUE_READY, 1);
}

void virtio_go(struct virtio *v)
{
	virtio_write(v, REG_STATUS, STATUS_WORKING);
}

bool virtio_open(struct virtio *v, uint64_t wanted)
{
	arch_line_enable(v->line);
	if (!virtio_negotiate(v, wanted))
		return false;
	virtio_plan(v);
	for (unsigned i = 0; i < v->queue_count; i++)
		virtio_install(v, &v->queue[i]);
	virtio_go(v);
	return virtio_read(v, REG_STATUS) == STATUS_WORKING;
}

/* --- queues --------------------------------------------------------------------------------------------------------------- */

static void write_desc(volatile struct ring_desc *desc, const struct piece *piece, bool more, unsigned next)
{
	desc->addr = (uint64_t)piece->at;
	desc->len = piece->bytes;
	desc->flags = (uint16_t)((piece->written ? DESC_WRITE : 0) | (more ? DESC_NEXT : 0));
	desc->next = (uint16_t)(more ? next : 0);
}

static uint16_t publish(struct queue *q, uint16_t head)
{
	uint16_t idx = q->ring.avail.idx;

	q->ring.avail.ring[idx % q->size] = head;
	/* With the event index: tell of the next one that comes back. */
	q->ring.avail.used_event = q->used_seen;
	arch_barrier();
	q->ring.avail.idx = (uint16_t)(idx + 1);
	arch_barrier();
	return head;
}

uint16_t queue_put(struct queue *q, const struct piece *pieces, unsigned count)
{
	unsigned head = q->next;

	for (unsigned i = 0; i < count; i++) {
		unsigned next = (q->next + 1) % q->size;
		write_desc(&q->ring.desc[q->next], &pieces[i], i + 1 < count, next);
		q->next = next;
	}
	return publish(q, (uint16_t)head);
}

uint16_t queue_put_indirect(struct queue *q, struct ring_desc *table, const struct piece *pieces, unsigned count)
{
	unsigned head = q->next;

	for (unsigned i = 0; i < count; i++)
		write_desc(&table[i], &pieces[i], i + 1 < count, i + 1);
	q->ring.desc[head].addr = (uint64_t)table;
	q->ring.desc[head].len = (uint32_t)(count * sizeof(*table));
	q->ring.desc[head].flags = DESC_INDIRECT;
	q->next = (head + 1) % q->size;
	return publish(q, (uint16_t)head);
}

void queue_notify(const struct virtio *v, const struct queue *q)
{
	virtio_write(v, REG_QUEUE_NOTIFY, q->number);
}

bool queue_has(const struct queue *q)
{
	return q->ring.used.idx != q->used_seen;
}

bool queue_take(struct queue *q, uint32_t *head, uint32_t *bytes)
{
	if (!wait_until(queue_has(q)))
		return false;
	arch_barrier();
	if (head)
		*head = q->ring.used.ring[q->used_seen % q->size].id;
	if (bytes)
		*bytes = q->ring.used.ring[q->used_seen % q->size].len;
	q->used_seen++;
	return true;
}

bool virtio_do(struct virtio *v, unsigned queue, const struct piece *pieces, unsigned count, uint32_t *bytes)
{
	struct queue *q = &v->queue[queue];
	uint16_t head = queue_put(q, pieces, count);
	uint32_t back;

	queue_notify(v, q);
	return queue_take(q, &back, bytes) && back == head;
}

bool virtio_works(struct virtio *v)
{
	switch (v->id) {
	case ID_NET:
		return net_works(v);
	case ID_BLK:
		return blk_works(v);
	case ID_CONSOLE:
		return console_works(v);
	case ID_RNG:
		return rng_works(v);
	default:
		return false;
	}
}
