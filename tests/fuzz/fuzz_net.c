// SPDX-License-Identifier: Apache-2.0
/*
 * devices/virtio/net.c between a hostile driver and a cable that checks what reaches it.
 *
 * Input: a byte of features, then steps of an operation byte and its operands. The driver's rings and buffers are in 64 KiB
 * of memory, all of which the steps may write.
 */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "devices/net/netdev.h"
#include "devices/virtio/net.h"
#include "tests/fuzz/input.h"
#include "vmm/util/log.h"

#define RAM_BYTES 0x10000u
#define QUEUE_SIZE 16u
#define BUFFERS_GPA 0x4000u
#define STEPS_MAX 512
#define OFFLOADS (VIRTIO_NET_HOST_OFFLOADS | VIRTIO_NET_GUEST_OFFLOADS)

struct cable {
	struct netdev nd;
	bool refuse, refused;
	uint8_t frame[NETDEV_FRAME_MAX];
	size_t held; /* bytes of `frame` that the card has no room for; 0: none */
	struct virtio_net_hdr header;
};

/* --- the cable ------------------------------------------------------------------------------------------------------------------- */

static int cable_send(struct netdev *nd, const struct iovec *iov, unsigned count)
{
	struct cable *cable = (struct cable *)nd;
	const struct virtio_net_hdr *header = iov[0].iov_base;
	size_t len = 0;

	must(count >= 2 && count <= NETDEV_IOV_MAX && iov[0].iov_len == VIRTIO_NET_HDR_BYTES);
	for (unsigned i = 1; i < count; i++) {
		const uint8_t *bytes = iov[i].iov_base;
		must(iov[i].iov_len > 0);
		len += iov[i].iov_len;
		must((bytes[0] ^ bytes[iov[i].iov_len - 1]) < 256); /* reads them, for the sanitizer */
	}
	must(len >= NETDEV_ETH_BYTES && len <= NETDEV_FRAME_MAX - VIRTIO_NET_HDR_BYTES);
	must(!(header->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM) && le16toh(header->hdr_len) <= len);
	if (header->flags)
		must((size_t)le16toh(header->csum_start) + le16toh(header->csum_offset) + 2 <= len);
	if (header->gso_type)
		must(header->flags && header->gso_size);
	cable->refused = cable->refuse;
	return cable->refuse ? -EAGAIN : 0;
}

static void cable_offer(struct cable *cable)
{
	struct iovec iov[] = { { &cable->header, sizeof(cable->header) }, { cable->frame, cable->held } };

	if (cable->held && !cable->nd.client.receive(cable->nd.client.arg, iov, 2))
		cable->held = 0;
	cable->nd.client.received(cable->nd.client.arg);
}

static void cable_resume(struct netdev *nd)
{
	cable_offer((struct cable *)nd);
}

static int cable_start(struct netdev *nd)
{
	(void)nd;
	return 0;
}

/* --- the driver ------------------------------------------------------------------------------------------------------------------ */

static void restart(struct virtio_dev *dev, uint64_t features)
{
	dev->ops->reset(dev);
	dev->started = false;
	for (unsigned q = 0; q < 2; q++) {
		virtqueue_reset(&dev->queue[q]);
		dev->queue[q].size = QUEUE_SIZE;
		dev->queue[q].ready = true;
		dev->queue[q].desc_gpa = q * 0x2000;
		dev->queue[q].avail_gpa = q * 0x2000 + 0x1000;
		dev->queue[q].used_gpa = q * 0x2000 + 0x1800;
		must(!virtqueue_start(&dev->queue[q], dev->mem, features));
	}
	dev->driver_features = features & (dev->features | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_VERSION_1);
	dev->started = true;
	dev->ops->start(dev);
}

/* The input's features: the bits that change what the device does. */
static uint64_t pick_features(unsigned bits)
{
	return VIRTIO_NET_F_MAC | VIRTIO_F_VERSION_1 | (bits & 1 ? VIRTIO_NET_F_MRG_RXBUF : 0) |
	       (bits & 2 ? VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM : 0) | (bits & 4 ? OFFLOADS : 0) |
	       (bits & 8 ? VIRTIO_F_EVENT_IDX : 0) | (bits & 16 ? VIRTIO_F_INDIRECT_DESC : 0);
}

static void set_descriptor(uint8_t *ram, struct input *in)
{
	unsigned which = take(in, 1);
	uint8_t *desc = ram + (which & 1) * 0x2000 + (which >> 1) % QUEUE_SIZE * 16;
	uint64_t addr = htole64(BUFFERS_GPA + take(in, 2) % (RAM_BYTES - BUFFERS_GPA));
	uint32_t len = htole32(take(in, 2));
	unsigned shape = take(in, 1);
	uint16_t flags = htole16(shape & 7), next = htole16((uint16_t)(shape >> 3) % QUEUE_SIZE);

	memcpy(desc, &addr, 8);
	memcpy(desc + 8, &len, 4);
	memcpy(desc + 12, &flags, 2);
	memcpy(desc + 14, &next, 2);
}

static void make_available(uint8_t *ram, unsigned queue, struct input *in)
{
	uint16_t *avail = (uint16_t *)(ram + queue * 0x2000 + 0x1000);
	unsigned count = take(in, 1);

	for (unsigned i = 0; i < count % 4; i++) {
		avail[2 + avail[1] % QUEUE_SIZE] = htole16((uint16_t)(count >> 2) % (QUEUE_SIZE + 1));
		avail[1]++;
	}
}

static void step(struct virtio_dev *dev, struct cable *cable, uint8_t *ram, struct input *in)
{
	unsigned op = take(in, 1);

	switch (op % 8) {
	case 0:
	case 1:
		make_available(ram, op % 8, in);
		if (dev->started)
			dev->ops->kick(dev, op % 8);
		break;
	case 2:
		set_descriptor(ram, in);
		break;
	case 3: {
		unsigned at = take(in, 2);
		ram[at] = (uint8_t)take(in, 1);
		break;
	}
	case 4: /* a frame comes */
		if (cable->held)
			break;
		cable->header = (struct virtio_net_hdr){ .flags = (uint8_t)take(in, 1), .gso_type = (uint8_t)take(in, 1) };
		cable->held = 1 + take(in, 2) % (NETDEV_FRAME_MAX - VIRTIO_NET_HDR_BYTES);
		cable_offer(cable);
		break;
	case 5:
		cable->refuse = !cable->refuse;
		if (cable->refuse || !cable->refused)
			break;
		cable->refused = false;
		cable->nd.client.can_send(cable->nd.client.arg);
		break;
	case 6:
		memcpy(ram + BUFFERS_GPA, in->data, in->len < 64 ? in->len : 64);
		break;
	default:
		restart(dev, pick_features(take(in, 1)));
		loop_stop(dev->loop);
		loop_run(dev->loop);
	}
}

static struct virtio_dev *make_card(struct cable *cable, struct mem *mem)
{
	static const struct netdev_ops ops = { .send = cable_send, .resume = cable_resume, .start = cable_start };
	static const struct virtio_net_config card = { "net0", { 2, 0, 0, 0, 0, 1 } };
	struct loop *loop = loop_new();

	log_set_level(LOG_ERROR);
	cable->nd = (struct netdev){ .ops = &ops, .loop = loop, .mtu = 1500, .features = OFFLOADS };
	must(loop && !mem_add(mem, 0, RAM_BYTES));
	struct virtio_dev *dev = virtio_net_dev(virtio_net_new(&card, &cable->nd, loop, mem));
	pthread_mutex_init(&dev->lock, NULL);
	return dev;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct mem mem;
	static struct cable cable;
	static struct virtio_dev *dev;
	struct input in = { data, len };

	if (!dev)
		dev = make_card(&cable, &mem);
	uint8_t *ram = mem_at(&mem, 0, RAM_BYTES);
	memset(ram, 0, BUFFERS_GPA);
	cable.held = 0;
	cable.refuse = cable.refused = false;
	restart(dev, pick_features(take(&in, 1)));
	loop_stop(dev->loop);
	loop_run(dev->loop);
	for (unsigned steps = 0; in.len && steps < STEPS_MAX; steps++)
		step(dev, &cable, ram, &in);
	return 0;
}
