// SPDX-License-Identifier: Apache-2.0
/* devices/virtio/console.c: data both ways, as it is, with back-pressure, ends and resets. */
#include "tests/unit/devices/virtio/console_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/util/log.h"

/* Port 0 is a console joined to nothing; port 1 is a byte stream, joined as each test wants. */
#define PORT 1
#define PORTS 2
#define CHUNK_MAX 6000
#define PIPE_BYTES 65536

static struct console_guest g;
static int in_r = -1, in_w = -1, out_r = -1, out_w = -1;

static int set_up(void **state)
{
	int in[2], out[2];

	(void)state;
	log_set_level(LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	/* What waits although it should not ends here. */
	alarm(60);
	srandom(20240607);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return -1;
	in_r = in[0];
	in_w = in[1];
	out_r = out[0];
	out_w = out[1];
	/* Room for sixteen pages is more where these are larger than 4 KiB, and would be full too late. */
	if (fcntl(out_w, F_SETPIPE_SZ, PIPE_BYTES) < 0)
		return -1;
	/* Our ends must not block this thread, which is the guest's and the loop's too. */
	return fcntl(in_w, F_SETFL, O_NONBLOCK) || fcntl(out_r, F_SETFL, O_NONBLOCK) ? -1 : 0;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	guest_stop(&g);
	close_end(&in_r);
	close_end(&in_w);
	close_end(&out_r);
	close_end(&out_w);
	return 0;
}

/* The device's own ends, once it has duplicates of them. */
static void hand_over(void)
{
	close_end(&in_r);
	close_end(&out_w);
}

static void start_with(struct virtio_console_port port, uint64_t features)
{
	const struct virtio_console_port ports[PORTS] = { { .console = true, .in_fd = -1, .out_fd = -1 }, port };

	guest_start(&g, ports, PORTS, features);
	hand_over();
	if (features & FEATURE_MULTIPORT)
		guest_handshake(&g, PORTS);
}

static void start_piped(uint64_t features)
{
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = in_r, .out_fd = out_w }, features);
}

static void open_port(unsigned buffers, uint32_t len)
{
	guest_add_buffers(&g, guest_rx(PORT), buffers, len);
	guest_send_control(&g, PORT, PORT_OPEN, 1);
}

static void host_says(const void *data, size_t len)
{
	assert_int_equal(write(in_w, data, len), (ssize_t)len);
}

static void expect_input(const char *text)
{
	char buf[64];

	guest_receive_all(&g, PORT, buf, strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

static void expect_no_input(void)
{
	char buf[CHUNK_MAX];

	for (int i = 0; i < 5; i++)
		fake_run_once(&g.drv);
	assert_int_equal(guest_receive(&g, PORT, buf, sizeof(buf)), 0);
}

struct transfer {
	unsigned port;
	size_t total, sent, got;
	uint32_t sent_sum, sum;
};

static uint32_t checksum(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ data[i]) * 16777619u;
	return sum;
}

static size_t random_chunk(uint8_t *buf, size_t left)
{
	size_t len = 1 + (size_t)random() % CHUNK_MAX;

	if (len > left)
		len = left;
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)random();
	return len;
}

/* --- both ways ------------------------------------------------------------------------------------------------------------- */

static bool feed(void *arg)
{
	struct transfer *t = arg;
	uint8_t buf[CHUNK_MAX];
	size_t n;

	if (t->sent < t->total) {
		ssize_t w = write(in_w, buf, random_chunk(buf, t->total - t->sent));
		if (w > 0) {
			t->sent_sum = checksum(t->sent_sum, buf, (size_t)w);
			t->sent += (size_t)w;
		}
	}
	/* The guest is now quick, now slow, so that the queue runs dry and fills again. */
	for (long left = random() % 20; left > 0 && (n = guest_receive(&g, t->port, buf, sizeof(buf))); left--) {
		t->sum = checksum(t->sum, buf, n);
		t->got += n;
	}
	return t->got == t->total;
}

static bool drain(void *arg)
{
	struct transfer *t = arg;
	uint8_t buf[CHUNK_MAX];

	for (long left = random() % 4; left > 0 && t->sent < t->total; left--) {
		size_t len = random_chunk(buf, t->total - t->sent);
		if (!guest_send(&g, t->port, buf, len))
			break;
		t->sent_sum = checksum(t->sent_sum, buf, len);
		t->sent += len;
	}
	ssize_t n = read(out_r, buf, 1 + (size_t)random() % CHUNK_MAX);
	if (n > 0) {
		t->sum = checksum(t->sum, buf, (size_t)n);
		t->got += (size_t)n;
	}
	guest_sent(&g, t->port);
	return t->got == t->total;
}

static void move_data(uint64_t features)
{
	struct transfer in = { .port = PORT, .total = 300000 }, out = { .port = PORT, .total = 600000 };

	start_piped(features);
	open_port(7, 4096);
	assert_true(fake_run_until(&g.drv, feed, &in));
	assert_int_equal(in.sum, in.sent_sum);
	assert_true(fake_run_until(&g.drv, drain, &out));
	assert_int_equal(out.sum, out.sent_sum);
	assert_false(fake_needs_reset(&g.drv));
}

static void data_passes_unchanged(void **state)
{
	(void)state;
	move_data(FAKE_FEATURES_ALL);
}

static void data_passes_unchanged_without_event_index(void **state)
{
	(void)state;
	move_data(FAKE_FEATURES_ALL & ~(VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC));
}

static void a_driver_without_multiport_uses_port_0(void **state)
{
	const struct virtio_console_port port = { .console = true, .in_fd = in_r, .out_fd = out_w };
	struct transfer in = { .total = 50000 }, out = { .total = 50000 };

	(void)state;
	guest_start(&g, &port, 1, FEATURES_SINGLE);
	hand_over();
	guest_add_buffers(&g, 0, 3, 1000);
	assert_true(fake_run_until(&g.drv, feed, &in));
	assert_int_equal(in.sum, in.sent_sum);
	assert_true(fake_run_until(&g.drv, drain, &out));
	assert_int_equal(out.sum, out.sent_sum);
}

static void descriptors_flags_are_left_alone(void **state)
{
	int in = dup(in_r), out = dup(out_w);

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	open_port(4, 100);
	host_says("x", 1);
	expect_input("x");
	assert_int_equal(fcntl(in, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(out, F_GETFL) & O_NONBLOCK, 0);
	close(in);
	close(out);
}

/* --- input ----------------------------------------------------------------------------------------------------------------- */

static int waiting_in_pipe(int fd)
{
	int n = -1;

	ioctl(fd, FIONREAD, &n);
	return n;
}

static void nothing_is_read_before_the_guest_opens(void **state)
{
	int watched = dup(in_r);

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	guest_add_buffers(&g, guest_rx(PORT), 4, 4096);
	host_says("early", 5);
	expect_no_input();
	assert_int_equal(waiting_in_pipe(watched), 5);
	guest_send_control(&g, PORT, PORT_OPEN, 1);
	expect_input("early");
	/* Closed again: what comes now waits for the next one who opens. */
	guest_send_control(&g, PORT, PORT_OPEN, 0);
	host_says("later", 5);
	expect_no_input();
	guest_send_control(&g, PORT, PORT_OPEN, 1);
	expect_input("later");
	close(watched);
}

static void the_end_comes_after_the_last_byte(void **state)
{
	uint8_t sent[10000], got[10000];

	(void)state;
	random_chunk(sent, sizeof(sent));
	start_piped(FAKE_FEATURES_ALL);
	host_says(sent, sizeof(sent));
	close_end(&in_w);
	/* Two small buffers: most of it waits for the guest. */
	open_port(2, 128);
	guest_expect_silence(&g);
	guest_receive_all(&g, PORT, got, sizeof(got));
	assert_memory_equal(got, sent, sizeof(sent));
	for (int i = 0; i < 3; i++)
		fake_run_once(&g.drv);
	guest_expect(&g, PORT, PORT_OPEN, 0);
	guest_expect_silence(&g);
	expect_no_input();
}

/* The writer is gone, and the guest is not ready: a hang-up that nobody can take must not keep the loop busy, nor be forgotten. */
static void an_end_before_the_guest_opens_is_kept(void **state)
{
	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	close_end(&in_w);
	expect_no_input();
	guest_expect_silence(&g);
	open_port(2, 128);
	fake_run_once(&g.drv);
	guest_expect(&g, PORT, PORT_OPEN, 0);
}

static void dev_null_ends_at_once(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = null, .out_fd = null }, FAKE_FEATURES_ALL);
	close(null);
	open_port(2, 128);
	fake_run_once(&g.drv);
	guest_expect(&g, PORT, PORT_OPEN, 0);
	assert_true(guest_send(&g, PORT, "gone", 4));
	assert_int_equal(guest_sent(&g, PORT), 1);
}

/* epoll does not take files. */
static void a_file_is_input_too(void **state)
{
	uint8_t sent[CHUNK_MAX], got[sizeof(sent)];
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t len = sizeof(sent);

	(void)state;
	for (size_t i = 0; i < len; i++)
		sent[i] = (uint8_t)random();
	assert_int_equal(write(fd, sent, len), (ssize_t)len);
	lseek(fd, 0, SEEK_SET);
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = fd, .out_fd = -1 }, FAKE_FEATURES_ALL);
	open_port(3, 100);
	guest_receive_all(&g, PORT, got, len);
	assert_memory_equal(got, sent, len);
	for (int i = 0; i < 3; i++)
		fake_run_once(&g.drv);
	guest_expect(&g, PORT, PORT_OPEN, 0);
	close(fd);
}

static void a_console_stays_open_when_its_input_ends(void **state)
{
	const struct virtio_console_port port = { .console = true, .in_fd = in_r, .out_fd = out_w };
	char buf[8];

	(void)state;
	guest_start(&g, &port, 1, FAKE_FEATURES_ALL);
	hand_over();
	guest_handshake(&g, 1);
	guest_add_buffers(&g, 0, 2, 128);
	guest_send_control(&g, 0, PORT_OPEN, 1);
	host_says("ls\n", 3);
	close_end(&in_w);
	guest_receive_all(&g, 0, buf, 3);
	for (int i = 0; i < 3; i++)
		fake_run_once(&g.drv);
	guest_expect_silence(&g);
	guest_send(&g, 0, "files", 5);
	assert_int_equal(read(out_r, buf, sizeof(buf)), 5);
}

static size_t without_x(void *arg, uint8_t *buf, size_t len)
{
	size_t kept = 0;

	(void)arg;
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != 'x')
			buf[kept++] = buf[i];
	}
	return kept;
}

static void a_filter_takes_bytes_out(void **state)
{
	(void)state;
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = in_r, .out_fd = -1, .filter = without_x }, FAKE_FEATURES_ALL);
	open_port(2, 128);
	host_says("xxx", 3);
	expect_no_input();
	host_says("axbx", 4);
	expect_input("ab");
	host_says("cxxxd", 5);
	expect_input("cd");
}

static void the_host_can_put_bytes_in(void **state)
{
	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	assert_false(virtio_console_inject(g.con, PORT, "closed", 6));
	guest_send_control(&g, PORT, PORT_OPEN, 1);
	assert_false(virtio_console_inject(g.con, PORT, "no room", 7));
	guest_add_buffers(&g, guest_rx(PORT), 1, 4);
	assert_false(virtio_console_inject(g.con, PORT, "too long", 8));
	assert_true(virtio_console_inject(g.con, PORT, "ok", 2));
	expect_input("ok");
	assert_false(virtio_console_inject(g.con, 77, "ok", 2));
}

/* --- output ---------------------------------------------------------------------------------------------------------------- */

static size_t captured;
static uint32_t captured_sum;

static void capture(void *arg, const void *data, size_t len)
{
	(void)arg;
	captured += len;
	captured_sum = checksum(captured_sum, data, len);
}

static void output_goes_to_a_callback(void **state)
{
	(void)state;
	captured = captured_sum = 0;
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = -1, .out_fd = -1, .output = capture }, FAKE_FEATURES_ALL);
	assert_true(guest_send(&g, PORT, "one", 3));
	assert_true(guest_send(&g, PORT, "two", 3));
	assert_int_equal(captured, 6);
	assert_int_equal(captured_sum, checksum(0, (const uint8_t *)"onetwo", 6));
	assert_int_equal(guest_sent(&g, PORT), 2);
}

static void output_for_nobody_is_thrown_away(void **state)
{
	(void)state;
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = -1, .out_fd = -1 }, FAKE_FEATURES_ALL);
	assert_true(guest_send(&g, PORT, "hello", 5));
	assert_int_equal(guest_sent(&g, PORT), 1);
}

/* Fills the pipe and the queue. Returns how many bytes were sent. */
static size_t stuff(uint8_t *data, size_t len)
{
	size_t sent = 0;

	while (sent + 5000 <= len) {
		for (size_t i = 0; i < 5000; i++)
			data[sent + i] = (uint8_t)random();
		if (!guest_send(&g, PORT, data + sent, 5000))
			break;
		sent += 5000;
		guest_sent(&g, PORT);
	}
	assert_true(sent + 5000 <= len);
	return sent;
}

static uint8_t stuffed[1 << 20];

static void a_full_pipe_leaves_output_in_the_queue(void **state)
{
	uint8_t buf[CHUNK_MAX];
	size_t got = 0;

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	size_t sent = stuff(stuffed, sizeof(stuffed));
	assert_false(virtio_console_flush(g.con));
	/* The loop has nothing to do meanwhile; then the reader comes back. */
	fake_run_once(&g.drv);
	while (got < sent) {
		ssize_t n = read(out_r, buf, sizeof(buf));
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			fake_run_once(&g.drv);
			continue;
		}
		assert_memory_equal(buf, stuffed + got, (size_t)n);
		got += (size_t)n;
	}
	assert_true(virtio_console_flush(g.con));
	assert_true(guest_sent(&g, PORT) > 0);
	assert_int_equal(read(out_r, buf, sizeof(buf)), -1);
}

static void a_reader_that_leaves_closes_the_port(void **state)
{
	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	close_end(&out_r);
	assert_true(guest_send(&g, PORT, "anybody?", 8));
	assert_int_equal(guest_sent(&g, PORT), 1);
	guest_expect(&g, PORT, PORT_OPEN, 0);
	for (int i = 0; i < 200; i++) {
		assert_true(guest_send(&g, PORT, "anybody?", 8));
		assert_int_equal(guest_sent(&g, PORT), 1);
	}
	guest_expect_silence(&g);
}

static void a_reader_that_leaves_a_full_pipe_frees_the_guest(void **state)
{
	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	stuff(stuffed, sizeof(stuffed));
	close_end(&out_r);
	while (!virtio_console_flush(g.con))
		fake_run_once(&g.drv);
	guest_expect(&g, PORT, PORT_OPEN, 0);
}

/* A disk that is full is told once, and the guest goes on. */
static void a_full_disk_does_not_stop_the_guest(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (full < 0) {
		print_message("skip: no /dev/full here\n");
		skip();
	}
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = -1, .out_fd = full }, FAKE_FEATURES_ALL);
	close(full);
	assert_true(guest_send(&g, PORT, "hello", 5));
	assert_int_equal(guest_sent(&g, PORT), 1);
	guest_expect(&g, PORT, PORT_OPEN, 0);
}

static void count_expiry(void *arg)
{
	++*(unsigned *)arg;
}

/* Chains of 1 MiB each, without end: the loop's other work gets its turn in between. */
static void a_flood_leaves_the_loop_its_turn(void **state)
{
	const struct fake_buffer big = { FAKE_HIGH_GPA, 1 << 20, false };
	unsigned expired = 0;
	struct loop_timer timer = { .expired = count_expiry, .arg = &expired };

	(void)state;
	captured = 0;
	start_with((struct virtio_console_port){ .name = "stream", .in_fd = -1, .out_fd = -1, .output = capture }, FAKE_FEATURES_ALL);
	unsigned chains = 0;
	while (fake_add(&g.drv, guest_tx(PORT), &big, 1) >= 0)
		chains++;
	fake_kick(&g.drv, guest_tx(PORT));
	assert_in_range(captured, 1, 1 << 20);
	loop_timer_set(g.drv.loop, &timer, 0);
	fake_run_once(&g.drv);
	assert_int_equal(expired, 1);
	assert_true(captured < 4u << 20);
	while (!virtio_console_flush(g.con))
		fake_run_once(&g.drv);
	assert_int_equal(captured, (size_t)chains << 20);
}

/* --- resets and hostile drivers ---------------------------------------------------------------------------------------------- */

static void a_reset_loses_no_input(void **state)
{
	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	open_port(2, 4);
	host_says("0123456789abcdef", 16);
	expect_input("01234567");
	/* Two more buffers are full, and the rest is the host's still. */
	for (int i = 0; i < 3; i++)
		fake_run_once(&g.drv);
	guest_restart(&g, FAKE_FEATURES_ALL);
	for (int i = 0; i < 3; i++)
		fake_run_once(&g.drv);
	guest_handshake(&g, PORTS);
	open_port(4, 64);
	char buf[64];
	fake_run_once(&g.drv);
	size_t n = guest_receive(&g, PORT, buf, sizeof(buf));
	/* What the driver was given before the reset is its own; nothing after that is missing. */
	assert_in_range(n, 0, 8);
	assert_memory_equal(buf, &"89abcdef"[8 - n], n);
	host_says("next", 4);
	expect_input("next");
}

static void a_reset_forgets_output_written_in_part(void **state)
{
	uint8_t buf[CHUNK_MAX];

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	stuff(stuffed, sizeof(stuffed));
	guest_restart(&g, FAKE_FEATURES_ALL);
	while (read(out_r, buf, sizeof(buf)) > 0)
		;
	fake_run_once(&g.drv);
	assert_int_equal(read(out_r, buf, sizeof(buf)), -1);
	assert_true(guest_send(&g, PORT, "a fresh start", 13));
	assert_int_equal(guest_sent(&g, PORT), 1);
	assert_int_equal(read(out_r, buf, sizeof(buf)), 13);
	assert_memory_equal(buf, "a fresh start", 13);
}

/* A guest that powers off resets its devices right behind its last words: before this device's thread came to them. */
static void last_words_before_a_reset_are_heard(void **state)
{
	const char words[] = "cannot mount the root";
	uint8_t buf[CHUNK_MAX];

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	gpa_t at = fake_alloc(&g.drv, sizeof(words));
	memcpy(fake_at(&g.drv, at), words, sizeof(words));
	for (int i = 0; i < 3; i++)
		assert_true(fake_add(&g.drv, guest_tx(PORT), &(struct fake_buffer){ at, sizeof(words), false }, 1) >= 0);
	guest_restart(&g, FAKE_FEATURES_ALL);
	fake_run_once(&g.drv);
	assert_int_equal(read(out_r, buf, sizeof(buf)), 3 * sizeof(words));
	for (int i = 0; i < 3; i++)
		assert_memory_equal(buf + (size_t)i * sizeof(words), words, sizeof(words));
	/* Once. */
	guest_restart(&g, FAKE_FEATURES_ALL);
	fake_run_once(&g.drv);
	assert_int_equal(read(out_r, buf, sizeof(buf)), -1);
}

static void input_that_ended_stays_ended_after_a_reset(void **state)
{
	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	close_end(&in_w);
	open_port(2, 64);
	fake_run_once(&g.drv);
	guest_expect(&g, PORT, PORT_OPEN, 0);
	guest_restart(&g, FAKE_FEATURES_ALL);
	guest_add_buffers(&g, CONTROL_RX, 16, 128);
	guest_send_control(&g, 0, DEVICE_READY, 1);
	guest_expect(&g, 0, DEVICE_ADD, 1);
	guest_expect(&g, 1, DEVICE_ADD, 1);
	guest_send_control(&g, PORT, PORT_READY, 1);
	guest_expect(&g, PORT, PORT_OPEN, 0);
}

static void a_receive_buffer_that_cannot_be_written_breaks_the_device(void **state)
{
	const struct fake_buffer out = { FAKE_HIGH_GPA, 64, false };

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	guest_send_control(&g, PORT, PORT_OPEN, 1);
	fake_add(&g.drv, guest_rx(PORT), &out, 1);
	fake_kick(&g.drv, guest_rx(PORT));
	assert_true(fake_needs_reset(&g.drv));
	/* Nothing is read for it, and nothing is lost. */
	host_says("kept", 4);
	for (int i = 0; i < 3; i++)
		fake_run_once(&g.drv);
	guest_restart(&g, FAKE_FEATURES_ALL);
	guest_handshake(&g, PORTS);
	open_port(2, 64);
	expect_input("kept");
}

/* The driver rewrites a chain that is written in part: what comes out is its own affair, and the port goes on. */
static void a_chain_that_shrinks_under_way_does_no_harm(void **state)
{
	static uint8_t big[200000];
	uint8_t buf[CHUNK_MAX];

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	struct fake_buffer out = { fake_alloc_data(&g.drv, big, sizeof(big)), sizeof(big), false };
	int head = fake_add(&g.drv, guest_tx(PORT), &out, 1);
	fake_kick(&g.drv, guest_tx(PORT));
	assert_int_equal(guest_sent(&g, PORT), 0);
	fake_set_desc(&g.drv, g.drv.queue[guest_tx(PORT)].desc_gpa, (unsigned)head, out.gpa, 10, 0, 0);
	while (!virtio_console_flush(g.con)) {
		while (read(out_r, buf, sizeof(buf)) > 0)
			;
		fake_run_once(&g.drv);
	}
	assert_int_equal(guest_sent(&g, PORT), 1);
	while (read(out_r, buf, sizeof(buf)) > 0)
		;
	assert_true(guest_send(&g, PORT, "next", 4));
	assert_int_equal(read(out_r, buf, sizeof(buf)), 4);
}

static void *run_loop(void *arg)
{
	(void)arg;
	loop_run(g.drv.loop);
	return NULL;
}

static void notify_through_the_loop(unsigned queue)
{
	fake_reg_write(&g.drv, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* A vCPU resets the device again and again while the loop moves data both ways: nothing of the guest's is touched after a reset. */
static void resets_race_with_the_loop(void **state)
{
	const struct virtio_console_port port = { .console = true, .in_fd = in_r, .out_fd = out_w };
	uint8_t buf[CHUNK_MAX] = { 0 };
	pthread_t thread;

	(void)state;
	guest_start(&g, &port, 1, FEATURES_SINGLE);
	hand_over();
	gpa_t rx = fake_alloc(&g.drv, 64 * 512), tx = fake_alloc(&g.drv, 4096);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, NULL), 0);
	for (int round = 0; round < 50; round++) {
		struct fake_buffer in = { rx, 512, true }, out = { tx, 4096, false };
		for (unsigned i = 0; i < 64; i++, in.gpa += 512)
			fake_add(&g.drv, 0, &in, 1);
		for (unsigned i = 0; i < 8; i++)
			fake_add(&g.drv, 1, &out, 1);
		notify_through_the_loop(0);
		notify_through_the_loop(1);
		ssize_t n = write(in_w, buf, sizeof(buf));
		for (struct fake_used used; round % 2 && n > 0 && !fake_used(&g.drv, 0, &used);)
			sched_yield();
		while (read(out_r, buf, sizeof(buf)) > 0)
			;
		guest_restart(&g, FEATURES_SINGLE);
	}
	loop_stop(g.drv.loop);
	pthread_join(thread, NULL);
	assert_false(fake_needs_reset(&g.drv));
}

static void queues_that_were_not_set_up_are_empty(void **state)
{
	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	host_says("x", 1);
	virtio_mmio_reset(&g.drv.mmio);
	virtio_console_resize(g.con, 0, 80, 25);
	assert_true(virtio_console_flush(g.con));
	assert_false(virtio_console_inject(g.con, PORT, "x", 1));
	fake_run_once(&g.drv);
}

static void bad_descriptors_are_refused(void **state)
{
	const struct virtio_console_port port = { .name = "stream", .in_fd = -1, .out_fd = 12345 };

	(void)state;
	start_piped(FAKE_FEATURES_ALL);
	assert_null(virtio_console_new("console", &port, 1, g.drv.loop, &g.drv.mem));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(data_passes_unchanged),
		T(data_passes_unchanged_without_event_index),
		T(a_driver_without_multiport_uses_port_0),
		T(descriptors_flags_are_left_alone),
		T(nothing_is_read_before_the_guest_opens),
		T(the_end_comes_after_the_last_byte),
		T(an_end_before_the_guest_opens_is_kept),
		T(dev_null_ends_at_once),
		T(a_file_is_input_too),
		T(a_console_stays_open_when_its_input_ends),
		T(a_filter_takes_bytes_out),
		T(the_host_can_put_bytes_in),
		T(output_goes_to_a_callback),
		T(output_for_nobody_is_thrown_away),
		T(a_full_pipe_leaves_output_in_the_queue),
		T(a_reader_that_leaves_closes_the_port),
		T(a_reader_that_leaves_a_full_pipe_frees_the_guest),
		T(a_full_disk_does_not_stop_the_guest),
		T(a_flood_leaves_the_loop_its_turn),
		T(a_reset_loses_no_input),
		T(a_reset_forgets_output_written_in_part),
		T(last_words_before_a_reset_are_heard),
		T(input_that_ended_stays_ended_after_a_reset),
		T(a_receive_buffer_that_cannot_be_written_breaks_the_device),
		T(a_chain_that_shrinks_under_way_does_no_harm),
		T(resets_race_with_the_loop),
		T(queues_that_were_not_set_up_are_empty),
		T(bad_descriptors_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
