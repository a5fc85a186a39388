// SPDX-License-Identifier: Apache-2.0
/* The fake guest driver: see fake_driver.h. Split rings as in virtio 1.2, 2.7; registers as in 4.2.2. */
#include "tests/fakes/fake_driver.h"

#include <assert.h>
#include <string.h>

enum {
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	CONFIG = 0x100,
};

static void store16(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)at, value, __ATOMIC_RELEASE);
}

static uint16_t load16(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE);
}

static void store32(uint8_t *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)at, value, __ATOMIC_RELAXED);
}

static uint32_t load32(const uint8_t *at)
{
	return __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

static void count_pulse(struct irq *irq)
{
	struct fake_driver *drv = irq->arg;

	atomic_fetch_add(&drv->interrupts, 1);
}

void fake_driver_init(struct fake_driver *drv)
{
	memset(drv, 0, sizeof(*drv));
	int err = mem_add(&drv->mem, FAKE_RAM_GPA, FAKE_RAM_BYTES);
	if (!err)
		err = mem_add(&drv->mem, FAKE_HIGH_GPA, FAKE_HIGH_BYTES);
	drv->loop = loop_new();
	assert(!err && drv->loop);
	(void)err;
	drv->irq = (struct irq){ .gsi = 5, .pulse = count_pulse, .arg = drv };
	drv->next_gpa = FAKE_RAM_GPA;
}

void fake_driver_plug(struct fake_driver *drv, struct virtio_dev *dev)
{
	int err = virtio_mmio_init(&drv->mmio, dev, &drv->irq, drv->page);

	assert(!err);
	(void)err;
	drv->dev = dev;
}

static bool handshake(struct fake_driver *drv, uint64_t wanted)
{
	uint32_t status = FAKE_ACKNOWLEDGE | FAKE_DRIVER;
	uint64_t offered = 0;

	fake_reg_write(drv, STATUS, 0);
	fake_reg_write(drv, STATUS, status);
	for (unsigned half = 0; half < 2; half++) {
		fake_reg_write(drv, DEVICE_FEATURES_SEL, half);
		offered |= (uint64_t)fake_reg_read(drv, DEVICE_FEATURES) << (32 * half);
	}
	drv->features = offered & (wanted | VIRTIO_F_VERSION_1);
	for (unsigned half = 0; half < 2; half++) {
		fake_reg_write(drv, DRIVER_FEATURES_SEL, half);
		fake_reg_write(drv, DRIVER_FEATURES, (uint32_t)(drv->features >> (32 * half)));
	}
	status |= FAKE_FEATURES_OK;
	fake_reg_write(drv, STATUS, status);
	if (fake_status(drv) != status)
		return false;
	for (unsigned i = 0; i < drv->dev->queue_count; i++)
		fake_queue_set_up(drv, i, 0);
	status |= FAKE_DRIVER_OK;
	fake_reg_write(drv, STATUS, status);
	return fake_status(drv) == status;
}

bool fake_driver_attach(struct fake_driver *drv, struct virtio_dev *dev, uint64_t features)
{
	fake_driver_plug(drv, dev);
	return handshake(drv, features);
}

static void no_kick(struct virtio_dev *dev, unsigned queue)
{
	(void)dev;
	(void)queue;
}

bool fake_driver_attach_idle(struct fake_driver *drv, struct virtio_dev *dev, uint16_t queue_size, uint64_t features)
{
	static const struct virtio_ops ops = { .kick = no_kick };

	*dev = (struct virtio_dev){
		.name = "idle",
		.queue_count = 1,
		.queue_size_max = { queue_size },
		.ops = &ops,
		.loop = drv->loop,
		.mem = &drv->mem,
	};
	return fake_driver_attach(drv, dev, features);
}

bool fake_driver_restart(struct fake_driver *drv, uint64_t features)
{
	return handshake(drv, features);
}

void fake_driver_detach(struct fake_driver *drv)
{
	if (drv->dev)
		virtio_mmio_release(&drv->mmio);
	drv->dev = NULL;
}

void fake_driver_release(struct fake_driver *drv)
{
	fake_driver_detach(drv);
	loop_free(drv->loop);
	mem_release(&drv->mem);
}

static void write_gpa(struct fake_driver *drv, unsigned reg, gpa_t gpa)
{
	fake_reg_write(drv, reg, (uint32_t)gpa);
	fake_reg_write(drv, reg + 4, (uint32_t)(gpa >> 32));
}

void fake_queue_set_up(struct fake_driver *drv, unsigned queue, uint16_t size)
{
	struct fake_queue *q = &drv->queue[queue];

	fake_reg_write(drv, QUEUE_SEL, queue);
	if (!size)
		size = (uint16_t)fake_reg_read(drv, QUEUE_NUM_MAX);
	if (q->size != size) {
		q->desc_gpa = fake_alloc(drv, 16u * size);
		q->avail_gpa = fake_alloc(drv, 6 + 2u * size);
		q->used_gpa = fake_alloc(drv, 6 + 8u * size);
	}
	*q = (struct fake_queue){ .size = size, .desc_gpa = q->desc_gpa, .avail_gpa = q->avail_gpa, .used_gpa = q->used_gpa };
	q->desc = fake_at(drv, q->desc_gpa);
	q->avail = fake_at(drv, q->avail_gpa);
	q->used = fake_at(drv, q->used_gpa);
	memset(q->desc, 0, 16u * size);
	memset(q->avail, 0, 6 + 2u * size);
	memset(q->used, 0, 6 + 8u * size);
	for (uint16_t i = 0; i < size; i++)
		q->next[i] = (uint16_t)(i + 1);
	q->free_count = size;
	fake_reg_write(drv, QUEUE_NUM, size);
	write_gpa(drv, QUEUE_DESC, q->desc_gpa);
	write_gpa(drv, QUEUE_DRIVER, q->avail_gpa);
	write_gpa(drv, QUEUE_DEVICE, q->used_gpa);
	fake_reg_write(drv, QUEUE_READY, 1);
}

/* --- memory ------------------------------------------------------------------------------------------------------------ */

gpa_t fake_alloc(struct fake_driver *drv, uint32_t len)
{
	gpa_t gpa = drv->next_gpa;

	drv->next_gpa = (gpa + len + 63) & ~63ull;
	assert(drv->next_gpa <= FAKE_RAM_GPA + FAKE_RAM_BYTES);
	return gpa;
}

gpa_t fake_alloc_data(struct fake_driver *drv, const void *data, uint32_t len)
{
	gpa_t gpa = fake_alloc(drv, len);

	memcpy(fake_at(drv, gpa), data, len);
	return gpa;
}

void *fake_at(const struct fake_driver *drv, gpa_t gpa)
{
	return mem_at(&drv->mem, gpa, 1);
}

/* --- rings ------------------------------------------------------------------------------------------------------------- */

void fake_set_desc(struct fake_driver *drv, gpa_t table, unsigned index, gpa_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t *desc = mem_at(&drv->mem, table + 16ull * index, 16);

	__atomic_store_n((uint64_t *)desc, addr, __ATOMIC_RELAXED);
	store32(desc + 8, len);
	store16(desc + 12, flags);
	store16(desc + 14, next);
}

void fake_make_available(struct fake_driver *drv, unsigned queue, uint16_t head)
{
	struct fake_queue *q = &drv->queue[queue];

	store16(q->avail + 4 + 2 * (q->avail_idx % q->size), head);
	store16(q->avail + 2, ++q->avail_idx);
}

int fake_add(struct fake_driver *drv, unsigned queue, const struct fake_buffer *buffers, unsigned count)
{
	struct fake_queue *q = &drv->queue[queue];
	uint16_t head = q->free_head, at = head;

	if (!count || count > q->free_count)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		uint16_t next = q->next[at];
		unsigned flags = (buffers[i].writable ? FAKE_DESC_WRITE : 0) | (i + 1 < count ? FAKE_DESC_NEXT : 0);
		fake_set_desc(drv, q->desc_gpa, at, buffers[i].gpa, buffers[i].len, (uint16_t)flags, next);
		at = next;
	}
	q->free_head = at;
	q->free_count = (uint16_t)(q->free_count - count);
	q->chain_len[head] = (uint16_t)count;
	fake_make_available(drv, queue, head);
	return head;
}

int fake_add_indirect(struct fake_driver *drv, unsigned queue, const struct fake_buffer *buffers, unsigned count)
{
	struct fake_queue *q = &drv->queue[queue];
	uint16_t head = q->free_head;

	if (!count || !q->free_count)
		return -1;
	gpa_t table = fake_alloc(drv, 16 * count);
	for (unsigned i = 0; i < count; i++) {
		unsigned flags = (buffers[i].writable ? FAKE_DESC_WRITE : 0) | (i + 1 < count ? FAKE_DESC_NEXT : 0);
		fake_set_desc(drv, table, i, buffers[i].gpa, buffers[i].len, (uint16_t)flags, (uint16_t)(i + 1));
	}
	q->free_head = q->next[head];
	q->free_count--;
	q->chain_len[head] = 1;
	fake_set_desc(drv, q->desc_gpa, head, table, 16 * count, FAKE_DESC_INDIRECT, q->free_head);
	fake_make_available(drv, queue, head);
	return head;
}

static void free_chain(struct fake_queue *q, uint16_t head)
{
	uint16_t last = head;

	if (head >= q->size || !q->chain_len[head])
		return; /* one that fake_make_available() put in */
	for (unsigned i = 1; i < q->chain_len[head]; i++)
		last = q->next[last];
	q->next[last] = q->free_head;
	q->free_head = head;
	q->free_count = (uint16_t)(q->free_count + q->chain_len[head]);
	q->chain_len[head] = 0;
}

bool fake_used(struct fake_driver *drv, unsigned queue, struct fake_used *used)
{
	struct fake_queue *q = &drv->queue[queue];

	if (load16(q->used + 2) == q->used_seen)
		return false;
	const uint8_t *elem = q->used + 4 + 8 * (q->used_seen % q->size);
	*used = (struct fake_used){ .head = (uint16_t)load32(elem), .len = load32(elem + 4) };
	q->used_seen++;
	free_chain(q, used->head);
	return true;
}

void fake_interrupts_off(struct fake_driver *drv, unsigned queue)
{
	struct fake_queue *q = &drv->queue[queue];

	if (drv->features & VIRTIO_F_EVENT_IDX)
		store16(q->avail + 4 + 2 * q->size, (uint16_t)(q->used_seen - 1));
	else
		store16(q->avail, 1);
}

void fake_interrupts_on(struct fake_driver *drv, unsigned queue)
{
	struct fake_queue *q = &drv->queue[queue];

	if (drv->features & VIRTIO_F_EVENT_IDX)
		store16(q->avail + 4 + 2 * q->size, q->used_seen);
	else
		store16(q->avail, 0);
	__sync_synchronize();
}

bool fake_wants_kick(struct fake_driver *drv, unsigned queue)
{
	struct fake_queue *q = &drv->queue[queue];

	uint16_t fresh = (uint16_t)(q->avail_idx - q->kicked_idx);

	q->kicked_idx = q->avail_idx;
	__sync_synchronize();
	if (drv->features & VIRTIO_F_EVENT_IDX)
		return (uint16_t)(q->avail_idx - load16(q->used + 4 + 8 * q->size) - 1) < fresh;
	return fresh && !(load16(q->used) & 1);
}

/* --- the loop ---------------------------------------------------------------------------------------------------------- */

void fake_kick(struct fake_driver *drv, unsigned queue)
{
	pthread_mutex_lock(&drv->dev->lock);
	if (drv->dev->started)
		drv->dev->ops->kick(drv->dev, queue);
	pthread_mutex_unlock(&drv->dev->lock);
}

struct wait {
	struct fake_driver *drv;
	struct loop_timer tick;
	bool (*done)(void *arg);
	void *arg;
	int64_t deadline_ns;
	bool fulfilled;
};

/* What is waited for may come without an interrupt, so a timer looks now and then. */
static void look(void *arg)
{
	struct wait *wait = arg;

	wait->fulfilled = wait->done(wait->arg);
	if (wait->fulfilled || loop_now_ns() > wait->deadline_ns)
		loop_stop(wait->drv->loop);
	else
		loop_timer_set(wait->drv->loop, &wait->tick, 200000);
}

bool fake_run_until(struct fake_driver *drv, bool (*done)(void *arg), void *arg)
{
	struct wait wait = { .drv = drv, .tick.expired = look, .done = done, .arg = arg };

	if (done(arg))
		return true;
	wait.tick.arg = &wait;
	wait.deadline_ns = loop_now_ns() + FAKE_DEADLINE_MS * 1000000ll;
	loop_timer_set(drv->loop, &wait.tick, 0);
	loop_run(drv->loop);
	loop_timer_cancel(drv->loop, &wait.tick);
	return wait.fulfilled;
}

struct awaited {
	struct fake_driver *drv;
	unsigned queue;
	struct fake_used *used;
};

static bool got_used(void *arg)
{
	struct awaited *awaited = arg;

	return fake_used(awaited->drv, awaited->queue, awaited->used);
}

bool fake_wait_used(struct fake_driver *drv, unsigned queue, struct fake_used *used)
{
	struct awaited awaited = { .drv = drv, .queue = queue, .used = used };

	return fake_run_until(drv, got_used, &awaited);
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

void fake_run_once(struct fake_driver *drv)
{
	struct loop_work stop = { .run = stop_loop, .arg = drv->loop };

	loop_defer(drv->loop, &stop);
	loop_run(drv->loop);
}

/* --- registers --------------------------------------------------------------------------------------------------------- */

static void bus_access(struct fake_driver *drv, unsigned offset, void *data, const void *source, unsigned len)
{
	if (source)
		virtio_mmio_write(&drv->mmio, offset, source, len);
	else
		virtio_mmio_read(&drv->mmio, offset, data, len);
}

uint32_t fake_reg_read(struct fake_driver *drv, unsigned reg)
{
	uint32_t value;

	bus_access(drv, reg, &value, NULL, 4);
	return value;
}

void fake_reg_write(struct fake_driver *drv, unsigned reg, uint32_t value)
{
	bus_access(drv, reg, NULL, &value, 4);
}

void fake_config_read(struct fake_driver *drv, unsigned offset, void *data, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		bus_access(drv, CONFIG + offset + i, (uint8_t *)data + i, NULL, 1);
}

void fake_config_write(struct fake_driver *drv, unsigned offset, const void *data, unsigned len)
{
	bus_access(drv, CONFIG + offset, NULL, data, len);
}

uint32_t fake_status(struct fake_driver *drv)
{
	return fake_reg_read(drv, STATUS);
}

bool fake_needs_reset(struct fake_driver *drv)
{
	return fake_status(drv) & FAKE_NEEDS_RESET;
}

uint32_t fake_ack_interrupt(struct fake_driver *drv)
{
	uint32_t cause = fake_reg_read(drv, INTERRUPT_STATUS);

	fake_reg_write(drv, INTERRUPT_ACK, cause);
	return cause;
}
