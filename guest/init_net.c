// SPDX-License-Identifier: Apache-2.0
/* Interfaces for a command: up, with address, route and name server. rtnetlink(7); one request, one acknowledgement. */
#include "guest/init.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#define NET_WAIT_MS 3000
#define IFF_UP 1 /* linux/if.h, which asks for the C library's headers */
#define IFNAME_LOOPBACK "lo"
#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_OURS "/run/tinyvmm-resolv.conf"

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
		char room[128];
	} u;
};

static void request_init(struct request *r, unsigned type, unsigned flags, size_t body)
{
	*r = (struct request){ .header = { .nlmsg_type = (uint16_t)type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags) } };
	r->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
}

/* At most three attributes of four bytes: they always fit. */
static void request_add(struct request *r, unsigned type, const void *value)
{
	char *at = (char *)r + NLMSG_ALIGN(r->header.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)at;

	attribute->rta_type = (uint16_t)type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(4);
	for (unsigned i = 0; i < 4; i++)
		((char *)RTA_DATA(attribute))[i] = ((const char *)value)[i];
	r->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static int request_send(int fd, struct request *r)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} reply;
	long n = sys_write(fd, r, r->header.nlmsg_len);

	if (n < 0)
		return (int)n;
	n = sys_read(fd, &reply, sizeof(reply));
	if (n < (long)(sizeof(reply.header) + sizeof(reply.error)) || reply.header.nlmsg_type != NLMSG_ERROR)
		return n < 0 ? (int)n : -EBADMSG;
	return reply.error.error;
}

/* The interface's number from sysfs; 0 while there is none. */
static int index_of(const char *name)
{
	char path[64], *text;
	struct text t = text_in(path, sizeof(path));
	int index = 0;

	text_add(&t, "/sys/class/net/");
	text_add(&t, name);
	text_add(&t, "/ifindex");
	text = init_read_file(path, 32);
	for (; text && *text >= '0' && *text <= '9' && index < 100000000; text++)
		index = index * 10 + (*text - '0');
	return index;
}

static bool has_index(struct init *in, const void *name)
{
	(void)in;
	return index_of(name) > 0;
}

static int link_up(int fd, int index)
{
	struct request r;

	request_init(&r, RTM_NEWLINK, 0, sizeof(r.u.link));
	r.u.link = (struct ifinfomsg){ .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	return request_send(fd, &r);
}

static int add_address(int fd, int index, const struct init_net *net)
{
	uint32_t host = net->prefix < 32 ? 0xffffffffu >> net->prefix : 0;
	uint8_t broadcast[4];
	struct request r;

	for (unsigned i = 0; i < 4; i++)
		broadcast[i] = (uint8_t)(net->address[i] | host >> (24 - 8 * i));
	request_init(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(r.u.address));
	r.u.address = (struct ifaddrmsg){ .ifa_family = SYS_AF_INET, .ifa_prefixlen = (uint8_t)net->prefix, .ifa_index = (uint32_t)index };
	request_add(&r, IFA_LOCAL, net->address);
	request_add(&r, IFA_ADDRESS, net->address);
	if (net->prefix < 31)
		request_add(&r, IFA_BROADCAST, broadcast);
	return request_send(fd, &r);
}

static int add_route(int fd, int index, const struct init_net *net)
{
	struct request r;

	request_init(&r, RTM_NEWROUTE, NLM_F_CREATE, sizeof(r.u.route));
	r.u.route = (struct rtmsg){
		.rtm_family = SYS_AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_UNICAST
	};
	request_add(&r, RTA_GATEWAY, net->gateway);
	request_add(&r, RTA_OIF, &index);
	return request_send(fd, &r);
}

static void set_up_one(struct init *in, int fd, const struct init_net *net)
{
	int index, err;

	if (!device_wait(in, has_index, net->name, NET_WAIT_MS)) {
		init_trouble(in, 0, "there is no network interface ", net->name, NULL);
		return;
	}
	index = index_of(net->name);
	err = link_up(fd, index);
	if (!err && net->has_address)
		err = add_address(fd, index, net);
	if (!err && net->has_gateway)
		err = add_route(fd, index, net);
	if (err)
		init_trouble(in, err, "cannot set up the network interface ", net->name, NULL);
}

/* --- name servers ---------------------------------------------------------------------------------------------------------- */

static void write_servers(struct init *in, int fd)
{
	char buf[64];

	for (unsigned n = 0; n < in->config.net_count; n++) {
		const struct init_net *net = &in->config.net[n];
		struct text line = text_in(buf, sizeof(buf));

		if (!net->has_dns)
			continue;
		text_add(&line, "nameserver ");
		for (unsigned i = 0; i < 4; i++) {
			text_add(&line, i ? "." : "");
			text_add_number(&line, net->dns[i]);
		}
		text_add(&line, "\n");
		sys_write(fd, line.buf, line.len);
	}
}

/* A link into /run, as systemd-resolved leaves it: its directory is made on our fresh /run. */
static void make_link_target(void)
{
	char target[256];
	struct text t = text_in(target, sizeof(target));
	char link[200];
	long n = SYS4(readlinkat, AT_FDCWD, RESOLV_CONF, link, sizeof(link) - 1);

	if (n <= 0)
		return;
	link[n] = '\0';
	const char *in_run = text_after(link, "/run/");
	if (!in_run)
		in_run = text_after(link, "../run/");
	if (!in_run)
		return;
	text_add(&t, "/run/");
	for (const char *p = in_run; *p; p++) {
		if (*p == '/')
			sys_mkdir(target, 0755);
		text_add_bytes(&t, p, 1);
	}
}

/*
 * The image itself stays as it is wherever that is possible: our file on /run is bound over /etc/resolv.conf. Where there is no such file
 * it is created, and where it is a link into /run, what it points to.
 */
static void write_resolv_conf(struct init *in)
{
	bool any = false;
	int fd;

	for (unsigned n = 0; n < in->config.net_count; n++)
		any |= in->config.net[n].has_dns;
	if (!any)
		return;
	make_link_target();
	fd = sys_open(RESOLV_CONF, O_RDONLY | O_CREAT, 0644);
	if (fd >= 0)
		sys_close(fd);
	fd = sys_open(RESOLV_CONF_OURS, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd >= 0) {
		write_servers(in, fd);
		sys_close(fd);
	}
	if (fd < 0 || sys_mount(RESOLV_CONF_OURS, RESOLV_CONF, NULL, MS_BIND, NULL))
		init_say(in, INIT_INFO, "there is no " RESOLV_CONF " to name the name server in", NULL);
}

void net_set_up(struct init *in)
{
	int fd = (int)SYS3(socket, SYS_AF_NETLINK, SYS_SOCK_RAW | SYS_SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0) {
		init_say(in, INIT_INFO, "this kernel has no network", NULL);
		return;
	}
	link_up(fd, index_of(IFNAME_LOOPBACK));
	for (unsigned n = 0; n < in->config.net_count; n++)
		set_up_one(in, fd, &in->config.net[n]);
	sys_close(fd);
	write_resolv_conf(in);
}
