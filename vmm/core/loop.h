// SPDX-License-Identifier: Apache-2.0
/*
 * An event loop: file descriptors (epoll), timers and deferred work, all run by the one thread that called loop_run().
 *
 * The main thread has one; each disk's I/O thread has its own. Watches, timers and work items are embedded in their owner's structs; the
 * loop never frees them. A `lock` given with one is held around its callback, so that device code takes no lock.
 *
 * loop_stop() and loop_defer() may be called from any thread, loop_modify() from any that holds the watch's lock; everything else from the
 * loop's own thread, or before loop_run(), or after it returned. A callback may remove any watch or timer, its own included, and
 * it will not be called again.
 */
#ifndef VMM_CORE_LOOP_H
#define VMM_CORE_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

struct loop_watch {
	int fd;
	uint32_t events; /* EPOLLIN, EPOLLOUT, perhaps with EPOLLET; EPOLLHUP and EPOLLERR always come */
	void (*ready)(void *arg, uint32_t events);
	void *arg;
	pthread_mutex_t *lock; /* may be NULL */
	bool active;	       /* the loop's own */
};

struct loop_timer {
	void (*expired)(void *arg);
	void *arg;
	pthread_mutex_t *lock; /* may be NULL */
	int64_t deadline_ns;   /* the loop's own from here */
	bool active;
	struct loop_timer *next;
};

struct loop_work {
	void (*run)(void *arg);
	void *arg;
	pthread_mutex_t *lock; /* may be NULL */
	bool queued;	       /* the loop's own from here */
	struct loop_work *next;
};

struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* 0 after loop_stop(); a negative errno if epoll itself failed. Can be called again. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Waits for events once and handles them: for who has a condition of their own to wait for. 0 or a negative errno. */
int loop_step(struct loop *loop);

int loop_add(struct loop *loop, struct loop_watch *watch);
/* Changes what is waited for; 0 waits for nothing but errors. */
int loop_modify(struct loop *loop, struct loop_watch *watch, uint32_t events);
/* Harmless on a watch that was not added. The fd is still the owner's to close, afterwards. */
void loop_remove(struct loop *loop, struct loop_watch *watch);

/* CLOCK_MONOTONIC, in nanoseconds. */
int64_t loop_now_ns(void);
/* Sets or moves the timer to `delay_ns` from now; a past time is now. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* Runs work->run once, soon, on the loop's thread. Deferring what is queued already does nothing. */
void loop_defer(struct loop *loop, struct loop_work *work);
/* On the loop's thread, or while it does not run: the work will not be run, unless it is deferred again. */
void loop_work_cancel(struct loop *loop, struct loop_work *work);

#endif
