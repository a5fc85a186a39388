// SPDX-License-Identifier: Apache-2.0
/*
 * Where a network card's cable ends: libslirp's user network or a tap device. Knows nothing of virtio queues or KVM.
 *
 * A frame is a vector of buffers. The first is exactly a struct virtio_net_hdr (vnet.h) in memory that no guest can
 * change; the Ethernet frame, without a frame check sequence, is in the others. A frame may be larger than the MTU (segmentation left
 * to the receiver) and lack its checksum as far as the offloads allow and its header says.
 *
 * Back-pressure both ways: send() may refuse with -EAGAIN, and then calls client->can_send() once it has room again;
 * receive() of the client may refuse with -EAGAIN, and the client then calls netdev_resume() once it has room. No frame is
 * lost by either.
 *
 * Bursts: what costs as much for many frames as for one waits for a burst's end. A client ends its burst of netdev_send() with
 * netdev_flush(); a netdev ends its burst of receive() with received().
 *
 * Threads: everything, the client's callbacks too, runs on the thread of the loop given at open, under `lock` of the client. receive() and
 * received() may be called from within netdev_send(), netdev_flush() and netdev_resume(), can_send() from within the last; a client calls
 * none of the three from its receive().
 */
#ifndef DEVICES_NET_NETDEV_H
#define DEVICES_NET_NETDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/net/vnet.h"

struct loop;
struct netdev;

#define NETDEV_MTU_MIN 68
#define NETDEV_MTU_MAX 65520
/* The longest frame either way: header, Ethernet header with a VLAN tag, the longest packet. */
#define NETDEV_ETH_BYTES 14
#define NETDEV_FRAME_MAX (VIRTIO_NET_HDR_BYTES + NETDEV_ETH_BYTES + 4 + 65535)
/* Buffers that a frame may be spread over, its header's included. */
#define NETDEV_IOV_MAX 257

struct netdev_client {
	/* A frame came in. 0: taken. -EAGAIN: no room now; the same frame is offered again after netdev_resume(). */
	int (*receive)(void *arg, const struct iovec *iov, unsigned iov_count);
	/* The burst of receive() is over: time to tell the guest. */
	void (*received)(void *arg);
	/* send() has room again after -EAGAIN. */
	void (*can_send)(void *arg);
	void *arg;
	pthread_mutex_t *lock; /* held around the callbacks; NULL in single-threaded tests */
};

struct netdev_ops {
	/*
	 * 0: sent (or dropped, as a network may). -EAGAIN: no room now. The buffers are the caller's again on return. Its header has
	 * been held against the frame and the features by the client, except that the frame may still be no valid packet.
	 */
	int (*send)(struct netdev *nd, const struct iovec *iov, unsigned iov_count);
	void (*flush)(struct netdev *nd); /* may be NULL */
	void (*resume)(struct netdev *nd);
	/* The driver accepted these VIRTIO_NET_F_GUEST_* features: what the client can receive. May be NULL. */
	int (*set_offloads)(struct netdev *nd, uint64_t guest_features);
	/* netdev_attach() filled in the client. */
	int (*start)(struct netdev *nd);
	void (*release)(struct netdev *nd);
};

struct netdev {
	const struct netdev_ops *ops;
	struct netdev_client client;
	struct loop *loop;
	uint16_t mtu;	       /* NETDEV_MTU_MIN to NETDEV_MTU_MAX */
	uint64_t features;     /* VIRTIO_NET_F_CSUM, HOST_*, GUEST_*, as bits, that this cable can serve */
};

/* One forwarded port of the user network. */
struct netdev_forward {
	bool udp;
	uint32_t host_addr, guest_addr; /* IPv4, network order; guest_addr 0: the guest's own address */
	uint16_t host_port, guest_port; /* host order */
	struct netdev_forward *next;
};

struct netdev_config {
	enum { NETDEV_USER, NETDEV_TAP } kind;
	const char *ifname;		/* tap: the interface; NULL: the kernel chooses */
	uint16_t mtu;			/* 0: the default, 65520 for user; tap: the interface's own */
	const char *hostname;		/* user: what DHCP calls the guest; may be NULL */
	struct netdev_forward *forwards; /* user */
	bool restricted;		/* user: no way out, only forwards */
};

/*
 * What a guest on the user network sees: 10.0.2.0/24, the guest 10.0.2.15, the gateway and the host 10.0.2.2, DNS 10.0.2.3;
 * fec0::/64, host fec0::2, DNS fec0::3.
 */
#define NETDEV_USER_NETWORK 0x0a000200u
#define NETDEV_USER_PREFIX 24
#define NETDEV_USER_HOST 0x0a000202u
#define NETDEV_USER_DNS 0x0a000203u
#define NETDEV_USER_GUEST 0x0a00020fu

/*
 * Opens the back end. Nothing moves before netdev_attach(). Failures are logged with what to do: no permission on
 * /dev/net/tun, the interface taken, a port in use (which one), the library missing (its package).
 */
int netdev_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop);
/* Gives the netdev its client; frames may come from now on. Once, on the loop's thread, or before it runs. */
int netdev_attach(struct netdev *nd, const struct netdev_client *client);
void netdev_close(struct netdev *nd); /* accepts NULL */

static inline int netdev_send(struct netdev *nd, const struct iovec *iov, unsigned iov_count)
{
	return nd->ops->send(nd, iov, iov_count);
}

/* The burst of netdev_send() is over. */
static inline void netdev_flush(struct netdev *nd)
{
	if (nd->ops->flush)
		nd->ops->flush(nd);
}

/* The client, which refused a frame, has room again. */
static inline void netdev_resume(struct netdev *nd)
{
	nd->ops->resume(nd);
}

static inline int netdev_set_offloads(struct netdev *nd, uint64_t guest_features)
{
	return nd->ops->set_offloads ? nd->ops->set_offloads(nd, guest_features) : 0;
}

/*
 * "[tcp|udp:][ADDR:]PORT-[ADDR]:PORT", as in hostfwd=tcp:127.0.0.1:2222-:22. Without ADDR the host side is 127.0.0.1.
 * -EINVAL, not logged.
 */
int netdev_parse_forward(const char *text, struct netdev_forward *forward);
/* The same, put behind those that the configuration has. NULL, or what is wrong (a constant string), not logged. */
const char *netdev_add_forward(struct netdev_config *config, const char *text);
/* Frees them all. */
void netdev_release_forwards(struct netdev_config *config);

#endif
