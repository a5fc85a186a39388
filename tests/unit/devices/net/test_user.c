// SPDX-License-Identifier: Apache-2.0
/* devices/net/user.c with the real libslirp and a fake guest: what a guest, and the host's side, see of the user network. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/station.h"

struct net {
	struct loop *loop;
	struct netdev *nd;
	struct station st;
};

static int net_open(struct net *net, const struct netdev_config *config)
{
	void *lib = dlopen("libslirp.so.0", RTLD_NOW);

	if (!lib) {
		print_message("skipped: libslirp is not installed\n");
		skip();
	}
	dlclose(lib);
	memset(net, 0, sizeof(*net));
	net->loop = loop_new();
	assert_non_null(net->loop);
	int err = netdev_open(&net->nd, config, net->loop);
	if (err)
		loop_free(net->loop);
	else
		station_init(&net->st, net->nd, net->loop);
	return err;
}

static void net_init(struct net *net, struct netdev_config *config)
{
	static struct netdev_config plain;

	assert_int_equal(net_open(net, config ? config : &plain), 0);
	assert_true(station_arp(&net->st, NETDEV_USER_HOST));
}

static void net_release(struct net *net)
{
	netdev_close(net->nd);
	station_release(&net->st);
	loop_free(net->loop);
}

/* --- ARP, DHCP, ICMP, IPv6 ------------------------------------------------------------------------------------------------- */

static void arp(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, NULL);
	assert_true(station_arp(&net.st, NETDEV_USER_DNS));
	assert_true(net.st.bursts >= 2);
	net_release(&net);
}

#define DHCP_OPTIONS 240

static void dhcp_send(struct station *st, uint8_t type, const uint8_t *options, size_t len)
{
	uint8_t message[DHCP_OPTIONS + 64] = { 1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef };
	uint32_t ip = st->ip;

	memcpy(message + 28, st->mac, 6);
	put32(message + 236, 0x63825363);
	memcpy(message + DHCP_OPTIONS, (uint8_t[]){ 53, 1, type }, 3);
	if (len)
		memcpy(message + DHCP_OPTIONS + 3, options, len);
	message[DHCP_OPTIONS + 3 + len] = 255;
	st->ip = 0;
	assert_int_equal(station_send_udp(st, 0xffffffff, 68, 67, message, sizeof(message)), 0);
	st->ip = ip;
}

static bool match_udp_to(const struct station_frame *frame, void *arg)
{
	return frame->len >= STATION_L4_AT + 8 && get16(frame->data + 12) == 0x0800 && frame->data[STATION_IP_AT + 9] == IPPROTO_UDP &&
	       get16(frame->data + STATION_L4_AT + 2) == *(uint16_t *)arg;
}

static const uint8_t *dhcp_option(const struct station_frame *frame, uint8_t code)
{
	const uint8_t *end = frame->data + frame->len;
	const uint8_t *p = frame->data + STATION_L4_AT + 8 + DHCP_OPTIONS;

	while (p + 1 < end && *p != 255) {
		if (*p == code)
			return p + 2;
		p += *p ? 2 + p[1] : 1;
	}
	fail_msg("DHCP option %u is missing", code);
	return NULL;
}

static void dhcp(void **state)
{
	struct netdev_config config = { .hostname = "guest7" };
	uint8_t request[] = { 50, 4, 10, 0, 2, 15 };
	uint16_t port = 68;
	struct net net;

	(void)state;
	net_init(&net, &config);
	dhcp_send(&net.st, 1, NULL, 0);
	struct station_frame *offer = station_wait(&net.st, match_udp_to, &port);
	assert_non_null(offer);
	assert_int_equal(*dhcp_option(offer, 53), 2);
	assert_true(get32(offer->data + STATION_L4_AT + 8 + 16) == NETDEV_USER_GUEST);
	assert_true(get32(dhcp_option(offer, 3)) == NETDEV_USER_HOST);
	assert_true(get32(dhcp_option(offer, 6)) == NETDEV_USER_DNS);
	assert_true(get32(dhcp_option(offer, 1)) == 0xffffff00);
	assert_memory_equal(dhcp_option(offer, 12), "guest7", 6);
	/* Checked by the host's side already: the guest need not. */
	assert_int_equal(offer->header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	free(offer);
	dhcp_send(&net.st, 3, request, sizeof(request));
	struct station_frame *ack = station_wait(&net.st, match_udp_to, &port);
	assert_non_null(ack);
	assert_int_equal(*dhcp_option(ack, 53), 5);
	assert_true(get32(ack->data + STATION_L4_AT + 8 + 16) == NETDEV_USER_GUEST);
	free(ack);
	net_release(&net);
}

static bool match_icmp(const struct station_frame *frame, void *arg)
{
	(void)arg;
	return frame->len >= STATION_L4_AT + 8 && get16(frame->data + 12) == 0x0800 && frame->data[STATION_IP_AT + 9] == IPPROTO_ICMP;
}

static void ping(void **state)
{
	/* Echo request, with its checksum. */
	uint8_t echo[8 + 8] = { 8, 0, 0, 0, 0x12, 0x34, 0, 1, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' };
	struct net net;
	uint32_t sum = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(echo); i += 2)
		sum += get16(echo + i);
	put16(echo + 2, (uint16_t)~((sum & 0xffff) + (sum >> 16)));
	net_init(&net, NULL);
	station_send_ip(&net.st, IPPROTO_ICMP, NETDEV_USER_HOST, echo, sizeof(echo));
	struct station_frame *reply = station_wait(&net.st, match_icmp, NULL);
	assert_non_null(reply);
	assert_int_equal(reply->data[STATION_L4_AT], 0);
	assert_memory_equal(reply->data + STATION_L4_AT + 4, echo + 4, sizeof(echo) - 4);
	free(reply);
	net_release(&net);
}

#define IP6_HEADER 40

static bool match_icmp6(const struct station_frame *frame, void *arg)
{
	const uint8_t *ip = frame->data + STATION_ETH;

	return frame->len >= STATION_ETH + IP6_HEADER + 16 && get16(frame->data + 12) == 0x86dd && ip[6] == IPPROTO_ICMPV6 &&
	       ip[IP6_HEADER] == *(uint8_t *)arg;
}

static void router_advertisement(void **state)
{
	/* Router solicitation (RFC 4861, 4.1) from a link-local address to all routers. */
	uint8_t frame[STATION_ETH + IP6_HEADER + 8] = { 0x33, 0x33, 0, 0, 0, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x86, 0xdd };
	uint8_t *ip = frame + STATION_ETH, *icmp = ip + IP6_HEADER;
	uint8_t advertisement = 134, prefix[8] = { 0xfe, 0xc0 };
	uint32_t sum = 8 + IPPROTO_ICMPV6;
	struct net net;

	(void)state;
	ip[0] = 0x60;
	put16(ip + 4, 8);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = 255;
	assert_int_equal(inet_pton(AF_INET6, "fe80::5054:ff:fe12:3456", ip + 8), 1);
	assert_int_equal(inet_pton(AF_INET6, "ff02::2", ip + 24), 1);
	icmp[0] = 133;
	for (unsigned i = 8; i < IP6_HEADER + 8; i += 2)
		sum += get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(icmp + 2, (uint16_t)~((sum & 0xffff) + (sum >> 16)));

	net_init(&net, NULL);
	assert_int_equal(station_send(&net.st, frame, sizeof(frame)), 0);
	struct station_frame *answer = station_wait(&net.st, match_icmp6, &advertisement);
	assert_non_null(answer);
	/* Somewhere among its options: the prefix. */
	assert_non_null(memmem(answer->data, answer->len, prefix, sizeof(prefix)));
	free(answer);
	net_release(&net);
}

/* --- TCP and UDP ------------------------------------------------------------------------------------------------------------ */

static void fill(uint8_t *data, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
}

/* The guest sends all of `data`; the host's side reads it. */
static void upload(struct station_tcp *tcp, int fd, const uint8_t *data, size_t len)
{
	uint8_t *seen = malloc(len), none[1];
	uint32_t start = tcp->seq;
	size_t sent = 0, got = 0;

	assert_non_null(seen);
	while (got < len) {
		size_t in_flight = tcp->seq - tcp->acked;
		size_t room = tcp->peer_window > in_flight ? tcp->peer_window - in_flight : 0;
		size_t n = len - sent < tcp->mss ? len - sent : tcp->mss;
		if (n && n <= room) {
			station_tcp_segment(tcp, TCP_ACK | TCP_PSH, data + sent, n);
			sent += n;
		} else {
			assert_true(station_run(tcp->st, fd, EPOLLIN));
		}
		station_tcp_take(tcp, none, 0);
		ssize_t r = recv(fd, seen + got, len - got, 0);
		if (r > 0)
			got += (size_t)r;
		else
			assert_true(r < 0 && errno == EAGAIN);
	}
	assert_memory_equal(seen, data, len);
	assert_true(tcp->seq - start == len);
	free(seen);
}

/* The host's side sends all of `data`; the guest reads it. */
static void download(struct station_tcp *tcp, int fd, const uint8_t *data, size_t len)
{
	size_t room = len + 65536, sent = 0, got = 0;
	uint8_t *seen = malloc(room);

	assert_non_null(seen);
	while (got < len) {
		ssize_t n = sent < len ? send(fd, data + sent, len - sent, MSG_NOSIGNAL) : 0;
		if (n > 0)
			sent += (size_t)n;
		size_t taken = station_tcp_take(tcp, seen + got, room - got);
		got += taken;
		if (n <= 0 && !taken)
			assert_true(station_run(tcp->st, -1, 0));
	}
	assert_int_equal(got, len);
	assert_memory_equal(seen, data, len);
	free(seen);
}

static void tcp_with(const struct netdev_config *config, uint16_t mss, bool partial_checksums)
{
	struct netdev_config copy = *config;
	const size_t len = 1 << 20;
	uint8_t *data = malloc(len), none[1];
	struct station_tcp tcp;
	struct net net;
	uint16_t port = 0;

	assert_non_null(data);
	fill(data, len, mss);
	net_init(&net, &copy);
	net.st.partial_checksums = partial_checksums;
	int listener = station_host_socket(SOCK_STREAM, &port);
	assert_true(listener >= 0);
	assert_true(station_tcp_connect(&tcp, &net.st, NETDEV_USER_HOST, 40000, port, mss));
	assert_true(station_wait_fd(&net.st, listener, EPOLLIN));
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	upload(&tcp, fd, data, len);
	download(&tcp, fd, data, len);
	assert_int_equal(tcp.gaps, 0);
	assert_int_equal(tcp.duplicates, 0);
	/* The host closes: the guest sees the end. */
	close(fd);
	while (!tcp.fin_seen) {
		assert_true(station_run(&net.st, -1, 0));
		station_tcp_take(&tcp, none, 0);
	}
	close(listener);
	net_release(&net);
	free(data);
}

static void tcp_large_mtu(void **state)
{
	(void)state;
	tcp_with(&(struct netdev_config){ 0 }, 65480, false);
}

static void tcp_partial_checksums(void **state)
{
	(void)state;
	tcp_with(&(struct netdev_config){ 0 }, 65479, true);
}

static void tcp_ethernet_mtu(void **state)
{
	(void)state;
	tcp_with(&(struct netdev_config){ .mtu = 1500 }, 1460, true);
}

/* The host's side reads nothing until the guest's window is shut, then everything: the guest hears of it without asking. */
static void window_reopens(void **state)
{
	static uint8_t data[16384], sink[1 << 16];
	struct station_tcp tcp;
	struct net net;
	uint16_t port = 0;

	(void)state;
	net_init(&net, NULL);
	int listener = station_host_socket(SOCK_STREAM, &port);
	assert_true(listener >= 0);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int)), 0);
	assert_true(station_tcp_connect(&tcp, &net.st, NETDEV_USER_HOST, 40006, port, 65480));
	assert_true(station_wait_fd(&net.st, listener, EPOLLIN));
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	while (tcp.peer_window || tcp.acked != tcp.seq) {
		size_t room = tcp.peer_window - (tcp.seq - tcp.acked);
		if (room)
			station_tcp_segment(&tcp, TCP_ACK | TCP_PSH, data, room < sizeof(data) ? room : sizeof(data));
		else
			assert_true(station_run(&net.st, -1, 0));
		station_tcp_take(&tcp, sink, 0);
	}
	while (!tcp.peer_window) {
		while (recv(fd, sink, sizeof(sink), 0) > 0)
			;
		assert_true(station_run(&net.st, net.st.first ? -1 : fd, EPOLLIN));
		station_tcp_take(&tcp, sink, 0);
	}
	close(fd);
	close(listener);
	net_release(&net);
}

/* The host's side goes away while the guest sends: the guest is told, and nobody is killed. */
static void reset_by_host(void **state)
{
	static uint8_t data[1000], sink[1 << 16];
	struct station_tcp tcp;
	struct net net;
	uint16_t port = 0;

	(void)state;
	net_init(&net, NULL);
	int listener = station_host_socket(SOCK_STREAM, &port);
	assert_true(station_tcp_connect(&tcp, &net.st, NETDEV_USER_HOST, 40007, port, 1460));
	assert_true(station_wait_fd(&net.st, listener, EPOLLIN));
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	close(listener);
	for (unsigned i = 0; i < 8; i++)
		station_tcp_segment(&tcp, TCP_ACK | TCP_PSH, data, sizeof(data));
	while (!tcp.reset_seen && !tcp.fin_seen) {
		assert_true(station_run(&net.st, -1, 0));
		station_tcp_take(&tcp, sink, sizeof(sink));
	}
	assert_true(station_arp(&net.st, NETDEV_USER_HOST));
	net_release(&net);
}

static void connection_refused(void **state)
{
	struct station_tcp tcp;
	struct net net;
	uint16_t port = 0;

	(void)state;
	net_init(&net, NULL);
	/* A port that nobody listens on: bound, but to UDP's name space. */
	int fd = station_host_socket(SOCK_STREAM, &port);
	close(fd);
	assert_false(station_tcp_connect(&tcp, &net.st, NETDEV_USER_HOST, 40001, port, 1460));
	assert_false(net.st.timer.active && net.st.expired);
	net_release(&net);
}

static void udp(void **state)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint16_t port = 0, guest_port = 40002;
	char buf[64];
	struct net net;

	(void)state;
	net_init(&net, NULL);
	int fd = station_host_socket(SOCK_DGRAM, &port);
	assert_true(fd >= 0);
	assert_int_equal(station_send_udp(&net.st, NETDEV_USER_HOST, guest_port, port, "query", 5), 0);
	assert_true(station_wait_fd(&net.st, fd, EPOLLIN));
	assert_int_equal(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len), 5);
	assert_memory_equal(buf, "query", 5);
	assert_int_equal(sendto(fd, "answer", 6, 0, (struct sockaddr *)&from, from_len), 6);
	struct station_frame *answer = station_wait(&net.st, match_udp_to, &guest_port);
	assert_non_null(answer);
	assert_true(station_checksums_good(answer));
	assert_true(get32(answer->data + STATION_IP_AT + 12) == NETDEV_USER_HOST);
	assert_memory_equal(answer->data + STATION_L4_AT + 8, "answer", 6);
	free(answer);
	close(fd);
	net_release(&net);
}

static void restricted(void **state)
{
	struct netdev_config config = { .restricted = true };
	struct net net;
	uint16_t port = 0;
	struct station_tcp tcp = { .st = &net.st, .peer = NETDEV_USER_HOST, .sport = 40003, .seq = 1, .mss = 1460 };

	(void)state;
	net_init(&net, &config);
	int listener = station_host_socket(SOCK_STREAM, &port);
	assert_true(listener >= 0);
	tcp.dport = port;
	station_tcp_segment(&tcp, TCP_SYN, NULL, 0);
	/* Connections to this host are made at once; the answer to a later question tells that this one was not. */
	assert_true(station_arp(&net.st, NETDEV_USER_DNS));
	assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
	assert_int_equal(errno, EAGAIN);
	close(listener);
	net_release(&net);
}

static void malformed_frames(void **state)
{
	static uint8_t junk[NETDEV_ETH_BYTES + NETDEV_MTU_MAX + 1];
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x88f8, 0x1234 };
	struct net net;

	(void)state;
	net_init(&net, NULL);
	fill(junk, sizeof(junk), 7);
	for (unsigned t = 0; t < 5; t++) {
		put16(junk + 12, types[t]);
		for (size_t len = STATION_ETH; len < 200; len++)
			assert_int_equal(station_send(&net.st, junk, len), 0);
		/* Longer than the MTU: dropped. */
		assert_int_equal(station_send(&net.st, junk, sizeof(junk)), 0);
	}
	assert_true(station_arp(&net.st, NETDEV_USER_HOST));
	net_release(&net);
}

/* --- forwarded ports -------------------------------------------------------------------------------------------------------- */

/* A port that was free a moment ago; as a forward from 127.0.0.1 to the guest's `guest_port`. */
static struct netdev_forward free_forward(int type, uint16_t guest_port)
{
	uint16_t port = 0;
	int fd = station_host_socket(type, &port);

	assert_true(fd >= 0);
	close(fd);
	return (struct netdev_forward){
		.udp = type == SOCK_DGRAM,
		.host_addr = htonl(INADDR_LOOPBACK),
		.host_port = port,
		.guest_port = guest_port,
	};
}

/* Others may take the port meanwhile: another is tried then. */
static void open_forwarded(struct net *net, int type, uint16_t guest_port, uint16_t *host_port)
{
	int err = -EADDRINUSE;

	for (int tries = 0; err == -EADDRINUSE && tries < 20; tries++) {
		struct netdev_forward forward = free_forward(type, guest_port);
		struct netdev_config config = { .forwards = &forward };
		err = net_open(net, &config);
		*host_port = forward.host_port;
	}
	assert_int_equal(err, 0);
	assert_true(station_arp(&net->st, NETDEV_USER_HOST));
}

static void forwarded_tcp(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t data[3000];
	struct station_tcp tcp;
	struct net net;
	uint16_t port;

	(void)state;
	open_forwarded(&net, SOCK_STREAM, 22, &port);
	fill(data, sizeof(data), 22);
	addr.sin_port = htons(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_true(station_tcp_accept(&tcp, &net.st, 22, 1460));
	assert_int_equal(send(fd, data, sizeof(data), MSG_NOSIGNAL), sizeof(data));
	uint8_t seen[sizeof(data) + 65536];
	size_t got = 0;
	while (got < sizeof(data)) {
		got += station_tcp_take(&tcp, seen + got, sizeof(seen) - got);
		if (got < sizeof(data))
			assert_true(station_run(&net.st, -1, 0));
	}
	assert_memory_equal(seen, data, sizeof(data));
	station_tcp_segment(&tcp, TCP_ACK | TCP_PSH, data, 100);
	assert_true(station_wait_fd(&net.st, fd, EPOLLIN));
	assert_int_equal(recv(fd, seen, sizeof(seen), 0), 100);
	assert_memory_equal(seen, data, 100);
	close(fd);
	net_release(&net);
}

static void forwarded_udp(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint16_t port, own = 0, guest_port = 53;
	char buf[16];
	struct net net;

	(void)state;
	open_forwarded(&net, SOCK_DGRAM, guest_port, &port);
	addr.sin_port = htons(port);
	int fd = station_host_socket(SOCK_DGRAM, &own);
	assert_int_equal(sendto(fd, "ask", 3, 0, (struct sockaddr *)&addr, sizeof(addr)), 3);
	struct station_frame *frame = station_wait(&net.st, match_udp_to, &guest_port);
	assert_non_null(frame);
	assert_memory_equal(frame->data + STATION_L4_AT + 8, "ask", 3);
	uint32_t peer = get32(frame->data + STATION_IP_AT + 12);
	uint16_t peer_port = get16(frame->data + STATION_L4_AT);
	assert_int_equal(station_send_udp(&net.st, peer, guest_port, peer_port, "tell", 4), 0);
	assert_true(station_wait_fd(&net.st, fd, EPOLLIN));
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 4);
	assert_memory_equal(buf, "tell", 4);
	free(frame);
	close(fd);
	net_release(&net);
}

/* What netdev_open() answers and prints. */
static int open_failing(const struct netdev_config *config, char *text, size_t room)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	struct net net;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	int err = net_open(&net, config);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	text[fread(text, 1, room - 1, file)] = '\0';
	fclose(file);
	if (!err)
		net_release(&net);
	return err;
}

static void port_in_use(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	char text[512], number[8];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint16_t port = 0;
		int fd = station_host_socket(types[i], &port);
		struct netdev_forward second = { .udp = i, .host_addr = htonl(INADDR_LOOPBACK), .host_port = port, .guest_port = 1 };
		struct netdev_forward first = free_forward(types[i], 22);
		struct netdev_config config = { .forwards = &first };
		first.next = &second;
		assert_int_equal(open_failing(&config, text, sizeof(text)), -EADDRINUSE);
		snprintf(number, sizeof(number), "%u", port);
		assert_non_null(strstr(text, number));
		assert_non_null(strstr(text, "in use"));
		assert_non_null(strstr(text, i ? "udp" : "tcp"));
		close(fd);
	}
}

static void foreign_address(void **state)
{
	/* TEST-NET-1 (RFC 5737) is nobody's. */
	struct netdev_forward forward = { .host_addr = htonl(0xc0000201), .host_port = 2222, .guest_port = 22 };
	struct netdev_config config = { .forwards = &forward };
	char text[512];

	(void)state;
	assert_int_equal(open_failing(&config, text, sizeof(text)), -EADDRNOTAVAIL);
	assert_non_null(strstr(text, "192.0.2.1"));
}

static void bad_mtu(void **state)
{
	struct netdev_config config = { .mtu = 67 };
	char text[512];

	(void)state;
	assert_int_equal(open_failing(&config, text, sizeof(text)), -ERANGE);
	config.mtu = 65521;
	assert_int_equal(open_failing(&config, text, sizeof(text)), -ERANGE);
	assert_non_null(strstr(text, "65521"));
}

/* --- back-pressure ---------------------------------------------------------------------------------------------------------- */

/*
 * The guest stops taking frames in the middle of a download. The host's side is slowed down, the guest's own frames are refused
 * after a while, and when the guest goes on it misses nothing.
 */
static void back_pressure(void **state)
{
	const size_t len = 8 << 20;
	uint8_t *data = malloc(len);
	struct station_tcp tcp;
	struct net net;
	uint16_t port = 0;

	(void)state;
	assert_non_null(data);
	fill(data, len, 99);
	net_init(&net, NULL);
	int listener = station_host_socket(SOCK_STREAM, &port);
	assert_true(station_tcp_connect(&tcp, &net.st, NETDEV_USER_HOST, 40004, port, 1460));
	assert_true(station_wait_fd(&net.st, listener, EPOLLIN));
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	download(&tcp, fd, data, 1 << 20);

	net.st.refuse = true;
	assert_true(send(fd, data, 1000, MSG_NOSIGNAL) == 1000);
	/* Questions pile up their answers; then no more are let in. */
	int refused = 0, asked = 0;
	char big[60000] = { 8 };
	put16(big + 2, 0xf7ff); /* the checksum of an echo request of zeros */
	while (!refused && asked < 1000) {
		refused = station_send_ip(&net.st, IPPROTO_ICMP, NETDEV_USER_HOST, big, sizeof(big));
		asked++;
	}
	assert_int_equal(refused, -EAGAIN);
	assert_true(asked < 10);

	unsigned before = net.st.arrived;
	net.st.refuse = false;
	net.st.sendable = false;
	netdev_resume(net.nd);
	assert_true(net.st.sendable);
	unsigned echoes = 0;
	size_t got = 0;
	uint8_t seen[65536];
	while (echoes < (unsigned)asked - 1 || got < 1000) {
		struct station_frame *at = net.st.first;
		for (; at; at = at->next)
			echoes += match_icmp(at, NULL);
		got += station_tcp_take(&tcp, seen + got, sizeof(seen) - got);
		if (echoes < (unsigned)asked - 1 || got < 1000)
			assert_true(station_run(&net.st, -1, 0));
	}
	assert_int_equal(echoes, asked - 1);
	assert_true(net.st.arrived > before);
	assert_memory_equal(seen, data, 1000);
	download(&tcp, fd, data, len);
	assert_int_equal(tcp.gaps, 0);
	close(fd);
	close(listener);
	net_release(&net);
	free(data);
}

/* While frames wait, those that come later wait behind them, also when the guest would take those. */
static void order_kept(void **state)
{
	uint16_t port = 40005;
	struct net net;
	uint16_t host_port = 0;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	char buf[64];

	(void)state;
	net_init(&net, NULL);
	int fd = station_host_socket(SOCK_DGRAM, &host_port);
	station_send_udp(&net.st, NETDEV_USER_HOST, port, host_port, "hello", 5);
	assert_true(station_wait_fd(&net.st, fd, EPOLLIN));
	assert_int_equal(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len), 5);

	net.st.refuse = true;
	sendto(fd, "1", 1, 0, (struct sockaddr *)&from, from_len);
	assert_true(station_wait_refusal(&net.st));
	assert_int_equal(net.st.refusals, 1);
	net.st.refuse = false;
	sendto(fd, "2", 1, 0, (struct sockaddr *)&from, from_len);
	/* libslirp answers this from within the call: it queues up all the same. */
	unsigned arrived = net.st.arrived;
	station_send_ip(&net.st, IPPROTO_ICMP, NETDEV_USER_HOST, "\x08\x00\xf7\xff\x00\x00\x00\x00", 8);
	assert_int_equal(net.st.arrived, arrived);
	netdev_resume(net.nd);
	struct station_frame *first = station_wait(&net.st, match_udp_to, &port);
	assert_non_null(first);
	assert_int_equal(first->data[STATION_L4_AT + 8], '1');
	struct station_frame *second = station_wait(&net.st, match_udp_to, &port);
	assert_non_null(second);
	assert_int_equal(second->data[STATION_L4_AT + 8], '2');
	free(first);
	free(second);
	close(fd);
	net_release(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp),
		cmocka_unit_test(dhcp),
		cmocka_unit_test(ping),
		cmocka_unit_test(router_advertisement),
		cmocka_unit_test(tcp_large_mtu),
		cmocka_unit_test(tcp_partial_checksums),
		cmocka_unit_test(tcp_ethernet_mtu),
		cmocka_unit_test(window_reopens),
		cmocka_unit_test(reset_by_host),
		cmocka_unit_test(connection_refused),
		cmocka_unit_test(udp),
		cmocka_unit_test(restricted),
		cmocka_unit_test(malformed_frames),
		cmocka_unit_test(forwarded_tcp),
		cmocka_unit_test(forwarded_udp),
		cmocka_unit_test(port_in_use),
		cmocka_unit_test(foreign_address),
		cmocka_unit_test(bad_mtu),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(order_kept),
	};

	signal(SIGPIPE, SIG_IGN); /* as user.c asks for */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
