// SPDX-License-Identifier: Apache-2.0
/* The guest's consoles and ports: see guest_io.h. */
#include "vmm/guest_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/protocol.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

/* --- the log -------------------------------------------------------------------------------------------------------------------- */

static void log_output(void *arg, const void *data, size_t len)
{
	struct guest_io *io = arg;
	const char *bytes = data;

	if (io->log_fd >= 0) {
		int err = write_full(io->log_fd, bytes, len);
		if (err) {
			log_warn("--console-log: %s: the rest of the guest's kernel messages is lost", strerror(-err));
			close_fd(&io->log_fd);
		}
	}
	for (size_t i = 0; i < len; i++)
		io->tail[io->tail_used++ % GUEST_IO_TAIL_BYTES] = bytes[i];
}

void guest_io_show_log(const struct guest_io *io)
{
	size_t start = io->tail_used > GUEST_IO_TAIL_BYTES ? io->tail_used % GUEST_IO_TAIL_BYTES : 0;
	size_t end = io->tail_used > GUEST_IO_TAIL_BYTES ? GUEST_IO_TAIL_BYTES : io->tail_used;

	if (!io->command)
		return;
	if (write_full(STDERR_FILENO, io->tail + start, end - start) == 0 && start)
		write_full(STDERR_FILENO, io->tail, start);
}

/* --- the control port ------------------------------------------------------------------------------------------------------------- */

static void control_line(struct guest_io *io, const char *line)
{
	uint64_t status;

	if (!strcmp(line, CONTROL_UP)) {
		io->up = true;
	} else if (!strncmp(line, CONTROL_EXIT, strlen(CONTROL_EXIT)) &&
		   !parse_u64(line + strlen(CONTROL_EXIT), 0, 255, &status)) {
		io->has_status = true;
		io->status = (int)status;
		if (io->command_ended)
			io->command_ended(io->machine);
	} else if (!strncmp(line, CONTROL_FATAL, strlen(CONTROL_FATAL))) {
		/* Text of the guest's: nothing in it may reach a terminal as a command. */
		size_t n = 0;
		for (const char *p = line + strlen(CONTROL_FATAL); *p; p++)
			io->fatal[n++] = *p >= ' ' && *p <= '~' ? *p : '?';
		io->fatal[n] = '\0';
	} else {
		log_debug("the guest said something unknown on its control port");
	}
}

static void control_output(void *arg, const void *data, size_t len)
{
	struct guest_io *io = arg;
	const char *bytes = data;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			io->line[io->line_used] = '\0';
			control_line(io, io->line);
			io->line_used = 0;
		} else if (io->line_used < sizeof(io->line) - 1) {
			io->line[io->line_used++] = bytes[i];
		}
	}
}

void guest_io_restart(struct guest_io *io)
{
	io->up = io->has_status = false;
	io->line_used = 0;
	io->fatal[0] = '\0';
}

/* --- who is joined to whom ---------------------------------------------------------------------------------------------------------- */

static struct virtio_console_port *add_port(struct guest_io *io, const char *name)
{
	struct virtio_console_port *port = &io->port[io->port_count++];

	*port = (struct virtio_console_port){ .name = name, .in_fd = -1, .out_fd = -1, .arg = io };
	return port;
}

static size_t filter_escapes(void *arg, uint8_t *buf, size_t len)
{
	return escape_filter(&((struct guest_io *)arg)->escape, buf, len);
}

static struct virtio_console_port *add_console(struct guest_io *io)
{
	struct virtio_console_port *port = add_port(io, NULL);

	port->console = true;
	return port;
}

/* The user's own terminal, or whatever standard input and output are. */
static void join_user(struct guest_io *io, struct virtio_console_port *port)
{
	port->in_fd = STDIN_FILENO;
	port->out_fd = STDOUT_FILENO;
	if (isatty(STDIN_FILENO))
		port->filter = filter_escapes;
	io->terminal_port = (unsigned)(port - io->port);
}

static void join_streams(struct guest_io *io)
{
	add_port(io, PORT_STDIN)->in_fd = STDIN_FILENO;
	add_port(io, PORT_STDOUT)->out_fd = STDOUT_FILENO;
	add_port(io, PORT_STDERR)->out_fd = STDERR_FILENO;
}

static void join_serial(struct guest_io *io)
{
	io->serial = (struct serial_config){ .in_fd = -1, .out_fd = -1, .arg = io };
	if (io->command) {
		io->serial.output = log_output;
		return;
	}
	io->serial.out_fd = STDOUT_FILENO;
	if (io->serial_console) {
		io->serial.in_fd = STDIN_FILENO;
		if (isatty(STDIN_FILENO))
			io->serial.filter = filter_escapes;
	}
	if (io->log_fd >= 0)
		io->serial.output = log_output;
}

int guest_io_init(struct guest_io *io, const struct config *config, bool own_initramfs)
{
	memset(io, 0, sizeof(*io));
	io->log_fd = -1;
	io->command = config->command != NULL;
	io->tty = io->command && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	io->serial_console = config->console == CONSOLE_SERIAL || (config->console == CONSOLE_AUTO && !own_initramfs);
	io->tail = malloc(GUEST_IO_TAIL_BYTES);
	if (!io->tail)
		return -ENOMEM;
	if (config->console_log) {
		io->log_fd = open(config->console_log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (io->log_fd < 0) {
			int err = -errno;
			log_error("--console-log %s: %s", config->console_log, strerror(-err));
			return err;
		}
	}
	struct virtio_console_port *first = add_console(io);
	if (io->command || io->serial_console)
		first->output = log_output;
	else
		join_user(io, first);
	if (!io->command && io->log_fd >= 0)
		first->output = log_output;
	if (io->tty)
		join_user(io, add_console(io));
	io->control_port = io->port_count;
	add_port(io, PORT_CONTROL)->output = control_output;
	if (io->command && !io->tty)
		join_streams(io);
	join_serial(io);
	return 0;
}

void guest_io_release(struct guest_io *io)
{
	close_fd(&io->log_fd);
	free(io->tail);
	io->tail = NULL;
}
