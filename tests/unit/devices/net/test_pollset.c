// SPDX-License-Identifier: Apache-2.0
/* devices/net/pollset.c: what is wanted is told, what is not wanted does not wake anybody. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/net/pollset.h"

static bool awake(const struct pollset *ps)
{
	struct pollfd pfd = { .fd = ps->epoll_fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void want(struct pollset *ps, int fd, uint32_t events)
{
	pollset_begin(ps);
	if (events)
		assert_int_equal(pollset_want(ps, fd, events), 0);
	pollset_end(ps);
}

static uint32_t ready(struct pollset *ps, int fd)
{
	pollset_collect(ps);
	uint32_t events = pollset_ready(ps, fd);
	pollset_collected(ps);
	assert_int_equal(pollset_ready(ps, fd), 0);
	return events;
}

static void wanted_and_not(void **state)
{
	struct pollset ps;
	int pair[2];

	(void)state;
	assert_int_equal(pollset_init(&ps), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	want(&ps, pair[0], EPOLLIN);
	assert_false(awake(&ps));
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_true(awake(&ps));
	assert_int_equal(ready(&ps, pair[0]), EPOLLIN);
	/* Level: it is still so. */
	assert_int_equal(ready(&ps, pair[0]), EPOLLIN);
	want(&ps, pair[0], EPOLLOUT);
	assert_int_equal(ready(&ps, pair[0]), EPOLLOUT);
	want(&ps, pair[0], 0);
	assert_int_equal(ready(&ps, pair[0]), 0);
	assert_false(awake(&ps));
	/* A hang-up of what is not wanted must not wake the loop for ever. */
	close(pair[1]);
	ready(&ps, pair[0]);
	assert_false(awake(&ps));
	want(&ps, pair[0], EPOLLIN | EPOLLHUP);
	assert_int_equal(ready(&ps, pair[0]), EPOLLIN | EPOLLHUP);
	close(pair[0]);
	pollset_release(&ps);
}

/* A descriptor is closed, and another gets its number between two rounds. */
static void number_reused(void **state)
{
	struct pollset ps;
	int pair[2], other[2];

	(void)state;
	assert_int_equal(pollset_init(&ps), 0);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(pipe(other), 0);
	want(&ps, pair[0], EPOLLIN);
	pollset_forget(&ps, pair[0]);
	close(pair[0]);
	assert_int_equal(dup2(other[0], pair[0]), pair[0]);
	want(&ps, pair[0], EPOLLIN);
	assert_int_equal(ready(&ps, pair[0]), 0);
	assert_int_equal(write(other[1], "x", 1), 1);
	assert_int_equal(ready(&ps, pair[0]), EPOLLIN);
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(other[i]);
	}
	pollset_release(&ps);
}

/* More than the table's first size, more than one batch. */
static void many(void **state)
{
	enum { COUNT = 150 };
	struct pollset ps;
	int fd[COUNT][2];
	unsigned seen = 0;

	(void)state;
	assert_int_equal(pollset_init(&ps), 0);
	pollset_begin(&ps);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(pipe(fd[i]), 0);
		assert_int_equal(write(fd[i][1], "x", 1), 1);
		assert_int_equal(pollset_want(&ps, fd[i][0], EPOLLIN), 0);
	}
	pollset_end(&ps);
	for (int rounds = 0; seen < COUNT && rounds < COUNT; rounds++) {
		char byte;
		pollset_collect(&ps);
		for (int i = 0; i < COUNT; i++)
			seen += pollset_ready(&ps, fd[i][0]) && read(fd[i][0], &byte, 1) == 1;
		pollset_collected(&ps);
	}
	assert_int_equal(seen, COUNT);
	assert_int_equal(pollset_want(&ps, -1, EPOLLIN), -EBADF);
	assert_int_equal(pollset_ready(&ps, -1), 0);
	assert_int_equal(pollset_ready(&ps, 1 << 20), 0);
	for (int i = 0; i < COUNT; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
	pollset_release(&ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wanted_and_not),
		cmocka_unit_test(number_reused),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
