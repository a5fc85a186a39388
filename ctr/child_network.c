// SPDX-License-Identifier: Apache-2.0
/*
 * The container's side of its network: see child_impl.h; netdevice(7), Documentation/networking/tuntap.rst. The same addresses as a virtual
 * machine's on the user network (devices/net/netdev.h). A veth pair is the parent's to make, at both ends (ctr/veth/).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctr/child_impl.h"
#include "ctr/message.h"
#include "ctr/namespaces.h"
#include "ctr/start.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define TUN_PATH "/dev/net/tun"
#define CARD "eth0"
#define MTU_DEFAULT 65520

static void name_request(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof(*request));
	strncpy(request->ifr_name, name, IFNAMSIZ - 1);
}

static int bring_up(int socket, const char *name)
{
	struct ifreq request;

	name_request(&request, name);
	if (ioctl(socket, SIOCGIFFLAGS, &request))
		return -errno;
	request.ifr_flags |= IFF_UP;
	return ioctl(socket, SIOCSIFFLAGS, &request) ? -errno : 0;
}

static struct sockaddr ipv4(uint32_t address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	struct sockaddr plain;

	memcpy(&plain, &in, sizeof(plain));
	return plain;
}

static int set_address(int socket, uint16_t mtu)
{
	struct ifreq request;
	struct rtentry route = {
		.rt_flags = RTF_UP | RTF_GATEWAY,
		.rt_dst = ipv4(0),
		.rt_genmask = ipv4(0),
		.rt_gateway = ipv4(NETDEV_USER_HOST),
	};

	name_request(&request, CARD);
	request.ifr_mtu = mtu ? mtu : MTU_DEFAULT;
	if (ioctl(socket, SIOCSIFMTU, &request))
		return -errno;
	request.ifr_addr = ipv4(NETDEV_USER_GUEST);
	if (ioctl(socket, SIOCSIFADDR, &request))
		return -errno;
	request.ifr_netmask = ipv4(UINT32_MAX << (32 - NETDEV_USER_PREFIX));
	if (ioctl(socket, SIOCSIFNETMASK, &request))
		return -errno;
	int err = bring_up(socket, CARD);
	return err ? err : ioctl(socket, SIOCADDRT, &route) ? -errno : 0;
}

/* The card's other end, for the parent. */
static int open_card(void)
{
	struct ifreq request;
	int header_bytes = VIRTIO_NET_HDR_BYTES;
	int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	name_request(&request, CARD);
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (!ioctl(fd, TUNSETIFF, &request) && !ioctl(fd, TUNSETVNETHDRSZ, &header_bytes))
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

static int make_card(const struct container *container, int socket)
{
	int card = open_card();
	int err = card < 0 ? card : set_address(socket, container->spec->netdev.mtu);

	if (!err)
		err = send_message(container->go[1], CHILD_TAP, card);
	close_fd(&card);
	if (err)
		log_error("--net user: the container's network card can't be made (" TUN_PATH "): %s%s", strerror(-err),
			  err == -ENOENT || err == -ENODEV || err == -ENXIO
				  ? ": load the kernel's module tun (modprobe tun, as root), or --net none"
			  : err == -EPERM  ? ": the container that tinyvmm is in must be given it; or --net none"
			  : err == -EACCES ? ": others may open it nearly everywhere (chmod 666 " TUN_PATH "); or --net none"
					   : "");
	return err;
}

/* The parent is privileged where this card comes from, and knows what is free there. */
static int get_card(const struct container *container)
{
	char message;
	int none, rtnl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int err = rtnl < 0 ? -errno : 0;

	if (err)
		log_error("--net veth: the container's interfaces can't be reached (rtnetlink): %s", strerror(-err));
	else
		err = send_message(container->go[1], CHILD_VETH, rtnl);
	close_fd(&rtnl);
	/* Without an answer it could not, and has said why. */
	return err ? err : receive_message(container->go[1], &message, &none);
}

int child_network(const struct container *container)
{
	if (!namespace_is_new(container->spec, NS_NET, container->map.userns))
		return 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : bring_up(fd, "lo");
	if (err)
		log_error("the container's loopback can't be brought up: %s", strerror(-err));
	if (!err && container->spec->net == NET_USER)
		err = make_card(container, fd);
	if (!err && container->spec->net == NET_VETH)
		err = get_card(container);
	close_fd(&fd);
	return err;
}
