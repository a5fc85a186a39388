// SPDX-License-Identifier: Apache-2.0
/* Messages with descriptors: ctr/message.h. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/message.h"

struct pair {
	int end[2];
};

static int set_up(void **state)
{
	static struct pair pair;

	*state = &pair;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.end);
}

static int tear_down(void **state)
{
	const struct pair *pair = *state;

	close(pair->end[0]);
	close(pair->end[1]);
	return 0;
}

static void one_byte(void **state)
{
	const struct pair *pair = *state;
	char message = 0;
	int fd = 7;

	assert_int_equal(send_message(pair->end[0], 'a', -1), 0);
	assert_int_equal(send_message(pair->end[0], 'b', -1), 0);
	assert_int_equal(receive_message(pair->end[1], &message, &fd), 0);
	assert_int_equal(message, 'a');
	assert_int_equal(fd, -1);
	assert_int_equal(receive_message(pair->end[1], &message, &fd), 0);
	assert_int_equal(message, 'b');
}

static void a_descriptor(void **state)
{
	const struct pair *pair = *state;
	struct stat sent, got;
	char message = 0;
	int fd = -1;

	assert_int_equal(send_message(pair->end[0], 'c', pair->end[0]), 0);
	assert_int_equal(receive_message(pair->end[1], &message, &fd), 0);
	assert_int_equal(message, 'c');
	assert_int_equal(fstat(pair->end[0], &sent), 0);
	assert_int_equal(fstat(fd, &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	/* No program that is executed gets it. */
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void a_text(void **state)
{
	const struct pair *pair = *state;
	char text[8] = "";
	int fd = 7;

	assert_int_equal(send(pair->end[0], "none\n", 5, 0), 5);
	assert_int_equal(receive_text(pair->end[1], text, sizeof(text), &fd), 5);
	assert_memory_equal(text, "none\n", 5);
	assert_int_equal(fd, -1);
	/* What does not fit is lost: a message stays one. */
	assert_int_equal(send(pair->end[0], "too much for it", 15, 0), 15);
	assert_int_equal(receive_text(pair->end[1], text, sizeof(text), &fd), sizeof(text));
	assert_int_equal(send_message(pair->end[0], 'd', -1), 0);
	assert_int_equal(receive_text(pair->end[1], text, sizeof(text), &fd), 1);
}

static void the_other_side_ended(void **state)
{
	struct pair *pair = *state;
	char message = 0;
	int fd = 7;

	close(pair->end[0]);
	assert_int_equal(receive_message(pair->end[1], &message, &fd), -ECONNRESET);
	assert_int_equal(fd, -1);
	assert_int_equal(receive_text(pair->end[1], &message, 1, &fd), 0);
	/* An error, and no signal. */
	assert_int_equal(send_message(pair->end[1], 'e', -1), -EPIPE);
	pair->end[0] = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_descriptor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_other_side_ended, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
