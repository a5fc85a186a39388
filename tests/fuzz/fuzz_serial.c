// SPDX-License-Identifier: Apache-2.0
/* The serial port's registers under a hostile driver, with a host that types, reads, stops reading and goes away in between. */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "devices/serial.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

#define STEPS_MAX 4000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_pulse(struct irq *irq)
{
	(void)irq;
}

static void access_register(struct serial *serial, uint8_t how, uint8_t value)
{
	unsigned offset = how & 7, len = 1u << (how >> 3 & 3);
	uint8_t bytes[8] = { value, (uint8_t)~value, value, value, value, value, value, value };

	if (offset + len > SERIAL_REGISTERS)
		len = 1;
	pthread_mutex_lock(serial_lock(serial));
	if (how & 0x20)
		serial_write(serial, offset, bytes, len);
	else
		serial_read(serial, offset, bytes, len);
	pthread_mutex_unlock(serial_lock(serial));
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void host_step(struct serial *serial, struct fake_driver *drv, int in[2], int out[2], uint8_t what, uint8_t value)
{
	uint8_t buf[4096] = { value };
	ssize_t n = 0;

	switch (what & 7) {
	case 0:
		n = in[1] >= 0 ? write(in[1], buf, value * 16u) : 0;
		break;
	case 1:
		n = out[0] >= 0 ? read(out[0], buf, sizeof(buf)) : 0;
		break;
	case 2:
		fake_run_once(drv);
		break;
	case 3:
		serial_break(serial);
		break;
	case 4:
		serial_flush(serial);
		break;
	case 5:
		serial_reset(serial);
		break;
	default:
		close_one(value & 1 ? &in[1] : &out[0]);
	}
	(void)n;
}

/* After a reset every driver finds an idle port again, and a loopback works. */
static void check_life(struct serial *serial)
{
	uint8_t value;

	serial_reset(serial);
	access_register(serial, 0x20 | 4, 0x10);
	access_register(serial, 0x20 | 0, 'x');
	serial_read(serial, 5, &value, 1);
	assert(value & 1);
	serial_read(serial, 0, &value, 1);
	assert(value == 'x');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct irq irq = { .pulse = ignore_pulse };
	struct fake_driver drv = { .loop = loop_new() };
	int in[2], out[2];

	log_set_level(LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	if (!drv.loop || pipe2(in, O_CLOEXEC | O_NONBLOCK) || pipe2(out, O_CLOEXEC | O_NONBLOCK))
		return 0;
	const struct serial_config config = { .in_fd = in[0], .out_fd = out[1] };
	struct serial *serial = serial_new(&config, &irq, drv.loop);
	assert(serial);
	close_one(&in[0]);
	close_one(&out[1]);
	for (size_t i = 0; i + 1 < size && i < 2 * STEPS_MAX; i += 2) {
		if (data[i] & 0x80)
			host_step(serial, &drv, in, out, data[i], data[i + 1]);
		else
			access_register(serial, data[i], data[i + 1]);
	}
	check_life(serial);
	serial_free(serial);
	loop_free(drv.loop);
	close_one(&in[1]);
	close_one(&out[0]);
	return 0;
}
