// SPDX-License-Identifier: Apache-2.0
/*
 * A host descriptor that a guest's console is joined to, read or written without ever waiting: a pipe, a terminal, a socket, a file,
 * /dev/null.
 *
 * The descriptors of a console are shared with the shell that started us and with its other children, and O_NONBLOCK belongs to what they
 * share: to set it would make their reads and writes fail. It is left as it is. Instead each call asks poll(2) first, and a write gives no
 * more than what poll's "writable" promises to take at once:
 *  - a pipe is writable while one of its buffers is free, which holds PIPE_BUF bytes (pipe(7));
 *  - a terminal is writable while it has any room; its room comes in steps of 256 bytes (Linux, drivers/tty/tty_buffer.c);
 *  - a file always takes everything, as far as the disk has room.
 * Another process that fills the same pipe between the two calls can still make a write wait for the pipe's reader. That is
 * the price of leaving the flag alone.
 *
 * Waiting is the loop's: while a stream waits, ready() is called again and again as long as the descriptor is ready. Files and /dev/null,
 * which epoll refuses, always are; so is a stream without a descriptor. ready() does a bounded piece of work and returns, and
 * the loop's other descriptors get their turn.
 *
 * Everything here is called on the loop's thread, or while the loop does not run.
 */
#ifndef DEVICES_STREAM_H
#define DEVICES_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/core/loop.h"

struct stream {
	int fd; /* our own duplicate; -1: nothing comes, and writes go nowhere */
	size_t write_max_bytes;
	bool pollable; /* epoll takes it */
	bool waiting;
	struct loop *loop;
	void (*ready)(void *arg);
	void *arg;
	/* Pollable descriptors have a watch; for the others a timer of no delay stands in. */
	struct loop_watch watch;
	struct loop_timer timer;
};

struct stream_config {
	int fd;          /* stays the caller's; duplicated, since the loop takes a descriptor once only. -1: none */
	uint32_t events; /* what to wait for: EPOLLIN or EPOLLOUT */
	void (*ready)(void *arg);
	void *arg;
	pthread_mutex_t *lock; /* held around ready(); may be NULL */
};

/* 0 or a negative errno. The stream does not move after this. */
int stream_open(struct stream *s, const struct stream_config *config, struct loop *loop);
/* Accepts a zeroed or half-built stream. */
void stream_close(struct stream *s);

/* Bytes read; 0 at the end, also after a hang-up; -EAGAIN when nothing waits; another negative errno. */
ssize_t stream_read(struct stream *s, void *buf, size_t len);
/* Bytes written, perhaps fewer than `len`; -EAGAIN when there is no room; -EPIPE when nobody reads any more; another negative errno. */
ssize_t stream_write(struct stream *s, const void *buf, size_t len);

/* Whether ready() is wanted. */
void stream_wait(struct stream *s, bool wait);

#endif
