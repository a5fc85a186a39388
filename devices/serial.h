// SPDX-License-Identifier: Apache-2.0
/*
 * A 16550A serial port: the registers of the National Semiconductor PC16550D data sheet, 8 of them, one byte each.
 *
 * Early kernel messages and --console serial. Transmission is instant and unpaced; reception is a bounded buffer that is filled from in_fd only while it has room.
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
	int in_fd;  /* -1: no input */
	int out_fd; /* -1: output() */
	void (*output)(void *arg, const void *data, size_t len);     /* always takes everything; also called when out_fd is set: a tap */
	size_t (*filter)(void *arg, uint8_t *buf, size_t len);	      /* as in virtio/console.h; may be NULL */
	void *arg;
};

struct serial;

/* `irq` stays the caller's. The lock is made by serial_new() and taken by the bus and the loop. */
struct serial *serial_new(const struct serial_config *config, struct irq *irq, struct loop *loop);
void serial_free(struct serial *serial); /* accepts NULL */
pthread_mutex_t *serial_lock(struct serial *serial);
/* A machine reset. Takes the lock. */
void serial_reset(struct serial *serial);
/* A break condition, as Ctrl-A b sends it. Takes the lock. On the loop's thread. */
void serial_break(struct serial *serial);
/* Bytes from the host itself. Takes the lock. Returns how many found room. */
size_t serial_inject(struct serial *serial, const void *data, size_t len);
/* Writes out what is buffered, without waiting. */
void serial_flush(struct serial *serial);

/* For struct bus_range, with `dev` the struct serial. */
void serial_read(void *serial, uint64_t offset, void *data, unsigned len);
void serial_write(void *serial, uint64_t offset, const void *data, unsigned len);

#endif
