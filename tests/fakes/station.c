// SPDX-License-Identifier: Apache-2.0
/* A guest as the network sees it: see station.h. */
#include "tests/fakes/station.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

uint16_t get16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t get32(const void *p)
{
	return (uint32_t)get16(p) << 16 | get16((const uint8_t *)p + 2);
}

void put16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

void put32(void *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16((uint8_t *)p + 2, (uint16_t)v);
}

/* --- the plug ----------------------------------------------------------------------------------------------------------- */

static int on_receive(void *arg, const struct iovec *iov, unsigned iov_count)
{
	struct station *st = arg;
	size_t len = 0;

	if (st->refuse) {
		st->refusals++;
		return -EAGAIN;
	}
	for (unsigned i = 1; i < iov_count; i++)
		len += iov[i].iov_len;
	struct station_frame *frame = malloc(sizeof(*frame) + len);
	if (!frame || iov[0].iov_len != sizeof(frame->header))
		abort();
	frame->next = NULL;
	frame->len = 0;
	memcpy(&frame->header, iov[0].iov_base, sizeof(frame->header));
	for (unsigned i = 1; i < iov_count; i++) {
		memcpy(frame->data + frame->len, iov[i].iov_base, iov[i].iov_len);
		frame->len += iov[i].iov_len;
	}
	*st->last = frame;
	st->last = &frame->next;
	st->arrived++;
	return 0;
}

static void on_received(void *arg)
{
	struct station *st = arg;

	st->bursts++;
	loop_stop(st->loop);
}

static void on_can_send(void *arg)
{
	struct station *st = arg;

	st->sendable = true;
	loop_stop(st->loop);
}

static void on_expired(void *arg)
{
	struct station *st = arg;

	st->expired = true;
	loop_stop(st->loop);
}

void station_init(struct station *st, struct netdev *nd, struct loop *loop)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	struct netdev_client client = { .receive = on_receive, .received = on_received, .can_send = on_can_send, .arg = st };

	memset(st, 0, sizeof(*st));
	st->loop = loop;
	st->nd = nd;
	memcpy(st->mac, mac, sizeof(mac));
	st->ip = NETDEV_USER_GUEST;
	st->last = &st->first;
	st->timer.expired = on_expired;
	st->timer.arg = st;
	if (netdev_attach(nd, &client))
		abort();
}

static struct station_frame *pop_frame(struct station *st)
{
	struct station_frame *frame = st->first;

	if (!frame)
		return NULL;
	st->first = frame->next;
	if (!st->first)
		st->last = &st->first;
	return frame;
}

void station_release(struct station *st)
{
	while (st->first)
		free(pop_frame(st));
	loop_timer_cancel(st->loop, &st->timer);
}

static void on_fd(void *arg, uint32_t events)
{
	struct station *st = arg;

	(void)events;
	loop_stop(st->loop);
}

bool station_run(struct station *st, int fd, uint32_t events)
{
	struct loop_watch watch = { .fd = fd, .events = events, .ready = on_fd, .arg = st };

	st->expired = false;
	loop_timer_set(st->loop, &st->timer, STATION_DEADLINE_MS * 1000000ll);
	if (fd >= 0 && loop_add(st->loop, &watch))
		abort();
	if (loop_run(st->loop))
		abort();
	if (fd >= 0)
		loop_remove(st->loop, &watch);
	loop_timer_cancel(st->loop, &st->timer);
	return !st->expired;
}

struct station_frame *station_wait(struct station *st, station_match match, void *arg)
{
	int64_t end = loop_now_ns() + STATION_DEADLINE_MS * 1000000ll;

	do {
		struct station_frame *frame;
		while ((frame = pop_frame(st))) {
			if (match(frame, arg))
				return frame;
			free(frame);
		}
		if (!station_run(st, -1, 0))
			return NULL;
	} while (loop_now_ns() < end);
	return NULL;
}

bool station_wait_fd(struct station *st, int fd, uint32_t events)
{
	int64_t end = loop_now_ns() + STATION_DEADLINE_MS * 1000000ll;
	struct epoll_event event = { .events = events };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	bool found = false;

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	while (!found && loop_now_ns() < end) {
		found = epoll_wait(epoll_fd, &event, 1, 0) == 1;
		if (!found && !station_run(st, fd, events))
			break;
	}
	close(epoll_fd);
	return found;
}

bool station_wait_refusal(struct station *st)
{
	int64_t end = loop_now_ns() + STATION_DEADLINE_MS * 1000000ll;

	while (!st->refusals && loop_now_ns() < end) {
		loop_timer_set(st->loop, &st->timer, 1000000);
		if (loop_run(st->loop))
			abort();
	}
	loop_timer_cancel(st->loop, &st->timer);
	return st->refusals;
}

/* --- frames --------------------------------------------------------------------------------------------------------------- */

static uint32_t sum16(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	if (len)
		sum += (uint32_t)*p << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo_sum(const uint8_t *ip, size_t l4_len)
{
	uint8_t rest[4] = { 0, ip[9] };

	put16(rest + 2, (uint16_t)l4_len);
	return sum16(sum16(0, ip + 12, 8), rest, sizeof(rest));
}

int station_send(struct station *st, const void *frame, size_t len)
{
	struct virtio_net_hdr header = { 0 };
	const uint8_t *p = frame;
	/* In two parts, as guests do: link header and the rest. */
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)p, STATION_ETH }, { (void *)(p + STATION_ETH), len - STATION_ETH } };
	bool tcp = len > STATION_L4_AT && get16(p + 12) == 0x0800 && p[STATION_IP_AT + 9] == IPPROTO_TCP;

	if (tcp && st->partial_checksums) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = STATION_L4_AT;
		header.csum_offset = 16;
		if (st->gso_size && len > STATION_L4_AT + 20u + st->gso_size) {
			header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
			header.gso_size = st->gso_size;
			header.hdr_len = STATION_L4_AT + 20;
		}
	}
	int err = netdev_send(st->nd, iov, 3);
	netdev_flush(st->nd);
	return err;
}

int station_send_ip(struct station *st, uint8_t protocol, uint32_t dst, const void *l4, size_t len)
{
	uint8_t frame[STATION_L4_AT + 65535] = { 0 };
	uint8_t *ip = frame + STATION_IP_AT;

	memcpy(frame, dst == 0xffffffff ? broadcast_mac : st->gateway, 6);
	memcpy(frame + 6, st->mac, 6);
	put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(STATION_IP + len));
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, st->ip);
	put32(ip + 16, dst);
	put16(ip + 10, (uint16_t)~sum16(0, ip, STATION_IP));
	memcpy(ip + STATION_IP, l4, len);
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
		uint8_t *field = ip + STATION_IP + (protocol == IPPROTO_TCP ? 16 : 6);
		uint32_t sum = pseudo_sum(ip, len);
		put16(field, 0);
		if (protocol == IPPROTO_TCP && st->partial_checksums)
			put16(field, (uint16_t)sum);
		else
			put16(field, (uint16_t)~sum16(sum, ip + STATION_IP, len));
	}
	return station_send(st, frame, STATION_L4_AT + len);
}

int station_send_udp(struct station *st, uint32_t dst, uint16_t sport, uint16_t dport, const void *payload, size_t len)
{
	uint8_t udp[65535];

	put16(udp, sport);
	put16(udp + 2, dport);
	put16(udp + 4, (uint16_t)(8 + len));
	if (len)
		memcpy(udp + 8, payload, len);
	return station_send_ip(st, IPPROTO_UDP, dst, udp, 8 + len);
}

bool station_checksums_good(const struct station_frame *frame)
{
	const uint8_t *ip = frame->data + STATION_IP_AT;
	size_t len = get16(ip + 2);

	if (frame->len < STATION_L4_AT || len < STATION_IP || len > frame->len - STATION_ETH || sum16(0, ip, STATION_IP) != 0xffff)
		return false;
	if (frame->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return true;
	return sum16(pseudo_sum(ip, len - STATION_IP), ip + STATION_IP, len - STATION_IP) == 0xffff;
}

static bool match_arp_reply(const struct station_frame *frame, void *arg)
{
	const uint8_t *arp = frame->data + STATION_ETH;

	return frame->len >= STATION_ETH + 28 && get16(frame->data + 12) == 0x0806 && get16(arp + 6) == 2 &&
	       get32(arp + 14) == *(uint32_t *)arg;
}

bool station_arp(struct station *st, uint32_t ip)
{
	uint8_t frame[STATION_ETH + 28] = { 0 };
	uint8_t *arp = frame + STATION_ETH;

	memcpy(frame, broadcast_mac, 6);
	memcpy(frame + 6, st->mac, 6);
	put16(frame + 12, 0x0806);
	put16(arp, 1);
	put16(arp + 2, 0x0800);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, 1);
	memcpy(arp + 8, st->mac, 6);
	put32(arp + 14, st->ip);
	put32(arp + 24, ip);
	if (station_send(st, frame, sizeof(frame)))
		return false;
	struct station_frame *reply = station_wait(st, match_arp_reply, &ip);
	bool good = reply && !memcmp(reply->data, st->mac, 6);
	if (good)
		memcpy(st->gateway, reply->data + 6, 6);
	free(reply);
	return good;
}

/* --- TCP ------------------------------------------------------------------------------------------------------------------ */

#define TCP_HEADER 20
#define TCP_MSS_OPTION 4

static void send_tcp(struct station_tcp *tcp, uint8_t flags, const void *data, size_t len)
{
	uint8_t segment[65535] = { 0 };
	size_t options = flags & TCP_SYN ? TCP_MSS_OPTION : 0;

	put16(segment, tcp->sport);
	put16(segment + 2, tcp->dport);
	put32(segment + 4, tcp->seq);
	put32(segment + 8, flags & TCP_ACK ? tcp->ack : 0);
	segment[12] = (uint8_t)((TCP_HEADER + options) / 4 << 4);
	segment[13] = flags;
	put16(segment + 14, 65535);
	if (options) {
		segment[20] = 2;
		segment[21] = 4;
		put16(segment + 22, tcp->mss);
	}
	if (len)
		memcpy(segment + TCP_HEADER + options, data, len);
	station_send_ip(tcp->st, IPPROTO_TCP, tcp->peer, segment, TCP_HEADER + options + len);
}

void station_tcp_segment(struct station_tcp *tcp, uint8_t flags, const void *data, size_t len)
{
	send_tcp(tcp, flags, data, len);
	tcp->seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

static bool is_tcp_to(const struct station_frame *frame, uint16_t port)
{
	return frame->len >= STATION_L4_AT + TCP_HEADER && get16(frame->data + 12) == 0x0800 &&
	       frame->data[STATION_IP_AT + 9] == IPPROTO_TCP && get16(frame->data + STATION_L4_AT + 2) == port;
}

static bool match_tcp(const struct station_frame *frame, void *arg)
{
	return is_tcp_to(frame, *(uint16_t *)arg);
}

bool station_tcp_connect(struct station_tcp *tcp, struct station *st, uint32_t dst, uint16_t sport, uint16_t dport, uint16_t mss)
{
	*tcp = (struct station_tcp){ .st = st, .peer = dst, .sport = sport, .dport = dport, .seq = 1000, .mss = mss };
	station_tcp_segment(tcp, TCP_SYN, NULL, 0);
	struct station_frame *answer = station_wait(st, match_tcp, &sport);
	if (!answer)
		return false;
	const uint8_t *segment = answer->data + STATION_L4_AT;
	bool good = segment[13] == (TCP_SYN | TCP_ACK) && get32(segment + 8) == tcp->seq && station_checksums_good(answer);
	tcp->ack = get32(segment + 4) + 1;
	tcp->acked = tcp->seq;
	tcp->peer_window = get16(segment + 14);
	free(answer);
	if (good)
		station_tcp_segment(tcp, TCP_ACK, NULL, 0);
	return good;
}

bool station_tcp_accept(struct station_tcp *tcp, struct station *st, uint16_t port, uint16_t mss)
{
	struct station_frame *syn = station_wait(st, match_tcp, &port);

	if (!syn)
		return false;
	const uint8_t *segment = syn->data + STATION_L4_AT;
	bool good = segment[13] == TCP_SYN && station_checksums_good(syn);
	*tcp = (struct station_tcp){ .st = st, .sport = port, .seq = 5000, .mss = mss };
	tcp->peer = get32(syn->data + STATION_IP_AT + 12);
	tcp->dport = get16(segment);
	tcp->ack = get32(segment + 4) + 1;
	tcp->acked = tcp->seq + 1;
	free(syn);
	if (good)
		station_tcp_segment(tcp, TCP_SYN | TCP_ACK, NULL, 0);
	return good;
}

/* Returns how many new bytes of the segment went to `data`. */
static size_t take_segment(struct station_tcp *tcp, const struct station_frame *frame, uint8_t *data, size_t room)
{
	const uint8_t *ip = frame->data + STATION_IP_AT;
	const uint8_t *segment = ip + STATION_IP;
	size_t header = (size_t)(segment[12] >> 4) * 4;
	size_t total = (size_t)get16(ip + 2) - STATION_IP;
	uint32_t seq = get32(segment + 4);

	if (segment[13] & TCP_RST)
		tcp->reset_seen = true;
	if (!station_checksums_good(frame) || header > total)
		return 0;
	if (segment[13] & TCP_ACK) {
		tcp->acked = get32(segment + 8);
		tcp->peer_window = get16(segment + 14);
	}
	size_t len = total - header;
	if (len && seq != tcp->ack) {
		if ((int32_t)(seq - tcp->ack) > 0)
			tcp->gaps++;
		else
			tcp->duplicates++;
		return 0;
	}
	if (len > room)
		abort();
	if (len)
		memcpy(data, segment + header, len);
	tcp->ack += (uint32_t)len;
	if (segment[13] & TCP_FIN && seq + len == tcp->ack && !tcp->fin_seen) {
		tcp->fin_seen = true;
		tcp->ack++;
	}
	return len;
}

size_t station_tcp_take(struct station_tcp *tcp, void *data, size_t room)
{
	struct station_frame *frame;
	uint32_t ack = tcp->ack;
	size_t len = 0;

	while ((frame = pop_frame(tcp->st))) {
		if (is_tcp_to(frame, tcp->sport))
			len += take_segment(tcp, frame, (uint8_t *)data + len, room - len);
		free(frame);
	}
	if (tcp->ack != ack)
		station_tcp_segment(tcp, TCP_ACK, NULL, 0);
	return len;
}

int station_host_socket(int type, uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || (type == SOCK_STREAM && listen(fd, 8)) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len)) {
		close(fd);
		return -1;
	}
	*port = ntohs(addr.sin_port);
	return fd;
}
