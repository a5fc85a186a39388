// SPDX-License-Identifier: Apache-2.0
/*
 * The split virtqueue: see virtqueue.h. Virtio 1.2, section 2.7; VIRTIO_F_IN_ORDER and VIRTIO_F_RING_RESET are left out.
 *
 * Three areas of guest memory, each written by one side only:
 *
 *   desc    { le64 addr; le32 len; le16 flags; le16 next; } [size]                    written by the driver
 *   avail   le16 flags; le16 idx; le16 ring[size]; le16 used_event;                   written by the driver
 *   used    le16 flags; le16 idx; { le32 id; le32 len; } ring[size]; le16 avail_event;  written by the device
 *
 * Order between the two sides: an idx is read with acquire and written with release, which makes the entries behind it whole. Whoever
 * sleeps on a wish (used_event, avail_event) writes the wish, and whoever wakes writes its idx; then each reads what the other wrote.
 * That takes a full barrier between write and read on both sides, or both may miss the other.
 *
 * Guest and host are little-endian; both architectures here are.
 */
#include "devices/virtio/virtqueue.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define DESC_BYTES 16u
#define DESC_F_NEXT 1u
#define DESC_F_WRITE 2u
#define DESC_F_INDIRECT 4u

#define AVAIL_IDX 2u
#define AVAIL_RING 4u
#define AVAIL_F_NO_INTERRUPT 1u

#define USED_FLAGS 0u
#define USED_IDX 2u
#define USED_RING 4u
#define USED_ELEM_BYTES 8u
#define USED_F_NO_NOTIFY 1u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian");

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* --- access to ring memory: every load and store happens exactly once -------------------------------------------------- */

static inline uint16_t load16(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)at, __ATOMIC_RELAXED);
}

static inline void store16(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)at, value, __ATOMIC_RELAXED);
}

static inline void store32(uint8_t *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)at, value, __ATOMIC_RELAXED);
}

/* The older builtin, since GCC warns that ThreadSanitizer does not follow a C11 fence. Nothing here relies on it doing so. */
static inline void full_barrier(void)
{
	__sync_synchronize();
}

/* Nothing says that an indirect table is aligned. */
struct unaligned_u64 {
	uint64_t value;
} __attribute__((packed, may_alias));

/* The guest may write while this reads, on purpose: the copy is what gets checked. So it is no race that ThreadSanitizer should report. */
__attribute__((no_sanitize("thread"))) static inline struct desc load_desc(const uint8_t *table, unsigned index)
{
	const volatile struct unaligned_u64 *word = (const volatile struct unaligned_u64 *)(table + (size_t)index * DESC_BYTES);
	uint64_t addr = word[0].value, rest = word[1].value;

	return (struct desc){ .addr = addr, .len = (uint32_t)rest, .flags = (uint16_t)(rest >> 32), .next = (uint16_t)(rest >> 48) };
}

static inline uint16_t avail_idx(const struct virtqueue *vq)
{
	return __atomic_load_n((const uint16_t *)(vq->avail + AVAIL_IDX), __ATOMIC_ACQUIRE);
}

static inline uint8_t *avail_event(const struct virtqueue *vq)
{
	return vq->used + USED_RING + (size_t)vq->size * USED_ELEM_BYTES;
}

static inline const uint8_t *used_event(const struct virtqueue *vq)
{
	return vq->avail + AVAIL_RING + (size_t)vq->size * 2;
}

/* --- set-up ------------------------------------------------------------------------------------------------------------ */

int virtqueue_start(struct virtqueue *vq, const struct mem *mem, uint64_t features)
{
	uint64_t size = vq->size;

	if (!size || size > VIRTQUEUE_SIZE_MAX || (size & (size - 1)))
		return -EINVAL;
	if (vq->desc_gpa % 16 || vq->avail_gpa % 2 || vq->used_gpa % 4)
		return -EINVAL;
	uint8_t *desc = mem_at(mem, vq->desc_gpa, size * DESC_BYTES);
	uint8_t *avail = mem_at(mem, vq->avail_gpa, AVAIL_RING + size * 2 + 2);
	uint8_t *used = mem_at(mem, vq->used_gpa, USED_RING + size * USED_ELEM_BYTES + 2);
	if (!desc || !avail || !used)
		return -EINVAL;
	vq->mem = mem;
	vq->event_idx = features & VIRTIO_F_EVENT_IDX;
	vq->indirect = features & VIRTIO_F_INDIRECT_DESC;
	vq->desc = desc;
	vq->avail = avail;
	vq->used = used;
	vq->avail_next = vq->used_next = vq->used_signalled = 0;
	virtqueue_notify_on(vq);
	return 0;
}

void virtqueue_reset(struct virtqueue *vq)
{
	*vq = (struct virtqueue){ 0 };
}

static inline bool is_started(const struct virtqueue *vq)
{
	return vq->desc != NULL;
}

/* --- from the driver --------------------------------------------------------------------------------------------------- */

static int broken(const char **why, const char *reason)
{
	*why = reason;
	return -EPROTO;
}

static int add_buffer(const struct virtqueue *vq, struct virtq_chain *chain, const struct desc *desc, const char **why)
{
	unsigned count = chain->out_count + chain->in_count;

	if (count == VIRTQ_CHAIN_MAX)
		return broken(why, "a descriptor chain is too long, or loops");
	if (!desc->len)
		return broken(why, "a buffer has no length");
	chain->iov[count].iov_base = mem_at(vq->mem, desc->addr, desc->len);
	chain->iov[count].iov_len = desc->len;
	if (!chain->iov[count].iov_base)
		return broken(why, "a buffer is not in RAM");
	if (desc->flags & DESC_F_WRITE) {
		chain->in_count++;
		chain->in_bytes += desc->len;
		return 0;
	}
	/* 2.7.4.2 */
	if (chain->in_count)
		return broken(why, "a readable buffer follows a writable one");
	chain->out_count++;
	chain->out_bytes += desc->len;
	return 0;
}

/* Where a chain goes on: the queue's own descriptors, or one indirect table. */
struct table {
	const uint8_t *desc;
	uint32_t entries;
	bool indirect;
};

/* 2.7.5.3.1, what the driver must keep to. DESC_F_WRITE means nothing here (2.7.5.3.2). */
static int enter_indirect(const struct virtqueue *vq, struct table *table, const struct desc *desc, const char **why)
{
	if (!vq->indirect)
		return broken(why, "an indirect descriptor, without the feature");
	if (table->indirect)
		return broken(why, "an indirect descriptor inside an indirect table");
	if (desc->flags & DESC_F_NEXT)
		return broken(why, "an indirect descriptor has a successor");
	if (!desc->len || desc->len % DESC_BYTES)
		return broken(why, "an indirect table's length is no multiple of 16");
	table->desc = mem_at(vq->mem, desc->addr, desc->len);
	if (!table->desc)
		return broken(why, "an indirect table is not in RAM");
	table->entries = desc->len / DESC_BYTES;
	table->indirect = true;
	return 0;
}

/* Ends because each round but one (into the indirect table) adds a buffer, and add_buffer() takes VIRTQ_CHAIN_MAX of them. */
static int read_chain(const struct virtqueue *vq, struct virtq_chain *chain, const char **why)
{
	struct table table = { .desc = vq->desc, .entries = vq->size };
	uint32_t next = chain->head;

	for (;;) {
		if (next >= table.entries)
			return broken(why, "a descriptor's number is out of range");
		struct desc desc = load_desc(table.desc, next);
		int err;
		if (desc.flags & DESC_F_INDIRECT) {
			err = enter_indirect(vq, &table, &desc, why);
			next = 0;
		} else {
			err = add_buffer(vq, chain, &desc, why);
			next = desc.next;
		}
		if (err)
			return err;
		if (!(desc.flags & (DESC_F_NEXT | DESC_F_INDIRECT)))
			break;
	}
	/* 2.7.5.2. What a device reports as written fits its 32 bits then. */
	if (chain->out_bytes + chain->in_bytes > UINT32_MAX)
		return broken(why, "a descriptor chain holds 4 GiB or more");
	return 0;
}

/*
 * The driver's idx. Where it says that nothing waits, the caller may go to sleep until it is notified: then the driver must see our
 * avail_event or flags from now on, or we what it added before it did.
 */
static uint16_t look(const struct virtqueue *vq)
{
	uint16_t idx = avail_idx(vq);

	if (idx != vq->avail_next || vq->notify_off)
		return idx;
	full_barrier();
	return avail_idx(vq);
}

bool virtqueue_empty(const struct virtqueue *vq)
{
	return !is_started(vq) || look(vq) == vq->avail_next;
}

int virtqueue_pop(struct virtqueue *vq, struct virtq_chain *chain, const char **why)
{
	if (!is_started(vq))
		return 0;
	unsigned waiting = (uint16_t)(look(vq) - vq->avail_next);
	unsigned under_way = (uint16_t)(vq->avail_next - vq->used_next);
	if (!waiting)
		return 0;
	/*
	 * A chain's first descriptor is not the driver's again before the chain comes back, so these are never more than the queue has
	 * entries. That also bounds what a device has under way.
	 */
	if (waiting + under_way > vq->size)
		return broken(why, "more chains are available than the queue has entries");
	chain->head = load16(vq->avail + AVAIL_RING + (size_t)(vq->avail_next & (vq->size - 1)) * 2);
	chain->out_count = chain->in_count = 0;
	chain->out_bytes = chain->in_bytes = 0;
	int err = read_chain(vq, chain, why);
	if (err)
		return err;
	vq->avail_next++;
	if (vq->event_idx && !vq->notify_off)
		store16(avail_event(vq), vq->avail_next);
	return 1;
}

void virtqueue_unpop(struct virtqueue *vq)
{
	if (is_started(vq))
		vq->avail_next--;
}

/* --- to the driver ----------------------------------------------------------------------------------------------------- */

void virtqueue_stage(struct virtqueue *vq, unsigned index, uint16_t head, uint32_t written_bytes)
{
	/* A queue that was stopped while a request was under way takes nothing back. */
	if (!is_started(vq))
		return;
	uint8_t *elem = vq->used + USED_RING + (size_t)((vq->used_next + index) & (vq->size - 1u)) * USED_ELEM_BYTES;
	store32(elem, head);
	store32(elem + 4, written_bytes);
}

void virtqueue_publish(struct virtqueue *vq, unsigned count)
{
	if (!is_started(vq))
		return;
	vq->used_next = (uint16_t)(vq->used_next + count);
	__atomic_store_n((uint16_t *)(vq->used + USED_IDX), vq->used_next, __ATOMIC_RELEASE);
}

void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written_bytes)
{
	virtqueue_stage(vq, 0, head, written_bytes);
	virtqueue_publish(vq, 1);
}

bool virtqueue_should_interrupt(struct virtqueue *vq)
{
	if (!is_started(vq) || vq->used_next == vq->used_signalled)
		return false;
	uint16_t fresh = (uint16_t)(vq->used_next - vq->used_signalled);
	vq->used_signalled = vq->used_next;
	full_barrier();
	if (!vq->event_idx)
		return !(load16(vq->avail) & AVAIL_F_NO_INTERRUPT);
	/* 2.7.7.2: is the entry that the driver waits for among the fresh ones? */
	return (uint16_t)(vq->used_next - load16(used_event(vq)) - 1) < fresh;
}

void virtqueue_notify_off(struct virtqueue *vq)
{
	if (!is_started(vq))
		return;
	vq->notify_off = true;
	/* With the event index, an avail_event that stays behind is the whole message. */
	if (!vq->event_idx)
		store16(vq->used + USED_FLAGS, USED_F_NO_NOTIFY);
}

bool virtqueue_notify_on(struct virtqueue *vq)
{
	if (!is_started(vq))
		return false;
	vq->notify_off = false;
	if (vq->event_idx)
		store16(avail_event(vq), vq->avail_next);
	else
		store16(vq->used + USED_FLAGS, 0);
	return !virtqueue_empty(vq);
}

/* --- buffers ----------------------------------------------------------------------------------------------------------- */

/* Finds the piece of iov at *offset, and makes that the offset inside it. Returns its index, or count. */
static unsigned iov_seek(const struct iovec *iov, unsigned count, size_t *offset)
{
	unsigned i = 0;

	while (i < count && *offset >= iov[i].iov_len)
		*offset -= iov[i++].iov_len;
	return i;
}

size_t iov_read(const struct iovec *iov, unsigned count, size_t offset_bytes, void *dst, size_t len)
{
	size_t done = 0;

	for (unsigned i = iov_seek(iov, count, &offset_bytes); i < count && done < len; i++, offset_bytes = 0) {
		size_t room = iov[i].iov_len - offset_bytes;
		size_t n = room < len - done ? room : len - done;
		memcpy((uint8_t *)dst + done, (const uint8_t *)iov[i].iov_base + offset_bytes, n);
		done += n;
	}
	return done;
}

size_t iov_write(const struct iovec *iov, unsigned count, size_t offset_bytes, const void *src, size_t len)
{
	size_t done = 0;

	for (unsigned i = iov_seek(iov, count, &offset_bytes); i < count && done < len; i++, offset_bytes = 0) {
		size_t room = iov[i].iov_len - offset_bytes;
		size_t n = room < len - done ? room : len - done;
		memcpy((uint8_t *)iov[i].iov_base + offset_bytes, (const uint8_t *)src + done, n);
		done += n;
	}
	return done;
}
