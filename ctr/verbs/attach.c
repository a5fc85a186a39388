// SPDX-License-Identifier: Apache-2.0
/*
 * `tinyvmm ctr attach`: the caller's terminal, or pipes, joined to the console of a container that runs in the background (console.h).
 * Ctrl-A x leaves; the container goes on. When it ends, its command's status is ours.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "ctr/verbs/console.h"
#include "ctr/verbs/verbs.h"
#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/terminal.h"

struct attachment {
	struct loop *loop;
	struct loop_watch typed, shown, resized;
	struct escape escape;
	bool left; /* by Ctrl-A x, or with the caller's output */
};

static void leave(void *arg)
{
	struct attachment *a = arg;

	a->left = true;
	loop_stop(a->loop);
}

static void list_keys(void *arg)
{
	static const char text[] = "\r\nCtrl-A x: leave, the container goes on; Ctrl-A Ctrl-A: Ctrl-A\r\n";

	(void)arg;
	(void)write_full(STDERR_FILENO, text, sizeof(text) - 1);
}

static void typed(void *arg, uint32_t events)
{
	struct attachment *a = arg;
	uint8_t packet[CONSOLE_PACKET_MAX] = {CONSOLE_INPUT};
	ssize_t n = read(STDIN_FILENO, packet + 1, sizeof(packet) - 1);

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		loop_remove(a->loop, &a->typed);
		return;
	}
	size_t len = isatty(STDIN_FILENO) ? escape_filter(&a->escape, packet + 1, (size_t)n) : (size_t)n;
	/* Waits while the container does not take it. */
	if (len && send(a->shown.fd, packet, len + 1, MSG_NOSIGNAL) < 0)
		loop_stop(a->loop);
}

static void shown(void *arg, uint32_t events)
{
	struct attachment *a = arg;
	uint8_t data[CONSOLE_PACKET_MAX];
	ssize_t n = recv(a->shown.fd, data, sizeof(data), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		loop_stop(a->loop);
	else if (write_full(STDOUT_FILENO, data, (size_t)n))
		leave(a);
}

static void tell_size(struct attachment *a)
{
	struct winsize size;
	uint8_t packet[1 + sizeof(size)] = {CONSOLE_SIZE};

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		return;
	memcpy(packet + 1, &size, sizeof(size));
	(void)!send(a->shown.fd, packet, sizeof(packet), MSG_NOSIGNAL);
}

static void resized(void *arg, uint32_t events)
{
	struct attachment *a = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(a->resized.fd, &info, sizeof(info)) == sizeof(info))
		tell_size(a);
}

static int watch_size(struct attachment *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	a->resized =
		(struct loop_watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .events = EPOLLIN, .ready = resized, .arg = a};
	return a->resized.fd < 0 ? -errno : loop_add(a->loop, &a->resized);
}

static int watch_streams(struct attachment *a, int fd)
{
	a->typed = (struct loop_watch){.fd = STDIN_FILENO, .events = EPOLLIN, .ready = typed, .arg = a};
	a->shown = (struct loop_watch){.fd = fd, .events = EPOLLIN, .ready = shown, .arg = a};
	int err = loop_add(a->loop, &a->shown);
	if (!err)
		err = watch_size(a);
	/* A file has no events, and nothing that a terminal would want: it is at its end at once. */
	if (!err)
		err = loop_add(a->loop, &a->typed);
	if (err == -EPERM)
		err = 0;
	return err ? err : terminal_raw();
}

static int attach(const struct entry *entry, bool *left)
{
	struct attachment a = {.loop = loop_new(), .resized.fd = -1};
	int fd = a.loop ? console_connect(entry) : -ENOMEM;
	int err = fd < 0 ? fd : 0;

	a.escape = (struct escape){.quit = leave, .help = list_keys, .arg = &a};
	if (!err)
		err = watch_streams(&a, fd);
	if (!err) {
		tell_size(&a);
		err = loop_run(a.loop);
	}
	terminal_restore();
	*left = a.left;
	close_fd(&a.resized.fd);
	close_fd(&fd);
	loop_free(a.loop);
	return err;
}

static int join(struct subject *subject, const struct verb_line *line)
{
	bool left = false;
	int err = subject_must_run(subject);

	(void)line;
	if (err)
		return err;
	err = attach(&subject->entry, &left);
	if (err)
		log_error("container '%s': can't be attached to: %s", subject->entry.name, strerror(-err));
	if (left)
		return VERB_OK;
	/* The console ends before the status is written. */
	if (!err)
		err = entry_wait(&subject->entry);
	if (!err)
		err = status_read(&subject->entry, &subject->status);
	return err ? err : subject->status.status;
}

int verb_attach(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "attach", .usage = "NAME", .help = "joins this terminal to a container's; Ctrl-A x leaves", .min = 1, .max = 1};

	return verb_on_subject(&line, argc, argv, false, join);
}
