// SPDX-License-Identifier: Apache-2.0
/*
 * Frames from the container to the netdev and back: see cable.h. Each side that has no room stops the other: a frame that the netdev
 * refused is kept and the tap device is not read meanwhile; one that the tap device refused is offered again once it can be written.
 */
#include "ctr/cable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* Frames read before others on the loop have their turn. */
#define BURST 64

struct cable {
	struct netdev *nd;
	struct loop *loop;
	struct loop_watch watch;
	size_t held_bytes; /* of `frame`, which the netdev refused; 0: none */
	bool full;         /* the tap device refused one */
	bool error_logged;
	struct virtio_net_hdr header;
	uint8_t frame[NETDEV_FRAME_MAX - VIRTIO_NET_HDR_BYTES];
};

static void wait_for(struct cable *cable)
{
	/* Not once the card is gone. */
	if (!cable->watch.active)
		return;
	loop_modify(cable->loop, &cable->watch, (cable->held_bytes ? 0 : EPOLLIN) | (cable->full ? EPOLLOUT : 0));
}

/* --- to the container ----------------------------------------------------------------------------------------------------------- */

static int receive(void *arg, const struct iovec *iov, unsigned iov_count)
{
	struct cable *cable = arg;

	if (writev(cable->watch.fd, iov, (int)iov_count) >= 0)
		return 0;
	if (errno == EAGAIN) {
		cable->full = true;
		wait_for(cable);
		return -EAGAIN;
	}
	/* What the kernel does not take as a frame is dropped, as a network may. */
	if (log_first(&cable->error_logged))
		log_debug("the container's network card: %s", strerror(errno));
	return 0;
}

static void received(void *arg)
{
	(void)arg;
}

/* --- from the container --------------------------------------------------------------------------------------------------------- */

/* False when the netdev has no room: it is kept. */
static bool send_frame(struct cable *cable, size_t len)
{
	struct iovec iov[] = {{&cable->header, sizeof(cable->header)}, {cable->frame, len}};

	if (netdev_send(cable->nd, iov, 2) != -EAGAIN)
		return true;
	cable->held_bytes = len;
	return false;
}

static void take_frames(struct cable *cable)
{
	struct iovec iov[] = {{&cable->header, sizeof(cable->header)}, {cable->frame, sizeof(cable->frame)}};

	for (unsigned i = 0; i < BURST && !cable->held_bytes; i++) {
		ssize_t n = readv(cable->watch.fd, iov, 2);
		if (n <= (ssize_t)sizeof(cable->header))
			break;
		send_frame(cable, (size_t)n - sizeof(cable->header));
	}
	netdev_flush(cable->nd);
}

static void can_send(void *arg)
{
	struct cable *cable = arg;
	size_t len = cable->held_bytes;

	cable->held_bytes = 0;
	if (!len || send_frame(cable, len))
		netdev_flush(cable->nd);
	wait_for(cable);
}

static void ready(void *arg, uint32_t events)
{
	struct cable *cable = arg;

	/* The card is gone with the container's network namespace. */
	if (events & EPOLLERR) {
		loop_remove(cable->loop, &cable->watch);
		return;
	}
	if (events & EPOLLOUT && cable->full) {
		cable->full = false;
		netdev_resume(cable->nd);
	}
	if (events & EPOLLIN)
		take_frames(cable);
	wait_for(cable);
}

/* --- its life -------------------------------------------------------------------------------------------------------------------- */

int cable_new(struct cable **out, struct netdev *nd, int tap_fd, struct loop *loop)
{
	struct cable *cable = calloc(1, sizeof(*cable));
	int err = cable ? 0 : -ENOMEM;

	if (!err) {
		cable->nd = nd;
		cable->loop = loop;
		cable->watch = (struct loop_watch){.fd = tap_fd, .events = EPOLLIN, .ready = ready, .arg = cable};
		err = loop_add(loop, &cable->watch);
	}
	if (!err) {
		const struct netdev_client client = {.receive = receive, .received = received, .can_send = can_send, .arg = cable};
		err = netdev_attach(nd, &client);
		if (err)
			loop_remove(loop, &cable->watch);
	}
	if (err) {
		log_error("the container's network can't be connected: %s", strerror(-err));
		free(cable);
		return err;
	}
	*out = cable;
	return 0;
}

void cable_free(struct cable *cable)
{
	if (!cable)
		return;
	loop_remove(cable->loop, &cable->watch);
	close_fd(&cable->watch.fd);
	free(cable);
}
