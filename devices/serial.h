// SPDX-License-Identifier: Apache-2.0
/*
 * A 16550A serial port: the registers of the National Semiconductor PC16550D data sheet, 8 of them, one byte each.
 *
 * Early kernel messages and --console serial. Transmission is instant and unpaced; reception honours the flow control of a
 * terminal wired to RTS: bytes move into the 16-byte FIFO only while the driver asserts RTS or has its receive interrupt on, and wait on
 * the host's side until then. So what is typed or piped in before the guest's driver is ready is not lost.
 *
 * Nothing here waits for the host. Output is collected for a moment and written by the loop; when the host takes no more and the buffer
 * is full, the transmitter reports busy (LSR.THRE low), as a real one does, and a driver that writes all the same loses
 * the byte. Input is read from the host only while it has room.
 *
 * Interrupts are edges: the line is pulsed for each condition that becomes pending, and again when one is served while another waits.
 *
 * Left out: parity, framing and character timing (there is no line that could be noisy), the receive time-out (data is announced at once,
 * whatever the trigger level), and the gating of the line by OUT2, which is the PC's wiring and not the chip's.
 */
#ifndef DEVICES_SERIAL_H
#define DEVICES_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/irq.h"
#include "vmm/core/loop.h"

#define SERIAL_REGISTERS 8
#define SERIAL_INPUT_BYTES 4096
#define SERIAL_OUTPUT_BYTES 16384

struct serial_config {
	int in_fd;  /* -1: no input. Descriptors stay the caller's and are duplicated until serial_free() */
	int out_fd; /* -1: output() alone */
	/* Sees all output, also when out_fd is set, and takes all of it. On the loop's thread, with the lock held. May be NULL. */
	void (*output)(void *arg, const void *data, size_t len);
	/* As in virtio/console.h, but called without the lock: it may call serial_break(). May be NULL. */
	size_t (*filter)(void *arg, uint8_t *buf, size_t len);
	void *arg;
};

struct serial;

/* `irq` stays the caller's. The lock is made by serial_new() and taken by the bus and the loop. NULL, logged, when it can't be made. */
struct serial *serial_new(const struct serial_config *config, struct irq *irq, struct loop *loop);
/* On the loop's thread, or after it; no vCPU runs any more. Accepts NULL. */
void serial_free(struct serial *serial);
pthread_mutex_t *serial_lock(struct serial *serial);
/* A machine reset: registers and FIFO. What the host sent and the driver has not seen yet, and output, are kept. Takes the lock. */
void serial_reset(struct serial *serial);
/* A break condition, as Ctrl-A b sends it. Takes the lock. */
void serial_break(struct serial *serial);
/* Writes out what is buffered, without waiting. True when nothing is left. Takes the lock. On the loop's thread, or after it. */
bool serial_flush(struct serial *serial);

/* For struct bus_range, with `dev` the struct serial. */
void serial_read(void *serial, uint64_t offset, void *data, unsigned len);
void serial_write(void *serial, uint64_t offset, const void *data, unsigned len);

#endif
