// SPDX-License-Identifier: Apache-2.0
/*
 * The event loop: see loop.h.
 *
 * A callback may remove a watch whose event waits in the same epoll_wait() batch. loop_remove() therefore strikes the watch from the
 * batch being delivered.
 */
#include "vmm/core/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/util/io.h"

#define BATCH 32

struct loop {
	int epoll_fd;
	int wake_fd; /* eventfd: work was deferred or the loop is to stop */
	struct epoll_event batch[BATCH];
	int batch_count;
	struct loop_timer *timers; /* ascending deadline */
	pthread_mutex_t lock;	   /* guards the two below */
	struct loop_work *work_first, **work_last;
	bool stop;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->work_last = &loop->work_first;
	pthread_mutex_init(&loop->lock, NULL);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	/* The wake-up descriptor is the one event without a watch. */
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	if (loop->wake_fd < 0 || loop->epoll_fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event)) {
		loop_free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close_fd(&loop->epoll_fd);
	close_fd(&loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

static void loop_wake(struct loop *loop)
{
	uint64_t one = 1;
	/* Fails only when the counter is full, and then the loop is awake. */
	ssize_t n = write(loop->wake_fd, &one, sizeof(one));
	(void)n;
}

void loop_stop(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);
}

int loop_add(struct loop *loop, struct loop_watch *watch)
{
	struct epoll_event event = { .events = watch->events, .data.ptr = watch };

	assert(!watch->active);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event))
		return -errno;
	watch->active = true;
	return 0;
}

int loop_modify(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	assert(watch->active);
	if (watch->events == events)
		return 0;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event))
		return -errno;
	watch->events = events;
	return 0;
}

void loop_remove(struct loop *loop, struct loop_watch *watch)
{
	if (!watch->active)
		return;
	watch->active = false;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = 0; i < loop->batch_count; i++) {
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].events = 0;
	}
}

int64_t loop_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->active)
		return;
	timer->active = false;
	for (struct loop_timer **at = &loop->timers; *at; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			return;
		}
	}
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ns)
{
	struct loop_timer **at = &loop->timers;

	loop_timer_cancel(loop, timer);
	if (delay_ns < 0)
		delay_ns = 0;
	if (__builtin_add_overflow(loop_now_ns(), delay_ns, &timer->deadline_ns))
		timer->deadline_ns = INT64_MAX;
	timer->active = true;
	while (*at && (*at)->deadline_ns <= timer->deadline_ns)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
}

void loop_defer(struct loop *loop, struct loop_work *work)
{
	pthread_mutex_lock(&loop->lock);
	bool fresh = !work->queued;
	if (fresh) {
		work->queued = true;
		work->next = NULL;
		*loop->work_last = work;
		loop->work_last = &work->next;
	}
	pthread_mutex_unlock(&loop->lock);
	if (fresh)
		loop_wake(loop);
}

void loop_work_cancel(struct loop *loop, struct loop_work *work)
{
	struct loop_work **at = &loop->work_first;

	pthread_mutex_lock(&loop->lock);
	if (work->queued) {
		while (*at != work)
			at = &(*at)->next;
		*at = work->next;
		if (loop->work_last == &work->next)
			loop->work_last = at;
		work->queued = false;
	}
	pthread_mutex_unlock(&loop->lock);
}

static void call_locked(void (*fn)(void *), void *arg, pthread_mutex_t *lock)
{
	if (lock)
		pthread_mutex_lock(lock);
	fn(arg);
	if (lock)
		pthread_mutex_unlock(lock);
}

static struct loop_work *take_work(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	struct loop_work *work = loop->work_first;
	if (work) {
		loop->work_first = work->next;
		if (!loop->work_first)
			loop->work_last = &loop->work_first;
		work->queued = false;
	}
	pthread_mutex_unlock(&loop->lock);
	return work;
}

static unsigned count_work(struct loop *loop)
{
	unsigned count = 0;

	pthread_mutex_lock(&loop->lock);
	for (const struct loop_work *work = loop->work_first; work; work = work->next)
		count++;
	pthread_mutex_unlock(&loop->lock);
	return count;
}

static void run_work(struct loop *loop)
{
	struct loop_work *work;

	/* Work that defers itself again must not starve the descriptors: it woke the loop for another round. */
	for (unsigned left = count_work(loop); left && (work = take_work(loop)); left--)
		call_locked(work->run, work->arg, work->lock);
}

static bool take_stop(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	bool stop = loop->stop;
	loop->stop = false;
	pthread_mutex_unlock(&loop->lock);
	return stop;
}

static void run_timers(struct loop *loop)
{
	int64_t now = loop->timers ? loop_now_ns() : 0;

	/* Only those due now: a timer that sets itself again at once must not starve the descriptors. */
	while (loop->timers && loop->timers->deadline_ns <= now) {
		struct loop_timer *timer = loop->timers;
		loop->timers = timer->next;
		timer->active = false;
		call_locked(timer->expired, timer->arg, timer->lock);
	}
}

static int timeout_ms(const struct loop *loop)
{
	if (!loop->timers)
		return -1;
	int64_t left = loop->timers->deadline_ns - loop_now_ns();
	if (left <= 0)
		return 0;
	/* Rounded up: waking early would spin until the deadline. */
	int64_t ms = (left + 999999) / 1000000;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void drain_wake(struct loop *loop)
{
	uint64_t count;
	ssize_t n = read(loop->wake_fd, &count, sizeof(count));

	(void)n;
}

static void deliver(struct loop *loop)
{
	for (int i = 0; i < loop->batch_count; i++) {
		struct loop_watch *watch = loop->batch[i].data.ptr;
		uint32_t events = loop->batch[i].events;
		if (!watch) {
			drain_wake(loop);
			continue;
		}
		if (!events)
			continue;
		/* The callback may remove the watch and its owner. */
		pthread_mutex_t *lock = watch->lock;
		if (lock)
			pthread_mutex_lock(lock);
		/* Nor may it hear of what somebody ceased to wait for since epoll_wait() returned. */
		events &= watch->events | EPOLLERR | EPOLLHUP;
		if (events)
			watch->ready(watch->arg, events);
		if (lock)
			pthread_mutex_unlock(lock);
	}
	loop->batch_count = 0;
}

int loop_step(struct loop *loop)
{
	int n = epoll_wait(loop->epoll_fd, loop->batch, BATCH, timeout_ms(loop));

	if (n < 0 && errno != EINTR)
		return -errno;
	loop->batch_count = n > 0 ? n : 0;
	deliver(loop);
	run_timers(loop);
	run_work(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	while (!err && !take_stop(loop))
		err = loop_step(loop);
	return err;
}
