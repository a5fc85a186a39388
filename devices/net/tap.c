// SPDX-License-Identifier: Apache-2.0
/*
 * A tap device: Documentation/networking/tuntap.rst. The host's kernel takes the frames as they are, offload headers included
 * (IFF_VNET_HDR), so that checksums and segmentation are left to it or to the real card.
 *
 * The kernel gives a frame only to a reader whose buffer holds all of it, and not before it is read; one frame is therefore kept
 * here while the client has no room, and the tap is not read meanwhile. Its own queue then fills, and drops, as a link does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/net/backends.h"
#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define TAP_PATH "/dev/net/tun"
/* Frames read before others on the loop have their turn. */
#define TAP_BURST 64


struct netdev_tap {
	struct netdev nd;
	int fd;
	struct loop_watch watch;
	char ifname[IFNAMSIZ];
	size_t held_bytes; /* of `frame`, which the client refused; 0: none */
	bool refused;	   /* send() answered -EAGAIN */
	bool error_logged;
	/* Apart, and the header first: a header in the frame's own memory would leave what follows it unaligned. */
	struct virtio_net_hdr header;
	uint8_t frame[NETDEV_FRAME_MAX - VIRTIO_NET_HDR_BYTES];
};

static struct netdev_tap *to_tap(struct netdev *nd)
{
	return (struct netdev_tap *)nd;
}

static void tap_set_events(struct netdev_tap *tap)
{
	uint32_t events = (tap->held_bytes ? 0 : EPOLLIN) | (tap->refused ? EPOLLOUT : 0);

	if (tap->watch.active)
		loop_modify(tap->nd.loop, &tap->watch, events);
}

/* --- frames ------------------------------------------------------------------------------------------------------------------------- */

static int tap_deliver(struct netdev_tap *tap, size_t len)
{
	struct iovec iov[] = { { &tap->header, sizeof(tap->header) }, { tap->frame, len } };

	return tap->nd.client.receive(tap->nd.client.arg, iov, 2);
}

/* False when there was none. */
static bool tap_read(struct netdev_tap *tap, size_t *len)
{
	struct iovec iov[] = { { &tap->header, sizeof(tap->header) }, { tap->frame, sizeof(tap->frame) } };
	ssize_t n = readv(tap->fd, iov, 2);

	if (n < 0 && errno != EAGAIN && errno != EINTR && log_first(&tap->error_logged))
		log_warn("tap %s: %s", tap->ifname, strerror(errno));
	if (n < (ssize_t)sizeof(tap->header))
		return false;
	*len = (size_t)n - sizeof(tap->header);
	return true;
}

static void tap_receive(struct netdev_tap *tap)
{
	unsigned delivered = 0;
	size_t len;

	while (delivered < TAP_BURST && tap_read(tap, &len)) {
		if (!len)
			continue;
		if (tap_deliver(tap, len)) {
			tap->held_bytes = len;
			break;
		}
		delivered++;
	}
	tap_set_events(tap);
	if (delivered)
		tap->nd.client.received(tap->nd.client.arg);
}

/* What is sent from now on is dropped, as on a cable that was pulled out. */
static void tap_gone(struct netdev_tap *tap)
{
	log_warn("tap %s: the interface was deleted: this card of the guest's is cut off", tap->ifname);
	loop_remove(tap->nd.loop, &tap->watch);
}

static void tap_ready(void *arg, uint32_t events)
{
	struct netdev_tap *tap = arg;

	/* The kernel reports this for an interface that was deleted, and for ever (drivers/net/tun.c, tun_chr_poll). */
	if (events & EPOLLERR)
		tap_gone(tap);
	if (events & (EPOLLOUT | EPOLLERR) && tap->refused) {
		tap->refused = false;
		tap_set_events(tap);
		tap->nd.client.can_send(tap->nd.client.arg);
	}
	if (events & EPOLLIN && !tap->held_bytes)
		tap_receive(tap);
}

static int tap_send(struct netdev *nd, const struct iovec *iov, unsigned iov_count)
{
	struct netdev_tap *tap = to_tap(nd);
	ssize_t n = writev(tap->fd, iov, (int)iov_count);

	if (n >= 0 || errno != EAGAIN)
		return 0; /* an interface that is down, a frame that the kernel doubts: dropped, as a network may */
	tap->refused = true;
	tap_set_events(tap);
	return -EAGAIN;
}

static void tap_resume(struct netdev *nd)
{
	struct netdev_tap *tap = to_tap(nd);

	if (!tap->held_bytes || tap_deliver(tap, tap->held_bytes))
		return;
	tap->held_bytes = 0;
	tap_set_events(tap);
	nd->client.received(nd->client.arg);
}

static int tap_set_offloads(struct netdev *nd, uint64_t guest_features)
{
	struct netdev_tap *tap = to_tap(nd);
	unsigned offload = 0;

	if (guest_features & VIRTIO_NET_F_GUEST_CSUM)
		offload |= TUN_F_CSUM;
	if (guest_features & VIRTIO_NET_F_GUEST_TSO4)
		offload |= TUN_F_TSO4;
	if (guest_features & VIRTIO_NET_F_GUEST_TSO6)
		offload |= TUN_F_TSO6;
	if (guest_features & VIRTIO_NET_F_GUEST_ECN)
		offload |= TUN_F_TSO_ECN;
	return ioctl(tap->fd, TUNSETOFFLOAD, offload) ? -errno : 0;
}

static int tap_start(struct netdev *nd)
{
	struct netdev_tap *tap = to_tap(nd);

	tap->watch.lock = nd->client.lock;
	return loop_add(nd->loop, &tap->watch);
}

static void tap_release(struct netdev *nd)
{
	struct netdev_tap *tap = to_tap(nd);

	loop_remove(nd->loop, &tap->watch);
	close_fd(&tap->fd);
	free(tap);
}

static const struct netdev_ops tap_ops = {
	.send = tap_send,
	.resume = tap_resume,
	.set_offloads = tap_set_offloads,
	.start = tap_start,
	.release = tap_release,
};

/* --- set-up ------------------------------------------------------------------------------------------------------------------------- */

static void tap_explain(const char *ifname, int err)
{
	const char *name = *ifname ? ifname : "tap0";

	if (err == -EPERM)
		log_error("tap %s: no permission: run with CAP_NET_ADMIN, or let root make the device for you: "
			  "ip tuntap add dev %s mode tap user $USER && ip link set %s up", ifname, name, name);
	else if (err == -EBUSY)
		log_error("tap %s: in use by another program: choose another with ifname=", ifname);
	else if (err == -EINVAL)
		log_error("tap %s: exists, but is no tap device with one queue: choose another name with ifname=", ifname);
	else
		log_error("tap %s: %s", ifname, strerror(-err));
}

static int tap_open_device(struct netdev_tap *tap)
{
	tap->fd = open(TAP_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd >= 0)
		return 0;
	int err = -errno;
	if (err == -EACCES || err == -EPERM)
		log_error("tap: no permission to open " TAP_PATH ": its mode should be 0666, as udev sets it (chmod 0666 " TAP_PATH ")");
	else if (err == -ENOENT || err == -ENODEV)
		log_error("tap: there is no " TAP_PATH ": load the kernel module tun (modprobe tun)");
	else
		log_error("tap: " TAP_PATH ": %s", strerror(-err));
	return err;
}

static int tap_take_interface(struct netdev_tap *tap, const char *ifname)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header_bytes = sizeof(struct virtio_net_hdr);

	if (ifname && strlen(ifname) >= sizeof(ifr.ifr_name)) {
		log_error("tap %s: an interface's name has at most %zu characters", ifname, sizeof(ifr.ifr_name) - 1);
		return -ENAMETOOLONG;
	}
	if (ifname)
		strcpy(ifr.ifr_name, ifname);
	if (ioctl(tap->fd, TUNSETIFF, &ifr)) {
		int err = -errno;
		tap_explain(ifr.ifr_name, err);
		return err;
	}
	memcpy(tap->ifname, ifr.ifr_name, sizeof(tap->ifname));
	/* A device that was here before may still have the offloads of its last user. */
	if (ioctl(tap->fd, TUNSETVNETHDRSZ, &header_bytes) || ioctl(tap->fd, TUNSETOFFLOAD, 0)) {
		int err = -errno;
		tap_explain(tap->ifname, err);
		return err;
	}
	return 0;
}

/* The guest's MTU: the interface's own, or a smaller one if so configured. */
static int tap_find_mtu(struct netdev_tap *tap, uint16_t configured)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(ifr.ifr_name, tap->ifname, sizeof(tap->ifname));
	int err = fd < 0 || ioctl(fd, SIOCGIFMTU, &ifr) ? -errno : 0;
	close_fd(&fd);
	if (err) {
		log_error("tap %s: its MTU cannot be read: %s", tap->ifname, strerror(-err));
		return err;
	}
	if (configured > ifr.ifr_mtu) {
		log_error("tap %s: an MTU of %u is more than the interface's own %d: ip link set %s mtu %u", tap->ifname, configured,
			  ifr.ifr_mtu, tap->ifname, configured);
		return -ERANGE;
	}
	int mtu = configured ? configured : ifr.ifr_mtu;
	tap->nd.mtu = (uint16_t)(mtu > NETDEV_MTU_MAX ? NETDEV_MTU_MAX : mtu);
	return 0;
}

int netdev_tap_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop)
{
	struct netdev_tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return -ENOMEM;
	tap->fd = -1;
	tap->nd.ops = &tap_ops;
	tap->nd.loop = loop;
	/* Whatever the guest leaves undone the kernel does; what the guest can do is told by tap_set_offloads(). */
	tap->nd.features = VIRTIO_NET_HOST_OFFLOADS | VIRTIO_NET_GUEST_OFFLOADS;
	int err = tap_open_device(tap);
	if (!err)
		err = tap_take_interface(tap, config->ifname);
	if (!err)
		err = tap_find_mtu(tap, config->mtu);
	if (err) {
		tap_release(&tap->nd);
		return err;
	}
	tap->watch = (struct loop_watch){ .fd = tap->fd, .events = EPOLLIN, .ready = tap_ready, .arg = tap };
	*nd = &tap->nd;
	return 0;
}
