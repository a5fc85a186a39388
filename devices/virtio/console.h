// SPDX-License-Identifier: Apache-2.0
/*
 * virtio console device: virtio 1.2, section 5.3, with VIRTIO_CONSOLE_F_MULTIPORT and VIRTIO_CONSOLE_F_SIZE.
 *
 * Each port joins the guest to host descriptors or to callbacks. A console port is a terminal for the guest (hvc0, hvc1, ... in the order
 * of ports); the others are named byte streams (/dev/virtio-ports/NAME, /dev/vportNpM). A driver without MULTIPORT has port 0 only.
 *
 * Flow control both ways, binary-safe, bounded: input is read from the host only while the guest has buffers for it, and has the port open;
 * output stays in the guest's queue while the host can't take it. (Linux's hvc driver spins until its output is taken, so a console whose
 * reader stops reading stops the guest's CPU: give a console that must not a callback instead.) Nothing of either is kept here, so a reset
 * loses nothing that the guest was not given yet.
 *
 * Input that ends (end of file, hang-up) closes the port towards the guest after its last byte, which is how a guest reads an end of
 * file. So does output that nobody takes any more; what the guest sends then is thrown away. Console ports are never closed: a terminal's
 * output goes on after its input ended.
 *
 * Threads: all calls here on the loop's thread, or while the loop does not run; the device's lock must not be held. The callbacks
 * run on the loop's thread with the lock held: they must not call back into this device.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/virtio/virtio.h"

struct virtio_console;

#define VIRTIO_CONSOLE_PORTS_MAX 6
#define VIRTIO_CONSOLE_NAME_MAX 64

struct virtio_console_port {
	const char *name; /* at most VIRTIO_CONSOLE_NAME_MAX bytes, not copied; NULL for a plain console port */
	bool console;
	/*
	 * Host to guest. -1: nothing ever comes, and the port stays open. Pipes, files, /dev/null, sockets and terminals all do.
	 * Descriptors stay the caller's, and are duplicated until virtio_console_free(); their flags are left alone (devices/stream.h).
	 */
	int in_fd;
	/*
	 * Guest to host: a descriptor, a callback that always takes everything, or neither: thrown away. With both, the callback sees what
	 * was written.
	 */
	int out_fd;
	void (*output)(void *arg, const void *data, size_t len);
	/* Looks at input on its way (the escape keys). Returns how many bytes remain in buf. NULL: none. */
	size_t (*filter)(void *arg, uint8_t *buf, size_t len);
	/* The guest opened or closed the port (VIRTIO_CONSOLE_PORT_OPEN, or a reset). May be NULL. */
	void (*opened)(void *arg, bool open);
	void *arg;
};

/* Copies the ports' table. NULL, logged, when a descriptor can't be used or there is no memory. */
struct virtio_console *virtio_console_new(const char *name, const struct virtio_console_port *ports, unsigned port_count, struct loop *loop,
					  const struct mem *mem);
struct virtio_dev *virtio_console_dev(struct virtio_console *con);
/* After the transport's release. Accepts NULL. */
void virtio_console_free(struct virtio_console *con);

void virtio_console_resize(struct virtio_console *con, unsigned port, uint16_t columns, uint16_t rows);
/* Puts all of the bytes into one receive buffer of the port (a page, on Linux), or nothing: false when the guest has no such room now. */
bool virtio_console_inject(struct virtio_console *con, unsigned port, const void *data, size_t len);
/*
 * Before the program ends: writes what the guest has put into its queues, without waiting. True when nothing is left; else the loop goes on
 * writing as the host takes it, if it is run, and this may be asked again.
 */
bool virtio_console_flush(struct virtio_console *con);

#endif
