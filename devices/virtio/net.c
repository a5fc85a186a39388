// SPDX-License-Identifier: Apache-2.0
/*
 * virtio network device: virtio 1.2, section 5.1. See net.h.
 *
 * One receive queue, one transmit queue, no control queue: nothing here needs one. The offload header in front of each frame
 * (5.1.6) passes between the guest and the netdev, which speak the same form, but is held against the frame and against what
 * was negotiated both ways: what the host's kernel or libslirp sees was checked, and so was what the driver sees.
 *
 * The netdev belongs to the loop's thread. start() and reset() run on a vCPU's, so they only note what has changed; net_refresh() does
 * the rest on the loop. Until then no frame comes in, as on a card whose driver is not there yet.
 */
#include "devices/virtio/net.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/net/netdev.h"
#include "vmm/util/log.h"

#define RXQ 0
#define TXQ 1
/* Frames sent before others on the loop have their turn. */
#define TX_BURST VIRTQUEUE_SIZE_MAX

_Static_assert(NETDEV_IOV_MAX >= VIRTQ_CHAIN_MAX + 1, "a chain and the header fit");

/* The configuration space, 5.1.4, as far as our features make it valid. */
struct config_space {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
} __attribute__((packed));

#define STATUS_LINK_UP 1

struct virtio_net {
	struct virtio_dev dev;
	struct netdev *netdev;
	struct loop_work refresh; /* the driver came or went */
	struct loop_work more;	  /* the rest of the transmit queue */
	bool listening;		  /* the netdev knows the driver's offloads: frames may come in */
	bool starved;		  /* a frame was refused for want of buffers, and the driver was asked to notify */
	bool blocked;		  /* the netdev has no room for what is to be sent */
	bool bad_header_logged, too_long_logged;

	struct virtq_chain tx;
	struct virtio_net_hdr tx_header; /* the guest's, copied and checked */
	struct iovec tx_iov[NETDEV_IOV_MAX];
	/* A frame that comes in starts in the first and may go on in others, one after the other. */
	struct virtq_chain rx_first, rx_next;
};

/* --- the header, both ways -------------------------------------------------------------------------------------------------------- */

static bool gso_allowed(const struct virtio_net *net, uint8_t gso_type, uint64_t tso4, uint64_t tso6, uint64_t ecn)
{
	if (gso_type & VIRTIO_NET_HDR_GSO_ECN && !virtio_has(&net->dev, ecn))
		return false;
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return virtio_has(&net->dev, tso4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return virtio_has(&net->dev, tso6);
	}
	return false;
}

/*
 * Makes the guest's header one that a netdev can believe, or returns false: the driver asked for what was not negotiated, or for
 * something outside of its frame (5.1.6.2.1).
 */
static bool clean_tx_header(const struct virtio_net *net, struct virtio_net_hdr *header, size_t frame_bytes)
{
	header->num_buffers = 0;
	header->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM; /* 5.1.6.2.2: others are ignored */
	if (header->flags) {
		size_t field = (size_t)le16toh(header->csum_start) + le16toh(header->csum_offset);
		if (!virtio_has(&net->dev, VIRTIO_NET_F_CSUM) || field + sizeof(uint16_t) > frame_bytes)
			return false;
	} else {
		header->csum_start = header->csum_offset = 0;
	}
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		header->gso_size = header->hdr_len = 0;
		return true;
	}
	/* 5.1.6.2.2: only a hint, so a wrong one is no reason to drop the frame. */
	if (le16toh(header->hdr_len) > frame_bytes)
		header->hdr_len = 0;
	return header->flags && header->gso_size &&
	       gso_allowed(net, header->gso_type, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN);
}

/*
 * The netdev's header as this driver may see it; false when it could not make sense of it. That happens when a frame was on
 * its way while a driver with fewer offloads took over (5.1.6.4.1).
 */
static bool clean_rx_header(const struct virtio_net *net, struct virtio_net_hdr *header)
{
	if (!virtio_has(&net->dev, VIRTIO_NET_F_GUEST_CSUM)) {
		if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			return false;
		header->flags = 0;
	}
	return header->gso_type == VIRTIO_NET_HDR_GSO_NONE ||
	       gso_allowed(net, header->gso_type, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN);
}

/* --- receiving -------------------------------------------------------------------------------------------------------------------- */

static size_t iov_bytes(const struct iovec *iov, unsigned count)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* Copies what the chain has room for of the frame, from `offset` on. Returns how much that was. */
static size_t fill_chain(const struct virtq_chain *chain, const struct iovec *frame, unsigned count, size_t offset)
{
	size_t done = 0;

	for (unsigned i = 0; i < count; i++) {
		if (offset >= frame[i].iov_len) {
			offset -= frame[i].iov_len;
			continue;
		}
		size_t len = frame[i].iov_len - offset;
		size_t n = iov_write(chain->iov + chain->out_count, chain->in_count, done, (uint8_t *)frame[i].iov_base + offset, len);
		done += n;
		if (n < len)
			break;
		offset = 0;
	}
	return done;
}

/*
 * The next receive chain. When there is none, the driver is asked to notify, and what was popped for this frame goes back: in
 * this order, since the driver looks at the distance from the last chain that it was told was seen. 1: got it. 0: none.
 * -EPROTO: the device broke.
 */
static int next_rx_chain(struct virtio_net *net, struct virtq_chain *chain, unsigned popped)
{
	struct virtqueue *vq = &net->dev.queue[RXQ];

	/* The second look is for chains that came before the driver saw the wish to be notified. */
	for (int look = 0; look < 2; look++) {
		if (virtio_pop(&net->dev, RXQ, chain)) {
			/* 5.1.6.3.1 for the first; an empty one would never end. */
			if (chain->in_bytes >= (popped ? 1 : VIRTIO_NET_HDR_BYTES))
				return 1;
			virtio_device_broken(&net->dev, "a receive buffer is smaller than the header");
		}
		if (!net->dev.started)
			return -EPROTO;
		if (look == 0 && !virtqueue_notify_on(vq))
			break;
	}
	for (; popped; popped--)
		virtqueue_unpop(vq);
	return 0;
}

/*
 * Spreads the frame over as many chains as it takes, if the driver can have that (VIRTIO_NET_F_MRG_RXBUF), and gives them to
 * the driver all at once.
 */
static int put_frame(struct virtio_net *net, struct iovec *frame, unsigned count)
{
	struct virtqueue *vq = &net->dev.queue[RXQ];
	struct virtio_net_hdr *header = frame[0].iov_base;
	unsigned chains_max = virtio_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF) ? vq->size : 1;
	size_t total = iov_bytes(frame, count), done = 0;
	uint16_t used = 0;

	while (done < total) {
		struct virtq_chain *chain = used ? &net->rx_next : &net->rx_first;
		if (used == chains_max) {
			/* It would not fit however long we waited. */
			for (; used; used--)
				virtqueue_unpop(vq);
			if (log_first(&net->too_long_logged))
				log_warn("%s: a frame of %zu bytes is longer than the driver's buffers, and dropped", net->dev.name, total);
			return 0;
		}
		int got = next_rx_chain(net, chain, used);
		if (got <= 0)
			return got ? 0 : -EAGAIN;
		size_t n = fill_chain(chain, frame, count, done);
		virtqueue_stage(vq, used++, chain->head, (uint32_t)n);
		done += n;
	}
	header->num_buffers = htole16(used); /* 1 also without the feature: 5.1.6.4.1 */
	iov_write(net->rx_first.iov + net->rx_first.out_count, net->rx_first.in_count, 0, header, VIRTIO_NET_HDR_BYTES);
	virtqueue_publish(vq, used);
	return 0;
}

static int net_receive(void *arg, const struct iovec *iov, unsigned count)
{
	struct virtio_net *net = arg;
	struct virtio_net_hdr header;
	struct iovec frame[NETDEV_IOV_MAX];

	if (!net->dev.started || !net->listening)
		return 0;
	memcpy(&header, iov[0].iov_base, sizeof(header));
	if (!clean_rx_header(net, &header))
		return 0;
	memcpy(frame, iov, count * sizeof(*iov));
	frame[0].iov_base = &header;
	int err = put_frame(net, frame, count);
	net->starved = err == -EAGAIN;
	if (!net->starved)
		virtqueue_notify_off(&net->dev.queue[RXQ]); /* more buffers are no news while there are some */
	return err;
}

static void net_received(void *arg)
{
	struct virtio_net *net = arg;

	virtio_notify(&net->dev, RXQ);
}

/* --- sending ---------------------------------------------------------------------------------------------------------------------- */

/*
 * The frame without its header, which may be cut apart in any way. Returns the buffers in tx_iov, the header's included; 0:
 * it is not all there.
 */
static unsigned gather_tx(struct virtio_net *net)
{
	const struct virtq_chain *chain = &net->tx;
	size_t skip = VIRTIO_NET_HDR_BYTES;
	unsigned count = 0;

	if (iov_read(chain->iov, chain->out_count, 0, &net->tx_header, VIRTIO_NET_HDR_BYTES) < VIRTIO_NET_HDR_BYTES)
		return 0;
	net->tx_iov[count++] = (struct iovec){ &net->tx_header, VIRTIO_NET_HDR_BYTES };
	for (unsigned i = 0; i < chain->out_count; i++) {
		struct iovec part = chain->iov[i];
		size_t n = part.iov_len < skip ? part.iov_len : skip;
		skip -= n;
		if (part.iov_len > n)
			net->tx_iov[count++] = (struct iovec){ (uint8_t *)part.iov_base + n, part.iov_len - n };
	}
	return count;
}

/* Sends the chain in `tx`. -EAGAIN: not now. -EPROTO: the device broke. */
static int send_chain(struct virtio_net *net)
{
	unsigned count = gather_tx(net);

	if (!count) {
		virtio_device_broken(&net->dev, "a frame to send is shorter than its header");
		return -EPROTO;
	}
	uint64_t bytes = net->tx.out_bytes - VIRTIO_NET_HDR_BYTES;
	if (bytes < NETDEV_ETH_BYTES || bytes > NETDEV_FRAME_MAX - VIRTIO_NET_HDR_BYTES || !clean_tx_header(net, &net->tx_header, bytes)) {
		if (log_first(&net->bad_header_logged))
			log_warn("%s: the driver sends frames of a wrong length or with a wrong header; they are dropped", net->dev.name);
		return 0;
	}
	return netdev_send(net->netdev, net->tx_iov, count);
}

static void transmit(struct virtio_net *net)
{
	struct virtqueue *vq = &net->dev.queue[TXQ];
	/* Bounded, since another CPU of the guest can fill the queue as fast as this empties it. */
	unsigned left = TX_BURST;
	bool any = false;

	virtqueue_notify_off(vq);
	while (left && net->dev.started) {
		left--;
		if (!virtio_pop(&net->dev, TXQ, &net->tx)) {
			if (!virtqueue_notify_on(vq))
				break;
			virtqueue_notify_off(vq);
			continue;
		}
		any = true;
		int err = send_chain(net);
		if (err == -EAGAIN) {
			virtqueue_unpop(vq);
			net->blocked = true;
		}
		if (err)
			break;
		virtqueue_push(vq, net->tx.head, 0);
	}
	if (!left)
		loop_defer(net->dev.loop, &net->more);
	if (any)
		netdev_flush(net->netdev);
	virtio_notify(&net->dev, TXQ);
}

static void net_can_send(void *arg)
{
	struct virtio_net *net = arg;

	net->blocked = false;
	if (net->dev.started)
		transmit(net);
}

static void net_more(void *arg)
{
	struct virtio_net *net = arg;

	if (net->dev.started && !net->blocked)
		transmit(net);
}

/* --- the device ------------------------------------------------------------------------------------------------------------------- */

/* On the loop's thread, after a start or a reset (or both). */
static void net_refresh(void *arg)
{
	struct virtio_net *net = arg;
	bool started = net->dev.started;
	int err = netdev_set_offloads(net->netdev, started ? net->dev.driver_features & VIRTIO_NET_GUEST_OFFLOADS : 0);

	if (err)
		log_error("%s: the host takes no offloads: %s", net->dev.name, strerror(-err));
	net->listening = started;
	if (started)
		virtqueue_notify_off(&net->dev.queue[RXQ]);
	/* What waited for the driver before goes to the new one, or nowhere. */
	netdev_resume(net->netdev);
}

static void net_kick(struct virtio_dev *dev, unsigned queue)
{
	struct virtio_net *net = (struct virtio_net *)dev;

	/* A driver may be quicker than the loop's other work, and the answer to its first frame comes while that is sent. */
	if (!net->listening)
		net_refresh(net);
	if (queue == TXQ && !net->blocked)
		transmit(net);
	if (queue == RXQ && net->starved) {
		net->starved = false;
		netdev_resume(net->netdev);
	}
}

static void net_start(struct virtio_dev *dev)
{
	struct virtio_net *net = (struct virtio_net *)dev;

	loop_defer(dev->loop, &net->refresh);
}

static void net_reset(struct virtio_dev *dev)
{
	struct virtio_net *net = (struct virtio_net *)dev;

	net->listening = net->starved = net->blocked = false;
	loop_defer(dev->loop, &net->refresh);
}

static const struct virtio_ops net_ops = { .start = net_start, .reset = net_reset, .kick = net_kick };

struct virtio_net *virtio_net_new(const struct virtio_net_config *config, struct netdev *netdev, struct loop *loop, const struct mem *mem)
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	struct config_space space = {
		.status = htole16(STATUS_LINK_UP),
		.max_virtqueue_pairs = htole16(1),
		.mtu = htole16(netdev->mtu),
	};

	if (!net)
		return NULL;
	net->netdev = netdev;
	net->dev = (struct virtio_dev){
		.name = config->name,
		.device_id = 1,
		.features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MRG_RXBUF | netdev->features,
		.queue_count = 2,
		.queue_size_max = { VIRTQUEUE_SIZE_MAX, VIRTQUEUE_SIZE_MAX },
		.config_bytes = sizeof(space),
		.ops = &net_ops,
		.loop = loop,
		.mem = mem,
	};
	memcpy(space.mac, config->mac, sizeof(space.mac));
	memcpy(net->dev.config, &space, sizeof(space));
	net->refresh = (struct loop_work){ .run = net_refresh, .arg = net, .lock = &net->dev.lock };
	net->more = (struct loop_work){ .run = net_more, .arg = net, .lock = &net->dev.lock };

	struct netdev_client client = {
		.receive = net_receive,
		.received = net_received,
		.can_send = net_can_send,
		.arg = net,
		.lock = &net->dev.lock,
	};
	int err = netdev_attach(netdev, &client);
	if (err) {
		log_error("%s: cannot wait for frames: %s", config->name, strerror(-err));
		free(net);
		return NULL;
	}
	return net;
}

struct virtio_dev *virtio_net_dev(struct virtio_net *net)
{
	return &net->dev;
}

void virtio_net_free(struct virtio_net *net)
{
	if (!net)
		return;
	loop_work_cancel(net->dev.loop, &net->refresh);
	loop_work_cancel(net->dev.loop, &net->more);
	free(net);
}
