// SPDX-License-Identifier: Apache-2.0
/* Host descriptors of consoles: see stream.h. */
#include "devices/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/util/io.h"

#define TERMINAL_WRITE_BYTES 256
#define FILE_WRITE_BYTES 65536
/* epoll refused a descriptor that it took before: the host is out of memory. Look again then. */
#define RETRY_NS 10000000

static void watch_ready(void *arg, uint32_t events)
{
	struct stream *s = arg;

	(void)events;
	s->ready(s->arg);
}

static void timer_expired(void *arg)
{
	struct stream *s = arg;

	if (s->waiting)
		s->ready(s->arg);
	if (s->waiting && !s->watch.active && !s->timer.active)
		loop_timer_set(s->loop, &s->timer, s->pollable ? RETRY_NS : 0);
}

static size_t write_max(const struct stream *s)
{
	struct stat st;

	if (!s->pollable)
		return FILE_WRITE_BYTES;
	return fstat(s->fd, &st) == 0 && S_ISCHR(st.st_mode) ? TERMINAL_WRITE_BYTES : PIPE_BUF;
}

int stream_open(struct stream *s, const struct stream_config *config, struct loop *loop)
{
	*s = (struct stream){
		.fd = -1,
		.loop = loop,
		.ready = config->ready,
		.arg = config->arg,
		.timer = { .expired = timer_expired, .arg = s, .lock = config->lock },
	};
	if (config->fd < 0)
		return 0;
	s->fd = fcntl(config->fd, F_DUPFD_CLOEXEC, 3);
	if (s->fd < 0)
		return -errno;
	s->watch = (struct loop_watch){
		.fd = s->fd,
		.events = config->events,
		.ready = watch_ready,
		.arg = s,
		.lock = config->lock,
	};
	/* Whether epoll takes it is found out by trying. */
	int err = loop_add(loop, &s->watch);
	if (err && err != -EPERM) {
		stream_close(s);
		return err;
	}
	loop_remove(loop, &s->watch);
	s->pollable = !err;
	s->write_max_bytes = write_max(s);
	return 0;
}

void stream_close(struct stream *s)
{
	if (!s->loop)
		return;
	s->waiting = false;
	loop_remove(s->loop, &s->watch);
	loop_timer_cancel(s->loop, &s->timer);
	close_fd(&s->fd);
}

/* 0 when a read or write would not wait; else -EAGAIN. */
static int ask(const struct stream *s, short events)
{
	struct pollfd p = { .fd = s->fd, .events = events };
	int n;

	if (!s->pollable)
		return 0;
	do {
		n = poll(&p, 1, 0);
	} while (n < 0 && errno == EINTR);
	/* Errors and hang-ups count: the call itself then says what is wrong. */
	return n > 0 ? 0 : -EAGAIN;
}

ssize_t stream_read(struct stream *s, void *buf, size_t len)
{
	ssize_t n;

	if (s->fd < 0)
		return -EAGAIN;
	int err = ask(s, POLLIN);
	if (err)
		return err;
	do {
		n = read(s->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	/* A terminal that hung up. */
	return errno == EIO ? 0 : -errno;
}

ssize_t stream_write(struct stream *s, const void *buf, size_t len)
{
	ssize_t n;

	if (s->fd < 0)
		return (ssize_t)len;
	int err = ask(s, POLLOUT);
	if (err)
		return err;
	if (len > s->write_max_bytes)
		len = s->write_max_bytes;
	do {
		n = write(s->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n >= 0 ? n : -errno;
}

void stream_wait(struct stream *s, bool wait)
{
	if (wait == s->waiting)
		return;
	s->waiting = wait;
	if (!wait) {
		/* Removed, not masked: epoll reports a hang-up whether it was asked for or not. */
		loop_remove(s->loop, &s->watch);
		loop_timer_cancel(s->loop, &s->timer);
		return;
	}
	if (!s->pollable || loop_add(s->loop, &s->watch))
		loop_timer_set(s->loop, &s->timer, s->pollable ? RETRY_NS : 0);
}
