// SPDX-License-Identifier: Apache-2.0
/*
 * A 16550A serial port: see serial.h. Section numbers are the PC16550D data sheet's (National Semiconductor, June 1995).
 *
 * Two sides meet under the lock: the registers, which vCPU threads read and write, and the host's descriptors, which the loop serves.
 * Between them stand two buffers. What a vCPU leaves for the loop to do, it asks for with loop_defer().
 */
#include "devices/serial.h"

#include <assert.h>
#include <errno.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>

#include "devices/stream.h"
#include "vmm/util/log.h"

#define FIFO_BYTES 16
/* Long enough to collect a line of kernel messages, too short to be seen. */
#define COLLECT_NS 2000000
#define READ_BYTES 256

/* Interrupt conditions, the most urgent first in value (8.5, table IV). */
enum { CAUSE_MODEM = 1, CAUSE_TX_EMPTY = 2, CAUSE_RX_DATA = 4, CAUSE_LINE = 8 };

struct serial_char {
	uint8_t byte;
	uint8_t errors; /* LSR bits that go with it */
};

struct serial {
	pthread_mutex_t lock;
	struct serial_config config;
	struct irq *irq;
	struct loop *loop;

	uint8_t ier, fcr, lcr, mcr, msr, scr, dll, dlm;
	bool overrun;
	bool tx_event;      /* THR became empty, and the driver has not read that in IIR */
	unsigned signalled; /* conditions that were pending when the line was looked at last */
	struct serial_char fifo[FIFO_BYTES];
	unsigned fifo_head, fifo_count;

	/* What the host sent and the FIFO had no room for. */
	uint8_t input[SERIAL_INPUT_BYTES];
	unsigned input_head, input_count;
	bool break_waits;
	unsigned break_after; /* bytes of input that come before the break */
	bool input_paused;    /* the loop stopped reading since there was no room */
	bool input_ended;

	uint8_t output[SERIAL_OUTPUT_BYTES];
	unsigned output_count;
	unsigned output_seen; /* bytes of it that config.output() was shown */
	bool output_full;     /* the transmitter is busy */
	bool output_due;      /* the loop knows that there is output */

	struct stream in, out;
	struct loop_work work;
	struct loop_timer collected;
};

/* --- interrupts ------------------------------------------------------------------------------------------------------------ */

static uint8_t line_status(const struct serial *s)
{
	uint8_t lsr = s->output_full ? 0 : UART_LSR_THRE | UART_LSR_TEMT;

	if (s->overrun)
		lsr |= UART_LSR_OE;
	if (!s->fifo_count)
		return lsr;
	lsr |= UART_LSR_DR | s->fifo[s->fifo_head].errors;
	for (unsigned i = 0; s->fcr & UART_FCR_ENABLE_FIFO && i < s->fifo_count; i++) {
		if (s->fifo[(s->fifo_head + i) % FIFO_BYTES].errors)
			lsr |= UART_LSR_FIFOE;
	}
	return lsr;
}

static unsigned pending_causes(const struct serial *s)
{
	unsigned causes = 0;

	if (s->ier & UART_IER_RLSI && line_status(s) & UART_LSR_BRK_ERROR_BITS)
		causes |= CAUSE_LINE;
	if (s->ier & UART_IER_RDI && s->fifo_count)
		causes |= CAUSE_RX_DATA;
	if (s->ier & UART_IER_THRI && s->tx_event)
		causes |= CAUSE_TX_EMPTY;
	if (s->ier & UART_IER_MSI && s->msr & UART_MSR_ANY_DELTA)
		causes |= CAUSE_MODEM;
	return causes;
}

/*
 * The line is an edge: a condition that arises while another is pending would be lost to a driver that serves one and returns. So a pulse
 * is given for each new one, and once more when one went away and others remain.
 */
static void update_line(struct serial *s)
{
	unsigned causes = pending_causes(s);
	unsigned fresh = causes & ~s->signalled, gone = s->signalled & ~causes;

	s->signalled = causes;
	if (fresh || (gone && causes))
		irq_pulse(s->irq);
}

static uint8_t read_iir(struct serial *s)
{
	unsigned causes = pending_causes(s);
	uint8_t iir = s->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0;

	if (causes & CAUSE_LINE)
		return iir | UART_IIR_RLSI;
	if (causes & CAUSE_RX_DATA)
		return iir | UART_IIR_RDI;
	if (causes & CAUSE_TX_EMPTY) {
		s->tx_event = false;
		return iir | UART_IIR_THRI;
	}
	return iir | (causes & CAUSE_MODEM ? UART_IIR_MSI : UART_IIR_NO_INT);
}

/* --- receiver -------------------------------------------------------------------------------------------------------------- */

static unsigned fifo_size(const struct serial *s)
{
	return s->fcr & UART_FCR_ENABLE_FIFO ? FIFO_BYTES : 1;
}

static void fifo_put(struct serial *s, uint8_t byte, uint8_t errors)
{
	if (s->fifo_count == fifo_size(s)) {
		/* 8.4: the FIFO keeps what it has; without one the new character takes the old one's place. */
		s->overrun = true;
		if (!(s->fcr & UART_FCR_ENABLE_FIFO))
			s->fifo[s->fifo_head] = (struct serial_char){ byte, errors };
		return;
	}
	s->fifo[(s->fifo_head + s->fifo_count++) % FIFO_BYTES] = (struct serial_char){ byte, errors };
}

/* Moves what the host sent into the FIFO, when the driver is ready to receive. */
static void receive(struct serial *s)
{
	if (s->mcr & UART_MCR_LOOP || !(s->mcr & UART_MCR_RTS || s->ier & UART_IER_RDI))
		return;
	while (s->fifo_count < fifo_size(s)) {
		if (s->break_waits && !s->break_after) {
			s->break_waits = false;
			fifo_put(s, 0, UART_LSR_BI);
		} else if (s->input_count) {
			fifo_put(s, s->input[s->input_head++], 0);
			s->input_count--;
			if (s->break_waits)
				s->break_after--;
		} else {
			break;
		}
	}
	if (s->input_paused && s->input_count <= SERIAL_INPUT_BYTES / 2)
		loop_defer(s->loop, &s->work);
}

static uint8_t read_rbr(struct serial *s)
{
	if (!s->fifo_count)
		return 0;
	uint8_t byte = s->fifo[s->fifo_head].byte;
	s->fifo_head = (s->fifo_head + 1) % FIFO_BYTES;
	s->fifo_count--;
	receive(s);
	return byte;
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t lsr = line_status(s);

	/* 8.4: reading clears the error bits; the character that they came with stays. */
	s->overrun = false;
	if (s->fifo_count)
		s->fifo[s->fifo_head].errors = 0;
	return lsr;
}

/* --- transmitter and control ------------------------------------------------------------------------------------------------- */

static void write_thr(struct serial *s, uint8_t byte)
{
	if (s->mcr & UART_MCR_LOOP) {
		fifo_put(s, byte, 0);
		s->tx_event = true;
		return;
	}
	if (s->output_count < SERIAL_OUTPUT_BYTES)
		s->output[s->output_count++] = byte;
	/* A driver that saw THRE may fill a whole FIFO before it looks again. */
	s->output_full = SERIAL_OUTPUT_BYTES - s->output_count < FIFO_BYTES;
	s->tx_event = !s->output_full;
	if (!s->output_due) {
		s->output_due = true;
		loop_defer(s->loop, &s->work);
	}
}

static void write_ier(struct serial *s, uint8_t value)
{
	value &= UART_IER_MSI | UART_IER_RLSI | UART_IER_THRI | UART_IER_RDI;
	/* An empty transmitter announces itself when its interrupt is enabled; Linux tests for that (8250_port.c, THRE test). */
	if (value & ~s->ier & UART_IER_THRI)
		s->tx_event = !s->output_full;
	s->ier = value;
	receive(s);
}

static void fifo_clear(struct serial *s)
{
	s->fifo_head = s->fifo_count = 0;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	/* 8.3: a change of bit 0 clears the FIFOs, and without bit 0 no other is programmed. What was transmitted has left already. */
	if ((value ^ s->fcr) & UART_FCR_ENABLE_FIFO || value & UART_FCR_CLEAR_RCVR)
		fifo_clear(s);
	s->fcr = value & UART_FCR_ENABLE_FIFO ? value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK) : 0;
	receive(s);
}

/* What the modem's lines show: a terminal that is there and ready, or in loopback our own outputs (8.7). */
static uint8_t modem_lines(const struct serial *s)
{
	uint8_t lines = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (s->mcr & UART_MCR_DTR)
		lines |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_RTS)
		lines |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_OUT1)
		lines |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		lines |= UART_MSR_DCD;
	return lines;
}

static void write_mcr(struct serial *s, uint8_t value)
{
	s->mcr = value & (UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_OUT1 | UART_MCR_RTS | UART_MCR_DTR);

	uint8_t lines = modem_lines(s);
	uint8_t deltas = (uint8_t)((s->msr ^ lines) >> 4);
	/* 8.8: the ring indicator counts when it ends. */
	if (lines & UART_MSR_RI)
		deltas &= (uint8_t)~UART_MSR_TERI;
	s->msr = (uint8_t)(lines | (s->msr & UART_MSR_ANY_DELTA) | deltas);
	receive(s);
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t msr = s->msr;

	s->msr &= (uint8_t)~UART_MSR_ANY_DELTA;
	return msr;
}

/* --- registers ------------------------------------------------------------------------------------------------------------- */

static uint8_t read_register(struct serial *s, unsigned reg)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return dlab ? s->dll : read_rbr(s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return read_lsr(s);
	case UART_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

static void write_register(struct serial *s, unsigned reg, uint8_t value)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab)
			s->dll = value;
		else
			write_thr(s, value);
		break;
	case UART_IER:
		if (dlab)
			s->dlm = value;
		else
			write_ier(s, value);
		break;
	case UART_FCR:
		write_fcr(s, value);
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		write_mcr(s, value);
		break;
	case UART_SCR:
		s->scr = value;
		break;
	default: /* LSR and MSR are for the factory's tests (8.4, 8.8) */
		break;
	}
}

/* A wider access is one access a byte, as on a bus of 8 bits. */
void serial_read(void *serial, uint64_t offset, void *data, unsigned len)
{
	struct serial *s = serial;

	for (unsigned i = 0; i < len; i++)
		((uint8_t *)data)[i] = read_register(s, (unsigned)(offset + i) % SERIAL_REGISTERS);
	update_line(s);
}

void serial_write(void *serial, uint64_t offset, const void *data, unsigned len)
{
	struct serial *s = serial;

	for (unsigned i = 0; i < len; i++)
		write_register(s, (unsigned)(offset + i) % SERIAL_REGISTERS, ((const uint8_t *)data)[i]);
	update_line(s);
}

static void reset_registers(struct serial *s)
{
	s->ier = s->fcr = s->lcr = s->mcr = s->scr = s->dlm = 0;
	s->dll = 12; /* 9600 baud, should anyone ask */
	s->msr = modem_lines(s);
	s->overrun = s->tx_event = false;
	s->signalled = 0;
	fifo_clear(s);
}

/* --- the host's side ------------------------------------------------------------------------------------------------------- */

static void output_lost(struct serial *s, int err)
{
	/* A reader that went away is nothing to speak of: that is how `| head` ends. */
	if (err == -EPIPE)
		log_debug("serial port: nobody reads its output any more");
	else
		log_warn("serial port: cannot write its output: %s; from here on it is dropped", strerror(-err));
	stream_close(&s->out);
}

static void write_out(struct serial *s)
{
	unsigned done = 0;
	ssize_t n = 0;

	if (s->config.output && s->output_seen < s->output_count)
		s->config.output(s->config.arg, s->output + s->output_seen, s->output_count - s->output_seen);
	while (done < s->output_count && (n = stream_write(&s->out, s->output + done, s->output_count - done)) > 0)
		done += (unsigned)n;
	if (n < 0 && n != -EAGAIN) {
		output_lost(s, (int)n);
		done = s->output_count;
	}
	s->output_count -= done;
	s->output_seen = s->output_count;
	memmove(s->output, s->output + done, s->output_count);
	s->output_due = s->output_count > 0;
	stream_wait(&s->out, s->output_due);
	if (s->output_full && s->output_count <= SERIAL_OUTPUT_BYTES / 2) {
		s->output_full = false;
		s->tx_event = true;
		update_line(s);
	}
}

static void output_ready(void *arg)
{
	write_out(arg);
}

static void append_input(struct serial *s, const uint8_t *data, size_t len)
{
	assert(len <= SERIAL_INPUT_BYTES - s->input_count); /* pause_or_resume() saw to it */
	memmove(s->input, s->input + s->input_head, s->input_count);
	memcpy(s->input + s->input_count, data, len);
	s->input_head = 0;
	s->input_count += (unsigned)len;
	receive(s);
	update_line(s);
}

/* There must be room for what is read at once. On the loop's thread. */
static void pause_or_resume(struct serial *s)
{
	s->input_paused = SERIAL_INPUT_BYTES - s->input_count < READ_BYTES;
	stream_wait(&s->in, !s->input_paused && !s->input_ended);
}

/* Called without the lock, so that the filter may call back. */
static void input_ready(void *arg)
{
	struct serial *s = arg;
	uint8_t buf[READ_BYTES];

	pthread_mutex_lock(&s->lock);
	pause_or_resume(s);
	pthread_mutex_unlock(&s->lock);
	if (!s->in.waiting)
		return;
	ssize_t n = stream_read(&s->in, buf, sizeof(buf));
	if (n == -EAGAIN)
		return;
	size_t len = n > 0 ? (size_t)n : 0;
	if (len && s->config.filter)
		len = s->config.filter(s->config.arg, buf, len);
	pthread_mutex_lock(&s->lock);
	s->input_ended = n <= 0;
	append_input(s, buf, len);
	if (s->input_ended)
		stream_wait(&s->in, false);
	pthread_mutex_unlock(&s->lock);
}

/* What the vCPUs asked for. */
static void run_work(void *arg)
{
	struct serial *s = arg;

	if (s->input_paused)
		pause_or_resume(s);
	if (s->output_due && !s->out.waiting && !s->collected.active)
		loop_timer_set(s->loop, &s->collected, COLLECT_NS);
}

/* --- life ------------------------------------------------------------------------------------------------------------------ */

static int open_streams(struct serial *s)
{
	const struct stream_config in = { .fd = s->config.in_fd, .events = EPOLLIN, .ready = input_ready, .arg = s };
	const struct stream_config out = {
		.fd = s->config.out_fd,
		.events = EPOLLOUT,
		.ready = output_ready,
		.arg = s,
		.lock = &s->lock,
	};
	int err = stream_open(&s->in, &in, s->loop);

	return err ? err : stream_open(&s->out, &out, s->loop);
}

struct serial *serial_new(const struct serial_config *config, struct irq *irq, struct loop *loop)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (!s) {
		log_error("serial port: out of memory");
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->config = *config;
	s->irq = irq;
	s->loop = loop;
	s->work = (struct loop_work){ .run = run_work, .arg = s, .lock = &s->lock };
	s->collected = (struct loop_timer){ .expired = output_ready, .arg = s, .lock = &s->lock };
	reset_registers(s);
	int err = open_streams(s);
	if (err) {
		log_error("serial port: cannot use its host descriptors: %s", strerror(-err));
		serial_free(s);
		return NULL;
	}
	stream_wait(&s->in, s->in.fd >= 0);
	return s;
}

void serial_free(struct serial *s)
{
	if (!s)
		return;
	stream_close(&s->in);
	stream_close(&s->out);
	loop_timer_cancel(s->loop, &s->collected);
	loop_work_cancel(s->loop, &s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

pthread_mutex_t *serial_lock(struct serial *s)
{
	return &s->lock;
}

void serial_reset(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	reset_registers(s);
	pthread_mutex_unlock(&s->lock);
}

void serial_break(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->break_waits = true;
	s->break_after = s->input_count;
	receive(s);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

bool serial_flush(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	write_out(s);
	bool done = !s->output_count;
	pthread_mutex_unlock(&s->lock);
	return done;
}
