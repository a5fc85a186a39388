// SPDX-License-Identifier: Apache-2.0
/* The console device and its ports: virtio 1.2, 5.3. */
#include "guest/bare/cases.h"
#include "guest/bare/virtio.h"

#define QUEUE_CONTROL_RX 2
#define QUEUE_CONTROL_TX 3
#define CONTROL_BUFFERS 8
#define NAME_MAX 64
#define TEXT_MAX 256

enum { DEVICE_READY = 0, DEVICE_ADD = 1, PORT_READY = 3, CONSOLE_PORT = 4, RESIZE = 5, PORT_OPEN = 6, PORT_NAME = 7 };

struct control {
	uint32_t id;
	uint16_t event, value;
};

static struct virtio console;
static struct {
	struct control message;
	char text[NAME_MAX];
} control_buffers[CONTROL_BUFFERS];

/* What the device told of each port. */
static struct port {
	bool added, is_console, host_open, closed;
	char name[NAME_MAX + 1];
} ports[QUEUES_MAX / 2];
static unsigned port_count;

static unsigned receive_queue(unsigned port)
{
	return port ? 2 * port + 2 : 0;
}

static bool same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !memcmp(a, b, strlen(a));
}

/* --- data ----------------------------------------------------------------------------------------------------------------- */

static bool put_text(struct virtio *v, unsigned port, const char *text)
{
	return virtio_do(v, receive_queue(port) + 1, &(struct piece){ text, (uint32_t)strlen(text), false }, 1, NULL);
}

bool console_works(struct virtio *v)
{
	return put_text(v, 0, "the console works\n");
}

/* Gathers input until `count` bytes are there. Returns how many came. */
static unsigned get_text(unsigned port, char *to, unsigned count)
{
	struct queue *q = &console.queue[receive_queue(port)];
	unsigned done = 0;

	while (done < count) {
		uint32_t got = 0;
		queue_put(q, &(struct piece){ to + done, count - done, true }, 1);
		queue_notify(&console, q);
		if (!queue_take(q, NULL, &got) || !got)
			break;
		done += got;
	}
	return done;
}

static void invert_case(char *text, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'))
			text[i] ^= 0x20;
	}
}

/* --- control messages ----------------------------------------------------------------------------------------------------- */

static void offer_control_buffer(unsigned i)
{
	struct queue *q = &console.queue[QUEUE_CONTROL_RX];

	memset(&control_buffers[i], 0, sizeof(control_buffers[i]));
	queue_put(q, &(struct piece){ &control_buffers[i], sizeof(control_buffers[i]), true }, 1);
}

static bool send_control(uint32_t id, uint16_t event, uint16_t value)
{
	struct control message = { id, event, value };

	return virtio_do(&console, QUEUE_CONTROL_TX, &(struct piece){ &message, sizeof(message), false }, 1, NULL);
}

void console_provoke(struct virtio *v)
{
	static const struct control ready = { 0, DEVICE_READY, 1 };

	queue_put(&v->queue[QUEUE_CONTROL_TX], &(struct piece){ &ready, sizeof(ready), false }, 1);
	queue_notify(v, &v->queue[QUEUE_CONTROL_TX]);
}

static void note_message(const struct control *message, const char *text)
{
	if (message->id >= COUNT(ports))
		return;
	struct port *port = &ports[message->id];
	switch (message->event) {
	case DEVICE_ADD:
		port->added = true;
		port_count++;
		break;
	case CONSOLE_PORT:
		port->is_console = true;
		break;
	case PORT_OPEN:
		port->closed = port->host_open && !message->value;
		port->host_open = message->value;
		break;
	case PORT_NAME:
		memcpy(port->name, text, NAME_MAX);
		break;
	}
}

/* Reads what the device says until the expression holds. Buffers come back in the order in which they were given. */
#define listen_until(expression) wait_until((take_messages(), expression))

static void take_messages(void)
{
	struct queue *q = &console.queue[QUEUE_CONTROL_RX];

	while (queue_has(q)) {
		uint32_t head = 0;
		queue_take(q, &head, NULL);
		note_message(&control_buffers[head % CONTROL_BUFFERS].message, control_buffers[head % CONTROL_BUFFERS].text);
		offer_control_buffer(head % CONTROL_BUFFERS);
		queue_notify(&console, q);
	}
}

static struct port *port_named(const char *name)
{
	for (unsigned i = 0; i < COUNT(ports); i++) {
		if (same(ports[i].name, name))
			return &ports[i];
	}
	return NULL;
}

static unsigned number_of(const struct port *port)
{
	return (unsigned)(port - ports);
}

static bool open_ports(void)
{
	bool good = virtio_open(&console, F_CONSOLE_MULTIPORT | F_EVENT_IDX);
	unsigned expected = (unsigned)virtio_config(&console, 4, 4);

	for (unsigned i = 0; i < CONTROL_BUFFERS; i++)
		offer_control_buffer(i);
	queue_notify(&console, &console.queue[QUEUE_CONTROL_RX]);
	good = good && send_control(0, DEVICE_READY, 1);
	check(good && listen_until(port_count == expected), "the device announces its %u ports", expected);
	for (unsigned i = 0; i < expected; i++)
		good = good && send_control(i, PORT_READY, 1);
	return good;
}

/* --- cases ---------------------------------------------------------------------------------------------------------------- */

/* 26 bytes of input come from the host; they go back with their case inverted. */
#define INPUT_BYTES 26

void case_console(const struct machine *m)
{
	static char text[TEXT_MAX];

	if (!virtio_find(&console, m, ID_CONSOLE, 0) || !virtio_open(&console, 0))
		give_up("there is a console");
	check(put_text(&console, 0, "[early]\n"), "a driver without ports can write");
	check(open_ports(), "a driver with ports is told of them");
	check(listen_until(ports[0].is_console && ports[0].host_open), "port 0 is a console, and open");
	check(listen_until(port_named("tinyvmm.control")), "the control port has its name");
	check(send_control(0, PORT_OPEN, 1), "port 0 is opened");
	check(get_text(0, text, INPUT_BYTES) == INPUT_BYTES, "the host's input arrives");
	invert_case(text, INPUT_BYTES);
	text[INPUT_BYTES] = '\n';
	check(put_text(&console, 0, text), "and goes back");
	/* What makes no sense is ignored. */
	check(send_control(1000, PORT_OPEN, 1) && send_control(0, 99, 1) && send_control(UINT32_MAX, PORT_READY, 1) &&
		      virtio_do(&console, QUEUE_CONTROL_TX, &(struct piece){ text, 3, false }, 1, NULL),
	      "odd control messages are taken");
	check(put_text(&console, 0, "[late]\n") && !virtio_broken(&console), "and harm nothing");
}

/* As guest/init does for a command (guest/protocol.h): input to output until its end, then a status. */
void case_ports(const struct machine *m)
{
	static const char *const names[] = { "tinyvmm.control", "tinyvmm.stdin", "tinyvmm.stdout", "tinyvmm.stderr" };
	static char text[TEXT_MAX];
	struct port *found[4];

	if (!virtio_find(&console, m, ID_CONSOLE, 0))
		give_up("there is a console");
	check(open_ports(), "the ports can be used");
	for (unsigned i = 0; i < 4; i++) {
		if (!listen_until(port_named(names[i])))
			give_up("there is a port of the name %s", names[i]);
		found[i] = port_named(names[i]);
		send_control(number_of(found[i]), PORT_OPEN, 1);
	}
	check(put_text(&console, number_of(found[0]), "up\n"), "the host is told that the guest is up");
	unsigned count = get_text(number_of(found[1]), text, INPUT_BYTES);
	check(count == INPUT_BYTES, "standard input arrives");
	/* The end is found by looking for more, which takes a buffer. */
	queue_put(&console.queue[receive_queue(number_of(found[1]))], &(struct piece){ text + count, sizeof(text) - count, true }, 1);
	queue_notify(&console, &console.queue[receive_queue(number_of(found[1]))]);
	check(listen_until(found[1]->closed), "its end closes the port");
	invert_case(text, count);
	check(put_text(&console, number_of(found[2]), text), "standard output is taken");
	check(put_text(&console, number_of(found[3]), "on stderr\n"), "so is standard error");
	check(put_text(&console, number_of(found[0]), "exit 42\n"), "and the status");
}
