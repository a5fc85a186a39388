// SPDX-License-Identifier: Apache-2.0
/*
 * The test guest's driver for virtio over MMIO (virtio 1.2, 4.2) with split queues (2.7). It is made to be bent: every step can be taken
 * alone, and a case may write to the rings and registers itself.
 *
 * The usual way: virtio_find(), virtio_open(), virtio_do(). Rings are small and live in struct virtio, so that one has to be static.
 */
#ifndef GUEST_BARE_VIRTIO_H
#define GUEST_BARE_VIRTIO_H

#include "guest/bare/arch.h"

enum {
	REG_MAGIC = 0x000,
	REG_VERSION = 0x004,
	REG_DEVICE_ID = 0x008,
	REG_VENDOR_ID = 0x00c,
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_NUM_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = 0x050,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC = 0x080,
	REG_QUEUE_DRIVER = 0x090,
	REG_QUEUE_DEVICE = 0x0a0,
	REG_SHM_LEN = 0x0b0,
	REG_CONFIG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
};

#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u
#define STATUS_WORKING (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK)

#define INTERRUPT_USED 1u
#define INTERRUPT_CONFIG 2u

#define F_INDIRECT (1ul << 28)
#define F_EVENT_IDX (1ul << 29)
#define F_VERSION_1 (1ul << 32)
#define F_CONSOLE_MULTIPORT (1ul << 1)

enum { ID_NET = 1, ID_BLK = 2, ID_CONSOLE = 3, ID_RNG = 4 };

#define RING_ENTRIES 16
#define QUEUES_MAX 16

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u

struct ring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct ring {
	struct ring_desc desc[RING_ENTRIES] __attribute__((aligned(16)));
	struct {
		uint16_t flags, idx, ring[RING_ENTRIES], used_event;
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[RING_ENTRIES];
		uint16_t avail_event;
	} used __attribute__((aligned(4)));
};

struct queue {
	volatile struct ring ring;
	unsigned number;
	/* What the device is told at virtio_install(). */
	uint32_t size;
	uint64_t desc, avail, used;
	uint16_t used_seen;
	unsigned next; /* descriptor of the next chain: they are taken in turn */
};

struct virtio {
	uint64_t base;
	unsigned line;
	uint32_t id;
	uint64_t features; /* agreed on */
	unsigned queue_count;
	struct queue queue[QUEUES_MAX];
};

/* One buffer of a chain. The written ones come last. */
struct piece {
	const void *at;
	uint32_t bytes;
	bool written; /* by the device */
};

static inline uint32_t virtio_read(const struct virtio *v, unsigned reg)
{
	return (uint32_t)arch_io_read(v->base + reg, 4);
}

static inline void virtio_write(const struct virtio *v, unsigned reg, uint32_t value)
{
	arch_io_write(v->base + reg, 4, value);
}

/* Of a field of configuration space that lies on a boundary of its size. */
uint64_t virtio_config(const struct virtio *v, unsigned offset, unsigned bytes);
uint64_t virtio_offered(const struct virtio *v);

/* The nth device of a kind, and its name here. */
bool virtio_find(struct virtio *v, const struct machine *m, uint32_t id, unsigned nth);
const char *virtio_name(uint32_t id);

/* The steps of 3.1.1. wanted: features to accept of those offered; VERSION_1 always is. False: FEATURES_OK did not stay. */
bool virtio_negotiate(struct virtio *v, uint64_t wanted);
/* Empties all queues' rings on this side, and plans where the device finds them. */
void virtio_plan(struct virtio *v);
void virtio_install(struct virtio *v, struct queue *q);
void virtio_go(struct virtio *v);
/* All of them, with the line's interrupt on. True: the device works. */
bool virtio_open(struct virtio *v, uint64_t wanted);
void virtio_reset(struct virtio *v);
bool virtio_broken(const struct virtio *v);

/* Puts a chain into the ring, and makes it visible: its first descriptor. */
uint16_t queue_put(struct queue *q, const struct piece *pieces, unsigned count);
/* The same by an indirect table, which the caller keeps until the chain comes back. */
uint16_t queue_put_indirect(struct queue *q, struct ring_desc *table, const struct piece *pieces, unsigned count);
void queue_notify(const struct virtio *v, const struct queue *q);
/* Takes the next chain that came back; false: none did, for long. Pointers may be NULL. */
bool queue_take(struct queue *q, uint32_t *head, uint32_t *bytes);
bool queue_has(const struct queue *q);
/* put, notify, take. The bytes written go to *bytes, unless NULL. */
bool virtio_do(struct virtio *v, unsigned queue, const struct piece *pieces, unsigned count, uint32_t *bytes);

/* Whether an open device does what it is for: each device's driver has one, and virtio_works() is that of its kind. */
bool rng_works(struct virtio *v);
bool blk_works(struct virtio *v);
bool console_works(struct virtio *v);
bool net_works(struct virtio *v);
bool virtio_works(struct virtio *v);

/* Ask for an answer, of which these wait for nothing: an ARP reply; the console's ports (with F_CONSOLE_MULTIPORT). */
void net_provoke(struct virtio *v);
void console_provoke(struct virtio *v);

#endif
