// SPDX-License-Identifier: Apache-2.0
/*
 * Control messages of the virtio console: virtio 1.2, 5.3.6.2.
 *
 * The driver says DEVICE_READY, we announce each port with DEVICE_ADD, the driver answers PORT_READY, we tell the port's properties, and
 * the driver says PORT_OPEN when somebody in the guest opens it.
 *
 * Messages to the driver are not queued but owed: one bit for each kind and port, told when there is a buffer for it, with the state as
 * it is then. So a guest that takes no messages, or asks for the same one again and again, costs nothing.
 */
#include <string.h>

#include "devices/virtio/console_port.h"
#include "vmm/util/log.h"

/* What is done before the loop's other descriptors get their turn. */
#define CHAINS_AT_ONCE 64

struct control {
	uint32_t id;
	uint16_t event, value;
};

#define MESSAGE_MAX (sizeof(struct control) + VIRTIO_CONSOLE_NAME_MAX)

/* --- messages to the driver ------------------------------------------------------------------------------------------------ */

/* The order matters to Linux: a port must be a console before it has a size, and open before guests can find it by its name. */
static const enum console_event sending_order[] = { CONSOLE_DEVICE_ADD, CONSOLE_CONSOLE_PORT, CONSOLE_RESIZE, CONSOLE_PORT_OPEN,
						    CONSOLE_PORT_NAME };

static bool host_open(const struct console_port *port)
{
	return port->config.console || !(port->in_ended || port->out_lost);
}

static size_t make_message(const struct console_port *port, enum console_event event, uint8_t buf[MESSAGE_MAX])
{
	const struct control header = {
		.id = port->id,
		.event = (uint16_t)event,
		.value = event == CONSOLE_PORT_OPEN ? host_open(port) : 1,
	};
	/* The specification's order. Linux before 6.16, and its stable series before 2026, read it the other way round. */
	const uint16_t size[2] = { port->columns, port->rows };
	const void *more = NULL;
	size_t len = 0;

	if (event == CONSOLE_RESIZE) {
		more = size;
		len = sizeof(size);
	} else if (event == CONSOLE_PORT_NAME) {
		more = port->config.name;
		len = strlen(port->config.name);
	}
	memcpy(buf, &header, sizeof(header));
	if (len)
		memcpy(buf + sizeof(header), more, len);
	return sizeof(header) + len;
}

/* False when the driver has no buffer; its notification of the next one brings us back. */
static bool send_message(struct console_port *port, enum console_event event)
{
	uint8_t buf[MESSAGE_MAX];
	struct virtio_dev *dev = &port->con->dev;
	struct virtq_chain chain;

	if (!virtio_pop(dev, CONSOLE_QUEUE_CONTROL_RX, &chain))
		return false;
	size_t len = make_message(port, event, buf);
	if (chain.in_bytes < len) {
		virtio_device_broken(dev, "a control receive buffer is too small for a message");
		return false;
	}
	iov_write(chain.iov + chain.out_count, chain.in_count, 0, buf, len);
	virtqueue_push(&dev->queue[CONSOLE_QUEUE_CONTROL_RX], chain.head, (uint32_t)len);
	return true;
}

static bool send_owed_by(struct console_port *port)
{
	for (size_t i = 0; i < sizeof(sending_order) / sizeof(*sending_order); i++) {
		unsigned bit = 1u << sending_order[i];
		if (!(port->owed & bit))
			continue;
		if (!send_message(port, sending_order[i]))
			return false;
		port->owed &= ~bit;
	}
	return true;
}

void console_send_owed(struct virtio_console *con)
{
	for (unsigned i = 0; i < con->port_count && send_owed_by(&con->port[i]); i++)
		;
	virtio_notify(&con->dev, CONSOLE_QUEUE_CONTROL_RX);
}

void console_owe(struct console_port *port, enum console_event event)
{
	if (console_multiport(port->con) && (port->ready || event == CONSOLE_DEVICE_ADD))
		port->owed |= 1u << event;
}

/* --- messages from the driver ---------------------------------------------------------------------------------------------- */

void console_tell_open(struct console_port *port)
{
	bool open = port->guest_open;

	if (open == port->told_open)
		return;
	port->told_open = open;
	if (port->config.opened)
		port->config.opened(port->config.arg, open);
}

static void device_ready(struct virtio_console *con)
{
	for (unsigned i = 0; i < con->port_count; i++) {
		struct console_port *port = &con->port[i];
		/* 5.3.6.2.1: a port that exists is not added again. */
		if (!port->added)
			console_owe(port, CONSOLE_DEVICE_ADD);
		port->added = true;
	}
}

static void port_ready(struct console_port *port)
{
	port->ready = true;
	if (port->config.console)
		console_owe(port, CONSOLE_CONSOLE_PORT);
	if (port->config.console && port->columns)
		console_owe(port, CONSOLE_RESIZE);
	console_owe(port, CONSOLE_PORT_OPEN);
	if (port->config.name)
		console_owe(port, CONSOLE_PORT_NAME);
}

static void odd_message(struct virtio_console *con, const char *why)
{
	if (log_first(&con->odd_logged))
		log_warn("%s: the guest's driver sent a control message %s; ignored", con->dev.name, why);
}

static void handle_message(struct virtio_console *con, const struct control *msg)
{
	if (msg->event == CONSOLE_DEVICE_READY) {
		if (msg->value)
			device_ready(con);
		return;
	}
	if (msg->id >= con->port_count) {
		odd_message(con, "for a port that does not exist");
		return;
	}
	struct console_port *port = &con->port[msg->id];
	switch (msg->event) {
	case CONSOLE_PORT_READY:
		if (msg->value)
			port_ready(port);
		else
			log_debug("%s: the guest's driver has no use for port %u", con->dev.name, port->id);
		break;
	case CONSOLE_PORT_OPEN:
		port->guest_open = msg->value;
		console_tell_open(port);
		console_serve_input(port);
		break;
	default:
		odd_message(con, "of an unknown kind");
	}
}

void console_receive_messages(struct virtio_console *con)
{
	struct virtio_dev *dev = &con->dev;
	struct virtqueue *vq = &dev->queue[CONSOLE_QUEUE_CONTROL_TX];
	struct virtq_chain chain;

	for (unsigned i = 0; i < CHAINS_AT_ONCE && virtio_pop(dev, CONSOLE_QUEUE_CONTROL_TX, &chain); i++) {
		struct control msg;
		if (iov_read(chain.iov, chain.out_count, 0, &msg, sizeof(msg)) == sizeof(msg))
			handle_message(con, &msg);
		else
			odd_message(con, "that is too short");
		virtqueue_push(vq, chain.head, 0);
	}
	virtio_notify(dev, CONSOLE_QUEUE_CONTROL_TX);
	console_send_owed(con);
	if (dev->started && !virtqueue_empty(vq))
		loop_defer(dev->loop, &con->more_control);
}
