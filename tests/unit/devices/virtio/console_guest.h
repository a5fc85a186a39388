// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's half of a virtio console, as Linux's driver plays it: keeps the receive queues filled, answers the handshake when asked to,
 * sends and receives. On top of tests/fakes/fake_driver.h; a header, since these functions fail a test through cmocka, which the fuzz
 * targets do not have.
 */
#ifndef TESTS_UNIT_CONSOLE_GUEST_H
#define TESTS_UNIT_CONSOLE_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/virtio/console.h"
#include "tests/fakes/fake_driver.h"

/* Control messages, virtio 1.2, 5.3.6.2. */
enum { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };

#define FEATURE_SIZE 1ull
#define FEATURE_MULTIPORT 2ull
#define FEATURES_SINGLE (FAKE_FEATURES_ALL & ~FEATURE_MULTIPORT)

struct console_message {
	uint32_t id;
	uint16_t event, value;
	uint8_t more[128]; /* what follows; NUL-terminated */
	uint32_t more_len;
};

struct console_guest {
	struct fake_driver drv;
	struct virtio_console *con;
	gpa_t buffer[VIRTIO_QUEUES_MAX][VIRTQUEUE_SIZE_MAX]; /* of receive queues, by head */
	uint32_t buffer_len[VIRTIO_QUEUES_MAX];
	gpa_t message;
};

#define CONTROL_RX 2
#define CONTROL_TX 3
#define MESSAGE_BYTES 8

static inline unsigned guest_rx(unsigned port)
{
	return port ? 2 * port + 2 : 0;
}

static inline unsigned guest_tx(unsigned port)
{
	return guest_rx(port) + 1;
}

/* Makes the device and does the virtio handshake; the receive queues stay empty. */
static inline void guest_start(struct console_guest *g, const struct virtio_console_port *ports, unsigned count, uint64_t features)
{
	memset(g, 0, sizeof(*g));
	fake_driver_init(&g->drv);
	g->con = virtio_console_new("console", ports, count, g->drv.loop, &g->drv.mem);
	assert_non_null(g->con);
	assert_true(fake_driver_attach(&g->drv, virtio_console_dev(g->con), features));
	g->message = fake_alloc(&g->drv, MESSAGE_BYTES);
}

static inline void guest_stop(struct console_guest *g)
{
	fake_driver_detach(&g->drv);
	virtio_console_free(g->con);
	if (g->drv.loop)
		fake_driver_release(&g->drv);
}

/* A reset and a new handshake. Receive queues are empty again. */
static inline void guest_restart(struct console_guest *g, uint64_t features)
{
	assert_true(fake_driver_restart(&g->drv, features));
}

static inline void add_buffer(struct console_guest *g, unsigned queue, gpa_t gpa)
{
	const struct fake_buffer in = { gpa, g->buffer_len[queue], true };
	int head = fake_add(&g->drv, queue, &in, 1);

	assert_true(head >= 0);
	g->buffer[queue][head] = gpa;
}

static inline void notify(struct console_guest *g, unsigned queue)
{
	if (fake_wants_kick(&g->drv, queue))
		fake_kick(&g->drv, queue);
}

/* Gives the device `count` receive buffers of `len` bytes in `queue`, and notifies. */
static inline void guest_add_buffers(struct console_guest *g, unsigned queue, unsigned count, uint32_t len)
{
	g->buffer_len[queue] = len;
	for (unsigned i = 0; i < count; i++)
		add_buffer(g, queue, fake_alloc(&g->drv, len));
	notify(g, queue);
}

static inline void guest_send_control(struct console_guest *g, uint32_t id, unsigned event, unsigned value)
{
	uint8_t *at = fake_at(&g->drv, g->message);
	const struct fake_buffer out = { g->message, MESSAGE_BYTES, false };
	uint16_t half[2] = { (uint16_t)event, (uint16_t)value };
	struct fake_used used;

	memcpy(at, &id, 4);
	memcpy(at + 4, half, 4);
	assert_true(fake_add(&g->drv, CONTROL_TX, &out, 1) >= 0);
	notify(g, CONTROL_TX);
	assert_true(fake_wait_used(&g->drv, CONTROL_TX, &used));
}

/* The next message; its buffer goes back. False: none has come, and running the loop once brings none. */
static inline bool guest_next_message(struct console_guest *g, struct console_message *msg)
{
	struct fake_used used;

	memset(msg, 0, sizeof(*msg));
	if (!fake_used(&g->drv, CONTROL_RX, &used)) {
		fake_run_once(&g->drv);
		if (!fake_used(&g->drv, CONTROL_RX, &used))
			return false;
	}
	gpa_t gpa = g->buffer[CONTROL_RX][used.head];
	assert_in_range(used.len, MESSAGE_BYTES, g->buffer_len[CONTROL_RX]);
	memcpy(msg, fake_at(&g->drv, gpa), MESSAGE_BYTES);
	msg->more_len = used.len - MESSAGE_BYTES;
	assert_true(msg->more_len < sizeof(msg->more));
	memcpy(msg->more, (uint8_t *)fake_at(&g->drv, gpa) + MESSAGE_BYTES, msg->more_len);
	add_buffer(g, CONTROL_RX, gpa);
	notify(g, CONTROL_RX);
	return true;
}

/* Fails the test unless the next message is this. */
static inline void guest_expect(struct console_guest *g, uint32_t id, unsigned event, unsigned value)
{
	struct console_message msg;

	assert_true(guest_next_message(g, &msg));
	assert_int_equal(msg.event, event);
	assert_int_equal(msg.id, id);
	assert_int_equal(msg.value, value);
}

static inline void guest_expect_silence(struct console_guest *g)
{
	struct console_message msg;

	assert_false(guest_next_message(g, &msg));
}

/* The whole console handshake for all ports, as far as PORT_READY; drops the answers. Control buffers are added first. */
static inline void guest_handshake(struct console_guest *g, unsigned ports)
{
	struct console_message msg;

	guest_add_buffers(g, CONTROL_RX, 16, 128);
	guest_send_control(g, UINT32_MAX, DEVICE_READY, 1);
	for (unsigned i = 0; i < ports; i++)
		guest_expect(g, i, DEVICE_ADD, 1);
	for (unsigned i = 0; i < ports; i++)
		guest_send_control(g, i, PORT_READY, 1);
	while (guest_next_message(g, &msg))
		;
}

/* What has come on a receive queue, at most `len` bytes of one buffer, which goes back into the queue. 0: nothing yet. */
static inline size_t guest_receive(struct console_guest *g, unsigned port, void *data, size_t len)
{
	unsigned queue = guest_rx(port);
	struct fake_used used;

	if (!fake_used(&g->drv, queue, &used))
		return 0;
	gpa_t gpa = g->buffer[queue][used.head];
	assert_in_range(used.len, 1, g->buffer_len[queue]);
	assert_true(used.len <= len);
	memcpy(data, fake_at(&g->drv, gpa), used.len);
	add_buffer(g, queue, gpa);
	notify(g, queue);
	return used.len;
}

struct expected {
	struct console_guest *g;
	unsigned port;
	uint8_t *data;
	size_t len;
};

static inline bool received(void *arg)
{
	struct expected *e = arg;
	size_t n;

	while (e->len && (n = guest_receive(e->g, e->port, e->data, e->len))) {
		e->data += n;
		e->len -= n;
	}
	return !e->len;
}

/* Waits for exactly `len` bytes. */
static inline void guest_receive_all(struct console_guest *g, unsigned port, void *data, size_t len)
{
	struct expected e = { g, port, data, len };

	assert_true(fake_run_until(&g->drv, received, &e));
}

/* Puts one chain into a transmit queue and notifies. False when the queue is full. */
static inline bool guest_send(struct console_guest *g, unsigned port, const void *data, size_t len)
{
	unsigned queue = guest_tx(port);

	if (!g->drv.queue[queue].free_count)
		return false;
	const struct fake_buffer out = { fake_alloc_data(&g->drv, data, (uint32_t)len), (uint32_t)len, false };
	fake_add(&g->drv, queue, &out, 1);
	notify(g, queue);
	return true;
}

/* How many of the sent chains the device has given back since this was last asked. */
static inline unsigned guest_sent(struct console_guest *g, unsigned port)
{
	struct fake_used used;
	unsigned count = 0;

	while (fake_used(&g->drv, guest_tx(port), &used)) {
		assert_int_equal(used.len, 0);
		count++;
	}
	return count;
}

#endif
