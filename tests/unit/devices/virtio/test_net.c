// SPDX-License-Identifier: Apache-2.0
/* devices/virtio/net.c: what a driver sees on its queues, and what the cable gets, from good drivers and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/virtio/net.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_netdev.h"
#include "vmm/util/log.h"

#define RXQ 0
#define TXQ 1
#define HEADER sizeof(struct virtio_net_hdr)
#define TAP_FEATURES (VIRTIO_NET_HOST_OFFLOADS | VIRTIO_NET_GUEST_OFFLOADS)

struct card {
	struct fake_driver drv;
	struct fake_netdev cable;
	struct virtio_net *net;
};

static void card_init(struct card *card, uint64_t cable_features, uint64_t driver_features)
{
	static const struct virtio_net_config config = { "net0", { 0x52, 0x54, 0, 1, 2, 3 } };

	log_set_level(LOG_ERROR); /* bad drivers are what this is about */
	fake_driver_init(&card->drv);
	fake_netdev_init(&card->cable, 9000, cable_features);
	card->net = virtio_net_new(&config, &card->cable.nd, card->drv.loop, &card->drv.mem);
	assert_non_null(card->net);
	assert_true(fake_driver_attach(&card->drv, virtio_net_dev(card->net), driver_features));
	fake_run_once(&card->drv);
}

static void card_release(struct card *card)
{
	fake_driver_detach(&card->drv);
	fake_netdev_release(&card->cable);
	virtio_net_free(card->net);
	fake_driver_release(&card->drv);
}

static void pattern(uint8_t *data, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 8) + seed);
}

static void config_space(void **state)
{
	struct card card;
	uint8_t mac[6];
	uint16_t status, mtu;

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	assert_int_equal(virtio_net_dev(card.net)->device_id, 1);
	fake_config_read(&card.drv, 0, mac, 6);
	fake_config_read(&card.drv, 6, &status, 2);
	fake_config_read(&card.drv, 10, &mtu, 2);
	assert_memory_equal(mac, "\x52\x54\x00\x01\x02\x03", 6);
	assert_int_equal(status, 1);
	assert_int_equal(mtu, 9000);
	assert_true(card.drv.features & VIRTIO_NET_F_MRG_RXBUF);
	assert_false(card.drv.features & TAP_FEATURES);
	card_release(&card);
}

/* --- sending ---------------------------------------------------------------------------------------------------------------- */

/* Puts header and frame, cut into pieces of `piece` bytes, into the transmit queue. */
static int queue_tx(struct card *card, const struct virtio_net_hdr *header, const void *frame, uint32_t len, uint32_t piece)
{
	static struct fake_buffer buffers[VIRTQUEUE_SIZE_MAX];
	uint32_t total = HEADER + len;
	unsigned count = 0;
	gpa_t gpa = fake_alloc(&card->drv, total);

	memcpy(fake_at(&card->drv, gpa), header, HEADER);
	if (len)
		memcpy((uint8_t *)fake_at(&card->drv, gpa) + HEADER, frame, len);
	for (uint32_t at = 0; at < total; at += piece)
		buffers[count++] = (struct fake_buffer){ .gpa = gpa + at, .len = total - at < piece ? total - at : piece };
	return fake_add(&card->drv, TXQ, buffers, count);
}

static void sends(void **state)
{
	static const uint32_t pieces[] = { 1, 5, 11, 12, 13, 26, 60, 1000 };
	struct virtio_net_hdr header = { 0 };
	struct fake_used used;
	struct card card;
	uint8_t frame[100];

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	for (unsigned i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		pattern(frame, sizeof(frame), i);
		int head = queue_tx(&card, &header, frame, sizeof(frame), pieces[i]);
		assert_true(head >= 0);
		fake_interrupts_on(&card.drv, TXQ);
		unsigned interrupts = card.drv.interrupts;
		fake_kick(&card.drv, TXQ);
		assert_true(fake_used(&card.drv, TXQ, &used));
		assert_int_equal(used.head, head);
		assert_int_equal(used.len, 0);
		assert_true(card.drv.interrupts > interrupts);
		struct fake_frame *sent = fake_netdev_take(&card.cable);
		assert_non_null(sent);
		assert_int_equal(sent->len, sizeof(frame));
		assert_memory_equal(sent->data, frame, sizeof(frame));
		free(sent);
	}
	card_release(&card);
}

/* One notification, many frames: one burst. */
static void sends_bursts(void **state)
{
	struct virtio_net_hdr header = { 0 };
	struct fake_used used;
	struct card card;
	uint8_t frame[60];

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	for (unsigned i = 0; i < 100; i++) {
		pattern(frame, sizeof(frame), i);
		assert_true(queue_tx(&card, &header, frame, sizeof(frame), 1000) >= 0);
	}
	fake_kick(&card.drv, TXQ);
	assert_int_equal(card.cable.sent_count, 100);
	assert_int_equal(card.cable.flushes, 1);
	for (unsigned i = 0; i < 100; i++) {
		pattern(frame, sizeof(frame), i);
		struct fake_frame *sent = fake_netdev_take(&card.cable);
		assert_memory_equal(sent->data, frame, sizeof(frame));
		free(sent);
		assert_true(fake_used(&card.drv, TXQ, &used));
	}
	card_release(&card);
}

struct tx_case {
	struct virtio_net_hdr header;
	uint32_t len;
	bool sent;
};

static void send_case(struct card *card, const struct tx_case *c)
{
	static uint8_t frame[NETDEV_FRAME_MAX];
	struct fake_used used;

	assert_true(queue_tx(card, &c->header, frame, c->len, 100000) >= 0);
	fake_kick(&card->drv, TXQ);
	/* Dropped or sent, the buffer comes back and the device lives. */
	assert_true(fake_used(&card->drv, TXQ, &used));
	assert_false(fake_needs_reset(&card->drv));
	struct fake_frame *sent = fake_netdev_take(&card->cable);
	assert_true(c->sent == (sent != NULL));
	if (!sent)
		return;
	assert_int_equal(sent->len, c->len);
	assert_true(sent->header.hdr_len <= c->len);
	assert_int_equal(sent->header.num_buffers, 0);
	assert_int_equal(sent->header.flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
	free(sent);
}

enum { CSUM = VIRTIO_NET_HDR_F_NEEDS_CSUM, TCP4 = VIRTIO_NET_HDR_GSO_TCPV4, TCP6 = VIRTIO_NET_HDR_GSO_TCPV6, ECN = VIRTIO_NET_HDR_GSO_ECN };

static void checks_headers(void **state)
{
	static const struct tx_case offloads[] = {
		{ { 0 }, 13, false }, /* shorter than an Ethernet header */
		{ { 0 }, 0, false },
		{ { 0 }, 14, true },
		{ { 0 }, NETDEV_FRAME_MAX - HEADER, true },
		{ { 0 }, NETDEV_FRAME_MAX - HEADER + 1, false },
		{ { .flags = 0xfe, .num_buffers = 7, .hdr_len = 999, .csum_start = 60000 }, 60, true }, /* unknown flags mean nothing */
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 16 }, 60, true },
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 24 }, 60, true }, /* the last two bytes */
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 25 }, 60, false },
		{ { .flags = CSUM, .csum_start = 65535, .csum_offset = 65535 }, 60, false },
		{ { .flags = CSUM, .csum_start = 60, .csum_offset = 0 }, 60, false },
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 16, .gso_type = TCP4, .gso_size = 1460, .hdr_len = 54 }, 5000, true },
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 16, .gso_type = TCP4 | ECN, .gso_size = 1, .hdr_len = 54 }, 999, true },
		{ { .flags = CSUM, .csum_start = 54, .csum_offset = 16, .gso_type = TCP6, .gso_size = 1440, .hdr_len = 65535 }, 999, true },
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 16, .gso_type = TCP4, .gso_size = 0 }, 5000, false },
		{ { .gso_type = TCP4, .gso_size = 1460 }, 5000, false }, /* segments need checksums */
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 6, .gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 1460 }, 999, false },
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 6, .gso_type = 0x7f, .gso_size = 1460 }, 5000, false },
		{ { .gso_type = ECN }, 5000, false },
	};
	/* What was not negotiated must not be asked for. */
	static const struct tx_case plain[] = {
		{ { 0 }, 60, true },
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 16 }, 60, false },
		{ { .flags = CSUM, .csum_start = 34, .csum_offset = 16, .gso_type = TCP4, .gso_size = 1460 }, 5000, false },
	};
	struct card card;

	(void)state;
	card_init(&card, TAP_FEATURES, FAKE_FEATURES_ALL);
	for (size_t i = 0; i < sizeof(offloads) / sizeof(*offloads); i++)
		send_case(&card, &offloads[i]);
	card_release(&card);
	card_init(&card, TAP_FEATURES, ~TAP_FEATURES);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		send_case(&card, &plain[i]);
	card_release(&card);
}

static void short_header(void **state)
{
	struct card card;
	struct virtio_net_hdr header = { 0 };
	uint8_t frame[60] = { 0 };

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	struct fake_buffer buffer = { .gpa = fake_alloc(&card.drv, 11), .len = 11 };
	assert_true(fake_add(&card.drv, TXQ, &buffer, 1) >= 0);
	fake_kick(&card.drv, TXQ);
	assert_true(fake_needs_reset(&card.drv));
	assert_int_equal(card.cable.sent_count, 0);
	/* A new driver finds the card as new. */
	assert_true(fake_driver_restart(&card.drv, FAKE_FEATURES_ALL));
	assert_true(queue_tx(&card, &header, frame, sizeof(frame), 1000) >= 0);
	fake_kick(&card.drv, TXQ);
	assert_int_equal(card.cable.sent_count, 1);
	card_release(&card);
}

static void cable_is_full(void **state)
{
	struct virtio_net_hdr header = { 0 };
	struct fake_used used;
	struct card card;
	uint8_t frame[60] = { 0 };

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	card.cable.refuse = true;
	for (uint8_t i = 0; i < 5; i++) {
		frame[0] = i;
		assert_true(queue_tx(&card, &header, frame, sizeof(frame), 1000) >= 0);
		fake_kick(&card.drv, TXQ);
	}
	assert_false(fake_used(&card.drv, TXQ, &used));
	fake_netdev_accept(&card.cable);
	for (uint8_t i = 0; i < 5; i++) {
		struct fake_frame *sent = fake_netdev_take(&card.cable);
		assert_non_null(sent);
		assert_int_equal(sent->data[0], i);
		free(sent);
		assert_true(fake_used(&card.drv, TXQ, &used));
	}
	/* And the driver is heard again. */
	queue_tx(&card, &header, frame, sizeof(frame), 1000);
	assert_true(fake_wants_kick(&card.drv, TXQ));
	fake_kick(&card.drv, TXQ);
	assert_int_equal(card.cable.sent_count, 6);
	card_release(&card);
}

/* --- receiving -------------------------------------------------------------------------------------------------------------- */

struct rx {
	gpa_t gpa[VIRTQUEUE_SIZE_MAX]; /* by head */
	uint32_t len[VIRTQUEUE_SIZE_MAX];
};

static void add_rx(struct card *card, struct rx *rx, uint32_t len)
{
	struct fake_buffer buffer = { .gpa = fake_alloc(&card->drv, len), .len = len, .writable = true };
	int head = fake_add(&card->drv, RXQ, &buffer, 1);

	assert_true(head >= 0);
	rx->gpa[head] = buffer.gpa;
	rx->len[head] = len;
}

/* The next whole frame that the driver finds: its header, its bytes. Returns its length, header included; 0: none. */
static size_t take_rx(struct card *card, struct rx *rx, struct virtio_net_hdr *header, uint8_t *data, size_t room)
{
	struct fake_used used;
	static uint8_t whole[2 * NETDEV_FRAME_MAX];
	size_t len = 0;
	unsigned buffers = 1;

	for (unsigned i = 0; i < buffers; i++) {
		if (!fake_used(&card->drv, RXQ, &used)) {
			assert_int_equal(i, 0);
			return 0;
		}
		assert_true(used.len <= rx->len[used.head]);
		memcpy(whole + len, fake_at(&card->drv, rx->gpa[used.head]), used.len);
		len += used.len;
		if (i == 0) {
			assert_true(len >= HEADER);
			memcpy(header, whole, HEADER);
			buffers = header->num_buffers;
			assert_true(buffers >= 1);
		}
	}
	assert_true(len - HEADER <= room);
	memcpy(data, whole + HEADER, len - HEADER);
	return len;
}

static void give(struct card *card, const void *data, size_t len)
{
	struct virtio_net_hdr header = { 0 };

	fake_netdev_give(&card->cable, &header, data, len, 1);
}

static void receives(void **state)
{
	static const struct {
		uint32_t buffer;
		size_t frame;
		unsigned parts, buffers;
	} cases[] = {
		{ 1526, 60, 1, 1 },    { 1526, 1514, 1, 1 }, { 1526, 1515, 1, 2 }, { 1526, 5000, 3, 4 },
		{ 12, 60, 1, 6 },      { 13, 60, 7, 6 },     { 256, 65000, 5, 254 }, { 70000, 65549, 1, 1 },
	};
	static uint8_t frame[NETDEV_FRAME_MAX], seen[NETDEV_FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct virtio_net_hdr header = { 0 };
		struct card card;
		struct rx rx;
		card_init(&card, 0, FAKE_FEATURES_ALL);
		for (unsigned n = 0; n < cases[i].buffers; n++)
			add_rx(&card, &rx, cases[i].buffer);
		pattern(frame, cases[i].frame, (unsigned)i);
		unsigned interrupts = card.drv.interrupts;
		fake_netdev_give(&card.cable, &header, frame, cases[i].frame, cases[i].parts);
		assert_true(card.drv.interrupts > interrupts);
		assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), HEADER + cases[i].frame);
		assert_int_equal(header.num_buffers, cases[i].buffers);
		assert_memory_equal(seen, frame, cases[i].frame);
		card_release(&card);
	}
}

/* A buffer of many parts, the header itself cut up. */
static void scattered_buffer(void **state)
{
	struct fake_buffer parts[20];
	struct fake_used used;
	struct card card;
	uint8_t frame[60];

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	gpa_t gpa = fake_alloc(&card.drv, 100);
	for (unsigned i = 0; i < 20; i++)
		parts[i] = (struct fake_buffer){ .gpa = gpa + i * 5, .len = 5, .writable = true };
	assert_true(fake_add(&card.drv, RXQ, parts, 20) >= 0);
	pattern(frame, sizeof(frame), 3);
	give(&card, frame, sizeof(frame));
	assert_true(fake_used(&card.drv, RXQ, &used));
	assert_int_equal(used.len, HEADER + sizeof(frame));
	struct virtio_net_hdr *header = fake_at(&card.drv, gpa);
	assert_int_equal(header->num_buffers, 1);
	assert_memory_equal((uint8_t *)header + HEADER, frame, sizeof(frame));
	card_release(&card);
}

/* The queue runs dry in the middle of a frame, several times. Each time the driver is asked for a notification, and nothing is lost. */
static void runs_dry_with(uint64_t features)
{
	static uint8_t frame[5000], seen[5000];
	struct virtio_net_hdr header;
	struct card card;
	struct rx rx;

	card_init(&card, 0, features);
	for (unsigned n = 0; n < 40; n++) {
		pattern(frame, sizeof(frame), n);
		give(&card, frame, sizeof(frame));
	}
	assert_non_null(card.cable.held);
	for (unsigned n = 0; n < 40; n++) {
		size_t len = 0;
		/* A buffer at a time, notifying only when asked to. */
		for (unsigned tries = 0; !len && tries < 10; tries++) {
			add_rx(&card, &rx, 1000);
			if (fake_wants_kick(&card.drv, RXQ))
				fake_kick(&card.drv, RXQ);
			len = take_rx(&card, &rx, &header, seen, sizeof(seen));
		}
		pattern(frame, sizeof(frame), n);
		assert_int_equal(len, HEADER + sizeof(frame));
		assert_memory_equal(seen, frame, sizeof(frame));
	}
	assert_null(card.cable.held);
	card_release(&card);
}

static void runs_dry(void **state)
{
	(void)state;
	runs_dry_with(FAKE_FEATURES_ALL);
	runs_dry_with(~VIRTIO_F_EVENT_IDX);
}

/* While there are buffers, adding more is no news: no exits for it. */
static void quiet_while_fed(void **state)
{
	struct virtio_net_hdr header;
	struct card card;
	struct rx rx;
	uint8_t frame[60] = { 0 };
	unsigned wanted = 0;

	(void)state;
	card_init(&card, 0, ~VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 8; i++)
		add_rx(&card, &rx, 100);
	for (unsigned i = 0; i < 100; i++) {
		give(&card, frame, sizeof(frame));
		assert_true(take_rx(&card, &rx, &header, frame, sizeof(frame)) > 0);
		add_rx(&card, &rx, 100);
		wanted += fake_wants_kick(&card.drv, RXQ);
	}
	assert_int_equal(wanted, 0);
	card_release(&card);
}

static void without_mergeable_buffers(void **state)
{
	static uint8_t frame[2000], seen[2000];
	struct virtio_net_hdr header;
	struct card card;
	struct rx rx;

	(void)state;
	card_init(&card, 0, ~VIRTIO_NET_F_MRG_RXBUF);
	add_rx(&card, &rx, 1526);
	add_rx(&card, &rx, 1526);
	pattern(frame, sizeof(frame), 1);
	/* Too long for any buffer: lost, and no buffer with it. */
	give(&card, frame, 1515);
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), 0);
	give(&card, frame, 1514);
	give(&card, frame, 60);
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), HEADER + 1514);
	assert_int_equal(header.num_buffers, 1);
	assert_memory_equal(seen, frame, 1514);
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), HEADER + 60);
	give(&card, frame, 61);
	assert_non_null(card.cable.held);
	add_rx(&card, &rx, 1526);
	assert_true(fake_wants_kick(&card.drv, RXQ));
	fake_kick(&card.drv, RXQ);
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), HEADER + 61);
	card_release(&card);
}

/* A frame that all buffers of a full ring cannot hold must not stop those behind it. */
static void longer_than_the_ring(void **state)
{
	static uint8_t frame[5000], seen[5000];
	struct virtio_net_hdr header;
	struct card card;
	struct rx rx;

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	for (unsigned i = 0; i < VIRTQUEUE_SIZE_MAX; i++)
		add_rx(&card, &rx, 16);
	give(&card, frame, sizeof(frame));
	assert_null(card.cable.held);
	pattern(frame, 60, 9);
	give(&card, frame, 60);
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), HEADER + 60);
	assert_memory_equal(seen, frame, 60);
	card_release(&card);
}

static void received_header(void **state)
{
	struct virtio_net_hdr segmented = {
		.flags = CSUM, .csum_start = 34, .csum_offset = 16, .gso_type = TCP4, .gso_size = 1460, .hdr_len = 54
	};
	struct virtio_net_hdr valid = { .flags = VIRTIO_NET_HDR_F_DATA_VALID }, header;
	uint8_t frame[60] = { 0 }, seen[60];
	struct card card;
	struct rx rx;

	(void)state;
	card_init(&card, TAP_FEATURES, FAKE_FEATURES_ALL);
	add_rx(&card, &rx, 100);
	add_rx(&card, &rx, 100);
	fake_netdev_give(&card.cable, &segmented, frame, sizeof(frame), 1);
	fake_netdev_give(&card.cable, &valid, frame, sizeof(frame), 1);
	assert_true(take_rx(&card, &rx, &header, seen, sizeof(seen)) > 0);
	segmented.num_buffers = 1;
	assert_memory_equal(&header, &segmented, sizeof(header));
	assert_true(take_rx(&card, &rx, &header, seen, sizeof(seen)) > 0);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	card_release(&card);

	/* A driver that did not ask for them must not see them (5.1.6.4.1). */
	card_init(&card, TAP_FEATURES, ~(VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4));
	add_rx(&card, &rx, 100);
	fake_netdev_give(&card.cable, &segmented, frame, sizeof(frame), 1);
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), 0);
	fake_netdev_give(&card.cable, &valid, frame, sizeof(frame), 1);
	assert_true(take_rx(&card, &rx, &header, seen, sizeof(seen)) > 0);
	assert_int_equal(header.flags, 0);
	card_release(&card);
}

/* --- drivers that come and go ----------------------------------------------------------------------------------------------- */

static void offloads_follow_the_driver(void **state)
{
	uint64_t guest = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;
	struct virtio_net_hdr header;
	uint8_t frame[60] = { 1 }, seen[60];
	struct card card;
	struct rx rx;

	(void)state;
	card_init(&card, TAP_FEATURES, guest | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_MRG_RXBUF);
	assert_true(card.cable.offloads == guest);
	/* A frame waits for the first driver and must not reach the second one's buffers by accident of time. */
	give(&card, frame, sizeof(frame));
	assert_non_null(card.cable.held);
	fake_reg_write(&card.drv, 0x70, 0);
	fake_run_once(&card.drv);
	assert_true(card.cable.offloads == 0);
	assert_null(card.cable.held);
	/* Nobody there: as with a cable in a card without a driver. */
	give(&card, frame, sizeof(frame));
	assert_null(card.cable.held);
	assert_true(fake_driver_restart(&card.drv, VIRTIO_NET_F_MRG_RXBUF));
	fake_run_once(&card.drv);
	assert_true(card.cable.offloads == 0);
	add_rx(&card, &rx, 100);
	frame[0] = 2;
	give(&card, frame, sizeof(frame));
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), HEADER + sizeof(frame));
	assert_int_equal(seen[0], 2);
	card_release(&card);
}

/* Before the netdev knows what the driver can take, nothing comes in. */
static void no_frame_too_early(void **state)
{
	struct virtio_net_hdr header;
	uint8_t frame[60] = { 1 }, seen[60];
	struct card card;
	struct rx rx;

	(void)state;
	card_init(&card, TAP_FEATURES, FAKE_FEATURES_ALL);
	assert_true(fake_driver_restart(&card.drv, FAKE_FEATURES_ALL));
	add_rx(&card, &rx, 100);
	give(&card, frame, sizeof(frame));
	assert_int_equal(take_rx(&card, &rx, &header, seen, sizeof(seen)), 0);
	fake_run_once(&card.drv);
	give(&card, frame, sizeof(frame));
	assert_true(take_rx(&card, &rx, &header, seen, sizeof(seen)) > 0);
	card_release(&card);
}

/* A gateway on this host answers while the question is being sent, which may be before the loop does anything else for a new driver. */
static void hears_the_first_answer(void **state)
{
	struct virtio_net_hdr header = { 0 };
	uint8_t frame[60] = { 1 }, seen[60];
	struct card card;
	struct rx rx;

	(void)state;
	card_init(&card, TAP_FEATURES, FAKE_FEATURES_ALL);
	assert_true(fake_driver_restart(&card.drv, FAKE_FEATURES_ALL));
	add_rx(&card, &rx, 100);
	assert_true(queue_tx(&card, &header, frame, sizeof(frame), 1000) >= 0);
	fake_kick(&card.drv, TXQ);
	give(&card, frame, sizeof(frame));
	assert_true(take_rx(&card, &rx, &header, seen, sizeof(seen)) > 0);
	card_release(&card);
}

static void buffer_smaller_than_header(void **state)
{
	uint8_t frame[60] = { 0 };
	struct card card;
	struct rx rx;

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	add_rx(&card, &rx, 11);
	give(&card, frame, sizeof(frame));
	assert_true(fake_needs_reset(&card.drv));
	/* A broken card takes no frames, and keeps none. */
	give(&card, frame, sizeof(frame));
	assert_null(card.cable.held);
	card_release(&card);
}

/* A buffer that the driver offers for reading only has no room at all. */
static void readable_receive_buffer(void **state)
{
	uint8_t frame[60] = { 0 };
	struct card card;

	(void)state;
	card_init(&card, 0, FAKE_FEATURES_ALL);
	struct fake_buffer buffer = { .gpa = fake_alloc(&card.drv, 100), .len = 100 };
	assert_true(fake_add(&card.drv, RXQ, &buffer, 1) >= 0);
	give(&card, frame, sizeof(frame));
	assert_true(fake_needs_reset(&card.drv));
	card_release(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_space),
		cmocka_unit_test(sends),
		cmocka_unit_test(sends_bursts),
		cmocka_unit_test(checks_headers),
		cmocka_unit_test(short_header),
		cmocka_unit_test(cable_is_full),
		cmocka_unit_test(receives),
		cmocka_unit_test(scattered_buffer),
		cmocka_unit_test(runs_dry),
		cmocka_unit_test(quiet_while_fed),
		cmocka_unit_test(without_mergeable_buffers),
		cmocka_unit_test(longer_than_the_ring),
		cmocka_unit_test(received_header),
		cmocka_unit_test(offloads_follow_the_driver),
		cmocka_unit_test(no_frame_too_early),
		cmocka_unit_test(hears_the_first_answer),
		cmocka_unit_test(buffer_smaller_than_header),
		cmocka_unit_test(readable_receive_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
