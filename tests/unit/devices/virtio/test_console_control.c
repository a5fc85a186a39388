// SPDX-License-Identifier: Apache-2.0
/* devices/virtio/console_control.c: the handshake (virtio 1.2, 5.3.6.2) as Linux's driver goes through it, and as a hostile one does. */
#include "tests/unit/devices/virtio/console_guest.h"

#include <signal.h>
#include <unistd.h>

#include "vmm/util/log.h"

static struct console_guest g;
static unsigned opened_calls;
static bool is_open;

static void note_opened(void *arg, bool open)
{
	(void)arg;
	opened_calls++;
	is_open = open;
}

/* hvc0, a named port, hvc1, and a second named one. */
static const struct virtio_console_port ports[] = {
	{ .console = true, .in_fd = -1, .out_fd = -1 },
	{ .name = "tinyvmm.control", .in_fd = -1, .out_fd = -1, .opened = note_opened },
	{ .console = true, .in_fd = -1, .out_fd = -1 },
	{ .name = "tinyvmm.stdin", .in_fd = -1, .out_fd = -1 },
};
#define PORTS 4

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	opened_calls = 0;
	is_open = false;
	guest_start(&g, ports, PORTS, FAKE_FEATURES_ALL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guest_stop(&g);
	return 0;
}

static void the_configuration_tells_the_number_of_ports(void **state)
{
	uint32_t ports_max;

	(void)state;
	fake_config_read(&g.drv, 4, &ports_max, sizeof(ports_max));
	assert_int_equal(ports_max, PORTS);
	/* 5.3.2: the control queues and two for each port. */
	assert_int_equal(virtio_console_dev(g.con)->queue_count, 2 * PORTS + 2);
}

static void the_handshake(void **state)
{
	struct console_message msg;

	(void)state;
	guest_add_buffers(&g, CONTROL_RX, 16, 128);
	guest_expect_silence(&g);
	guest_send_control(&g, UINT32_MAX, DEVICE_READY, 1);
	for (unsigned i = 0; i < PORTS; i++)
		guest_expect(&g, i, DEVICE_ADD, 1);
	guest_expect_silence(&g);

	/* A console without a size yet. */
	guest_send_control(&g, 0, PORT_READY, 1);
	guest_expect(&g, 0, CONSOLE_PORT, 1);
	guest_expect(&g, 0, PORT_OPEN, 1);
	guest_expect_silence(&g);

	/* A guest that finds a port by its name must find it open: so the name comes last. */
	guest_send_control(&g, 1, PORT_READY, 1);
	guest_expect(&g, 1, PORT_OPEN, 1);
	assert_true(guest_next_message(&g, &msg));
	assert_int_equal(msg.event, PORT_NAME);
	assert_int_equal(msg.id, 1);
	/* 5.3.6.2: without a terminating NUL. */
	assert_int_equal(msg.more_len, strlen("tinyvmm.control"));
	assert_string_equal((const char *)msg.more, "tinyvmm.control");
	guest_expect_silence(&g);
}

/* 5.3.6.2.1: no port is added twice. */
static void a_port_is_added_once(void **state)
{
	(void)state;
	guest_handshake(&g, PORTS);
	guest_send_control(&g, 0, DEVICE_READY, 1);
	guest_expect_silence(&g);
}

static void a_driver_that_failed_is_told_nothing(void **state)
{
	(void)state;
	guest_add_buffers(&g, CONTROL_RX, 16, 128);
	guest_send_control(&g, UINT32_MAX, DEVICE_READY, 0);
	guest_expect_silence(&g);
	guest_send_control(&g, UINT32_MAX, DEVICE_READY, 1);
	for (unsigned i = 0; i < PORTS; i++)
		guest_expect(&g, i, DEVICE_ADD, 1);
	guest_send_control(&g, 1, PORT_READY, 0);
	guest_expect_silence(&g);
}

static void expect_size(unsigned port, uint16_t columns, uint16_t rows)
{
	struct console_message msg;
	uint16_t size[2];

	assert_true(guest_next_message(&g, &msg));
	assert_int_equal(msg.event, RESIZE);
	assert_int_equal(msg.id, port);
	assert_int_equal(msg.more_len, sizeof(size));
	memcpy(size, msg.more, sizeof(size));
	assert_int_equal(size[0], columns);
	assert_int_equal(size[1], rows);
}

static void a_size_known_early_comes_with_the_handshake(void **state)
{
	uint16_t size[2];

	(void)state;
	virtio_console_resize(g.con, 0, 132, 50);
	fake_config_read(&g.drv, 0, size, sizeof(size));
	assert_int_equal(size[0], 132);
	assert_int_equal(size[1], 50);
	guest_add_buffers(&g, CONTROL_RX, 16, 128);
	guest_send_control(&g, UINT32_MAX, DEVICE_READY, 1);
	for (unsigned i = 0; i < PORTS; i++)
		guest_expect(&g, i, DEVICE_ADD, 1);
	guest_send_control(&g, 0, PORT_READY, 1);
	guest_expect(&g, 0, CONSOLE_PORT, 1);
	expect_size(0, 132, 50);
	guest_expect(&g, 0, PORT_OPEN, 1);
}

static void a_new_size_reaches_the_guest(void **state)
{
	(void)state;
	guest_handshake(&g, PORTS);
	virtio_console_resize(g.con, 0, 100, 30);
	expect_size(0, 100, 30);
	virtio_console_resize(g.con, 2, 90, 20);
	expect_size(2, 90, 20);
	/* The same again is no change; a byte stream has no size; a port that is not there neither. */
	virtio_console_resize(g.con, 0, 100, 30);
	virtio_console_resize(g.con, 1, 80, 25);
	virtio_console_resize(g.con, 77, 80, 25);
	guest_expect_silence(&g);
}

/* Somebody drags the window while the guest takes no messages: it gets the last size, once. */
static void sizes_that_nobody_took_are_one(void **state)
{
	(void)state;
	guest_add_buffers(&g, CONTROL_RX, PORTS + 2, 128);
	guest_send_control(&g, UINT32_MAX, DEVICE_READY, 1);
	guest_send_control(&g, 0, PORT_READY, 1);
	for (uint16_t i = 1; i < 1000; i++)
		virtio_console_resize(g.con, 0, (uint16_t)(80 + i), 25);
	for (unsigned i = 0; i < PORTS; i++)
		guest_expect(&g, i, DEVICE_ADD, 1);
	guest_expect(&g, 0, CONSOLE_PORT, 1);
	guest_expect(&g, 0, PORT_OPEN, 1);
	expect_size(0, 80 + 999, 25);
	guest_expect_silence(&g);
}

static void without_multiport_the_size_is_in_the_configuration(void **state)
{
	uint16_t size[2];

	(void)state;
	guest_restart(&g, FEATURES_SINGLE);
	virtio_console_resize(g.con, 0, 132, 50);
	assert_true(fake_ack_interrupt(&g.drv) & VIRTIO_MMIO_INT_CONFIG);
	fake_config_read(&g.drv, 0, size, sizeof(size));
	assert_int_equal(size[0], 132);
	assert_int_equal(size[1], 50);
	/* Control queues do not exist for such a driver. */
	guest_add_buffers(&g, CONTROL_RX, 4, 128);
	const struct fake_buffer out = { g.message, MESSAGE_BYTES, false };
	struct fake_used used;
	fake_add(&g.drv, CONTROL_TX, &out, 1);
	fake_kick(&g.drv, CONTROL_TX);
	fake_run_once(&g.drv);
	assert_false(fake_used(&g.drv, CONTROL_TX, &used));
	guest_expect_silence(&g);
}

static void the_host_hears_who_opens_a_port(void **state)
{
	(void)state;
	guest_handshake(&g, PORTS);
	assert_int_equal(opened_calls, 0);
	guest_send_control(&g, 1, PORT_OPEN, 1);
	assert_true(is_open);
	guest_send_control(&g, 1, PORT_OPEN, 1);
	assert_int_equal(opened_calls, 1);
	guest_send_control(&g, 1, PORT_OPEN, 0);
	assert_false(is_open);
	guest_send_control(&g, 1, PORT_OPEN, 1);
	assert_int_equal(opened_calls, 3);
	/* A reset closes it. */
	virtio_mmio_reset(&g.drv.mmio);
	fake_run_once(&g.drv);
	assert_int_equal(opened_calls, 4);
	assert_false(is_open);
}

static void after_a_reset_the_handshake_begins_anew(void **state)
{
	(void)state;
	guest_handshake(&g, PORTS);
	guest_restart(&g, FAKE_FEATURES_ALL);
	guest_add_buffers(&g, CONTROL_RX, 16, 128);
	guest_expect_silence(&g);
	guest_send_control(&g, UINT32_MAX, DEVICE_READY, 1);
	for (unsigned i = 0; i < PORTS; i++)
		guest_expect(&g, i, DEVICE_ADD, 1);
	guest_expect_silence(&g);
}

static void messages_wait_for_buffers(void **state)
{
	(void)state;
	guest_send_control(&g, UINT32_MAX, DEVICE_READY, 1);
	guest_expect_silence(&g);
	guest_add_buffers(&g, CONTROL_RX, 1, 128);
	for (unsigned i = 0; i < PORTS; i++)
		guest_expect(&g, i, DEVICE_ADD, 1);
	guest_expect_silence(&g);
}

/* --- hostile --------------------------------------------------------------------------------------------------------------- */

static void send_raw(const void *data, uint32_t len)
{
	const struct fake_buffer out = { fake_alloc_data(&g.drv, data, len), len, false };
	struct fake_used used;

	assert_true(fake_add(&g.drv, CONTROL_TX, &out, 1) >= 0);
	fake_kick(&g.drv, CONTROL_TX);
	assert_true(fake_wait_used(&g.drv, CONTROL_TX, &used));
	assert_int_equal(used.len, 0);
}

static void nonsense_is_ignored(void **state)
{
	static const uint8_t zeros[64];

	(void)state;
	guest_handshake(&g, PORTS);
	for (uint32_t len = 1; len < MESSAGE_BYTES; len++)
		send_raw(zeros, len);
	for (unsigned event = 0; event < 300; event++) {
		guest_send_control(&g, PORTS, event, 1);
		guest_send_control(&g, UINT32_MAX, event, 1);
		if (event > PORT_OPEN)
			guest_send_control(&g, 0, event, 1);
	}
	guest_send_control(&g, 0, DEVICE_ADD, 1);
	guest_send_control(&g, 0, DEVICE_REMOVE, 1);
	guest_send_control(&g, 0, CONSOLE_PORT, 1);
	guest_send_control(&g, 0, RESIZE, 1);
	guest_send_control(&g, 0, 0x8000, 0xffff);
	guest_expect_silence(&g);
	assert_false(fake_needs_reset(&g.drv));
	/* It lives: longer messages than known count too. */
	uint8_t longer[64] = { 1, 0, 0, 0, PORT_OPEN, 0, 1 };
	send_raw(longer, sizeof(longer));
	assert_true(is_open);
}

static void a_message_in_many_pieces_is_read(void **state)
{
	const uint8_t open_port_1[MESSAGE_BYTES] = { 1, 0, 0, 0, PORT_OPEN, 0, 1, 0 };
	struct fake_buffer pieces[MESSAGE_BYTES];
	struct fake_used used;

	(void)state;
	guest_handshake(&g, PORTS);
	for (unsigned i = 0; i < MESSAGE_BYTES; i++)
		pieces[i] = (struct fake_buffer){ fake_alloc_data(&g.drv, open_port_1 + i, 1), 1, false };
	fake_add(&g.drv, CONTROL_TX, pieces, MESSAGE_BYTES);
	fake_kick(&g.drv, CONTROL_TX);
	assert_true(fake_used(&g.drv, CONTROL_TX, &used));
	assert_true(is_open);
}

static void a_chain_without_a_message_is_ignored(void **state)
{
	const struct fake_buffer in = { fake_alloc(&g.drv, 64), 64, true };
	struct fake_used used;

	(void)state;
	fake_add(&g.drv, CONTROL_TX, &in, 1);
	fake_kick(&g.drv, CONTROL_TX);
	assert_true(fake_used(&g.drv, CONTROL_TX, &used));
	assert_false(fake_needs_reset(&g.drv));
}

/* A guest that asks without end and takes nothing: what it is told in the end is bounded by the kinds of messages. */
static void a_flood_of_questions_has_one_answer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		guest_send_control(&g, UINT32_MAX, DEVICE_READY, 1);
		guest_send_control(&g, i % PORTS, PORT_READY, 1);
	}
	guest_add_buffers(&g, CONTROL_RX, 32, 128);
	struct console_message msg;
	unsigned count = 0;
	while (guest_next_message(&g, &msg))
		count++;
	assert_int_equal(count, PORTS + 2 * 2 + 2 * 2);
}

static void a_buffer_too_small_for_a_message_breaks_the_device(void **state)
{
	(void)state;
	guest_add_buffers(&g, CONTROL_RX, 4, 7);
	const struct fake_buffer out = { g.message, MESSAGE_BYTES, false };
	uint8_t ready[MESSAGE_BYTES] = { 0, 0, 0, 0, DEVICE_READY, 0, 1, 0 };
	memcpy(fake_at(&g.drv, g.message), ready, sizeof(ready));
	fake_add(&g.drv, CONTROL_TX, &out, 1);
	fake_kick(&g.drv, CONTROL_TX);
	assert_true(fake_needs_reset(&g.drv));
	/* And a reset mends it. */
	guest_restart(&g, FAKE_FEATURES_ALL);
	guest_handshake(&g, PORTS);
}

static void too_many_ports_or_a_long_name_are_refused(void **state)
{
	struct virtio_console_port many[VIRTIO_CONSOLE_PORTS_MAX + 1] = { 0 };
	char name[VIRTIO_CONSOLE_NAME_MAX + 2] = { 0 };

	(void)state;
	for (unsigned i = 0; i <= VIRTIO_CONSOLE_PORTS_MAX; i++)
		many[i].in_fd = many[i].out_fd = -1;
	assert_null(virtio_console_new("console", many, VIRTIO_CONSOLE_PORTS_MAX + 1, g.drv.loop, &g.drv.mem));
	assert_null(virtio_console_new("console", many, 0, g.drv.loop, &g.drv.mem));
	memset(name, 'n', VIRTIO_CONSOLE_NAME_MAX + 1);
	many[0].name = name;
	assert_null(virtio_console_new("console", many, 1, g.drv.loop, &g.drv.mem));
	name[VIRTIO_CONSOLE_NAME_MAX] = '\0';
	struct virtio_console *con = virtio_console_new("console", many, VIRTIO_CONSOLE_PORTS_MAX, g.drv.loop, &g.drv.mem);
	assert_non_null(con);
	virtio_console_free(con);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_configuration_tells_the_number_of_ports),
		T(the_handshake),
		T(a_port_is_added_once),
		T(a_driver_that_failed_is_told_nothing),
		T(a_size_known_early_comes_with_the_handshake),
		T(a_new_size_reaches_the_guest),
		T(sizes_that_nobody_took_are_one),
		T(without_multiport_the_size_is_in_the_configuration),
		T(the_host_hears_who_opens_a_port),
		T(after_a_reset_the_handshake_begins_anew),
		T(messages_wait_for_buffers),
		T(nonsense_is_ignored),
		T(a_message_in_many_pieces_is_read),
		T(a_chain_without_a_message_is_ignored),
		T(a_flood_of_questions_has_one_answer),
		T(a_buffer_too_small_for_a_message_breaks_the_device),
		T(too_many_ports_or_a_long_name_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
