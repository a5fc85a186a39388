// SPDX-License-Identifier: Apache-2.0
/* vmm/config.c: what one option says against another, and the addresses that cards get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "tests/fakes/cli_run.h"

static void options_against_each_other(void **state)
{
	static const struct refused bad[] = {
		{ "-k K -d D --init /bin/sh -- true", { "--init: '/bin/sh': there is a command after '--'" } },
		{ "-k K --initrd I --modules M", { "--modules: 'M': modules travel in our own initramfs, and there is an --initrd" } },
		{ "-k K --initrd I --env A=1", { "--env: 'A=1': our own initramfs passes it on" } },
		{ "-k K --initrd I --dump-initramfs F", { "--dump-initramfs: 'F': none is made where there is an --initrd" } },
		{ "-k K --initrd I -- true", { "--: 'true': our own initramfs runs it" } },
		{ "-k K --root /dev/vda1", { "--root: '/dev/vda1': the machine has no disk: takes a --disk as well" } },
		{ "-k K -d a,serial=1 -d b,serial=1", { "--disk: 'b,serial=1': the disk 'a' has this serial" } },
		{ "-k K -d a -d a", { "--disk: 'a': the same file as --disk 'a', and one of them is written" } },
		{ "-k K -d a,ro -d a", { "--disk: 'a': the same file as --disk 'a'" } },
		{ "-k K -d a -d b,cow=a", { "--disk cow: 'a': the same file as --disk 'a'" } },
		{ "-k K -d a,cow=a", { "--disk cow: 'a': the same file as --disk 'a'" } },
		{ "-k K -d a,cow=c -d b,cow=c", { "--disk cow: 'c': the same file as --disk cow 'c'" } },
		{ "-k K -d K", { "--disk: 'K': the same file as --kernel 'K'" } },
		{ "-k K -d a --console-log a", { "--disk: 'a': the same file as --console-log 'a'" } },
		{ "-k K --console-log K", { "--console-log: 'K': the same file as --kernel 'K'" } },
		{ "-k K -n user,mac=52:54:00:00:00:01 -n user,mac=52:54:00:00:00:01",
		  { "--net: 'mac=52:54:00:00:00:01': another card has it" } },
		{ "-k K -n tap,ifname=t0 -n tap,ifname=t0", { "--net: 'ifname=t0': another card has it" } },
		{ "-k K -n user,hostfwd=tcp:127.0.0.1:80-:80,hostfwd=tcp:127.0.0.1:80-:81",
		  { "the host's tcp port 80 is forwarded twice" } },
		{ "-k K -n user,hostfwd=udp:127.0.0.1:80-:80 -n user,hostfwd=udp:0.0.0.0:80-:80",
		  { "the host's udp port 80 is forwarded twice" } },
	};

	(void)state;
	check_all_refused(bad, sizeof(bad) / sizeof(*bad));
}

static void what_may_be_shared(void **state)
{
	static const char *const good[] = {
		"-k K -d a,ro -d a,ro",
		"-k K -d a,cow -d a,cow -d a,ro",
		"-k K --initrd K",
		"-k K --initrd /dev/null --console-log /dev/null",
		"-k K -n user,hostfwd=tcp:127.0.0.1:80-:80,hostfwd=udp:127.0.0.1:80-:80,hostfwd=tcp:127.0.0.2:80-:80",
		"-k K --initrd I --append quiet --init /bin/sh",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct cli_run run;
		cli_run_good(&run, good[i]);
		cli_run_end(&run);
	}
}

/* A second name does not hide that it is the same file. */
static void two_names_of_a_file(void **state)
{
	char dir[] = "/tmp/tinyvmm-config-XXXXXX", line[256], file[64], link[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/file", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	FILE *made = fopen(file, "w");
	assert_non_null(made);
	fclose(made);
	assert_int_equal(symlink("file", link), 0);
	snprintf(line, sizeof(line), "-k K -d %s -d %s", file, link);
	check_refused(&(struct refused){ line, { "the same file as --disk" } });
	snprintf(line, sizeof(line), "-k %s/./file --console-log %s", dir, link);
	check_refused(&(struct refused){ line, { "the same file as --kernel" } });
	unlink(link);
	unlink(file);
	rmdir(dir);
}

static void macs_of(const char *line, uint8_t mac[2][6])
{
	struct cli_run run;

	cli_run_good(&run, line);
	for (unsigned i = 0; i < 2 && i < run.config.net_count; i++)
		memcpy(mac[i], run.config.net[i].mac, 6);
	cli_run_end(&run);
}

/* Stable from start to start, different between cards, names and interfaces. */
static void default_macs(void **state)
{
	uint8_t first[2][6], again[2][6], other[2][6];

	(void)state;
	macs_of("-k K -n user -n tap", first);
	macs_of("-k L -n user -n tap", again);
	assert_memory_equal(first, again, sizeof(first));
	assert_memory_equal(first[0], "\x52\x54\x00", 3);
	assert_memory_equal(first[1], "\x52\x54\x00", 3);
	assert_memory_not_equal(first[0], first[1], 6);
	macs_of("-k K -n user -n tap --name other", other);
	assert_memory_not_equal(first[0], other[0], 6);
	assert_memory_not_equal(first[1], other[1], 6);
	macs_of("-k K -n user -n tap,ifname=tap7", other);
	assert_memory_equal(first[0], other[0], 6);
	assert_memory_not_equal(first[1], other[1], 6);
}

/* The one that would have been chosen is taken by the user: another is found. */
static void default_mac_gives_way(void **state)
{
	uint8_t mac[2][6];
	char line[128];

	(void)state;
	macs_of("-k K", mac);
	snprintf(line, sizeof(line), "-k K -n user -n user,mac=52:54:00:%02x:%02x:%02x", mac[0][3], mac[0][4], mac[0][5]);
	macs_of(line, mac);
	assert_memory_not_equal(mac[0], mac[1], 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_against_each_other), cmocka_unit_test(what_may_be_shared),
		cmocka_unit_test(two_names_of_a_file),        cmocka_unit_test(default_macs),
		cmocka_unit_test(default_mac_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
