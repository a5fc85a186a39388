// SPDX-License-Identifier: Apache-2.0
/* devices/stream.c: host descriptors are used without waiting and without touching their flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "devices/stream.h"
#include "tests/fakes/fake_driver.h"

static struct fake_driver drv; /* for its loop alone */

struct reader {
	struct stream stream;
	uint8_t data[70000];
	size_t len;
	unsigned calls;
	bool ended;
};

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	/* What waits although it should not ends here. */
	alarm(60);
	drv.loop = loop_new();
	return drv.loop ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(drv.loop);
	alarm(0);
	return 0;
}

static void read_some(void *arg)
{
	struct reader *r = arg;
	ssize_t n = stream_read(&r->stream, r->data + r->len, 1000);

	r->calls++;
	if (n > 0)
		r->len += (size_t)n;
	if (n == 0) {
		r->ended = true;
		stream_wait(&r->stream, false);
	}
}

static bool has_ended(void *arg)
{
	return ((struct reader *)arg)->ended;
}

static void read_to_end(struct reader *r, int fd)
{
	const struct stream_config config = { .fd = fd, .events = EPOLLIN, .ready = read_some, .arg = r };

	memset(r, 0, sizeof(*r));
	assert_int_equal(stream_open(&r->stream, &config, drv.loop), 0);
	stream_wait(&r->stream, true);
	assert_true(fake_run_until(&drv, has_ended, r));
	stream_close(&r->stream);
}

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void a_file_is_read_to_its_end(void **state)
{
	static struct reader r;
	uint8_t data[50000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	int fd = file_of(data, sizeof(data));
	read_to_end(&r, fd);
	assert_int_equal(r.len, sizeof(data));
	assert_memory_equal(r.data, data, sizeof(data));
	close(fd);
}

static void dev_null_ends_at_once(void **state)
{
	static struct reader r;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	read_to_end(&r, fd);
	assert_int_equal(r.len, 0);
	close(fd);
}

static void a_pipe_ends_after_its_last_byte(void **state)
{
	static struct reader r;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "last words", 10), 10);
	close(p[1]);
	read_to_end(&r, p[0]);
	assert_int_equal(r.len, 10);
	assert_memory_equal(r.data, "last words", 10);
	close(p[0]);
}

/* A hang-up comes although nobody asked: it must neither be delivered nor keep the loop busy. */
static void nothing_is_heard_that_is_not_waited_for(void **state)
{
	static struct reader r;
	const struct stream_config config = { .events = EPOLLIN, .ready = read_some, .arg = &r };
	struct stream_config with_fd = config;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	with_fd.fd = p[0];
	memset(&r, 0, sizeof(r));
	assert_int_equal(stream_open(&r.stream, &with_fd, drv.loop), 0);
	stream_wait(&r.stream, true);
	stream_wait(&r.stream, false);
	close(p[1]);
	fake_run_once(&drv);
	assert_int_equal(r.calls, 0);
	stream_close(&r.stream);
	close(p[0]);
}

static size_t fill(struct stream *s)
{
	static uint8_t data[100000];
	size_t total = 0;
	ssize_t n;

	while ((n = stream_write(s, data, sizeof(data))) > 0)
		total += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	return total;
}

static void never_ready(void *arg)
{
	(void)arg;
}

static void opened_for_output(struct stream *s, int fd)
{
	const struct stream_config config = { .fd = fd, .events = EPOLLOUT, .ready = never_ready };

	assert_int_equal(stream_open(s, &config, drv.loop), 0);
}

static void a_full_pipe_does_not_block_the_writer(void **state)
{
	struct stream s;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	opened_for_output(&s, p[1]);
	assert_true(fill(&s) >= 4096);
	/* Room for a few bytes is no room for a PIPE_BUF. */
	uint8_t buf[100];
	assert_int_equal(read(p[0], buf, sizeof(buf)), sizeof(buf));
	fill(&s);
	assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	close(p[0]);
	assert_int_equal(stream_write(&s, "x", 1), -EPIPE);
	stream_close(&s);
	close(p[1]);
}

static void a_stalled_terminal_does_not_block_the_writer(void **state)
{
	struct termios raw;
	struct stream s;

	(void)state;
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0) {
		print_message("skip: no pseudo-terminals here\n");
		skip();
	}
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	opened_for_output(&s, slave);
	fill(&s);
	for (int i = 0; i < 20; i++) {
		char buf[333];
		assert_true(read(master, buf, sizeof(buf)) > 0);
		fill(&s);
	}
	stream_close(&s);
	close(slave);
	close(master);
}

static void a_full_socket_does_not_block_the_writer(void **state)
{
	struct stream s;
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	opened_for_output(&s, p[1]);
	assert_true(fill(&s) > 0);
	stream_close(&s);
	close(p[0]);
	close(p[1]);
}

struct writer {
	struct stream stream;
	unsigned calls;
};

static void write_one(void *arg)
{
	struct writer *w = arg;

	if (stream_write(&w->stream, "x", 1) == 1)
		w->calls++;
	if (w->calls == 10)
		stream_wait(&w->stream, false);
}

static bool both_done(void *arg)
{
	const struct writer *w = arg;

	return w[0].calls == 10 && w[1].calls == 10;
}

/* Two ports may share standard error. */
static void one_descriptor_serves_two_streams(void **state)
{
	struct writer w[2] = { 0 };
	char buf[100];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	for (int i = 0; i < 2; i++) {
		const struct stream_config config = { .fd = p[1], .events = EPOLLOUT, .ready = write_one, .arg = &w[i] };
		assert_int_equal(stream_open(&w[i].stream, &config, drv.loop), 0);
		stream_wait(&w[i].stream, true);
	}
	assert_true(fake_run_until(&drv, both_done, w));
	assert_int_equal(read(p[0], buf, sizeof(buf)), 20);
	stream_close(&w[0].stream);
	stream_close(&w[1].stream);
	close(p[0]);
	close(p[1]);
}

static void no_descriptor_takes_everything_and_gives_nothing(void **state)
{
	static uint8_t data[100000];
	struct stream s;

	(void)state;
	opened_for_output(&s, -1);
	assert_int_equal(stream_write(&s, data, sizeof(data)), sizeof(data));
	assert_int_equal(stream_read(&s, data, sizeof(data)), -EAGAIN);
	stream_close(&s);
}

static void a_bad_descriptor_is_refused(void **state)
{
	const struct stream_config config = { .fd = 12345, .events = EPOLLOUT, .ready = never_ready };
	struct stream s;

	(void)state;
	assert_int_equal(stream_open(&s, &config, drv.loop), -EBADF);
	stream_close(&s);
}

static void a_directory_gives_an_error(void **state)
{
	static struct reader r;
	struct stream_config config = { .events = EPOLLIN, .ready = read_some, .arg = &r };

	(void)state;
	config.fd = open("/", O_RDONLY | O_DIRECTORY);
	assert_int_equal(stream_open(&r.stream, &config, drv.loop), 0);
	assert_int_equal(stream_read(&r.stream, r.data, 10), -EISDIR);
	stream_close(&r.stream);
	close(config.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_read_to_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dev_null_ends_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pipe_ends_after_its_last_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_heard_that_is_not_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_pipe_does_not_block_the_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stalled_terminal_does_not_block_the_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_socket_does_not_block_the_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_descriptor_serves_two_streams, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_descriptor_takes_everything_and_gives_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bad_descriptor_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_directory_gives_an_error, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
