// SPDX-License-Identifier: Apache-2.0
/* What the two halves of the virtio console share: its data (console.c) and its control messages (console_control.c). Nobody else's. */
#ifndef DEVICES_VIRTIO_CONSOLE_PORT_H
#define DEVICES_VIRTIO_CONSOLE_PORT_H

#include "devices/stream.h"
#include "devices/virtio/console.h"

#define VIRTIO_CONSOLE_F_SIZE (1ull << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT (1ull << 1)

/* 5.3.2 */
#define CONSOLE_QUEUE_CONTROL_RX 2
#define CONSOLE_QUEUE_CONTROL_TX 3

/* Control messages, 5.3.6.2. */
enum console_event {
	CONSOLE_DEVICE_READY = 0,
	CONSOLE_DEVICE_ADD = 1,
	CONSOLE_PORT_READY = 3,
	CONSOLE_CONSOLE_PORT = 4,
	CONSOLE_RESIZE = 5,
	CONSOLE_PORT_OPEN = 6,
	CONSOLE_PORT_NAME = 7,
};

struct console_port {
	struct virtio_console *con;
	unsigned id;
	struct virtio_console_port config;
	struct stream in, out;
	bool in_ended, out_lost;
	uint16_t columns, rows;

	/* Until the driver's next reset. */
	bool added, ready, guest_open;
	unsigned owed;     /* bit n: message n is to be sent */
	uint64_t out_done; /* bytes of the first waiting chain that are written already */

	bool told_open; /* what config.opened() heard last */

	/* Output of before a reset, for this device's thread to write. */
	uint8_t kept[4096];
	size_t kept_bytes;
};

struct virtio_console {
	struct virtio_dev dev;
	struct console_port port[VIRTIO_CONSOLE_PORTS_MAX];
	unsigned port_count;
	struct loop_work after_reset, more_control;
	bool odd_logged;
};

static inline bool console_multiport(const struct virtio_console *con)
{
	return virtio_has(&con->dev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* console_control.c. The device's lock is held around all of these. */

/* The driver is to be told of `event`, with the state of then. Does nothing where it can't understand it. */
void console_owe(struct console_port *port, enum console_event event);
/* Tells what there is room for. The driver's notification of more room brings the rest. */
void console_send_owed(struct virtio_console *con);
void console_receive_messages(struct virtio_console *con);
/* Lets config.opened() know, if that changed. */
void console_tell_open(struct console_port *port);

/* console.c */

/* Moves input as far as it goes now, and watches for what is missing. */
void console_serve_input(struct console_port *port);

#endif
