// SPDX-License-Identifier: Apache-2.0
/* devices/serial.c against the PC16550D data sheet, and against what Linux's 8250 driver does to find and use a port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/serial.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

static struct fixture {
	struct fake_driver drv; /* for its loop alone */
	struct irq irq;
	unsigned pulses;
	struct serial *serial;
	int in_w, out_r; /* our ends of the pipes; -1 without */
	int in_r, out_w;
	size_t tapped;
} fx;

static void count_pulse(struct irq *irq)
{
	(void)irq;
	fx.pulses++;
}

static void tap(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)data;
	fx.tapped += len;
}

static void start(struct serial_config config)
{
	fx.serial = serial_new(&config, &fx.irq, fx.drv.loop);
	assert_non_null(fx.serial);
}

static int set_up(void **state)
{
	int in[2], out[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	/* What waits although it should not ends here. */
	alarm(60);
	memset(&fx, 0, sizeof(fx));
	if (pipe(in) || pipe(out))
		return -1;
	fx.in_r = in[0];
	fx.in_w = in[1];
	fx.out_r = out[0];
	fx.out_w = out[1];
	fx.irq = (struct irq){ .pulse = count_pulse };
	fx.drv.loop = loop_new();
	return fx.drv.loop ? 0 : -1;
}

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	serial_free(fx.serial);
	loop_free(fx.drv.loop);
	close_if(fx.in_r);
	close_if(fx.in_w);
	close_if(fx.out_r);
	close_if(fx.out_w);
	return 0;
}

static void piped(void)
{
	start((struct serial_config){ .in_fd = fx.in_r, .out_fd = fx.out_w, .output = tap });
}

/* Accesses as the bus makes them. */
static uint8_t get(unsigned reg)
{
	uint8_t value;

	pthread_mutex_lock(serial_lock(fx.serial));
	serial_read(fx.serial, reg, &value, 1);
	pthread_mutex_unlock(serial_lock(fx.serial));
	return value;
}

static void set(unsigned reg, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	pthread_mutex_lock(serial_lock(fx.serial));
	serial_write(fx.serial, reg, &byte, 1);
	pthread_mutex_unlock(serial_lock(fx.serial));
}

static void type(const char *text)
{
	assert_int_equal(write(fx.in_w, text, strlen(text)), (ssize_t)strlen(text));
}

static bool data_ready(void *arg)
{
	(void)arg;
	return get(UART_LSR) & UART_LSR_DR;
}

static uint8_t receive(void)
{
	assert_true(fake_run_until(&fx.drv, data_ready, NULL));
	return get(UART_RX);
}

static unsigned pulses(void)
{
	unsigned n = fx.pulses;

	fx.pulses = 0;
	return n;
}

/* --- registers ------------------------------------------------------------------------------------------------------------- */

static void registers_after_reset(void **state)
{
	(void)state;
	piped();
	for (int round = 0; round < 2; round++) {
		assert_int_equal(get(UART_IER), 0);
		assert_int_equal(get(UART_IIR), UART_IIR_NO_INT);
		assert_int_equal(get(UART_LCR), 0);
		assert_int_equal(get(UART_MCR), 0);
		assert_int_equal(get(UART_LSR), UART_LSR_TEMT | UART_LSR_THRE);
		assert_int_equal(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
		for (unsigned reg = UART_IER; reg < SERIAL_REGISTERS; reg++)
			set(reg, 0x0f);
		serial_reset(fx.serial);
	}
}

/* What is written and what of it can be read back: table II of the data sheet. */
static void registers_keep_their_bits(void **state)
{
	static const struct {
		unsigned reg, lcr;
		uint8_t mask;
	} table[] = {
		{ UART_IER, 0, 0x0f },
		{ UART_LCR, 0, 0xff },
		{ UART_MCR, 0, 0x1f },
		{ UART_SCR, 0, 0xff },
		{ UART_LSR, 0, 0 },
		{ UART_DLL, UART_LCR_DLAB, 0xff },
		{ UART_DLM, UART_LCR_DLAB, 0xff },
	};

	(void)state;
	piped();
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		set(UART_LCR, table[i].lcr);
		uint8_t before = get(table[i].reg);
		for (unsigned value = 0; value < 256; value++) {
			set(table[i].reg, value);
			unsigned expected = table[i].mask ? value & table[i].mask : before;
			assert_int_equal(get(table[i].reg), expected);
		}
	}
	/* The divisor hides nothing of the other registers, and the other way round. */
	set(UART_LCR, UART_LCR_DLAB);
	set(UART_DLL, 0x34);
	set(UART_DLM, 0x12);
	set(UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(get(UART_IER), 0x0f);
	set(UART_LCR, UART_LCR_DLAB);
	assert_int_equal(get(UART_DLL), 0x34);
	assert_int_equal(get(UART_DLM), 0x12);
}

static void a_wide_access_is_several_narrow_ones(void **state)
{
	uint8_t data[4] = { 0x03, 0x0a, 0, 0 };

	(void)state;
	piped();
	serial_write(fx.serial, UART_LCR, data, 2);
	assert_int_equal(get(UART_LCR), 0x03);
	assert_int_equal(get(UART_MCR), 0x0a);
	serial_read(fx.serial, UART_LCR, data, 4);
	assert_memory_equal(data, "\x03\x0a\x60", 3);
}

/* --- Linux --------------------------------------------------------------------------------------------------------------- */

/* The steps of autoconfig() and autoconfig_16550a(), Linux, drivers/tty/serial/8250/8250_port.c: they must find a plain 16550A. */
static void linux_finds_a_16550a(void **state)
{
	(void)state;
	piped();
	set(UART_IER, 0);
	assert_int_equal(get(UART_IER) & 0x0f, 0);
	set(UART_IER, 0x0f);
	assert_int_equal(get(UART_IER) & 0x0f, 0x0f);
	set(UART_IER, 0);

	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(get(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	set(UART_MCR, 0);

	set(UART_LCR, UART_LCR_CONF_MODE_B);
	set(UART_EFR, 0);
	set(UART_LCR, 0);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(get(UART_IIR) >> 6, 3);

	/* Not a 16650: no extended feature register behind either mode. */
	set(UART_LCR, UART_LCR_CONF_MODE_A);
	assert_int_not_equal(get(UART_EFR), 0);
	set(UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(get(UART_EFR), 0);

	/* Not a National SuperIO: EXCR1 does not follow the loopback bit. */
	set(UART_LCR, 0);
	uint8_t mcr = get(UART_MCR);
	set(UART_LCR, 0xe0);
	if (!((get(0x02) ^ mcr) & UART_MCR_LOOP)) {
		set(UART_LCR, 0);
		set(UART_MCR, mcr ^ UART_MCR_LOOP);
		set(UART_LCR, 0xe0);
		uint8_t excr1 = get(0x02);
		set(UART_LCR, 0);
		set(UART_MCR, mcr);
		assert_false((excr1 ^ mcr) & UART_MCR_LOOP);
	}

	/* Not a 16750: no 64-byte FIFO, whether the divisor latch is open or not. */
	set(UART_LCR, 0);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(get(UART_IIR) >> 5, 6);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_LCR, UART_LCR_CONF_MODE_A);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(get(UART_IIR) >> 5, 6);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_LCR, 0);

	/* Not an XScale: bit 6 of IER does not stick. */
	set(UART_IER, UART_IER_UUE);
	assert_int_equal(get(UART_IER) & UART_IER_UUE, 0);
	set(UART_IER, 0);
	set(UART_FCR, 0);
	assert_int_equal(get(UART_IIR), UART_IIR_NO_INT);
}

/* serial8250_do_startup(): the transmitter must announce itself each time its interrupt is enabled, or Linux polls with a timer. */
static void linux_trusts_the_transmit_interrupt(void **state)
{
	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	for (int i = 0; i < 2; i++) {
		set(UART_IER, UART_IER_THRI);
		assert_int_equal(pulses(), 1);
		assert_int_equal(get(UART_IIR), 0xc0 | UART_IIR_THRI);
		assert_int_equal(get(UART_IIR), 0xc0 | UART_IIR_NO_INT);
		set(UART_IER, 0);
	}
}

/* --- loopback -------------------------------------------------------------------------------------------------------------- */

static void loopback_shows_our_own_lines(void **state)
{
	static const struct {
		unsigned mcr;
		uint8_t lines;
	} table[] = {
		{ 0, 0 },
		{ UART_MCR_DTR, UART_MSR_DSR },
		{ UART_MCR_RTS, UART_MSR_CTS },
		{ UART_MCR_OUT1, UART_MSR_RI },
		{ UART_MCR_OUT2, UART_MSR_DCD },
		{ 0x0f, 0xf0 },
	};

	(void)state;
	piped();
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		set(UART_MCR, UART_MCR_LOOP | table[i].mcr);
		assert_int_equal(get(UART_MSR) & 0xf0, table[i].lines);
	}
	set(UART_MCR, 0);
	assert_int_equal(get(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

static void loopback_gives_modem_interrupts(void **state)
{
	(void)state;
	piped();
	set(UART_MCR, UART_MCR_LOOP);
	get(UART_MSR);
	set(UART_IER, UART_IER_MSI);
	pulses();
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	assert_int_equal(pulses(), 1);
	assert_int_equal(get(UART_IIR), UART_IIR_MSI);
	assert_int_equal(get(UART_MSR), UART_MSR_CTS | UART_MSR_DCTS);
	assert_int_equal(get(UART_IIR), UART_IIR_NO_INT);
	/* The ring counts when it ends. */
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT1);
	assert_int_equal(get(UART_MSR), UART_MSR_CTS | UART_MSR_RI);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	assert_int_equal(get(UART_MSR), UART_MSR_CTS | UART_MSR_TERI);
}

static void loopback_returns_data_and_overruns(void **state)
{
	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 20; i++)
		set(UART_TX, i);
	/* 16 bytes are kept, and OE is read once. */
	assert_true(get(UART_LSR) & UART_LSR_OE);
	assert_false(get(UART_LSR) & UART_LSR_OE);
	for (unsigned i = 0; i < 16; i++) {
		assert_true(get(UART_LSR) & UART_LSR_DR);
		assert_int_equal(get(UART_RX), i);
	}
	assert_false(get(UART_LSR) & UART_LSR_DR);
	/* Without the FIFO there is one byte, and the newer one wins. */
	set(UART_FCR, 0);
	set(UART_TX, 1);
	set(UART_TX, 2);
	assert_true(get(UART_LSR) & UART_LSR_OE);
	assert_int_equal(get(UART_RX), 2);
	assert_false(get(UART_LSR) & UART_LSR_DR);
	/* Nothing of all this left the port. */
	set(UART_MCR, 0);
	serial_flush(fx.serial);
	assert_int_equal(fx.tapped, 0);
}

/* --- interrupts ------------------------------------------------------------------------------------------------------------ */

static void the_most_urgent_cause_comes_first(void **state)
{
	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 17; i++)
		set(UART_TX, i);
	set(UART_IER, 0x0f);
	assert_int_equal(pulses(), 1);
	/* Each time that one is served while others wait, the edge comes again. */
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_RLSI);
	get(UART_LSR);
	assert_int_equal(pulses(), 1);
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_RDI);
	for (unsigned i = 0; i < 16; i++)
		get(UART_RX);
	assert_int_equal(pulses(), 1);
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_THRI);
	assert_int_equal(pulses(), 1);
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_MSI);
	get(UART_MSR);
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_NO_INT);
	assert_int_equal(pulses(), 0);
}

/* A driver that fills the FIFO in its handler gets one interrupt for it, not sixteen. */
static void a_burst_gives_one_interrupt(void **state)
{
	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_IER, UART_IER_THRI);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(pulses(), 1);
		assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_THRI);
		for (unsigned i = 0; i < 16; i++)
			set(UART_TX, 'x');
	}
}

static bool pulsed(void *arg)
{
	(void)arg;
	return fx.pulses;
}

static void input_interrupts_once_enabled(void **state)
{
	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_IER, UART_IER_RDI);
	type("a");
	assert_true(fake_run_until(&fx.drv, pulsed, NULL));
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_RDI);
	assert_int_equal(get(UART_RX), 'a');
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_NO_INT);
	pulses();
	type("b");
	assert_true(fake_run_until(&fx.drv, pulsed, NULL));
	assert_int_equal(get(UART_RX), 'b');
}

/* --- input ----------------------------------------------------------------------------------------------------------------- */

/* Typed before the driver is there: its probe and its start-up clear the FIFO, and it is not lost. */
static void early_input_waits_for_the_driver(void **state)
{
	(void)state;
	piped();
	type("root\n");
	for (int i = 0; i < 10; i++)
		fake_run_once(&fx.drv);
	assert_false(get(UART_LSR) & UART_LSR_DR);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	get(UART_RX);
	serial_reset(fx.serial);
	set(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	for (const char *p = "root\n"; *p; p++)
		assert_int_equal(receive(), *p);
}

static void fifo_clear_drops_what_is_in_the_fifo_alone(void **state)
{
	char text[33] = "0123456789abcdefghijklmnopqrstuv";

	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_RTS);
	type(text);
	assert_int_equal(receive(), '0');
	assert_int_equal(get(UART_RX), '1');
	set(UART_MCR, 0); /* nothing moves up */
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_false(get(UART_LSR) & UART_LSR_DR);
	set(UART_MCR, UART_MCR_RTS);
	assert_int_equal(get(UART_RX), text[18]);
}

static uint32_t checksum(uint32_t sum, uint8_t byte)
{
	return (sum ^ byte) * 16777619u;
}

/* 100,000 bytes of every value, through a pipe that holds less, while the guest polls. */
static void much_input_arrives_whole(void **state)
{
	uint32_t sent_sum = 0, sum = 0;
	size_t sent = 0, got = 0, total = 100000;

	(void)state;
	piped();
	assert_int_equal(fcntl(fx.in_w, F_SETFL, O_NONBLOCK), 0);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_RTS);
	while (got < total) {
		uint8_t buf[997];
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)((sent + i) * 31 >> 3);
		size_t len = total - sent < sizeof(buf) ? total - sent : sizeof(buf);
		ssize_t n = len ? write(fx.in_w, buf, len) : 0;
		for (ssize_t i = 0; i < n; i++)
			sent_sum = checksum(sent_sum, buf[i]);
		sent += n > 0 ? (size_t)n : 0;
		if (!(get(UART_LSR) & UART_LSR_DR))
			assert_true(fake_run_until(&fx.drv, data_ready, NULL));
		/* Now and then nobody reads for a while. */
		for (unsigned i = 0; got % 3 && i < 100; i++)
			fake_run_once(&fx.drv);
		for (unsigned i = 0; i < 700 && get(UART_LSR) & UART_LSR_DR; i++, got++)
			sum = checksum(sum, get(UART_RX));
	}
	assert_int_equal(got, total);
	assert_int_equal(sum, sent_sum);
	assert_false(get(UART_LSR) & UART_LSR_OE);
}

static void a_break_is_told_with_its_place_in_the_data(void **state)
{
	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_RTS);
	set(UART_IER, UART_IER_RLSI);
	type("a");
	fake_run_once(&fx.drv);
	assert_int_equal(pulses(), 0);
	serial_break(fx.serial);
	type("h");
	fake_run_once(&fx.drv);
	assert_int_equal(get(UART_LSR) & (UART_LSR_DR | UART_LSR_BI | UART_LSR_FIFOE), UART_LSR_DR | UART_LSR_FIFOE);
	assert_int_equal(get(UART_RX), 'a');
	assert_int_equal(pulses(), 1);
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_RLSI);
	assert_int_equal(get(UART_LSR) & (UART_LSR_DR | UART_LSR_BI), UART_LSR_DR | UART_LSR_BI);
	assert_int_equal(get(UART_LSR) & UART_LSR_BI, 0);
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_RX), 'h');
}

static size_t breaking_filter(void *arg, uint8_t *buf, size_t len)
{
	(void)arg;
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '!') {
			memmove(buf + i, buf + i + 1, len - i - 1);
			serial_break(fx.serial);
			return len - 1;
		}
	}
	return len;
}

static void a_filter_may_send_a_break(void **state)
{
	(void)state;
	start((struct serial_config){ .in_fd = fx.in_r, .out_fd = -1, .filter = breaking_filter });
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_RTS);
	type("!h");
	assert_true(fake_run_until(&fx.drv, data_ready, NULL));
	assert_int_equal(get(UART_RX), 0);
	assert_int_equal(get(UART_RX), 'h');
}

static void input_that_ends_keeps_what_came(void **state)
{
	(void)state;
	piped();
	type("bye");
	close(fx.in_w);
	fx.in_w = -1;
	set(UART_MCR, UART_MCR_RTS);
	for (const char *p = "bye"; *p; p++)
		assert_int_equal(receive(), *p);
	/* A loop that had nothing to wait for would spin. */
	fake_run_once(&fx.drv);
	assert_false(get(UART_LSR) & UART_LSR_DR);
}

/* --- output ---------------------------------------------------------------------------------------------------------------- */

static bool readable(void *arg)
{
	char buf[SERIAL_OUTPUT_BYTES];
	ssize_t n;

	assert_int_equal(fcntl(fx.out_r, F_SETFL, O_NONBLOCK), 0);
	n = read(fx.out_r, buf, sizeof(buf));
	if (n > 0)
		*(size_t *)arg += (size_t)n;
	return n > 0;
}

static void output_comes_out_by_itself(void **state)
{
	size_t got = 0;

	(void)state;
	piped();
	for (const char *p = "login: "; *p; p++)
		set(UART_TX, *p);
	while (got < 7)
		assert_true(fake_run_until(&fx.drv, readable, &got));
	assert_int_equal(got, 7);
	assert_int_equal(fx.tapped, 7);
}

static void output_without_a_descriptor_goes_to_the_tap(void **state)
{
	(void)state;
	start((struct serial_config){ .in_fd = -1, .out_fd = -1, .output = tap });
	for (unsigned i = 0; i < 100; i++)
		set(UART_TX, i);
	serial_flush(fx.serial);
	assert_int_equal(fx.tapped, 100);
}

/* Nobody reads: the port becomes busy, no vCPU waits, and when the reader comes back every byte is there, in order. */
static void a_reader_that_stops_makes_the_port_busy(void **state)
{
	uint32_t next = 0, expected = 0;
	uint8_t buf[4096];

	(void)state;
	piped();
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	for (unsigned rounds = 0; rounds < 100000 && get(UART_LSR) & UART_LSR_THRE; rounds++) {
		for (unsigned i = 0; i < 16; i++)
			set(UART_TX, next++ % 251);
		if (rounds % 500 == 0)
			serial_flush(fx.serial);
	}
	serial_flush(fx.serial);
	while (get(UART_LSR) & UART_LSR_THRE)
		set(UART_TX, next++ % 251);
	assert_int_equal(get(UART_LSR) & UART_LSR_TEMT, 0);
	assert_true(fx.tapped > 65536);
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_NO_INT);
	pulses();

	assert_int_equal(fcntl(fx.out_r, F_SETFL, O_NONBLOCK), 0);
	while (expected < next) {
		ssize_t n = read(fx.out_r, buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], expected++ % 251);
		if (n < 0)
			fake_run_once(&fx.drv);
	}
	assert_int_equal(pulses(), 1);
	assert_true(get(UART_LSR) & UART_LSR_THRE);
	assert_int_equal(get(UART_IIR) & 0x0f, UART_IIR_THRI);
	assert_int_equal(fx.tapped, next);
}

static void a_driver_that_ignores_busy_loses_bytes_alone(void **state)
{
	(void)state;
	start((struct serial_config){ .in_fd = -1, .out_fd = -1, .output = tap });
	for (unsigned i = 0; i < SERIAL_OUTPUT_BYTES + 5000; i++)
		set(UART_TX, 'x');
	serial_flush(fx.serial);
	assert_int_equal(fx.tapped, SERIAL_OUTPUT_BYTES);
	assert_true(get(UART_LSR) & UART_LSR_THRE);
}

static void a_reader_that_left_does_not_stop_the_guest(void **state)
{
	(void)state;
	piped();
	close(fx.out_r);
	fx.out_r = -1;
	for (unsigned i = 0; i < 100000; i++) {
		assert_true(get(UART_LSR) & UART_LSR_THRE);
		set(UART_TX, 'x');
		if (i % 1000 == 0)
			serial_flush(fx.serial);
	}
}

static void *run_loop(void *arg)
{
	(void)arg;
	loop_run(fx.drv.loop);
	return NULL;
}

/* As in a machine: a vCPU echoes what it receives while another thread runs the loop. */
static void a_vcpu_and_the_loop_get_along(void **state)
{
	size_t sent = 0, echoed = 0, total = 20000;
	uint8_t buf[512];
	pthread_t thread;

	(void)state;
	piped();
	assert_int_equal(fcntl(fx.in_w, F_SETFL, O_NONBLOCK) | fcntl(fx.out_r, F_SETFL, O_NONBLOCK), 0);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_RTS);
	set(UART_IER, UART_IER_RDI | UART_IER_THRI);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, NULL), 0);
	while (echoed < total) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)(sent + i);
		size_t len = total - sent < sizeof(buf) ? total - sent : sizeof(buf);
		ssize_t n = len ? write(fx.in_w, buf, len) : 0;
		sent += n > 0 ? (size_t)n : 0;
		for (uint8_t lsr; (lsr = get(UART_LSR)) & UART_LSR_DR && lsr & UART_LSR_THRE;)
			set(UART_TX, get(UART_RX));
		n = read(fx.out_r, buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], (uint8_t)echoed++);
		if (n < 0)
			sched_yield();
	}
	loop_stop(fx.drv.loop);
	pthread_join(thread, NULL);
}

static void reset_keeps_output(void **state)
{
	(void)state;
	piped();
	set(UART_TX, 'x');
	serial_reset(fx.serial);
	serial_flush(fx.serial);
	assert_int_equal(fx.tapped, 1);
}

static void bad_descriptors_are_refused(void **state)
{
	const struct serial_config config = { .in_fd = 12345, .out_fd = -1 };

	(void)state;
	log_set_level(LOG_ERROR);
	assert_null(serial_new(&config, &fx.irq, fx.drv.loop));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers_after_reset),
		T(registers_keep_their_bits),
		T(a_wide_access_is_several_narrow_ones),
		T(linux_finds_a_16550a),
		T(linux_trusts_the_transmit_interrupt),
		T(loopback_shows_our_own_lines),
		T(loopback_gives_modem_interrupts),
		T(loopback_returns_data_and_overruns),
		T(the_most_urgent_cause_comes_first),
		T(a_burst_gives_one_interrupt),
		T(input_interrupts_once_enabled),
		T(early_input_waits_for_the_driver),
		T(fifo_clear_drops_what_is_in_the_fifo_alone),
		T(much_input_arrives_whole),
		T(a_break_is_told_with_its_place_in_the_data),
		T(a_filter_may_send_a_break),
		T(input_that_ends_keeps_what_came),
		T(output_comes_out_by_itself),
		T(output_without_a_descriptor_goes_to_the_tap),
		T(a_reader_that_stops_makes_the_port_busy),
		T(a_driver_that_ignores_busy_loses_bytes_alone),
		T(a_reader_that_left_does_not_stop_the_guest),
		T(a_vcpu_and_the_loop_get_along),
		T(reset_keeps_output),
		T(bad_descriptors_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
