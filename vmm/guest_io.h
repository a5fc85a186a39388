// SPDX-License-Identifier: Apache-2.0
/*
 * Who hears and sees what: joins the guest's consoles and named ports to the caller's terminal, pipes and files, and understands what
 * guest/init says on its control port (guest/protocol.h).
 *
 *                         boot to a login          -- COMMAND, pipes             -- COMMAND, on a terminal
 *   hvc0 (or ttyS0)       standard input, output   kernel messages to the log    kernel messages to the log
 *   serial port           standard output          the log                       the log
 *   further ports         control                  control, stdin, stdout,       terminal (hvc1), control
 *                                                  stderr
 *
 * "The log" is --console-log and a memory of its last part, which is shown when the guest panics. Main thread only, unless said otherwise.
 */
#ifndef VMM_GUEST_IO_H
#define VMM_GUEST_IO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "devices/serial.h"
#include "devices/virtio/console.h"
#include "vmm/config.h"
#include "vmm/util/terminal.h"

#define GUEST_IO_TAIL_BYTES 65536
#define GUEST_IO_LINE_BYTES 512

struct guest_io {
	bool command, tty; /* -- COMMAND was given; and its streams are one terminal */
	bool serial_console;
	int log_fd;	   /* --console-log; -1: none */
	char *tail;	   /* the log's last part, a ring */
	size_t tail_used;  /* ever written */
	char line[GUEST_IO_LINE_BYTES]; /* of the control port, not complete yet */
	size_t line_used;
	/* What guest/init said. */
	bool up;
	bool has_status;
	int status;
	char fatal[GUEST_IO_LINE_BYTES];

	/* The command has ended; called on the loop's thread, under the console's lock. May be NULL. */
	void (*command_ended)(void *arg);
	void *machine; /* its argument */

	struct escape escape;
	unsigned port_count;
	struct virtio_console_port port[VIRTIO_CONSOLE_PORTS_MAX];
	unsigned terminal_port; /* the port whose size follows the terminal's */
	unsigned control_port;
	struct serial_config serial;
};

/* Decides all of the table above; opens --console-log. Logged. The machine sets io->escape's calls. */
int guest_io_init(struct guest_io *io, const struct config *config, bool own_initramfs);
void guest_io_release(struct guest_io *io);

/* Before a new start of the guest: forgets what the last one said. */
void guest_io_restart(struct guest_io *io);

/* Shows the log's last part on standard error: only where it was not on the user's screen all along. */
void guest_io_show_log(const struct guest_io *io);

#endif
