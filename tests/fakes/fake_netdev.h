// SPDX-License-Identifier: Apache-2.0
/* A cable with the test at its other end: keeps what the card sends, and hands it what the test says. One thread. */
#ifndef TESTS_FAKES_FAKE_NETDEV_H
#define TESTS_FAKES_FAKE_NETDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/net/netdev.h"

struct fake_frame {
	struct fake_frame *next;
	struct virtio_net_hdr header;
	size_t len;
	uint8_t data[];
};

struct fake_netdev {
	struct netdev nd;
	struct fake_frame *sent, **sent_last; /* by the card; the test may look and take */
	struct fake_frame *held, **held_last; /* for the card, which has no room */
	unsigned sent_count, flushes, resumes, bursts;
	bool refuse; /* send() answers -EAGAIN */
	bool was_refused;
	uint64_t offloads;
	unsigned offloads_set;
};

void fake_netdev_init(struct fake_netdev *fake, uint16_t mtu, uint64_t features);
void fake_netdev_release(struct fake_netdev *fake);

/* The oldest frame that the card sent; the caller frees it. NULL: none. */
struct fake_frame *fake_netdev_take(struct fake_netdev *fake);
/* A frame for the card, in `parts` buffers beside the header's. What it refuses is kept and offered again when it asks. */
void fake_netdev_give(struct fake_netdev *fake, const struct virtio_net_hdr *header, const void *data, size_t len, unsigned parts);
/* Takes frames again, and says so if any was refused. */
void fake_netdev_accept(struct fake_netdev *fake);

#endif
