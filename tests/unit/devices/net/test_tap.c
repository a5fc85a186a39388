// SPDX-License-Identifier: Apache-2.0
/*
 * devices/net/tap.c against the kernel of this host, in a network namespace of the test's own: the fake guest on one side,
 * the kernel's sockets on the other. Skipped, with a reason, where namespaces or /dev/net/tun are not to be had.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/station.h"

#define HOST_IP 0xc6120001u  /* 198.18.0.1, of the range for tests (RFC 2544) */
#define GUEST_IP 0xc6120002u

static const char *skip_reason;

static int enter_namespace(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		skip_reason = "no network namespace may be made here";
		return 0;
	}
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		skip_reason = "/dev/net/tun cannot be opened here";
	else
		close(fd);
	return 0;
}

struct tap {
	struct loop *loop;
	struct netdev *nd;
	struct station st;
};

static int tap_open(struct tap *tap, const struct netdev_config *config)
{
	if (skip_reason) {
		print_message("skipped: %s\n", skip_reason);
		skip();
	}
	memset(tap, 0, sizeof(*tap));
	tap->loop = loop_new();
	assert_non_null(tap->loop);
	int err = netdev_open(&tap->nd, config, tap->loop);
	if (err)
		loop_free(tap->loop);
	return err;
}

static void interface_set(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, request, ifr), 0);
	close(fd);
}

/* A tap device with an address, up. */
static void tap_init(struct tap *tap)
{
	struct netdev_config config = { .kind = NETDEV_TAP, .ifname = "tt0" };
	struct ifreq addr = { 0 }, up = { .ifr_flags = IFF_UP | IFF_RUNNING };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(HOST_IP) };

	assert_int_equal(tap_open(tap, &config), 0);
	memcpy(&addr.ifr_addr, &in, sizeof(in));
	interface_set("tt0", SIOCSIFADDR, &addr);
	in.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&addr.ifr_netmask, &in, sizeof(in));
	interface_set("tt0", SIOCSIFNETMASK, &addr);
	interface_set("tt0", SIOCSIFFLAGS, &up);
	station_init(&tap->st, tap->nd, tap->loop);
	tap->st.ip = GUEST_IP;
	assert_true(station_arp(&tap->st, HOST_IP));
}

static void tap_release(struct tap *tap)
{
	netdev_close(tap->nd);
	station_release(&tap->st);
	loop_free(tap->loop);
}

static int host_socket(int type, uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(HOST_IP) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static bool match_udp(const struct station_frame *frame, void *arg)
{
	(void)arg;
	return frame->len > STATION_L4_AT + 8 && get16(frame->data + 12) == 0x0800 && frame->data[STATION_IP_AT + 9] == IPPROTO_UDP;
}

static void datagrams(void **state)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct tap tap;
	uint16_t port;
	char buf[32];

	(void)state;
	tap_init(&tap);
	assert_int_equal(tap.nd->mtu, 1500);
	int fd = host_socket(SOCK_DGRAM, &port);
	assert_int_equal(station_send_udp(&tap.st, HOST_IP, 7001, port, "ask", 3), 0);
	assert_true(station_wait_fd(&tap.st, fd, EPOLLIN));
	assert_int_equal(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 3);
	assert_int_equal(sendto(fd, "tell", 4, 0, (struct sockaddr *)&from, len), 4);
	struct station_frame *frame = station_wait(&tap.st, match_udp, NULL);
	assert_non_null(frame);
	/* No offload was agreed on: the frame is complete. */
	assert_int_equal(frame->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
	assert_true(station_checksums_good(frame));
	assert_memory_equal(frame->data + STATION_L4_AT + 8, "tell", 4);
	free(frame);
	close(fd);
	tap_release(&tap);
}

struct stream {
	struct tap tap;
	struct station_tcp tcp;
	int fd;
};

static void stream_init(struct stream *stream)
{
	uint16_t port;

	tap_init(&stream->tap);
	int listener = host_socket(SOCK_STREAM, &port);
	assert_true(station_tcp_connect(&stream->tcp, &stream->tap.st, HOST_IP, 7003, port, 1460));
	assert_true(station_wait_fd(&stream->tap.st, listener, EPOLLIN));
	stream->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(stream->fd >= 0);
	close(listener);
}

static void stream_release(struct stream *stream)
{
	close(stream->fd);
	tap_release(&stream->tap);
}

/* The kernel sends; returns the longest frame that was seen, and how many of all had a segment size. */
static size_t longest_frame(struct stream *stream, unsigned *segmented)
{
	static uint8_t data[60000], seen[2 * sizeof(data)];
	size_t sent = 0, got = 0, longest = 0;

	*segmented = 0;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 >> 3);
	while (got < sizeof(data)) {
		ssize_t n = send(stream->fd, data + sent, sizeof(data) - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		for (struct station_frame *at = stream->tap.st.first; at; at = at->next) {
			longest = at->len > longest ? at->len : longest;
			*segmented += at->header.gso_type == VIRTIO_NET_HDR_GSO_TCPV4 && at->header.gso_size == 1460;
		}
		size_t taken = station_tcp_take(&stream->tcp, seen + got, sizeof(seen) - got);
		got += taken;
		if (n <= 0 && !taken)
			assert_true(station_run(&stream->tap.st, -1, 0));
	}
	assert_memory_equal(seen, data, sizeof(data));
	return longest;
}

/* What the guest can receive decides what it gets. */
static void offloads_to_guest(void **state)
{
	uint64_t tso = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;
	struct stream stream;
	unsigned segmented;

	(void)state;
	stream_init(&stream);
	assert_true(longest_frame(&stream, &segmented) <= 1514);
	assert_int_equal(segmented, 0);
	assert_int_equal(netdev_set_offloads(stream.tap.nd, tso), 0);
	assert_true(longest_frame(&stream, &segmented) > 1514);
	assert_true(segmented > 0);
	/* The driver was reset: its successor may know less. */
	assert_int_equal(netdev_set_offloads(stream.tap.nd, 0), 0);
	assert_true(longest_frame(&stream, &segmented) <= 1514);
	assert_int_equal(segmented, 0);
	stream_release(&stream);
}

/* The guest leaves checksum and segmentation to the kernel. */
static void offloads_from_guest(void **state)
{
	static uint8_t data[8000], seen[sizeof(data)];
	struct stream stream;
	size_t got = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 5 >> 2);
	stream_init(&stream);
	stream.tap.st.partial_checksums = true;
	stream.tap.st.gso_size = 1460;
	station_tcp_segment(&stream.tcp, TCP_ACK | TCP_PSH, data, sizeof(data));
	while (got < sizeof(data)) {
		assert_true(station_wait_fd(&stream.tap.st, stream.fd, EPOLLIN));
		ssize_t n = recv(stream.fd, seen + got, sizeof(seen) - got, 0);
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(seen, data, sizeof(data));
	stream_release(&stream);
}

static void back_pressure(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7004), .sin_addr.s_addr = htonl(GUEST_IP) };
	struct tap tap;
	uint16_t port;

	(void)state;
	tap_init(&tap);
	int fd = host_socket(SOCK_DGRAM, &port);
	/* The kernel knows the guest's link address, and the guest is silent from here on. */
	tap.st.refuse = true;
	for (char i = '0'; i <= '9'; i++)
		assert_int_equal(sendto(fd, &i, 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	assert_true(station_wait_refusal(&tap.st));
	/* It is offered once, not again and again. */
	assert_int_equal(tap.st.refusals, 1);
	tap.st.refuse = false;
	netdev_resume(tap.nd);
	for (char i = '0'; i <= '9'; i++) {
		struct station_frame *frame = station_wait(&tap.st, match_udp, NULL);
		assert_non_null(frame);
		assert_int_equal(frame->data[STATION_L4_AT + 8], i);
		free(frame);
	}
	close(fd);
	tap_release(&tap);
}

/* A link that is down, and frames that the kernel takes for broken: dropped, and life goes on. */
static void dropped(void **state)
{
	struct ifreq down = { 0 }, up = { .ifr_flags = IFF_UP | IFF_RUNNING };
	struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 60000, .csum_offset = 60000 };
	uint8_t frame[60] = { 0 };
	struct iovec iov[] = { { &header, sizeof(header) }, { frame, sizeof(frame) } };
	struct tap tap;

	(void)state;
	tap_init(&tap);
	assert_int_equal(netdev_send(tap.nd, iov, 2), 0);
	interface_set("tt0", SIOCSIFFLAGS, &down);
	assert_int_equal(station_send_udp(&tap.st, HOST_IP, 1, 2, "x", 1), 0);
	interface_set("tt0", SIOCSIFFLAGS, &up);
	assert_true(station_arp(&tap.st, HOST_IP));
	tap_release(&tap);
}

static void delete_interface(const char *name)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_DELLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.info = { .ifi_index = (int)if_nametoindex(name) },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_true(recv(fd, &answer, sizeof(answer), 0) > 0);
	assert_int_equal(answer.error.error, 0);
	close(fd);
}

static void set_flag(void *arg)
{
	*(bool *)arg = true;
}

/* The host took the interface away: the kernel then reports an error for ever, which must not keep the loop busy. */
static void deleted(void **state)
{
	bool over = false;
	struct loop_timer timer = { .expired = set_flag, .arg = &over };
	unsigned steps = 0;
	struct tap tap;

	(void)state;
	tap_init(&tap);
	delete_interface("tt0");
	loop_timer_set(tap.loop, &timer, 100000000);
	while (!over) {
		assert_int_equal(loop_step(tap.loop), 0);
		steps++;
	}
	assert_in_range(steps, 1, 10);
	assert_int_equal(station_send_udp(&tap.st, HOST_IP, 1, 2, "x", 1), 0);
	tap_release(&tap);
}

/* --- what goes wrong at start --------------------------------------------------------------------------------------------------- */

static int open_failing(const struct netdev_config *config, char *text, size_t room)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	struct tap tap;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	int err = tap_open(&tap, config);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	text[fread(text, 1, room - 1, file)] = '\0';
	fclose(file);
	if (!err) {
		netdev_close(tap.nd);
		loop_free(tap.loop);
	}
	return err;
}

static void refused(void **state)
{
	struct netdev_config config = { .kind = NETDEV_TAP };
	char text[512];
	struct tap tap;

	(void)state;
	tap_init(&tap);
	config.ifname = "tt0";
	assert_int_equal(open_failing(&config, text, sizeof(text)), -EBUSY);
	assert_non_null(strstr(text, "tt0"));
	assert_non_null(strstr(text, "in use"));
	config.ifname = "lo";
	assert_int_equal(open_failing(&config, text, sizeof(text)), -EINVAL);
	assert_non_null(strstr(text, "lo"));
	config.ifname = "a-name-of-16-cha";
	assert_int_equal(open_failing(&config, text, sizeof(text)), -ENAMETOOLONG);
	config.ifname = "tt1";
	config.mtu = 1501;
	assert_int_equal(open_failing(&config, text, sizeof(text)), -ERANGE);
	assert_non_null(strstr(text, "1501"));
	config.mtu = 1400;
	assert_int_equal(open_failing(&config, text, sizeof(text)), 0);
	tap_release(&tap);
}

static void no_permission(void **state)
{
	struct netdev_config config = { .kind = NETDEV_TAP, .ifname = "tt2" };
	int status;

	(void)state;
	if (skip_reason || geteuid() != 0) {
		print_message("skipped: %s\n", skip_reason ? skip_reason : "only root can give its privilege up");
		skip();
	}
	pid_t pid = fork();
	if (pid == 0) {
		struct netdev *nd;
		struct loop *loop = loop_new();
		int err = setresuid(65534, 65534, 65534) ? 0 : netdev_open(&nd, &config, loop);
		_exit(err == -EPERM || err == -EACCES ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams),
		cmocka_unit_test(offloads_to_guest),
		cmocka_unit_test(offloads_from_guest),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(dropped),
		cmocka_unit_test(deleted),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_permission),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
