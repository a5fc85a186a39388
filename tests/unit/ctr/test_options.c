// SPDX-License-Identifier: Apache-2.0
/* ctr/options.c and spec.c: what each option of `tinyvmm ctr run` sets, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/options.h"

#define ARGS_MAX 32

static struct spec spec;
static char text[1024];
static char *argv[ARGS_MAX + 1];

/* Parses "a b c" as it would be typed; text before it is always the same root. */
static enum options_result parse(const char *line)
{
	int argc = 0;

	spec_release(&spec);
	snprintf(text, sizeof(text), "run --rootfs /r %s", line);
	for (char *rest = text, *word; (word = strsep(&rest, " ")) && argc < ARGS_MAX;) {
		if (*word)
			argv[argc++] = word;
	}
	argv[argc] = NULL;
	return ctr_run_parse(&spec, argc, argv);
}

static void good(const char *line)
{
	if (parse(line) != OPTIONS_RUN)
		fail_msg("refused: %s", line);
}

static void bad(const char *line)
{
	if (parse(line) != OPTIONS_BAD)
		fail_msg("taken: %s", line);
}

static void defaults(void **state)
{
	(void)state;
	good("-- true x");
	assert_string_equal(spec.root_path, "/r");
	assert_int_equal(spec.root, ROOT_DIR);
	assert_int_equal(spec.isolation, ISOLATION_FULL);
	assert_int_equal(spec.net, NET_USER);
	assert_true(spec.no_new_privs && spec.init && spec.limits.devices_restricted);
	assert_false(spec.keep_writes || spec.read_only || spec.userns || spec.best_effort);
	assert_int_equal(spec.caps.bounding, caps_default());
	assert_int_equal(spec.caps.ambient, 0);
	assert_string_equal(spec.command[0], "true");
	assert_string_equal(spec.command[1], "x");
	assert_null(spec.command[2]);
	assert_false(spec.system || spec.terminal);
	/* A system starts as PID 1, and has a terminal. */
	static const char *const systems[] = {"",
					      "-- /sbin/init",
					      "-- /usr/sbin/init 3",
					      "-- /lib/systemd/systemd",
					      "-- /usr/lib/systemd/systemd",
					      "-- /sbin/openrc-init"};
	for (unsigned i = 0; i < sizeof(systems) / sizeof(*systems); i++) {
		good(systems[i]);
		assert_true(spec.system && spec.terminal);
		assert_false(spec.init);
	}
	good("-- init");
	assert_true(spec.init && !spec.system);
}

static void roots(void **state)
{
	(void)state;
	bad("--disk d -- x");
	bad("--image i -- x");
	bad("--read-only --keep -- x");
}

static void mounts(void **state)
{
	(void)state;
	good("--bind /a:/b --bind c:/d:ro --tmpfs /t --tmpfs /u:size=1M");
	assert_int_equal(spec.bind_count, 2);
	assert_string_equal(spec.bind[1].source, "c");
	assert_string_equal(spec.bind[1].target, "/d");
	assert_true(spec.bind[1].read_only && !spec.bind[0].read_only);
	assert_int_equal(spec.tmpfs[1].size_bytes, 1 << 20);
	bad("--bind /a");
	bad("--bind /a:b");
	bad("--bind :/b");
	bad("--bind /a:/b:rx");
	good("--bind /a:/b:ro,idmap --bind /a:/c:idmap --bind /a:/d:rw");
	assert_true(spec.bind[0].read_only && spec.bind[0].idmap);
	assert_true(!spec.bind[1].read_only && spec.bind[1].idmap && !spec.bind[2].idmap);
	bad("--bind /a:/b:ro,");
	bad("--bind /a:/b:");
	bad("--tmpfs t");
	bad("--tmpfs /t:1M");
	bad("--tmpfs /t:size=x");
}

static void isolation(void **state)
{
	(void)state;
	good("--share net=host --net host --share pid=host");
	assert_true(spec.ns[NS_NET].share && spec.ns[NS_PID].share && !spec.ns[NS_IPC].share);
	good("--join uts=4711 --join ipc=/proc/1/ns/ipc");
	assert_string_equal(spec.ns[NS_UTS].join, "4711");
	bad("--share net=host --net user");
	bad("--share mouse=host");
	bad("--share pid=other");
	bad("--join mount=1");
	bad("--join pid=");
	bad("--share pid=host --join pid=1");
	bad("--isolation jail");
	bad("--isolation namespaces --memory 1M");
	bad("--isolation namespaces --pids 5");
	good("--isolation namespaces --net none");
	if (geteuid())
		return;
	good("--isolation chroot -- x");
	assert_int_equal(spec.net, NET_HOST);
	assert_false(spec.init);
	bad("--isolation chroot --bind /a:/b -- x");
	bad("--isolation chroot --image a.tar -- x");
	bad("--isolation chroot --read-only -- x");
	bad("--isolation chroot --net user,hostfwd=tcp::1-:2 -- x");
}

static void capabilities(void **state)
{
	uint64_t admin;

	(void)state;
	assert_int_equal(caps_parse("NET_ADMIN", &admin), 0);
	good("--cap-drop ALL --cap-add net_admin");
	assert_int_equal(spec.caps.bounding, admin);
	good("--cap-add NET_ADMIN --cap-drop ALL");
	assert_int_equal(spec.caps.bounding, 0);
	good("--cap-ambient CAP_NET_ADMIN -- x");
	assert_int_equal(spec.caps.ambient, admin);
	assert_int_equal(spec.caps.bounding, caps_default() | admin);
	bad("--cap-add FLY");
	/* A system's init may end its PID namespace, and nothing else by that. */
	assert_int_equal(caps_parse("SYS_BOOT", &admin), 0);
	good("");
	assert_true(spec_caps(&spec).bounding & spec_caps(&spec).permitted & admin);
	good("--share pid=host");
	assert_false(spec_caps(&spec).bounding & admin);
	good("--cap-drop SETUID");
	assert_false(spec_caps(&spec).bounding & admin);
	good("-- sh");
	assert_false(spec_caps(&spec).bounding & admin);
}

static void process(void **state)
{
	(void)state;
	good("--env A=1 --env B= --workdir /w --user u:g --hostname h --oom-score -5 --rlimit nofile=5:6 --rlimit core=unlimited --timeout "
	     "9");
	assert_string_equal(spec.env[1], "B=");
	assert_null(spec.env[2]);
	assert_int_equal(spec.oom_score, -5);
	assert_int_equal(spec.rlimit[RLIMIT_NOFILE].rlim_cur, 5);
	assert_int_equal(spec.rlimit[RLIMIT_NOFILE].rlim_max, 6);
	assert_true(spec.rlimit[RLIMIT_CORE].rlim_max == RLIM_INFINITY);
	assert_int_equal(spec.timeout_s, 9);
	bad("--env A");
	bad("--env =1");
	bad("--workdir w");
	bad("--oom-score 1001");
	bad("--oom-score --5");
	bad("--rlimit nofile");
	bad("--rlimit nofile=6:5");
	bad("--rlimit nofile=5x");
	bad("--rlimit nofiles=5");
	bad("--hostname a_b");
	bad("--hostname aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg");
	bad("--name .x");
	bad("--name a/b");
	bad("--timeout -1");
}

static void limits(void **state)
{
	(void)state;
	good("--memory 64M --swap 0 --cpus 1.5 --cpu-shares 512 --cpuset 0-1 --pids 7 --io-weight 200 --device allow=c:10:200:rwm "
	     "--best-effort");
	assert_int_equal(spec.limits.memory_bytes, 64 << 20);
	assert_true(spec.limits.swap_set && !spec.limits.swap_bytes);
	assert_int_equal(spec.limits.cpu_millis, 1500);
	assert_int_equal(spec.limits.pids, 7);
	assert_int_equal(spec.limits.device_count, 1);
	assert_true(spec.best_effort);
	bad("--memory 0");
	bad("--memory x");
	bad("--cpus 0");
	bad("--cpu-shares 1");
	bad("--cpuset 1-0");
	bad("--pids 0");
	bad("--io-weight 10001");
	bad("--device permit=c:1:3:r");
	bad("--device allow");
}

/* Only root has it. */
static void veth_network(void)
{
	if (geteuid()) {
		bad("--net veth");
		return;
	}
	good("--net veth");
	assert_int_equal(spec.net, NET_VETH);
	assert_null(spec.veth.bridge);
	good("--net veth,bridge=br0,ip=10.0.0.2/24,gateway=10.0.0.1,hostfwd=tcp:8080-:80,hostfwd=udp:53-:53,mtu=1400");
	assert_string_equal(spec.veth.bridge, "br0");
	assert_int_equal(spec.veth.address, 0x0a000002);
	assert_int_equal(spec.veth.gateway, 0x0a000001);
	assert_int_equal(spec.netdev.mtu, 1400);
	assert_true(spec.netdev.forwards->next->udp);
}

static void network(void **state)
{
	(void)state;
	good("--net user,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp::53-:53,mtu=1500,restrict");
	assert_int_equal(spec.netdev.forwards->host_port, 2222);
	assert_true(spec.netdev.forwards->next->udp && spec.netdev.restricted);
	assert_int_equal(spec.netdev.mtu, 1500);
	good("--net none");
	assert_int_equal(spec.net, NET_NONE);
	veth_network();
	bad("--net veth,restrict");
	bad("--net veth,ip=10.0.0.2");
	bad("--net veth,ip=fd00::2/64");
	bad("--net veth,bridge=a/b");
	bad("--net veth,bridge=br0,hostfwd=80-:80");
	bad("--net veth --share net=host");
	bad("--net veth --join net=1");
	bad("--net veth --isolation chroot -- x");
	bad("--net user,bridge=br0");
	bad("--net bridge");
	bad("--net none,restrict");
	bad("--net user,hostfwd=22");
	bad("--net user,mtu=9");
}

/* A table must not name one thing twice, and say of each what it takes. */
static void table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ctr_run_option_count; i++) {
		const struct option_def *option = &ctr_run_options[i];
		if (!option->name)
			continue;
		assert_true(option->take && option->help && (!option->value || option->takes));
		for (unsigned j = 0; j < i; j++) {
			assert_true(!ctr_run_options[j].name || strcmp(ctr_run_options[j].name, option->name));
			assert_true(!option->letter || ctr_run_options[j].letter != option->letter);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),  cmocka_unit_test(roots),        cmocka_unit_test(mounts),
		cmocka_unit_test(isolation), cmocka_unit_test(capabilities), cmocka_unit_test(process),
		cmocka_unit_test(limits),    cmocka_unit_test(network),      cmocka_unit_test(table),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	spec_release(&spec);
	return failed;
}
