// SPDX-License-Identifier: Apache-2.0
/* A container's console: see console.h. */
#include "ctr/verbs/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define SOCKET_FILE "console"
#define GUESTS_MAX 8

struct guest {
	struct loop_watch watch; /* fd -1: free */
	struct console *console;
};

struct console {
	struct loop *loop;
	int dir_fd; /* the entry's */
	int log_fd;
	uint64_t log_bytes;
	int peer; /* held open: a terminal that nobody has open for a moment is not at its end */
	bool terminal;
	struct loop_watch source, door;
	struct guest guest[GUESTS_MAX];
	/* Typed, and not taken by the terminal yet: until then nobody is listened to. */
	uint8_t pending[CONSOLE_PACKET_MAX];
	size_t start, end;
};

/* --- the log ----------------------------------------------------------------------------------------------------------------------------
 */

static int open_log(struct console *console)
{
	struct stat st;

	console->log_fd = openat(console->dir_fd, LOG_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (console->log_fd < 0 || fstat(console->log_fd, &st))
		return -errno;
	console->log_bytes = (uint64_t)st.st_size;
	return 0;
}

/* A full disk stops the log, not the container. */
static void log_output(struct console *console, const uint8_t *data, size_t len)
{
	if (console->log_bytes + len > LOG_BYTES_MAX && !renameat(console->dir_fd, LOG_FILE, console->dir_fd, LOG_FILE_BEFORE)) {
		close_fd(&console->log_fd);
		if (open_log(console))
			log_error("the container's log can't be opened again");
	}
	if (console->log_fd >= 0 && !write_full(console->log_fd, data, len))
		console->log_bytes += len;
}

/* --- who is attached
 * ---------------------------------------------------------------------------------------------------------------------- */

static void let_go(struct guest *guest)
{
	loop_remove(guest->console->loop, &guest->watch);
	close_fd(&guest->watch.fd);
}

static void listen_to_all(struct console *console, bool listen)
{
	for (unsigned i = 0; i < GUESTS_MAX; i++) {
		if (console->guest[i].watch.active)
			loop_modify(console->loop, &console->guest[i].watch, listen ? EPOLLIN : 0);
	}
}

static void pass_on(struct console *console)
{
	while (console->start < console->end) {
		ssize_t n = write(console->source.fd, console->pending + console->start, console->end - console->start);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			console->start = console->end;
		else
			console->start += (size_t)n;
	}
	bool waiting = console->start < console->end;
	if (console->source.active)
		loop_modify(console->loop, &console->source, EPOLLIN | (waiting ? EPOLLOUT : 0));
	listen_to_all(console, !waiting);
}

static void take_packet(struct console *console, const uint8_t *packet, size_t len)
{
	struct winsize size;

	if (!console->terminal)
		return;
	if (packet[0] == CONSOLE_INPUT && console->start == console->end) {
		memcpy(console->pending, packet + 1, len - 1);
		console->start = 0;
		console->end = len - 1;
		pass_on(console);
	} else if (packet[0] == CONSOLE_SIZE && len == 1 + sizeof(size)) {
		memcpy(&size, packet + 1, sizeof(size));
		ioctl(console->source.fd, TIOCSWINSZ, &size);
	}
}

static void guest_speaks(void *arg, uint32_t events)
{
	struct guest *guest = arg;
	uint8_t packet[CONSOLE_PACKET_MAX];
	ssize_t n = events & EPOLLIN ? recv(guest->watch.fd, packet, sizeof(packet), MSG_DONTWAIT) : 0;

	if (n > 0)
		take_packet(guest->console, packet, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		let_go(guest);
}

static void somebody_comes(void *arg, uint32_t events)
{
	struct console *console = arg;
	int fd = accept4(console->door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	for (unsigned i = 0; fd >= 0 && i < GUESTS_MAX; i++) {
		struct guest *guest = &console->guest[i];
		if (guest->watch.fd >= 0)
			continue;
		guest->watch = (struct loop_watch){.fd = fd, .events = EPOLLIN, .ready = guest_speaks, .arg = guest};
		guest->console = console;
		fd = -1;
		if (loop_add(console->loop, &guest->watch))
			close_fd(&guest->watch.fd);
		else if (console->start < console->end)
			loop_modify(console->loop, &guest->watch, 0);
	}
	close_fd(&fd);
}

static void show_to_all(struct console *console, const uint8_t *data, size_t len)
{
	for (unsigned i = 0; i < GUESTS_MAX; i++) {
		if (console->guest[i].watch.fd >= 0)
			(void)!send(console->guest[i].watch.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

/* --- what it prints
 * ------------------------------------------------------------------------------------------------------------------------ */

/* False when there is nothing more, for now (errno is EAGAIN) or for ever. */
static bool take_output(struct console *console)
{
	uint8_t data[CONSOLE_PACKET_MAX];
	ssize_t n = read(console->source.fd, data, sizeof(data));

	if (n < 0)
		return errno == EINTR;
	if (n == 0)
		errno = 0;
	if (n > 0) {
		log_output(console, data, (size_t)n);
		show_to_all(console, data, (size_t)n);
	}
	return n > 0;
}

static void output_waits(void *arg, uint32_t events)
{
	struct console *console = arg;

	if (events & EPOLLOUT)
		pass_on(console);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !take_output(console) && errno != EAGAIN)
		loop_remove(console->loop, &console->source);
}

/* --- life
 * ---------------------------------------------------------------------------------------------------------------------------------- */

/* The entry's path may be longer than a socket's name. */
static struct sockaddr_un address_in(int dir_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_FILE, dir_fd);
	return address;
}

static int open_door(struct console *console)
{
	struct sockaddr_un address = address_in(console->dir_fd);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	console->door = (struct loop_watch){.fd = fd, .events = EPOLLIN, .ready = somebody_comes, .arg = console};
	if (fd < 0)
		return -errno;
	/* One that a monitor left that was killed. */
	unlinkat(console->dir_fd, SOCKET_FILE, 0);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, GUESTS_MAX))
		return -errno;
	return loop_add(console->loop, &console->door);
}

int console_new(struct console **out, const struct entry *entry, int source, bool terminal, struct loop *loop)
{
	struct console *console = calloc(1, sizeof(*console));

	if (!console)
		return -ENOMEM;
	console->loop = loop;
	console->dir_fd = entry->fd;
	console->terminal = terminal;
	console->log_fd = console->peer = console->door.fd = -1;
	for (unsigned i = 0; i < GUESTS_MAX; i++)
		console->guest[i].watch.fd = -1;
	console->source = (struct loop_watch){.fd = source, .events = EPOLLIN, .ready = output_waits, .arg = console};
	if (terminal)
		console->peer = ioctl(source, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	int err = fcntl(source, F_SETFL, O_NONBLOCK) ? -errno : open_log(console);
	if (!err)
		err = loop_add(loop, &console->source);
	if (!err)
		err = open_door(console);
	if (err) {
		log_error("container '%s': its console can't be made: %s", entry->name, strerror(-err));
		console_free(console);
		return err;
	}
	*out = console;
	return 0;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	if (console->source.active) {
		while (take_output(console))
			;
		loop_remove(console->loop, &console->source);
	}
	for (unsigned i = 0; i < GUESTS_MAX; i++) {
		if (console->guest[i].watch.fd >= 0)
			let_go(&console->guest[i]);
	}
	if (console->door.fd >= 0) {
		unlinkat(console->dir_fd, SOCKET_FILE, 0);
		loop_remove(console->loop, &console->door);
		close_fd(&console->door.fd);
	}
	close_fd(&console->peer);
	close_fd(&console->log_fd);
	free(console);
}

int console_connect(const struct entry *entry)
{
	struct sockaddr_un address = address_in(entry->fd);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int err = fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;

	if (err)
		close_fd(&fd);
	return err ? err : fd;
}
