// SPDX-License-Identifier: Apache-2.0
/*
 * devices/net/user.c: a guest's DNS query reaches the host's resolver and its answer comes back. The host's resolver is a
 * socket of this test, in namespaces of its own where /etc/resolv.conf names it. Skipped, with a reason, where namespaces are
 * not to be had.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/station.h"
#include "vmm/util/io.h"

static const char *skip_reason;

static bool loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &ifr);

	close_fd(&fd);
	return good;
}

static bool replace_resolv_conf(void)
{
	static const char text[] = "# of a test\nnameserver 127.0.0.1\n";
	char path[] = "/tmp/resolv.conf.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		return false;
	bool good = !write_full(fd, text, sizeof(text) - 1) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL);
	unlink(path);
	close(fd);
	return good;
}

static int enter_namespaces(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS))
		skip_reason = "no namespaces may be made here";
	else if (!loopback_up() || !replace_resolv_conf())
		skip_reason = "/etc/resolv.conf cannot be replaced, not even in a namespace";
	else if (!dlopen("libslirp.so.0", RTLD_NOW))
		skip_reason = "libslirp is not installed";
	return 0;
}

static bool match_udp_to(const struct station_frame *frame, void *arg)
{
	return frame->len >= STATION_L4_AT + 8 && get16(frame->data + 12) == 0x0800 && frame->data[STATION_IP_AT + 9] == IPPROTO_UDP &&
	       get16(frame->data + STATION_L4_AT + 2) == *(uint16_t *)arg;
}

static void query_is_relayed(void **state)
{
	struct netdev_config config = { 0 };
	uint16_t port = 53, guest_port = 40010;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct netdev *nd;
	struct station st;
	char buf[64];

	(void)state;
	if (skip_reason) {
		print_message("skipped: %s\n", skip_reason);
		skip();
	}
	struct loop *loop = loop_new();
	assert_non_null(loop);
	assert_int_equal(netdev_open(&nd, &config, loop), 0);
	station_init(&st, nd, loop);
	assert_true(station_arp(&st, NETDEV_USER_DNS));
	int resolver = station_host_socket(SOCK_DGRAM, &port);
	assert_true(resolver >= 0);
	assert_int_equal(station_send_udp(&st, NETDEV_USER_DNS, guest_port, 53, "who?", 4), 0);
	assert_true(station_wait_fd(&st, resolver, EPOLLIN));
	assert_int_equal(recvfrom(resolver, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 4);
	assert_memory_equal(buf, "who?", 4);
	assert_int_equal(sendto(resolver, "me", 2, 0, (struct sockaddr *)&from, len), 2);
	struct station_frame *answer = station_wait(&st, match_udp_to, &guest_port);
	assert_non_null(answer);
	assert_true(get32(answer->data + STATION_IP_AT + 12) == NETDEV_USER_DNS);
	assert_int_equal(get16(answer->data + STATION_L4_AT), 53);
	assert_memory_equal(answer->data + STATION_L4_AT + 8, "me", 2);
	free(answer);
	close(resolver);
	netdev_close(nd);
	station_release(&st);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(query_is_relayed) };

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, enter_namespaces, NULL);
}
