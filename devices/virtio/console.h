// SPDX-License-Identifier: Apache-2.0
/*
 * virtio console device: virtio 1.2, section 5.3, with VIRTIO_CONSOLE_F_MULTIPORT and VIRTIO_CONSOLE_F_SIZE.
 *
 * Each port joins the guest to host descriptors or to callbacks. A console port is a terminal for the guest (hvc0, hvc1, ... in the order of
 * ports); the others are named byte streams (/dev/virtio-ports/NAME, /dev/vportNpM).
 *
 * Flow control both ways, binary-safe, bounded: input is read from the host only while the guest has buffers for it; output stays in the guest's queue while the host
 * can't take it. Input that ends (end of file, hang-up) closes the port towards the guest after its last byte, which is how a guest reads
 * an end of file.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/virtio/virtio.h"

struct virtio_console;

#define VIRTIO_CONSOLE_PORTS_MAX 6

struct virtio_console_port {
	const char *name;     /* NULL for a plain console port */
	bool console;
	/* Host to guest. -1: nothing ever comes, and the port stays open. Descriptors stay the caller's; pipes, files, /dev/null and terminals all do. */
	int in_fd;
	bool in_held;	      /* do not read before virtio_console_release_input() */
	/* Guest to host: a descriptor, or -1 and a callback (either may be absent: output is thrown away). */
	int out_fd;
	void (*output)(void *arg, const void *data, size_t len); /* always takes everything */
	/* Looks at input on its way (the escape keys). Returns how many bytes remain in buf. NULL: none. */
	size_t (*filter)(void *arg, uint8_t *buf, size_t len);
	/* The guest opened or closed the port (VIRTIO_CONSOLE_PORT_OPEN). May be NULL. */
	void (*opened)(void *arg, bool open);
	void *arg;
};

/* Copies the ports' table. */
struct virtio_console *virtio_console_new(const char *name, const struct virtio_console_port *ports, unsigned port_count, struct loop *loop,
					  const struct mem *mem);
struct virtio_dev *virtio_console_dev(struct virtio_console *con);
void virtio_console_free(struct virtio_console *con); /* accepts NULL */

/* On the loop's thread, not holding the device's lock. */
void virtio_console_resize(struct virtio_console *con, unsigned port, uint16_t columns, uint16_t rows);
/* Puts bytes into the port's input, from the host itself. False when the guest has no room now. */
bool virtio_console_inject(struct virtio_console *con, unsigned port, const void *data, size_t len);
/* Output that could not be written yet is tried once more, without waiting: called before the program ends. */
void virtio_console_flush(struct virtio_console *con);

#endif
