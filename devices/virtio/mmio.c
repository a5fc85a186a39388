// SPDX-License-Identifier: Apache-2.0
/*
 * virtio over MMIO: see mmio.h. Virtio 1.2, 4.2.2 (registers), 4.2.3 (order of set-up), 2.1 (status), 2.2 (features).
 *
 * Since a guest may read the page at any moment without an exit, each register in it changes by one aligned 32-bit store, and changes
 * before the interrupt that makes the guest look.
 *
 * Left out: the legacy interface (version 1), shared memory regions (none exists), VIRTIO_F_RING_RESET.
 */
#include "devices/virtio/mmio.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio/mmio_notify.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

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
	REG_QUEUE_NOTIFY = VIRTIO_MMIO_QUEUE_NOTIFY,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = VIRTIO_MMIO_INTERRUPT_ACK,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC_LOW = 0x080,
	REG_QUEUE_DESC_HIGH = 0x084,
	REG_QUEUE_DRIVER_LOW = 0x090,
	REG_QUEUE_DRIVER_HIGH = 0x094,
	REG_QUEUE_DEVICE_LOW = 0x0a0,
	REG_QUEUE_DEVICE_HIGH = 0x0a4,
	REG_SHM_SEL = 0x0ac,
	REG_SHM_LEN_LOW = 0x0b0,
	REG_SHM_LEN_HIGH = 0x0b4,
	REG_SHM_BASE_LOW = 0x0b8,
	REG_SHM_BASE_HIGH = 0x0bc,
	REG_CONFIG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
};

#define MAGIC 0x74726976u     /* "virt" */
#define VENDOR_ID 0x4d4d5654u /* "TVMM" */

#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u
#define STATUS_FAILED 128u
/* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, FAILED: the bits that are the driver's to set. */
#define STATUS_DRIVERS 0x8fu

_Static_assert(VIRTIO_CONFIG_MAX % 4 == 0 && REG_CONFIG + VIRTIO_CONFIG_MAX <= VIRTIO_MMIO_BYTES, "configuration space fits the page");

/* --- the page ---------------------------------------------------------------------------------------------------------- */

static void show(struct virtio_mmio *mmio, unsigned reg, uint32_t value)
{
	__atomic_store_n((uint32_t *)(mmio->page + reg), value, __ATOMIC_RELEASE);
	if (mmio->publish)
		mmio->publish(mmio->page + reg);
}

static uint64_t offered(const struct virtio_dev *dev)
{
	return dev->features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
}

static void show_features(struct virtio_mmio *mmio)
{
	uint64_t features = offered(mmio->dev);

	if (mmio->device_features_sel > 1)
		features = 0;
	show(mmio, REG_DEVICE_FEATURES, (uint32_t)(features >> (mmio->device_features_sel == 1 ? 32 : 0)));
}

/* The queue that QueueSel names, or NULL: a queue that does not exist reads as zero, writes to it go nowhere (4.2.2, QueueNumMax). */
static struct virtqueue *selected_queue(struct virtio_mmio *mmio)
{
	return mmio->queue_sel < mmio->dev->queue_count ? &mmio->dev->queue[mmio->queue_sel] : NULL;
}

static void show_queue(struct virtio_mmio *mmio)
{
	const struct virtqueue *vq = selected_queue(mmio);

	show(mmio, REG_QUEUE_NUM_MAX, vq ? mmio->dev->queue_size_max[mmio->queue_sel] : 0);
	show(mmio, REG_QUEUE_READY, vq && vq->ready);
}

static void show_config(struct virtio_mmio *mmio)
{
	for (unsigned i = 0; i < VIRTIO_CONFIG_MAX; i += 4) {
		uint32_t word;
		memcpy(&word, mmio->dev->config + i, sizeof(word));
		show(mmio, REG_CONFIG + i, word);
	}
}

static void show_generation(struct virtio_mmio *mmio)
{
	show(mmio, REG_CONFIG_GENERATION, ++mmio->config_generation);
}

static void show_identity(struct virtio_mmio *mmio)
{
	static const unsigned no_shm[] = { REG_SHM_LEN_LOW, REG_SHM_LEN_HIGH, REG_SHM_BASE_LOW, REG_SHM_BASE_HIGH };

	show(mmio, REG_MAGIC, MAGIC);
	show(mmio, REG_VERSION, 2);
	show(mmio, REG_DEVICE_ID, mmio->dev->device_id);
	show(mmio, REG_VENDOR_ID, VENDOR_ID);
	for (unsigned i = 0; i < sizeof(no_shm) / sizeof(*no_shm); i++)
		show(mmio, no_shm[i], UINT32_MAX);
}

static void show_state(struct virtio_mmio *mmio)
{
	show_features(mmio);
	show_queue(mmio);
	show(mmio, REG_INTERRUPT_STATUS, mmio->interrupt_status);
	show(mmio, REG_STATUS, mmio->status);
}

/* --- to the driver ----------------------------------------------------------------------------------------------------- */

static void raise_interrupt(struct virtio_mmio *mmio, uint32_t bit)
{
	/* 2.1.2: nothing before DRIVER_OK. */
	if (!(mmio->status & STATUS_DRIVER_OK))
		return;
	mmio->interrupt_status |= bit;
	show(mmio, REG_INTERRUPT_STATUS, mmio->interrupt_status);
	irq_pulse(mmio->irq);
}

static void mmio_interrupt(struct virtio_transport *t, bool config_change)
{
	struct virtio_mmio *mmio = (struct virtio_mmio *)t;

	if (!config_change) {
		raise_interrupt(mmio, VIRTIO_MMIO_INT_USED);
		return;
	}
	/*
	 * A driver that reads the generation, fields and the generation again while this happens sees it change, unless all it reads falls
	 * between the two stores; the interrupt then makes it read once more.
	 */
	show_generation(mmio);
	show_config(mmio);
	show_generation(mmio);
	raise_interrupt(mmio, VIRTIO_MMIO_INT_CONFIG);
}

static void mmio_needs_reset(struct virtio_transport *t)
{
	struct virtio_mmio *mmio = (struct virtio_mmio *)t;

	mmio->status |= STATUS_NEEDS_RESET;
	show(mmio, REG_STATUS, mmio->status);
	raise_interrupt(mmio, VIRTIO_MMIO_INT_CONFIG); /* 2.1.2 */
}

/* --- status ------------------------------------------------------------------------------------------------------------ */

/* For what harms nobody: the access is ignored. */
static void log_odd(struct virtio_mmio *mmio, const char *what, uint64_t offset)
{
	if (log_first(&mmio->odd_logged))
		log_warn("%s: the guest's driver %s (register 0x%x); ignored", mmio->dev->name, what, (unsigned)offset);
}

static void reset(struct virtio_mmio *mmio)
{
	struct virtio_dev *dev = mmio->dev;

	if (mmio->running && dev->ops->reset)
		dev->ops->reset(dev);
	mmio->running = false;
	dev->started = false;
	dev->driver_features = 0;
	for (unsigned i = 0; i < dev->queue_count; i++)
		virtqueue_reset(&dev->queue[i]);
	mmio->device_features_sel = mmio->driver_features_sel = mmio->queue_sel = 0;
	mmio->features_beyond = false;
	mmio->status = mmio->interrupt_status = 0;
	show_state(mmio);
}

static bool features_agree(struct virtio_mmio *mmio)
{
	const struct virtio_dev *dev = mmio->dev;
	uint64_t excess = dev->driver_features & ~offered(dev);

	if (!excess && !mmio->features_beyond && virtio_has(dev, VIRTIO_F_VERSION_1))
		return true;
	if (log_first(&mmio->refused_logged))
		log_warn("%s: the guest's driver wants features that were not offered, or is too old (accepted 0x%llx of 0x%llx); refused",
			 dev->name, (unsigned long long)dev->driver_features, (unsigned long long)offered(dev));
	return false;
}

static void start(struct virtio_mmio *mmio)
{
	struct virtio_dev *dev = mmio->dev;

	if (!(mmio->status & STATUS_FEATURES_OK)) {
		virtio_device_broken(dev, "DRIVER_OK without FEATURES_OK");
		return;
	}
	if (mmio->status & STATUS_NEEDS_RESET) {
		raise_interrupt(mmio, VIRTIO_MMIO_INT_CONFIG);
		return;
	}
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (dev->queue[i].ready && virtqueue_start(&dev->queue[i], dev->mem, dev->driver_features)) {
			virtio_device_broken(dev, "a queue is misaligned or not in RAM");
			return;
		}
	}
	dev->started = true;
	mmio->running = true;
	if (dev->ops->start)
		dev->ops->start(dev);
	/* A notification that came before this was dropped. */
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (dev->queue[i].ready)
			virtio_mmio_notify_loop(mmio, i);
	}
}

static void write_status(struct virtio_mmio *mmio, uint32_t value)
{
	uint32_t fresh = value & ~mmio->status & STATUS_DRIVERS;

	if (!value) {
		reset(mmio);
		return;
	}
	/* 2.1.1: only a reset clears bits. */
	if (mmio->status & STATUS_DRIVERS & ~value)
		log_odd(mmio, "took back a status bit", REG_STATUS);
	if ((fresh & STATUS_FEATURES_OK) && !features_agree(mmio))
		fresh &= ~STATUS_FEATURES_OK;
	if ((fresh & STATUS_FAILED) && log_first(&mmio->failed_logged))
		log_warn("%s: the guest's driver gave up on this device; the guest's own log may say why", mmio->dev->name);
	mmio->status |= fresh;
	if (fresh & STATUS_DRIVER_OK)
		start(mmio);
	show(mmio, REG_STATUS, mmio->status);
}

/* --- other registers --------------------------------------------------------------------------------------------------- */

static void write_driver_features(struct virtio_mmio *mmio, uint32_t value)
{
	uint64_t *features = &mmio->dev->driver_features;

	if (mmio->status & STATUS_FEATURES_OK)
		log_odd(mmio, "changed its mind about features", REG_DRIVER_FEATURES);
	else if (mmio->driver_features_sel == 0)
		*features = (*features & ~(uint64_t)UINT32_MAX) | value;
	else if (mmio->driver_features_sel == 1)
		*features = (*features & UINT32_MAX) | (uint64_t)value << 32;
	else
		mmio->features_beyond |= value != 0;
}

static void set_low(gpa_t *addr, uint32_t value)
{
	*addr = (*addr & ~(gpa_t)UINT32_MAX) | value;
}

static void set_high(gpa_t *addr, uint32_t value)
{
	*addr = (*addr & UINT32_MAX) | (gpa_t)value << 32;
}

static void write_queue_ready(struct virtio_mmio *mmio, struct virtqueue *vq, uint32_t value)
{
	if (!value)
		virtqueue_reset(vq);
	else if (mmio->status & STATUS_DRIVER_OK)
		virtio_device_broken(mmio->dev, "a queue was set up after DRIVER_OK");
	else if (!vq->size)
		virtio_device_broken(mmio->dev, "a queue without a size");
	else
		vq->ready = true;
	show_queue(mmio);
}

static void write_queue(struct virtio_mmio *mmio, unsigned reg, uint32_t value)
{
	struct virtqueue *vq = selected_queue(mmio);

	if (!vq) {
		log_odd(mmio, "set up a queue that does not exist", reg);
		return;
	}
	if (reg == REG_QUEUE_READY) {
		write_queue_ready(mmio, vq, value);
		return;
	}
	if (vq->ready) {
		virtio_device_broken(mmio->dev, "a queue was changed while in use"); /* 4.2.2.2 */
		return;
	}
	switch (reg) {
	case REG_QUEUE_NUM:
		if (!value || value > mmio->dev->queue_size_max[mmio->queue_sel] || (value & (value - 1)))
			virtio_device_broken(mmio->dev, "a queue's size is no power of two, or too big");
		else
			vq->size = (uint16_t)value;
		break;
	case REG_QUEUE_DESC_LOW:
		set_low(&vq->desc_gpa, value);
		break;
	case REG_QUEUE_DESC_HIGH:
		set_high(&vq->desc_gpa, value);
		break;
	case REG_QUEUE_DRIVER_LOW:
		set_low(&vq->avail_gpa, value);
		break;
	case REG_QUEUE_DRIVER_HIGH:
		set_high(&vq->avail_gpa, value);
		break;
	case REG_QUEUE_DEVICE_LOW:
		set_low(&vq->used_gpa, value);
		break;
	case REG_QUEUE_DEVICE_HIGH:
		set_high(&vq->used_gpa, value);
		break;
	}
}

static void write_interrupt_ack(struct virtio_mmio *mmio, uint32_t value)
{
	/* With ack_fd most acknowledgements never come here, so the used-buffer bit stays. */
	if (mmio->ack_fd >= 0)
		value &= ~VIRTIO_MMIO_INT_USED;
	mmio->interrupt_status &= ~value;
	show(mmio, REG_INTERRUPT_STATUS, mmio->interrupt_status);
}

static void write_register(struct virtio_mmio *mmio, unsigned reg, uint32_t value)
{
	switch (reg) {
	case REG_DEVICE_FEATURES_SEL:
		mmio->device_features_sel = value;
		show_features(mmio);
		break;
	case REG_DRIVER_FEATURES:
		write_driver_features(mmio, value);
		break;
	case REG_DRIVER_FEATURES_SEL:
		mmio->driver_features_sel = value;
		break;
	case REG_QUEUE_SEL:
		mmio->queue_sel = value;
		show_queue(mmio);
		break;
	case REG_QUEUE_NUM:
	case REG_QUEUE_READY:
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH:
		write_queue(mmio, reg, value);
		break;
	case REG_QUEUE_NOTIFY:
		log_odd(mmio, "notified a queue that does not exist", reg);
		break;
	case REG_INTERRUPT_ACK:
		write_interrupt_ack(mmio, value);
		break;
	case REG_STATUS:
		write_status(mmio, value);
		break;
	case REG_SHM_SEL: /* every region reads as missing */
		break;
	default:
		log_odd(mmio, "wrote to what is no writable register", reg);
	}
}

static void write_config(struct virtio_mmio *mmio, uint64_t offset, const void *data, unsigned len)
{
	struct virtio_dev *dev = mmio->dev;
	uint64_t mask = (1ull << len) - 1;

	if (offset + len > dev->config_bytes || (dev->config_writable >> offset & mask) != mask) {
		log_odd(mmio, "wrote to configuration space that is read-only", REG_CONFIG + offset);
		return;
	}
	memcpy(dev->config + offset, data, len);
	show_config(mmio);
	if (dev->ops->config_write)
		dev->ops->config_write(dev, (unsigned)offset, len);
}

static void write_locked(struct virtio_mmio *mmio, uint64_t offset, const void *data, unsigned len)
{
	uint32_t value;

	if (offset >= REG_CONFIG) {
		write_config(mmio, offset - REG_CONFIG, data, len);
		return;
	}
	/* 4.2.2.2 */
	if (len != 4 || offset % 4) {
		log_odd(mmio, "wrote a register with a width other than 32 bits", offset);
		return;
	}
	memcpy(&value, data, sizeof(value));
	write_register(mmio, (unsigned)offset, value);
}

void virtio_mmio_write(void *opaque, uint64_t offset, const void *data, unsigned len)
{
	struct virtio_mmio *mmio = opaque;
	uint32_t value;

	if (offset == REG_QUEUE_NOTIFY && len == sizeof(value)) {
		memcpy(&value, data, sizeof(value));
		if (virtio_mmio_notified(mmio, value))
			return;
	}
	pthread_mutex_lock(&mmio->dev->lock);
	write_locked(mmio, offset, data, len);
	pthread_mutex_unlock(&mmio->dev->lock);
}

void virtio_mmio_read(void *opaque, uint64_t offset, void *data, unsigned len)
{
	const struct virtio_mmio *mmio = opaque;

	pthread_mutex_lock(&mmio->dev->lock);
	memcpy(data, mmio->page + offset, len);
	pthread_mutex_unlock(&mmio->dev->lock);
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

int virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_dev *dev, struct irq *irq, void *page)
{
	int err = 0;

	assert(dev->queue_count <= VIRTIO_QUEUES_MAX && dev->config_bytes <= VIRTIO_CONFIG_MAX);
	*mmio = (struct virtio_mmio){
		.transport = { .interrupt = mmio_interrupt, .needs_reset = mmio_needs_reset },
		.dev = dev,
		.irq = irq,
		.page = page,
		.ack_fd = -1,
	};
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		mmio->notify_fd[i] = -1;
	pthread_mutex_init(&dev->lock, NULL);
	for (unsigned i = 0; i < dev->queue_count && !err; i++)
		err = virtio_mmio_watch_queue(mmio, i);
	if (err)
		goto release;
	show_identity(mmio);
	show_config(mmio);
	show_state(mmio);
	dev->transport = &mmio->transport;
	return 0;

release:
	virtio_mmio_release(mmio);
	return err;
}

int virtio_mmio_share(struct virtio_mmio *mmio, void (*publish)(const void *word))
{
	mmio->ack_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mmio->ack_fd < 0)
		return -errno;
	mmio->publish = publish;
	for (unsigned reg = 0; publish && reg < REG_CONFIG + VIRTIO_CONFIG_MAX; reg += 4)
		publish(mmio->page + reg);
	return 0;
}

void virtio_mmio_release(struct virtio_mmio *mmio)
{
	struct virtio_dev *dev = mmio->dev;

	if (!dev)
		return;
	virtio_mmio_reset(mmio);
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		loop_remove(dev->loop, &mmio->notify_watch[i]);
		close_fd(&mmio->notify_fd[i]);
	}
	close_fd(&mmio->ack_fd);
	dev->transport = NULL;
	pthread_mutex_destroy(&dev->lock);
	mmio->dev = NULL;
}

void virtio_mmio_reset(struct virtio_mmio *mmio)
{
	pthread_mutex_lock(&mmio->dev->lock);
	reset(mmio);
	pthread_mutex_unlock(&mmio->dev->lock);
}
