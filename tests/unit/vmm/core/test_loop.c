// SPDX-License-Identifier: Apache-2.0
/* vmm/core/loop.c: descriptors, timers and deferred work, alone and from several threads (run under ThreadSanitizer too). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/loop.h"

#define MS 1000000ll

static struct loop *loop;
static struct loop_timer deadline; /* ends a test that waits for what never comes */
static bool timed_out;

static void give_up(void *arg)
{
	(void)arg;
	timed_out = true;
	loop_stop(loop);
}

static int set_up(void **state)
{
	(void)state;
	loop = loop_new();
	timed_out = false;
	deadline = (struct loop_timer){ .expired = give_up };
	if (loop)
		loop_timer_set(loop, &deadline, 10000 * MS);
	return loop ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void run(void)
{
	assert_int_equal(loop_run(loop), 0);
	assert_false(timed_out);
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* One round without waiting. */
static void run_once(void)
{
	struct loop_work work = { .run = stop };

	loop_defer(loop, &work);
	run();
}

static int event_fd(unsigned value)
{
	int fd = eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static void signal_fd(int fd)
{
	assert_int_equal(write(fd, &(uint64_t){ 1 }, 8), 8);
}

/* --- descriptors --------------------------------------------------------------------------------------------------- */

struct probe {
	struct loop_watch watch;
	unsigned calls;
	uint32_t events;
	struct probe *victim; /* what `act` is done to */
	void (*act)(struct probe *victim);
};

static void probe_ready(void *arg, uint32_t events)
{
	struct probe *probe = arg;

	probe->calls++;
	probe->events = events;
	if (probe->watch.lock)
		assert_int_equal(pthread_mutex_trylock(probe->watch.lock), EBUSY);
	if (probe->act)
		probe->act(probe->victim);
}

static void probe_add(struct probe *probe, int fd, uint32_t events)
{
	probe->watch.fd = fd;
	probe->watch.events = events;
	probe->watch.ready = probe_ready;
	probe->watch.arg = probe;
	assert_int_equal(loop_add(loop, &probe->watch), 0);
}

static void probe_remove(struct probe *probe)
{
	loop_remove(loop, &probe->watch);
}

static void a_ready_descriptor_is_called(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct probe probe = { .watch.lock = &lock };
	int fd = event_fd(0);

	(void)state;
	probe_add(&probe, fd, EPOLLIN);
	run_once();
	assert_int_equal(probe.calls, 0);
	signal_fd(fd);
	run_once();
	assert_int_equal(probe.calls, 1);
	assert_int_equal(probe.events, EPOLLIN);
	run_once(); /* still readable */
	assert_int_equal(probe.calls, 2);
	assert_int_equal(loop_modify(loop, &probe.watch, EPOLLIN | EPOLLOUT), 0);
	run_once();
	assert_int_equal(probe.events, EPOLLIN | EPOLLOUT);
	assert_int_equal(loop_modify(loop, &probe.watch, 0), 0);
	run_once();
	assert_int_equal(probe.calls, 3);
	probe_remove(&probe);
	probe_remove(&probe); /* harmless */
	close(fd);
}

static void an_edge_needs_no_reading(void **state)
{
	struct probe probe = { 0 };
	int fd = event_fd(0);

	(void)state;
	probe_add(&probe, fd, EPOLLIN | EPOLLET);
	for (unsigned i = 1; i <= 3; i++) {
		signal_fd(fd);
		run_once();
		assert_int_equal(probe.calls, i);
		run_once();
		assert_int_equal(probe.calls, i);
	}
	probe_remove(&probe);
	close(fd);
}

static void a_hang_up_comes_unasked(void **state)
{
	struct probe probe = { 0 };
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	probe_add(&probe, fd[0], 0);
	close(fd[1]);
	run_once();
	assert_int_equal(probe.events, EPOLLHUP);
	probe_remove(&probe);
	close(fd[0]);
}

static void what_cannot_be_watched_is_an_error(void **state)
{
	struct loop_watch watch = { .fd = -1, .events = EPOLLIN };

	(void)state;
	assert_int_equal(loop_add(loop, &watch), -EBADF);
	loop_remove(loop, &watch);
}

/* Both are ready at once, so whichever comes first must keep the other from being called. */
static void two_rivals(void (*act)(struct probe *victim))
{
	struct probe probe[2] = { { .act = act }, { .act = act } };
	int fd[2] = { event_fd(1), event_fd(1) };

	probe[0].victim = &probe[1];
	probe[1].victim = &probe[0];
	probe_add(&probe[0], fd[0], EPOLLIN);
	probe_add(&probe[1], fd[1], EPOLLIN);
	run_once();
	assert_int_equal(probe[0].calls + probe[1].calls, 1);
	for (unsigned i = 0; i < 2; i++) {
		probe_remove(&probe[i]);
		close(fd[i]);
	}
}

static void probe_silence(struct probe *probe)
{
	assert_int_equal(loop_modify(loop, &probe->watch, 0), 0);
}

static void a_removed_watch_is_not_called(void **state)
{
	(void)state;
	two_rivals(probe_remove);
}

static void a_silenced_watch_is_not_called(void **state)
{
	(void)state;
	two_rivals(probe_silence);
}

static void probe_free(struct probe *probe)
{
	probe_remove(probe);
	close(probe->watch.fd);
	free(probe);
}

/* AddressSanitizer is the judge. */
static void a_callback_may_free_itself(void **state)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	(void)state;
	assert_non_null(probe);
	probe->victim = probe;
	probe->act = probe_free;
	probe_add(probe, event_fd(1), EPOLLIN);
	run_once();
	run_once();
}

/* --- timers -------------------------------------------------------------------------------------------------------- */

static unsigned order[8], order_count;

static void note_order(void *arg)
{
	order[order_count++] = (unsigned)(uintptr_t)arg;
}

static void timers_come_in_order(void **state)
{
	struct loop_timer timer[4];
	struct loop_timer last = { .expired = stop };
	int64_t begin = loop_now_ns();

	(void)state;
	order_count = 0;
	for (unsigned i = 0; i < 4; i++)
		timer[i] = (struct loop_timer){ .expired = note_order, .arg = (void *)(uintptr_t)i };
	loop_timer_set(loop, &timer[2], 3 * MS);
	loop_timer_set(loop, &timer[0], 1 * MS);
	loop_timer_set(loop, &timer[3], 1 * MS);
	loop_timer_set(loop, &timer[1], 2 * MS);
	loop_timer_set(loop, &timer[3], 4 * MS); /* moved */
	loop_timer_set(loop, &last, 5 * MS);
	run();
	assert_true(loop_now_ns() - begin >= 5 * MS); /* never early */
	assert_int_equal(order_count, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(order[i], i);
}

static void a_cancelled_timer_stays_silent(void **state)
{
	struct loop_timer first = { .expired = note_order }, second = { .expired = note_order }, last = { .expired = stop };

	(void)state;
	order_count = 0;
	loop_timer_set(loop, &first, 0);
	loop_timer_set(loop, &second, 0);
	loop_timer_set(loop, &last, 1 * MS);
	loop_timer_cancel(loop, &first);
	loop_timer_cancel(loop, &second);
	loop_timer_cancel(loop, &second);
	run();
	assert_int_equal(order_count, 0);
}

static struct loop_timer twin[2];

static void cancel_twin(void *arg)
{
	order_count++;
	loop_timer_cancel(loop, arg);
}

static void a_timer_may_cancel_another_that_is_due(void **state)
{
	(void)state;
	order_count = 0;
	twin[0] = (struct loop_timer){ .expired = cancel_twin, .arg = &twin[1] };
	twin[1] = (struct loop_timer){ .expired = cancel_twin, .arg = &twin[0] };
	loop_timer_set(loop, &twin[0], -5 * MS); /* a time in the past is now */
	loop_timer_set(loop, &twin[1], INT64_MIN);
	run_once();
	run_once();
	assert_int_equal(order_count, 1);
}

static void a_far_timer_never_comes(void **state)
{
	struct loop_timer far = { .expired = note_order };

	(void)state;
	order_count = 0;
	loop_timer_set(loop, &far, INT64_MAX);
	run_once();
	assert_int_equal(order_count, 0);
	loop_timer_cancel(loop, &far);
}

static struct loop_timer restless;
static unsigned restless_calls;

static void set_again(void *arg)
{
	(void)arg;
	restless_calls++;
	loop_timer_set(loop, &restless, 0);
}

static void stop_ready(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_stop(loop);
}

static void a_restless_timer_starves_no_descriptor(void **state)
{
	int fd = event_fd(1);
	struct loop_watch watch = { .fd = fd, .events = EPOLLIN, .ready = stop_ready };

	(void)state;
	restless = (struct loop_timer){ .expired = set_again };
	loop_timer_set(loop, &restless, 0);
	run_once();
	assert_int_equal(loop_add(loop, &watch), 0);
	run();
	assert_true(restless_calls > 0);
	loop_remove(loop, &watch);
	loop_timer_cancel(loop, &restless);
	close(fd);
}

/* --- deferred work ------------------------------------------------------------------------------------------------- */

static void work_runs_once_in_order(void **state)
{
	struct loop_work work[3];

	(void)state;
	order_count = 0;
	for (unsigned i = 0; i < 3; i++)
		work[i] = (struct loop_work){ .run = note_order, .arg = (void *)(uintptr_t)i };
	for (unsigned i = 0; i < 3; i++) {
		loop_defer(loop, &work[i]);
		loop_defer(loop, &work[i]);
	}
	run_once();
	run_once();
	assert_int_equal(order_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(order[i], i);
}

static void cancelled_work_is_not_run(void **state)
{
	struct loop_work work[3];

	(void)state;
	for (unsigned cancelled = 0; cancelled < 3; cancelled++) {
		order_count = 0;
		for (unsigned i = 0; i < 3; i++) {
			work[i] = (struct loop_work){ .run = note_order, .arg = (void *)(uintptr_t)i };
			loop_defer(loop, &work[i]);
		}
		loop_work_cancel(loop, &work[cancelled]);
		loop_work_cancel(loop, &work[cancelled]);
		run_once();
		assert_int_equal(order_count, 2);
		assert_int_equal(order[0], cancelled == 0);
		assert_int_equal(order[1], cancelled == 2 ? 1 : 2);
	}
}

static struct loop_work endless;

static void defer_again(void *arg)
{
	(void)arg;
	loop_defer(loop, &endless);
}

static void endless_work_starves_no_descriptor(void **state)
{
	int fd = event_fd(1);
	struct loop_watch watch = { .fd = fd, .events = EPOLLIN, .ready = stop_ready };

	(void)state;
	endless = (struct loop_work){ .run = defer_again };
	loop_defer(loop, &endless);
	run_once();
	assert_int_equal(loop_add(loop, &watch), 0);
	run(); /* returns because the descriptor is heard */
	loop_remove(loop, &watch);
	loop_work_cancel(loop, &endless);
	close(fd);
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

#define ROUNDS 2000

struct counter {
	pthread_mutex_t lock;
	struct loop_work work;
	unsigned posted, seen;
};

static void catch_up(void *arg)
{
	struct counter *counter = arg;

	counter->seen = counter->posted; /* under the lock, as is the writer */
	if (counter->seen == 2 * ROUNDS)
		loop_stop(loop);
}

static void *post(void *arg)
{
	struct counter *counter = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&counter->lock);
		counter->posted++;
		pthread_mutex_unlock(&counter->lock);
		loop_defer(loop, &counter->work);
	}
	return NULL;
}

/* No posting may be lost: the last one is seen, whatever was merged before. */
static void work_from_other_threads_is_never_lost(void **state)
{
	struct counter counter = { .lock = PTHREAD_MUTEX_INITIALIZER, .work.run = catch_up };
	pthread_t thread[2];

	(void)state;
	counter.work.arg = &counter;
	counter.work.lock = &counter.lock;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, post, &counter), 0);
	run();
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(counter.seen, 2 * ROUNDS);
}

static void *stop_later(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void another_thread_stops_it(void **state)
{
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(pthread_create(&thread, NULL, stop_later, loop), 0);
		run();
		pthread_join(thread, NULL);
	}
}

static void a_stop_before_the_run_counts(void **state)
{
	(void)state;
	loop_stop(loop);
	loop_stop(loop);
	run();
	run_once(); /* and only once */
}

/* A device whose registers a vCPU thread writes changes what its descriptor waits for, under its lock. */
struct toggled {
	pthread_mutex_t lock;
	struct loop_watch watch;
	bool wanted;
	unsigned unwanted_calls;
	atomic_uint calls;
};

static void toggled_ready(void *arg, uint32_t events)
{
	struct toggled *toggled = arg;

	(void)events;
	if (!toggled->wanted)
		toggled->unwanted_calls++;
	atomic_fetch_add(&toggled->calls, 1);
}

static void *toggle(void *arg)
{
	struct toggled *toggled = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&toggled->lock);
		toggled->wanted = !toggled->wanted;
		loop_modify(loop, &toggled->watch, toggled->wanted ? EPOLLIN : 0);
		pthread_mutex_unlock(&toggled->lock);
	}
	loop_stop(loop);
	return NULL;
}

static void modification_by_another_thread_holds_at_once(void **state)
{
	struct toggled toggled = { .lock = PTHREAD_MUTEX_INITIALIZER, .wanted = true };
	pthread_t thread;

	(void)state;
	toggled.watch = (struct loop_watch){
		.fd = event_fd(1),
		.events = EPOLLIN,
		.ready = toggled_ready,
		.arg = &toggled,
		.lock = &toggled.lock,
	};
	assert_int_equal(loop_add(loop, &toggled.watch), 0);
	assert_int_equal(pthread_create(&thread, NULL, toggle, &toggled), 0);
	run();
	pthread_join(thread, NULL);
	assert_int_equal(toggled.unwanted_calls, 0);
	loop_remove(loop, &toggled.watch);
	close(toggled.watch.fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ready_descriptor_is_called),
		TEST(an_edge_needs_no_reading),
		TEST(a_hang_up_comes_unasked),
		TEST(what_cannot_be_watched_is_an_error),
		TEST(a_removed_watch_is_not_called),
		TEST(a_silenced_watch_is_not_called),
		TEST(a_callback_may_free_itself),
		TEST(timers_come_in_order),
		TEST(a_cancelled_timer_stays_silent),
		TEST(a_timer_may_cancel_another_that_is_due),
		TEST(a_far_timer_never_comes),
		TEST(a_restless_timer_starves_no_descriptor),
		TEST(work_runs_once_in_order),
		TEST(cancelled_work_is_not_run),
		TEST(endless_work_starves_no_descriptor),
		TEST(work_from_other_threads_is_never_lost),
		TEST(another_thread_stops_it),
		TEST(a_stop_before_the_run_counts),
		TEST(modification_by_another_thread_holds_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
