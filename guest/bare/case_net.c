// SPDX-License-Identifier: Apache-2.0
/* The network card, on the user network: virtio 1.2, 5.1; ARP, ICMP echo and UDP with the gateway 10.0.2.2, which is the host. */
#include "guest/bare/cases.h"
#include "guest/bare/virtio.h"

#define NET_F_MAC (1ul << 5)
#define NET_F_MRG_RXBUF (1ul << 15)
#define NET_F_MTU (1ul << 3)
#define QUEUE_RX 0
#define QUEUE_TX 1
#define HEADER_BYTES 12
#define FRAME_MAX 2048
#define RX_BUFFERS 8

#define GUEST_IP 0x0a00020fu
#define GATEWAY_IP 0x0a000202u
#define TYPE_IP 0x0800
#define TYPE_ARP 0x0806
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17

static struct virtio net;
static uint8_t rx[RX_BUFFERS][FRAME_MAX], tx[FRAME_MAX];
static uint8_t mac[6], gateway_mac[6];

/* --- frames --------------------------------------------------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* RFC 1071 */
static unsigned internet_sum(const uint8_t *bytes, unsigned count)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* The frame being made, behind the device's header. */
static uint8_t *begin_frame(const uint8_t *to, unsigned type)
{
	uint8_t *frame = tx + HEADER_BYTES;

	memset(tx, 0, sizeof(tx));
	memcpy(frame, to, 6);
	memcpy(frame + 6, mac, 6);
	put16(frame + 12, type);
	return frame + 14;
}

static uint8_t *begin_ip(unsigned protocol, unsigned bytes)
{
	uint8_t *ip = begin_frame(gateway_mac, TYPE_IP);

	ip[0] = 0x45;
	put16(ip + 2, 20 + bytes);
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, GUEST_IP);
	put32(ip + 16, GATEWAY_IP);
	put16(ip + 10, internet_sum(ip, 20));
	return ip + 20;
}

static bool send_frame(struct virtio *v, unsigned bytes)
{
	return virtio_do(v, QUEUE_TX, &(struct piece){ tx, HEADER_BYTES + 14 + bytes, false }, 1, NULL);
}

static void offer(struct virtio *v, unsigned i)
{
	queue_put(&v->queue[QUEUE_RX], &(struct piece){ rx[i], FRAME_MAX, true }, 1);
}

/*
 * The next frame of a type, without its Ethernet header; NULL: none came. Others are dropped. Its buffer is
 * offered again at once, behind the other seven: it lasts until they are full.
 */
static const uint8_t *receive(struct virtio *v, unsigned type, uint32_t *bytes)
{
	struct queue *q = &v->queue[QUEUE_RX];

	for (;;) {
		uint32_t head, length;
		if (!queue_take(q, &head, &length))
			return NULL;
		unsigned i = head % RX_BUFFERS;
		const uint8_t *frame = rx[i] + HEADER_BYTES;
		offer(v, i);
		queue_notify(v, q);
		if (length >= HEADER_BYTES + 14 && get16(frame + 12) == type) {
			*bytes = length - HEADER_BYTES - 14;
			return frame + 14;
		}
	}
}

/* The next IP packet of a protocol from the gateway: what it carries. */
static const uint8_t *receive_ip(struct virtio *v, unsigned protocol, unsigned *bytes)
{
	for (;;) {
		uint32_t length;
		const uint8_t *ip = receive(v, TYPE_IP, &length);
		if (!ip)
			return NULL;
		if (length < 20 || get16(ip + 2) > length || ip[0] != 0x45 || ip[9] != protocol || get32(ip + 12) != GATEWAY_IP)
			continue;
		*bytes = get16(ip + 2) - 20;
		return ip + 20;
	}
}

static void offer_all(struct virtio *v)
{
	for (unsigned i = 0; i < RX_BUFFERS; i++)
		offer(v, i);
	queue_notify(v, &v->queue[QUEUE_RX]);
}

/* --- exchanges ------------------------------------------------------------------------------------------------------------ */

static void make_arp_request(void)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t *arp = begin_frame(everybody, TYPE_ARP);

	put16(arp, 1);
	put16(arp + 2, TYPE_IP);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, 1);
	memcpy(arp + 8, mac, 6);
	put32(arp + 14, GUEST_IP);
	put32(arp + 24, GATEWAY_IP);
}

#define ARP_BYTES 46 /* with the padding of a shortest frame */

void net_provoke(struct virtio *v)
{
	make_arp_request();
	queue_put(&v->queue[QUEUE_TX], &(struct piece){ tx, HEADER_BYTES + 14 + ARP_BYTES, false }, 1);
	queue_notify(v, &v->queue[QUEUE_TX]);
}

static bool exchange_arp(struct virtio *v)
{
	uint32_t bytes;

	make_arp_request();
	if (!send_frame(v, ARP_BYTES))
		return false;
	for (;;) {
		const uint8_t *answer = receive(v, TYPE_ARP, &bytes);
		if (!answer)
			return false;
		if (bytes >= 28 && get16(answer + 6) == 2 && get32(answer + 14) == GATEWAY_IP) {
			memcpy(gateway_mac, answer + 8, 6);
			return true;
		}
	}
}

#define PING_BYTES 64

static bool exchange_ping(struct virtio *v, unsigned sequence)
{
	uint8_t *icmp = begin_ip(PROTOCOL_ICMP, 8 + PING_BYTES);
	uint8_t sent[PING_BYTES];
	unsigned bytes;

	icmp[0] = 8;
	put16(icmp + 4, 0x7476);
	put16(icmp + 6, sequence);
	fill_pattern(sent, sizeof(sent), sequence);
	memcpy(icmp + 8, sent, sizeof(sent));
	put16(icmp + 2, internet_sum(icmp, 8 + PING_BYTES));
	if (!send_frame(v, 20 + 8 + PING_BYTES))
		return false;
	const uint8_t *answer = receive_ip(v, PROTOCOL_ICMP, &bytes);
	return answer && bytes == 8 + PING_BYTES && answer[0] == 0 && get16(answer + 6) == sequence && !internet_sum(answer, bytes) &&
	       !memcmp(answer + 8, sent, sizeof(sent));
}

/* The host's side sends back what it got, its case inverted. */
static bool exchange_udp(struct virtio *v, unsigned port)
{
	static const char question[] = "From Guest To Host", expected[] = "fROM gUEST tO hOST";
	unsigned length = sizeof(question) - 1, bytes;
	uint8_t *udp = begin_ip(PROTOCOL_UDP, 8 + length);

	put16(udp, 4321);
	put16(udp + 2, port);
	put16(udp + 4, 8 + length);
	memcpy(udp + 8, question, length);
	if (!send_frame(v, 20 + 8 + length))
		return false;
	const uint8_t *answer = receive_ip(v, PROTOCOL_UDP, &bytes);
	return answer && bytes == 8 + length && get16(answer) == port && get16(answer + 2) == 4321 && !memcmp(answer + 8, expected, length);
}

bool net_works(struct virtio *v)
{
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)virtio_config(v, i, 1);
	/* The first exchange after the device was opened also has to give it buffers. */
	if (v->queue[QUEUE_RX].ring.avail.idx == 0)
		offer_all(v);
	return exchange_arp(v);
}

/* mac=TEXT, without colons; port=N of the host's UDP */
void case_net(const struct machine *m)
{
	char given[13] = "", text[13] = "";

	if (!virtio_find(&net, m, ID_NET, 0))
		give_up("there is a network card");
	check(virtio_offered(&net) & NET_F_MAC && virtio_offered(&net) & NET_F_MTU, "the card tells its address and its MTU");
	check(virtio_open(&net, NET_F_MAC | NET_F_MTU | NET_F_MRG_RXBUF | F_EVENT_IDX), "the card can be opened");
	for (unsigned i = 0; i < 12; i++)
		text[i] = "0123456789abcdef"[virtio_config(&net, i / 2, 1) >> (i % 2 ? 0 : 4) & 0xf];
	parameter_text(m, "mac", given, sizeof(given));
	check(!memcmp(text, given, 12), "the card's address is %s", given);
	check(virtio_config(&net, 10, 2) >= 1500, "its MTU is %u", (unsigned)virtio_config(&net, 10, 2));
	check(net_works(&net), "the gateway answers ARP");
	unsigned before = arch_line_count(net.line);
	check(exchange_ping(&net, 1) && exchange_ping(&net, 2), "the gateway answers echo requests");
	check(wait_until(arch_line_count(net.line) != before), "frames that come in interrupt");
	check(exchange_udp(&net, (unsigned)parameter(m, "port")), "a datagram goes to the host and comes back");
	bool good = true;
	for (unsigned i = 3; i < 3 * RING_ENTRIES && good; i++)
		good = exchange_ping(&net, i);
	check(good, "rings go round: %u more echo requests", 3 * RING_ENTRIES - 3);
	check(virtio_open(&net, NET_F_MAC) && net_works(&net) && exchange_ping(&net, 1), "and all again with the fewest features");
}
