// SPDX-License-Identifier: Apache-2.0
/*
 * The virtio console under a hostile driver and a changing host: the input is a list of steps, each a byte that says what is done and a few
 * more that say how. After any of it, the console must answer a well-behaved driver.
 */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/console.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

#define PORTS 3
#define STEPS_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	const uint8_t *data;
	size_t left;
	struct fake_driver drv;
	struct virtio_console *con;
	int in[2], out[2];
};

static uint32_t take(struct run *r, unsigned bytes)
{
	uint32_t value = 0;

	for (; bytes && r->left; bytes--, r->left--)
		value = value << 8 | *r->data++;
	return value;
}

static size_t drop_every_fourth(void *arg, uint8_t *buf, size_t len)
{
	(void)arg;
	(void)buf;
	return len - len / 4;
}

static void ignore_output(void *arg, const void *data, size_t len)
{
	volatile uint8_t sum = 0;

	(void)arg;
	/* Reads it all, for the sanitizer to see. */
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
}

static unsigned any_queue(struct run *r)
{
	return take(r, 1) % r->drv.dev->queue_count;
}

/* A chain of proper shape, in content and length whatever the input says. */
static void add_chain(struct run *r)
{
	unsigned queue = any_queue(r), count = 1 + take(r, 1) % 3;
	struct fake_buffer buffers[3];

	for (unsigned i = 0; i < count; i++) {
		uint32_t how = take(r, 1);
		buffers[i] = (struct fake_buffer){ FAKE_HIGH_GPA + (how & 0x3f) * 4096, 1 + take(r, how & 0x40 ? 2 : 1), how & 0x80 };
	}
	fake_add(&r->drv, queue, buffers, count);
	fake_kick(&r->drv, queue);
}

/* One that may be anything. */
static void add_broken_chain(struct run *r)
{
	unsigned queue = any_queue(r), index = take(r, 1) % 64;
	struct fake_queue *q = &r->drv.queue[queue];
	gpa_t addr = take(r, 1) & 1 ? FAKE_RAM_GPA + take(r, 3) : take(r, 4);

	if (!q->size)
		return;
	fake_set_desc(&r->drv, q->desc_gpa, index % q->size, addr, take(r, 3), (uint16_t)take(r, 1), (uint16_t)(take(r, 1) % 64));
	fake_make_available(&r->drv, queue, (uint16_t)index);
	fake_kick(&r->drv, queue);
}

static void send_control(struct run *r)
{
	uint8_t msg[12] = { 0 };
	uint32_t len = 1 + take(r, 1) % sizeof(msg);

	for (unsigned i = 0; i < sizeof(msg) && i < len; i++)
		msg[i] = (uint8_t)take(r, 1);
	struct fake_buffer out = { FAKE_HIGH_GPA, len, false };
	memcpy(fake_at(&r->drv, FAKE_HIGH_GPA), msg, len);
	fake_add(&r->drv, 3, &out, 1);
	fake_kick(&r->drv, 3);
}

static void collect(struct run *r)
{
	struct fake_used used;

	for (unsigned queue = 0; queue < r->drv.dev->queue_count; queue++) {
		for (unsigned i = 0; r->drv.queue[queue].size && i < 300 && fake_used(&r->drv, queue, &used); i++)
			;
	}
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void host_step(struct run *r, unsigned what)
{
	uint8_t buf[4096] = { 0 };
	ssize_t n = 0;

	switch (what) {
	case 0:
		n = r->in[1] >= 0 ? write(r->in[1], buf, 1 + take(r, 2) % sizeof(buf)) : 0;
		break;
	case 1:
		n = r->out[0] >= 0 ? read(r->out[0], buf, sizeof(buf)) : 0;
		break;
	case 2:
		close_one(&r->in[1]);
		break;
	case 3:
		close_one(&r->out[0]);
		break;
	case 4:
		virtio_console_resize(r->con, take(r, 1) % (PORTS + 1), (uint16_t)take(r, 1), (uint16_t)take(r, 1));
		break;
	case 5:
		virtio_console_inject(r->con, take(r, 1) % (PORTS + 1), buf, take(r, 1));
		break;
	default:
		virtio_console_flush(r->con);
	}
	(void)n;
}

static void step(struct run *r)
{
	unsigned what = take(r, 1);

	switch (what % 8) {
	case 0:
	case 1:
		add_chain(r);
		break;
	case 2:
		add_broken_chain(r);
		break;
	case 3:
		send_control(r);
		break;
	case 4:
		fake_run_once(&r->drv);
		break;
	case 5:
		collect(r);
		break;
	case 6:
		host_step(r, what / 8 % 8);
		break;
	default:
		if (what / 8 % 8 == 0 && r->drv.next_gpa < FAKE_RAM_GPA + FAKE_RAM_BYTES / 2)
			fake_driver_restart(&r->drv, what & 0x40 ? FAKE_FEATURES_ALL : FAKE_FEATURES_ALL & ~2ull);
	}
}

/* Whatever happened, after a reset the handshake works. */
static void check_life(struct run *r)
{
	const uint8_t ready[8] = { 0, 0, 0, 0, 0, 0, 1, 0 };
	struct fake_buffer in = { fake_alloc(&r->drv, 128), 128, true };
	struct fake_buffer out = { fake_alloc_data(&r->drv, ready, sizeof(ready)), sizeof(ready), false };
	struct fake_used used;
	bool ok = fake_driver_restart(&r->drv, FAKE_FEATURES_ALL);

	assert(ok);
	fake_add(&r->drv, 2, &in, 1);
	fake_add(&r->drv, 3, &out, 1);
	fake_kick(&r->drv, 3);
	ok = fake_used(&r->drv, 2, &used);
	assert(ok && used.len == 8);
	(void)ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .data = data, .left = size };

	log_set_level(LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(r.in, O_CLOEXEC | O_NONBLOCK) || pipe2(r.out, O_CLOEXEC | O_NONBLOCK))
		return 0;
	const struct virtio_console_port ports[PORTS] = {
		{ .console = true, .in_fd = r.in[0], .out_fd = r.out[1], .filter = drop_every_fourth },
		{ .name = "a", .in_fd = r.in[0], .out_fd = r.out[1] },
		{ .name = "b", .in_fd = -1, .out_fd = -1, .output = ignore_output },
	};
	fake_driver_init(&r.drv);
	r.con = virtio_console_new("console", ports, PORTS, r.drv.loop, &r.drv.mem);
	assert(r.con);
	close_one(&r.in[0]);
	close_one(&r.out[1]);
	fake_driver_attach(&r.drv, virtio_console_dev(r.con), FAKE_FEATURES_ALL);
	for (unsigned i = 0; i < STEPS_MAX && r.left; i++)
		step(&r);
	check_life(&r);
	fake_driver_detach(&r.drv);
	virtio_console_free(r.con);
	fake_driver_release(&r.drv);
	close_one(&r.in[1]);
	close_one(&r.out[0]);
	return 0;
}
