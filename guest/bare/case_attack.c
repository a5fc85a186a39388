// SPDX-License-Identifier: Apache-2.0
/*
 * Drivers that break the rules of virtio (1.2, 2.7), on every device. What must come of it: DEVICE_NEEDS_RESET and a configuration
 * interrupt (2.1.1, 2.1.2); other devices go on; and a reset makes the broken one as good as new.
 *
 * The subject of an attack is a queue of one device. The witness is another device, opened once in the beginning.
 */
#include "guest/bare/blk.h"
#include "guest/bare/cases.h"

static struct virtio subject, witness;

/* --- attacks on where the rings are: made before DRIVER_OK ---------------------------------------------------------------- */

static void desc_in_hole(struct queue *q)
{
	q->desc = arch_hole;
}

static void avail_beyond_all(struct queue *q)
{
	q->avail = 1ul << 52;
}

static void used_in_registers(struct queue *q)
{
	q->used = subject.base;
}

static void desc_wraps(struct queue *q)
{
	q->desc = UINT64_MAX - 15;
}

static void desc_misaligned(struct queue *q)
{
	q->desc += 8;
}

static void size_three(struct queue *q)
{
	q->size = 3;
}

static void size_zero(struct queue *q)
{
	q->size = 0;
}

static void size_huge(struct queue *q)
{
	q->size = 32768;
}

/* --- attacks by what is in the rings -------------------------------------------------------------------------------------- */

static uint8_t victim[64];

/* Makes one chain available. Its head is there first: the device may be looking already, as it does when the driver comes up. */
static void offer_head(struct queue *q, uint16_t head)
{
	q->ring.avail.ring[0] = head;
	arch_barrier();
	q->ring.avail.idx = 1;
}

/* One descriptor as it is, and its chain made available. */
static void offer_desc(struct queue *q, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	q->ring.desc[0].addr = addr;
	q->ring.desc[0].len = len;
	q->ring.desc[0].flags = flags;
	q->ring.desc[0].next = next;
	offer_head(q, 0);
}

static void chain_loops(struct queue *q)
{
	offer_desc(q, (uint64_t)victim, sizeof(victim), DESC_NEXT, 0);
}

static void next_out_of_range(struct queue *q)
{
	offer_desc(q, (uint64_t)victim, sizeof(victim), DESC_NEXT, 9999);
}

static void head_out_of_range(struct queue *q)
{
	offer_head(q, UINT16_MAX);
}

static void index_jumps(struct queue *q)
{
	q->ring.avail.idx = RING_ENTRIES + 1;
}

static void buffer_in_hole(struct queue *q)
{
	offer_desc(q, arch_hole, 512, DESC_WRITE, 0);
}

static void buffer_wraps(struct queue *q)
{
	offer_desc(q, UINT64_MAX - 511, 4096, DESC_WRITE, 0);
}

static void buffer_crosses_end(struct queue *q)
{
	offer_desc(q, (uint64_t)victim, UINT32_MAX, DESC_WRITE, 0);
}

static void buffer_empty(struct queue *q)
{
	offer_desc(q, (uint64_t)victim, 0, DESC_WRITE, 0);
}

static void readable_after_writable(struct queue *q)
{
	q->ring.desc[1].addr = (uint64_t)victim;
	q->ring.desc[1].len = 16;
	q->ring.desc[1].flags = 0;
	offer_desc(q, (uint64_t)victim, 16, DESC_WRITE | DESC_NEXT, 1);
}

static struct ring_desc table[4] __attribute__((aligned(16)));

static void indirect_nested(struct queue *q)
{
	table[0] = (struct ring_desc){ (uint64_t)table, sizeof(table), DESC_INDIRECT, 0 };
	offer_desc(q, (uint64_t)table, sizeof(table), DESC_INDIRECT, 0);
}

static void indirect_in_hole(struct queue *q)
{
	offer_desc(q, arch_hole, sizeof(table), DESC_INDIRECT, 0);
}

static void indirect_odd_length(struct queue *q)
{
	table[0] = (struct ring_desc){ (uint64_t)victim, sizeof(victim), DESC_WRITE, 0 };
	offer_desc(q, (uint64_t)table, sizeof(table[0]) + 1, DESC_INDIRECT, 0);
}

static void indirect_and_next(struct queue *q)
{
	table[0] = (struct ring_desc){ (uint64_t)victim, sizeof(victim), DESC_WRITE, 0 };
	offer_desc(q, (uint64_t)table, sizeof(table[0]), DESC_INDIRECT | DESC_NEXT, 1);
}

static void indirect_loops(struct queue *q)
{
	table[0] = (struct ring_desc){ (uint64_t)victim, sizeof(victim), DESC_WRITE | DESC_NEXT, 0 };
	offer_desc(q, (uint64_t)table, sizeof(table), DESC_INDIRECT, 0);
}

/* --- attacks that only one device knows as such --------------------------------------------------------------------------- */

static void wrong_direction(struct queue *q)
{
	offer_desc(q, (uint64_t)victim, 5, q->number ? DESC_WRITE : 0, 0);
}

static void blk_no_header(struct queue *q)
{
	offer_desc(q, (uint64_t)victim, 16, DESC_WRITE, 0);
}

static void buffer_too_small(struct queue *q)
{
	offer_desc(q, (uint64_t)victim, 1, DESC_WRITE, 0);
}

/* --- carrying them out ---------------------------------------------------------------------------------------------------- */

struct attack {
	const char *what;
	void (*place)(struct queue *q); /* this, or the next */
	void (*fill)(struct queue *q);
	void (*provoke)(struct virtio *v); /* makes the device look at a queue that it fills by itself; NULL: the notification does */
};

static const struct attack attacks[] = {
	{ "descriptors where nothing is", .place = desc_in_hole },
	{ "an available ring beyond all memory", .place = avail_beyond_all },
	{ "a used ring in device registers", .place = used_in_registers },
	{ "descriptors across the end of the address space", .place = desc_wraps },
	{ "misaligned descriptors", .place = desc_misaligned },
	{ "a queue of size 3", .place = size_three },
	{ "a queue of size 0", .place = size_zero },
	{ "a queue of size 32768", .place = size_huge },
	{ "a chain that loops", .fill = chain_loops },
	{ "a descriptor whose successor is out of range", .fill = next_out_of_range },
	{ "a head out of range", .fill = head_out_of_range },
	{ "an available index that jumps", .fill = index_jumps },
	{ "a buffer where nothing is", .fill = buffer_in_hole },
	{ "a buffer across the end of the address space", .fill = buffer_wraps },
	{ "a buffer across the end of memory", .fill = buffer_crosses_end },
	{ "a buffer of no length", .fill = buffer_empty },
	{ "a readable buffer behind a writable one", .fill = readable_after_writable },
	{ "an indirect table inside an indirect table", .fill = indirect_nested },
	{ "an indirect table where nothing is", .fill = indirect_in_hole },
	{ "an indirect table of an odd length", .fill = indirect_odd_length },
	{ "an indirect descriptor with a successor", .fill = indirect_and_next },
	{ "an indirect table that loops", .fill = indirect_loops },
};

/* True when the device says that it needs a reset, and interrupted to say so if the driver was up. */
static bool breaks(const struct attack *attack, unsigned queue)
{
	struct queue *q = &subject.queue[queue];

	arch_line_enable(subject.line);
	virtio_negotiate(&subject, F_INDIRECT | F_CONSOLE_MULTIPORT);
	virtio_plan(&subject);
	if (attack->place)
		attack->place(q);
	for (unsigned i = 0; i < subject.queue_count; i++)
		virtio_install(&subject, &subject.queue[i]);
	unsigned before = arch_line_count(subject.line);
	virtio_go(&subject);
	if (attack->fill) {
		if (virtio_broken(&subject))
			return false;
		attack->fill(q);
		arch_barrier();
		queue_notify(&subject, q);
		if (attack->provoke)
			attack->provoke(&subject);
	}
	if (!wait_until(virtio_broken(&subject)))
		return false;
	return wait_until((virtio_read(&subject, REG_INTERRUPT_STATUS) & INTERRUPT_CONFIG) && arch_line_count(subject.line) != before);
}

static void attack_queue(const struct attack *attack, unsigned queue)
{
	const char *name = virtio_name(subject.id);
	bool broke = breaks(attack, queue);
	bool others = virtio_works(&witness);
	/* The change is told once: unlike a used buffer's, this acknowledgement counts. */
	virtio_write(&subject, REG_INTERRUPT_ACK, INTERRUPT_USED | INTERRUPT_CONFIG);
	bool acknowledged = !(virtio_read(&subject, REG_INTERRUPT_STATUS) & INTERRUPT_CONFIG);
	/* It stays broken, whatever is notified now, until it is reset. */
	queue_notify(&subject, &subject.queue[queue]);
	bool stays = virtio_broken(&subject);
	bool again = virtio_open(&subject, F_INDIRECT) && virtio_works(&subject);

	check(broke && stays, "%s queue %u needs a reset after %s", name, queue, attack->what);
	if (!acknowledged)
		check(false, "%s: a configuration interrupt is acknowledged", name);
	if (!others)
		check(false, "the %s works all the same", virtio_name(witness.id));
	if (!again)
		check(false, "%s: works again after a reset", name);
}

/* What no driver should do, and no device minds. */
static void check_harmless(unsigned queue)
{
	const char *name = virtio_name(subject.id);

	virtio_open(&subject, 0);
	virtio_write(&subject, REG_QUEUE_NOTIFY, 1000);
	virtio_write(&subject, REG_QUEUE_NOTIFY, UINT32_MAX);
	check(virtio_works(&subject) && !virtio_broken(&subject), "%s: notifying a queue that does not exist is ignored", name);
	virtio_reset(&subject);
	for (unsigned i = 0; i < 10; i++)
		queue_notify(&subject, &subject.queue[queue]);
	check(!virtio_read(&subject, REG_STATUS), "%s: so is notifying after a reset", name);
	/* Buffers that are there when the device is reset are not touched any more. Before that they may be: a device needs no notice. */
	virtio_open(&subject, 0);
	offer_desc(&subject.queue[queue], (uint64_t)victim, sizeof(victim), DESC_WRITE, 0);
	virtio_reset(&subject);
	uint16_t used = subject.queue[queue].ring.used.idx;
	memset(victim, 0x55, sizeof(victim));
	queue_notify(&subject, &subject.queue[queue]);
	wait_until_for(10, false);
	bool same = true;
	for (unsigned i = 0; i < sizeof(victim); i++)
		same = same && victim[i] == 0x55;
	check(same && subject.queue[queue].ring.used.idx == used, "%s: after a reset no buffer is touched", name);
	virtio_open(&subject, 0);
	virtio_write(&subject, REG_QUEUE_SEL, 0);
	virtio_write(&subject, REG_QUEUE_READY, 0);
	check(virtio_open(&subject, 0) && virtio_works(&subject), "%s: works after a queue was taken away", name);
}

static void attack_device(const struct machine *m, uint32_t id, unsigned queue)
{
	if (!virtio_find(&subject, m, id, 0))
		give_up("there is a %s", virtio_name(id));
	if (!virtio_find(&witness, m, id == ID_RNG ? ID_BLK : ID_RNG, 0) || !virtio_open(&witness, F_INDIRECT))
		give_up("there are an entropy device and a disk");
	for (unsigned i = 0; i < COUNT(attacks); i++)
		attack_queue(&attacks[i], queue);
	check(virtio_works(&witness), "%s: the %s worked all the time", virtio_name(id), virtio_name(witness.id));
	check_harmless(queue);
}

/* --- the case ------------------------------------------------------------------------------------------------------------- */

/* device=N: which kind */
void case_attack(const struct machine *m)
{
	static const struct attack readable = { "a request that can't be written to", .fill = wrong_direction };
	static const struct attack no_status = { "a request without a status", .fill = wrong_direction };
	static const struct attack no_header = { "a request without a header", .fill = blk_no_header };
	static const struct attack short_frame = { "a frame shorter than its header", .fill = wrong_direction };
	static const struct attack small_frame = { "a receive buffer too small", .fill = buffer_too_small, .provoke = net_provoke };
	static const struct attack small_control = { "a control buffer too small", .fill = buffer_too_small, .provoke = console_provoke };

	switch (parameter(m, "device")) {
	case ID_RNG:
		attack_device(m, ID_RNG, 0);
		attack_queue(&readable, 0);
		break;
	case ID_BLK:
		attack_device(m, ID_BLK, 0);
		attack_queue(&no_status, 0);
		attack_queue(&no_header, 0);
		break;
	case ID_NET:
		attack_device(m, ID_NET, 1);
		attack_queue(&short_frame, 1);
		attack_queue(&small_frame, 0);
		break;
	case ID_CONSOLE:
		attack_device(m, ID_CONSOLE, 1);
		attack_device(m, ID_CONSOLE, 3);
		attack_queue(&small_control, 2);
		break;
	}
}
