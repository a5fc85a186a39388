// SPDX-License-Identifier: Apache-2.0
/* The entropy device: virtio 1.2, 5.4. The simplest of all, so the one on which the rings' features are tried. */
#include "guest/bare/cases.h"
#include "guest/bare/virtio.h"

#define BYTES 64
#define BIG_BYTES (256u << 10)

static struct virtio rng;
static uint8_t big[BIG_BYTES];

static bool get(struct virtio *v, void *to, uint32_t bytes, uint32_t *got)
{
	const struct piece piece = { to, bytes, true };

	memset(to, 0, bytes);
	return virtio_do(v, 0, &piece, 1, got);
}

static bool any_set(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i])
			return true;
	}
	return false;
}

bool rng_works(struct virtio *v)
{
	uint8_t bytes[BYTES];
	uint32_t got = 0;

	return get(v, bytes, sizeof(bytes), &got) && got == sizeof(bytes) && any_set(bytes, sizeof(bytes));
}

static void check_chains(void)
{
	static uint8_t part[3][BYTES];
	struct ring_desc table[3];
	const struct piece pieces[] = { { part[0], BYTES, true }, { part[1], BYTES, true }, { part[2], BYTES, true } };
	struct queue *q = &rng.queue[0];
	uint32_t got = 0;

	check(virtio_do(&rng, 0, pieces, 3, &got) && got == 3 * BYTES && any_set(part[2], BYTES), "a chain of three buffers is filled");
	memset(part, 0, sizeof(part));
	queue_put_indirect(q, table, pieces, 3);
	queue_notify(&rng, q);
	check(queue_take(q, NULL, &got) && got == 3 * BYTES && any_set(part[2], BYTES), "so is an indirect one");
}

/* More than the ring holds, so that its indices wrap; and all that fit at once. */
static void check_many(void)
{
	static uint8_t part[RING_ENTRIES][16];
	struct queue *q = &rng.queue[0];
	bool good = true;

	for (unsigned i = 0; i < 3 * RING_ENTRIES; i++)
		good = good && rng_works(&rng);
	check(good, "%u requests one by one", 3 * RING_ENTRIES);
	memset(part, 0, sizeof(part));
	for (unsigned i = 0; i < q->size; i++)
		queue_put(q, &(struct piece){ part[i], sizeof(part[i]), true }, 1);
	queue_notify(&rng, q);
	for (unsigned i = 0; i < q->size; i++)
		good = queue_take(q, NULL, NULL) && good;
	for (unsigned i = 0; i < q->size; i++)
		good = good && any_set(part[i], sizeof(part[i]));
	check(good, "a ring full of requests at once");
}

static void check_interrupts(uint64_t features, const char *how)
{
	bool good = virtio_open(&rng, features);
	bool told = true;

	for (unsigned i = 0; i < 5 && good; i++) {
		unsigned before = arch_line_count(rng.line);
		good = rng_works(&rng);
		told = wait_until(arch_line_count(rng.line) != before) && told;
		virtio_write(&rng, REG_INTERRUPT_ACK, virtio_read(&rng, REG_INTERRUPT_STATUS));
	}
	check(good && told, "each used buffer interrupts, %s", how);
	check(virtio_read(&rng, REG_INTERRUPT_STATUS) <= INTERRUPT_USED, "no configuration change is told where none was, %s", how);
}

/* 2.7.7: by the flag, or by an index that is far away. */
static void check_silence(uint64_t features, const char *how)
{
	struct queue *q = &rng.queue[0];
	uint8_t bytes[16];
	const struct piece piece = { bytes, sizeof(bytes), true };

	virtio_open(&rng, features);
	q->ring.avail.flags = features ? 0 : 1;
	/* What came of the requests before may still be on its way. */
	(void)wait_until_for(20, false);
	unsigned before = arch_line_count(rng.line);
	queue_put(q, &piece, 1);
	q->ring.avail.used_event = 100;
	arch_barrier();
	queue_notify(&rng, q);
	check(queue_take(q, NULL, NULL) && !wait_until_for(20, arch_line_count(rng.line) != before), "no interrupt unasked, %s", how);
}

void case_rng(const struct machine *m)
{
	uint8_t first[BYTES], second[BYTES];
	uint32_t got = 0;

	if (!virtio_find(&rng, m, ID_RNG, 0) || !virtio_open(&rng, F_INDIRECT | F_EVENT_IDX))
		give_up("there is an entropy device");
	check(get(&rng, first, BYTES, &got) && got == BYTES && any_set(first, BYTES), "a request is filled");
	check(get(&rng, second, BYTES, NULL) && memcmp(first, second, BYTES), "the next one with other bytes");
	check(get(&rng, big, BIG_BYTES, &got) && got && got <= BIG_BYTES && any_set(big, got), "a big request gets something");
	say("%u bytes of %u", got, BIG_BYTES);
	check_chains();
	check_many();
	check_interrupts(0, "without the event index");
	check_interrupts(F_EVENT_IDX, "with the event index");
	check_silence(0, "by the flag");
	check_silence(F_EVENT_IDX, "by the event index");
}
