// SPDX-License-Identifier: Apache-2.0
/*
 * virtio console device: see console.h. Virtio 1.2, 5.3; left out: emergency write (5.3.3), removal of ports. The ports' handshake is in
 * console_control.c.
 *
 * Input moves from the host to the guest when three things come together: the driver has buffers and has the port open, and the
 * descriptor is readable. console_serve_input() looks at all of them; it runs when any of them changes, and when one is missing the other
 * two are not watched: an empty queue stops the watch on the descriptor, and the driver's notification of new buffers starts it again.
 * Output is alike: what the host can't take stays in the queue, and the descriptor is watched until it can.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/console_port.h"
#include "vmm/util/log.h"

#define DEVICE_ID 3
/* Linux gives each entry of a receive queue a page of its own. */
#define DATA_QUEUE_SIZE 64
#define CONTROL_QUEUE_SIZE 32

/* What is done for one queue before the loop's other descriptors get their turn. */
#define INPUT_CHAINS_AT_ONCE 16
#define OUTPUT_CHAINS_AT_ONCE 64
#define OUTPUT_BYTES_AT_ONCE 262144
#define COPY_BYTES 4096

struct config_space {
	uint16_t columns, rows;
	uint32_t ports_max, emergency_write;
};

/* 5.3.2: the control queues stand between port 0 and the others. */
static unsigned rx_queue(const struct console_port *port)
{
	return port->id ? 2 * port->id + 2 : 0;
}

static unsigned tx_queue(const struct console_port *port)
{
	return rx_queue(port) + 1;
}

static void host_closed(struct console_port *port)
{
	if (port->config.console)
		return;
	console_owe(port, CONSOLE_PORT_OPEN);
	console_send_owed(port->con);
}

/* --- input ----------------------------------------------------------------------------------------------------------------- */

static bool guest_open(const struct console_port *port)
{
	return console_multiport(port->con) ? port->guest_open : port->id == 0;
}

static bool input_wanted(const struct console_port *port)
{
	return port->con->dev.started && guest_open(port) && !port->in_ended && port->in.fd >= 0;
}

/*
 * One receive buffer's worth. 0: something was read, and more may come. -EAGAIN: the host has nothing now. -ENOBUFS: the driver has no
 * buffer. -ENODATA: the end.
 */
static int move_input(struct console_port *port)
{
	struct virtio_dev *dev = &port->con->dev;
	struct virtqueue *vq = &dev->queue[rx_queue(port)];
	struct virtq_chain chain;
	uint8_t buf[COPY_BYTES];

	if (!virtio_pop(dev, rx_queue(port), &chain))
		return -ENOBUFS;
	if (!chain.in_count) {
		virtio_device_broken(dev, "a receive buffer can't be written to");
		return -ENOBUFS;
	}
	ssize_t n = stream_read(&port->in, buf, chain.in_bytes < sizeof(buf) ? chain.in_bytes : sizeof(buf));
	size_t len = n > 0 ? (size_t)n : 0;
	if (len && port->config.filter)
		len = port->config.filter(port->config.arg, buf, len);
	if (len) {
		iov_write(chain.iov + chain.out_count, chain.in_count, 0, buf, len);
		virtqueue_push(vq, chain.head, (uint32_t)len);
	} else {
		virtqueue_unpop(vq);
	}
	if (n < 0 && n != -EAGAIN)
		log_debug("%s: port %u: cannot read its input: %s; taken as its end", dev->name, port->id, strerror((int)-n));
	return n > 0 ? 0 : n == -EAGAIN ? -EAGAIN : -ENODATA;
}

void console_serve_input(struct console_port *port)
{
	int err = input_wanted(port) ? 0 : -ENOBUFS;

	for (unsigned i = 0; i < INPUT_CHAINS_AT_ONCE && !err; i++)
		err = move_input(port);
	virtio_notify(&port->con->dev, rx_queue(port));
	stream_wait(&port->in, !err || err == -EAGAIN);
	if (err == -ENODATA) {
		port->in_ended = true;
		host_closed(port);
	}
}

static void input_ready(void *arg)
{
	console_serve_input(arg);
}

/* --- output ---------------------------------------------------------------------------------------------------------------- */

static void output_lost(struct console_port *port, int err)
{
	const char *what = port->config.name ? port->config.name : "console";

	/* A reader that went away is nothing to speak of: that is how `| head` ends. */
	if (err == -EPIPE)
		log_debug("%s: port %u (%s): nobody reads its output any more", port->con->dev.name, port->id, what);
	else
		log_warn("%s: port %u (%s): cannot write its output: %s; from here on it is dropped", port->con->dev.name, port->id, what,
			 strerror(-err));
	stream_close(&port->out);
	port->out_lost = true;
	host_closed(port);
}

static bool output_matters(const struct console_port *port)
{
	return port->out.fd >= 0 || port->config.output;
}

/* True when `*done` bytes are dealt with: none when nobody will ever read them. False: there is no room now. */
static bool put_out(struct console_port *port, const uint8_t *buf, size_t len, size_t *done)
{
	ssize_t n = stream_write(&port->out, buf, len);

	*done = 0;
	if (n < 0 && n != -EAGAIN) {
		output_lost(port, (int)n);
		return true;
	}
	if (n <= 0)
		return false;
	if (port->config.output)
		port->config.output(port->config.arg, buf, (size_t)n);
	*done = (size_t)n;
	return true;
}

/*
 * What the driver had notified of when it reset the device, and this device's thread had not come to: a guest that powers off resets its
 * devices right behind its last words. On a vCPU's thread, so it is written later. A reader that makes output wait is not waited for.
 */
static void keep_output(struct console_port *port)
{
	struct virtio_dev *dev = &port->con->dev;
	struct virtq_chain chain;

	if (port->out.waiting || !output_matters(port))
		return;
	while (port->kept_bytes < sizeof(port->kept) && virtio_pop(dev, tx_queue(port), &chain)) {
		port->kept_bytes += iov_read(chain.iov, chain.out_count, 0, port->kept + port->kept_bytes, sizeof(port->kept) - port->kept_bytes);
		virtqueue_push(&dev->queue[tx_queue(port)], chain.head, 0);
	}
}

/* False: there is no room now. */
static bool write_kept(struct console_port *port)
{
	size_t done = 0;

	while (done < port->kept_bytes && output_matters(port)) {
		size_t n;
		if (!put_out(port, port->kept + done, port->kept_bytes - done, &n)) {
			memmove(port->kept, port->kept + done, port->kept_bytes - done);
			port->kept_bytes -= done;
			return false;
		}
		done += n;
	}
	port->kept_bytes = 0;
	return true;
}

/* Writes what remains of the chain, to at most *budget bytes. True when all of it is written. */
static bool write_chain(struct console_port *port, const struct virtq_chain *chain, uint64_t *budget)
{
	uint8_t buf[COPY_BYTES];

	while (output_matters(port) && port->out_done < chain->out_bytes) {
		if (!*budget)
			return false;
		size_t len = iov_read(chain->iov, chain->out_count, port->out_done, buf, *budget < sizeof(buf) ? *budget : sizeof(buf));
		if (!put_out(port, buf, len, &len))
			return false;
		port->out_done += len;
		*budget -= len;
	}
	return true;
}

/*
 * A chain that is written in part goes back into its queue, and `out_done` remembers how much of it. The driver may not change it
 * meanwhile; if it does, its output is what it made of it.
 */
static void serve_output(struct console_port *port)
{
	struct virtio_dev *dev = &port->con->dev;
	struct virtqueue *vq = &dev->queue[tx_queue(port)];
	uint64_t budget = OUTPUT_BYTES_AT_ONCE;
	struct virtq_chain chain;

	if (!write_kept(port)) {
		stream_wait(&port->out, true);
		return;
	}
	for (unsigned i = 0; i < OUTPUT_CHAINS_AT_ONCE && virtio_pop(dev, tx_queue(port), &chain); i++) {
		if (!write_chain(port, &chain, &budget)) {
			virtqueue_unpop(vq);
			break;
		}
		port->out_done = 0;
		virtqueue_push(vq, chain.head, 0);
	}
	virtio_notify(dev, tx_queue(port));
	stream_wait(&port->out, dev->started && !virtqueue_empty(vq));
}

static void output_ready(void *arg)
{
	serve_output(arg);
}

/* --- the device ------------------------------------------------------------------------------------------------------------ */

static void more_control(void *arg)
{
	console_receive_messages(arg);
}

/* After DRIVER_OK the transport calls this for every queue, which sets everything going. */
static void console_kick(struct virtio_dev *dev, unsigned queue)
{
	struct virtio_console *con = (struct virtio_console *)dev;

	if (queue > 1 && !console_multiport(con))
		return;
	if (queue == CONSOLE_QUEUE_CONTROL_RX) {
		console_send_owed(con);
		return;
	}
	if (queue == CONSOLE_QUEUE_CONTROL_TX) {
		console_receive_messages(con);
		return;
	}
	struct console_port *port = &con->port[queue > 1 ? queue / 2 - 1 : 0];
	if (queue % 2 == 0)
		console_serve_input(port);
	else if (!port->out.waiting)
		serve_output(port);
}

/* On a vCPU's thread: what belongs to the loop is left to it. */
static void console_reset(struct virtio_dev *dev)
{
	struct virtio_console *con = (struct virtio_console *)dev;

	for (unsigned i = 0; i < con->port_count; i++) {
		struct console_port *port = &con->port[i];
		keep_output(port);
		port->added = port->ready = port->guest_open = false;
		port->owed = 0;
		port->out_done = 0;
	}
	loop_defer(dev->loop, &con->after_reset);
}

/* The driver may be back already, and served since; then this changes nothing. */
static void after_reset(void *arg)
{
	struct virtio_console *con = arg;

	for (unsigned i = 0; i < con->port_count; i++) {
		console_tell_open(&con->port[i]);
		console_serve_input(&con->port[i]);
		serve_output(&con->port[i]);
	}
}

static const struct virtio_ops console_ops = { .kick = console_kick, .reset = console_reset };

static int open_port(struct virtio_console *con, unsigned id, const struct virtio_console_port *config)
{
	struct console_port *port = &con->port[id];

	*port = (struct console_port){ .con = con, .id = id, .config = *config };
	const struct stream_config in = {
		.fd = config->in_fd,
		.events = EPOLLIN,
		.ready = input_ready,
		.arg = port,
		.lock = &con->dev.lock,
	};
	const struct stream_config out = {
		.fd = config->out_fd,
		.events = EPOLLOUT,
		.ready = output_ready,
		.arg = port,
		.lock = &con->dev.lock,
	};
	if (config->name && strlen(config->name) > VIRTIO_CONSOLE_NAME_MAX)
		return -ENAMETOOLONG;
	int err = stream_open(&port->in, &in, con->dev.loop);
	return err ? err : stream_open(&port->out, &out, con->dev.loop);
}

static void describe(struct virtio_console *con, const char *name, struct loop *loop, const struct mem *mem)
{
	const struct config_space config = { .ports_max = con->port_count };

	con->dev = (struct virtio_dev){
		.name = name,
		.device_id = DEVICE_ID,
		.features = VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT,
		.queue_count = 2 * con->port_count + 2,
		.config_bytes = sizeof(config),
		.ops = &console_ops,
		.loop = loop,
		.mem = mem,
	};
	memcpy(con->dev.config, &config, sizeof(config));
	for (unsigned i = 0; i < con->dev.queue_count; i++)
		con->dev.queue_size_max[i] =
			i == CONSOLE_QUEUE_CONTROL_RX || i == CONSOLE_QUEUE_CONTROL_TX ? CONTROL_QUEUE_SIZE : DATA_QUEUE_SIZE;
}

struct virtio_console *virtio_console_new(const char *name, const struct virtio_console_port *ports, unsigned port_count, struct loop *loop,
					  const struct mem *mem)
{
	struct virtio_console *con = calloc(1, sizeof(*con));
	int err = -ENOMEM;

	if (!con)
		goto fail;
	err = -EINVAL;
	if (!port_count || port_count > VIRTIO_CONSOLE_PORTS_MAX)
		goto fail;
	con->port_count = port_count;
	describe(con, name, loop, mem);
	con->after_reset = (struct loop_work){ .run = after_reset, .arg = con, .lock = &con->dev.lock };
	con->more_control = (struct loop_work){ .run = more_control, .arg = con, .lock = &con->dev.lock };
	for (unsigned i = 0; i < port_count; i++) {
		err = open_port(con, i, &ports[i]);
		if (err)
			goto fail;
	}
	return con;

fail:
	log_error("%s: cannot make the console's ports: %s", name, strerror(-err));
	virtio_console_free(con);
	return NULL;
}

struct virtio_dev *virtio_console_dev(struct virtio_console *con)
{
	return &con->dev;
}

void virtio_console_free(struct virtio_console *con)
{
	if (!con)
		return;
	for (unsigned i = 0; i < con->port_count; i++) {
		stream_close(&con->port[i].in);
		stream_close(&con->port[i].out);
	}
	if (con->dev.loop) {
		loop_work_cancel(con->dev.loop, &con->after_reset);
		loop_work_cancel(con->dev.loop, &con->more_control);
	}
	free(con);
}

void virtio_console_resize(struct virtio_console *con, unsigned id, uint16_t columns, uint16_t rows)
{
	const uint16_t size[2] = { columns, rows };

	if (id >= con->port_count)
		return;
	struct console_port *port = &con->port[id];
	if (port->columns == columns && port->rows == rows)
		return;
	pthread_mutex_lock(&con->dev.lock);
	port->columns = columns;
	port->rows = rows;
	/* 5.3.4: configuration space has the size of port 0. With MULTIPORT Linux goes by the message alone. */
	if (id == 0) {
		memcpy(con->dev.config, size, sizeof(size));
		virtio_config_changed(&con->dev);
	}
	if (port->config.console) {
		console_owe(port, CONSOLE_RESIZE);
		console_send_owed(con);
	}
	pthread_mutex_unlock(&con->dev.lock);
}

static bool inject(struct console_port *port, const void *data, size_t len)
{
	struct virtio_dev *dev = &port->con->dev;
	struct virtqueue *vq = &dev->queue[rx_queue(port)];
	struct virtq_chain chain;

	if (!guest_open(port) || !virtio_pop(dev, rx_queue(port), &chain))
		return false;
	if (chain.in_bytes < len) {
		virtqueue_unpop(vq);
		return false;
	}
	iov_write(chain.iov + chain.out_count, chain.in_count, 0, data, len);
	virtqueue_push(vq, chain.head, (uint32_t)len);
	virtio_notify(dev, rx_queue(port));
	return true;
}

bool virtio_console_inject(struct virtio_console *con, unsigned id, const void *data, size_t len)
{
	if (id >= con->port_count)
		return false;
	pthread_mutex_lock(&con->dev.lock);
	bool done = inject(&con->port[id], data, len);
	pthread_mutex_unlock(&con->dev.lock);
	return done;
}

bool virtio_console_flush(struct virtio_console *con)
{
	bool done = true;

	pthread_mutex_lock(&con->dev.lock);
	for (unsigned i = 0; i < con->port_count; i++) {
		struct console_port *port = &con->port[i];
		serve_output(port);
		done = done && !port->out.waiting;
	}
	pthread_mutex_unlock(&con->dev.lock);
	return done;
}
