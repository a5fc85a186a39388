// SPDX-License-Identifier: Apache-2.0
/* The terminal's relay: see relay.h. */
#include "ctr/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/terminal.h"

#define CHUNK 4096
#define END_KEY 4

struct relay {
	struct loop *loop;
	struct loop_watch typed, shown;
	int peer;            /* held open: a terminal that nobody in the container has open for a moment is not at its end */
	char pending[CHUNK]; /* typed, and not taken by the container's terminal yet */
	size_t start, end;
};

static void wait_for(struct relay *relay)
{
	bool waiting = relay->start < relay->end;

	if (relay->typed.active)
		loop_modify(relay->loop, &relay->typed, waiting ? 0 : EPOLLIN);
	if (relay->shown.active)
		loop_modify(relay->loop, &relay->shown, EPOLLIN | (waiting ? EPOLLOUT : 0));
}

static void pass_on(struct relay *relay)
{
	while (relay->start < relay->end) {
		ssize_t n = write(relay->shown.fd, relay->pending + relay->start, relay->end - relay->start);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			relay->start = relay->end;
		else
			relay->start += (size_t)n;
	}
	wait_for(relay);
}

static void typed(void *arg, uint32_t events)
{
	struct relay *relay = arg;
	ssize_t n = read(STDIN_FILENO, relay->pending, sizeof(relay->pending));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		loop_remove(relay->loop, &relay->typed);
	/* A pipe's end is a key to a terminal (termios(3), VEOF). */
	if (!n && !isatty(STDIN_FILENO))
		relay->pending[n++] = END_KEY;
	if (n <= 0)
		return;
	relay->start = 0;
	relay->end = (size_t)n;
	pass_on(relay);
}

/* False when there is nothing more, for now or for ever. */
static bool show(struct relay *relay)
{
	char buf[CHUNK];
	ssize_t n = read(relay->shown.fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR;
	return n > 0 && !write_full(STDOUT_FILENO, buf, (size_t)n);
}

static void shown(void *arg, uint32_t events)
{
	struct relay *relay = arg;

	if (events & EPOLLOUT)
		pass_on(relay);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !show(relay) && errno != EAGAIN)
		loop_remove(relay->loop, &relay->shown);
}

void relay_resize(struct relay *relay)
{
	struct winsize size;

	if (relay && !ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		ioctl(relay->shown.fd, TIOCSWINSZ, &size);
}

int relay_new(struct relay **out, int master, struct loop *loop)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return -ENOMEM;
	relay->loop = loop;
	relay->typed = (struct loop_watch){.fd = STDIN_FILENO, .events = EPOLLIN, .ready = typed, .arg = relay};
	relay->shown = (struct loop_watch){.fd = master, .events = EPOLLIN, .ready = shown, .arg = relay};
	relay->peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	int err = fcntl(master, F_SETFL, O_NONBLOCK) ? -errno : loop_add(loop, &relay->shown);
	if (!err)
		err = loop_add(loop, &relay->typed);
	/* A file has no events, and nothing that a terminal would want. */
	if (err == -EPERM)
		err = 0;
	if (!err)
		err = terminal_raw();
	if (err) {
		log_error("the terminal can't be joined to the container's: %s", strerror(-err));
		relay_free(relay);
		return err;
	}
	*out = relay;
	return 0;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	loop_remove(relay->loop, &relay->typed);
	if (relay->shown.active) {
		while (show(relay))
			;
		loop_remove(relay->loop, &relay->shown);
	}
	terminal_restore();
	close_fd(&relay->peer);
	free(relay);
}
