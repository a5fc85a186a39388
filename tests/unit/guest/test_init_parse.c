// SPDX-License-Identifier: Apache-2.0
/* guest/init_parse.c: the part of guest/init that can run on the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The guest's objects are built for the guest. */
#include "guest/init_parse.c"

static bool parse(struct init_config *config, const char *records, size_t len, void **slots, const char **fault)
{
	*slots = malloc(init_config_slots(records, len));
	return init_config_parse(config, records, len, *slots, fault);
}

static void configuration(void **state)
{
	static const char records[] = "module=/modules/a.ko\0optional=/modules/b.ko\0root=/dev/vda1\0rootfstype=ext4\0rootflags=ro\0"
				      "hostname=box\0init=/bin/sh\0argv=sh\0env=A=1\0argv=-c\0argv=\0env=B=\0stdio=ports\0log=full\0"
				      "net=eth0 10.0.2.15/24 10.0.2.2 10.0.2.3\0net=eth1 - - -";
	struct init_config c;
	const char *fault = NULL;
	void *slots;

	(void)state;
	assert_true(parse(&c, records, sizeof(records), &slots, &fault));
	assert_int_equal(c.module_count, 2);
	assert_string_equal(c.module[0].path, "/modules/a.ko");
	assert_false(c.module[0].optional);
	assert_true(c.module[1].optional);
	assert_string_equal(c.root, "/dev/vda1");
	assert_string_equal(c.rootfstype, "ext4");
	assert_string_equal(c.rootflags, "ro");
	assert_string_equal(c.hostname, "box");
	assert_string_equal(c.init, "/bin/sh");
	assert_string_equal(c.stdio, "ports");
	assert_true(c.log_full);
	assert_string_equal(c.argv[0], "sh");
	assert_string_equal(c.argv[1], "-c");
	assert_string_equal(c.argv[2], "");
	assert_null(c.argv[3]);
	assert_string_equal(c.env[1], "B=");
	assert_null(c.env[2]);
	assert_int_equal(c.net_count, 2);
	assert_memory_equal(c.net[0].address, "\x0a\0\x02\x0f", 4);
	assert_int_equal(c.net[0].prefix, 24);
	assert_false(c.net[1].has_address || c.net[1].has_gateway || c.net[1].has_dns);
	free(slots);
}

static void configuration_without_a_command(void **state)
{
	struct init_config c;
	const char *fault = NULL;
	void *slots;

	(void)state;
	assert_true(parse(&c, "", 0, &slots, &fault));
	assert_null(c.argv);
	assert_null(c.env[0]);
	free(slots);
}

static void bad_configuration(void **state)
{
	static const struct {
		const char *records;
		size_t len;
		const char *fault;
	} bad[] = {
		{ "root=/dev/vda", 13, "the last record has no end" },
		{ "rooot=/dev/vda", 15, "rooot=/dev/vda" },
		{ "root", 5, "root" },
		{ "root=x\0", 8, "" },
		{ "env=A", 6, "env=A" },
		{ "log=some", 9, "log=some" },
		{ "net=eth0", 9, "net=eth0" },
		{ "net=a - - -\0net=a - - -\0net=a - - -\0net=a - - -\0net=a - - -\0net=a - - -\0net=a - - -\0net=a - - -\0net=b - - -",
		  108, "net=b - - -" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct init_config c;
		const char *fault = NULL;
		void *slots;
		assert_false(parse(&c, bad[i].records, bad[i].len, &slots, &fault));
		assert_string_equal(fault, bad[i].fault);
		free(slots);
	}
}

static void networks(void **state)
{
	static const char *const bad[] = { "",
					   "eth0",
					   "eth0 ",
					   "eth0 -",
					   "eth0 - -",
					   "eth0 - - - ",
					   "eth0 -- - -",
					   "eth0 10.0.2.15 - -",
					   "eth0 10.0.2.15/33 - -",
					   "eth0 10.0.2.15/ - -",
					   "eth0 10.0.2/24 - -",
					   "eth0 10.0.2.256/24 - -",
					   "eth0 10.0.2.00001/24 - -",
					   "eth0 10.0.2.15/24 10.0.2 -",
					   "eth0 10.0.2.15/24 - 10.0.2.3x",
					   " - - -",
					   "../x - - -",
					   ".. - - -",
					   "sixteencharacter - - -" };
	struct init_net net;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(init_net_parse(&net, bad[i]));
	assert_true(init_net_parse(&net, "fifteencharacts 255.255.255.255/0 - 0.0.0.0"));
	assert_string_equal(net.name, "fifteencharacts");
	assert_true(net.has_address && !net.has_gateway && net.has_dns);
}

static void command_line(void **state)
{
	char value[16];

	(void)state;
	assert_true(cmdline_value("console=ttyS0 quiet console=hvc0\n", "console=", value, sizeof(value)));
	assert_string_equal(value, "hvc0");
	assert_true(cmdline_value("init=/bin/sh", "init=", value, sizeof(value)));
	assert_string_equal(value, "/bin/sh");
	assert_false(cmdline_value("rdinit=/bin/sh xinit=/a", "init=", value, sizeof(value)));
	assert_false(cmdline_value("dyndbg=\"file x init=/bin/no\"", "init=", value, sizeof(value)));
	assert_false(cmdline_value("init=/a/long/path/that/does/not/fit", "init=", value, sizeof(value)));
	assert_false(cmdline_value("", "init=", value, sizeof(value)));
	assert_true(cmdline_value("init= x", "init=", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(words_have("tty0 hvc0", "hvc0"));
	assert_true(words_have("hvc0 tty0", "hvc0"));
	assert_false(words_have("hvc01", "hvc0"));
	assert_false(words_have("xhvc0", "hvc0"));
	assert_false(words_have("", "hvc0"));
}

static void paths(void **state)
{
	const char *path = "/bin::/a/very/long/entry/that/does/not/fit:/usr/bin";
	char out[16];

	(void)state;
	assert_true(path_next(&path, "ls", out, sizeof(out)));
	assert_string_equal(out, "/bin/ls");
	assert_true(path_next(&path, "ls", out, sizeof(out)));
	assert_string_equal(out, "ls");
	assert_true(path_next(&path, "ls", out, sizeof(out)));
	assert_string_equal(out, "/usr/bin/ls");
	assert_false(path_next(&path, "ls", out, sizeof(out)));
}

static void environment(void **state)
{
	char *defaults[] = { "PATH=/bin", "HOME=/", "TERM=linux", NULL }, *given[] = { "HOME=/root", "X=1", "X=2", "PATHS=no", NULL };
	char *const *const lists[] = { defaults, NULL, given };
	char *out[8], *few[3];

	(void)state;
	assert_int_equal(env_merge(out, 8, lists, 3), 5);
	assert_string_equal(env_get(out, "HOME"), "/root");
	assert_string_equal(env_get(out, "PATH"), "/bin");
	assert_string_equal(env_get(out, "X"), "2");
	assert_null(env_get(out, "Y"));
	assert_null(out[5]);
	/* what there is no room for is left out; what is there is still replaced */
	assert_int_equal(env_merge(few, 3, lists, 3), 2);
	assert_null(few[2]);
	assert_string_equal(env_get(few, "HOME"), "/root");
}

static void mount_table(void **state)
{
	const char *line =
		"proc /proc proc rw 0 0\n/dev/vdb /mnt/a\\040b\\134 ext4 rw 0 0\nbroken\n/dev/x /much/too/long/for/this ext4 rw 0 0\n"
		"tmpfs /run tmpfs rw 0 0";
	char out[16];

	(void)state;
	line = mounts_next(line, out, sizeof(out));
	assert_string_equal(out, "/proc");
	line = mounts_next(line, out, sizeof(out));
	assert_string_equal(out, "/mnt/a b\\");
	line = mounts_next(line, out, sizeof(out));
	assert_string_equal(out, "");
	line = mounts_next(line, out, sizeof(out));
	assert_string_equal(out, "");
	assert_null(mounts_next(line, out, sizeof(out)));
	assert_string_equal(out, "/run");
	assert_null(mounts_next("", out, sizeof(out)));
}

static void log_levels(void **state)
{
	char log[] = "<6>[ 1.0] one\n<30>[ 2.0] <b>two</b>\nthree\n<>four\n<1234567>x\n<5";
	size_t len = log_strip_levels(log, sizeof(log) - 1);

	(void)state;
	log[len] = '\0';
	assert_string_equal(log, "[ 1.0] one\n[ 2.0] <b>two</b>\nthree\n<>four\n<1234567>x\n<5");
	assert_int_equal(log_strip_levels(log, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),     cmocka_unit_test(configuration_without_a_command),
		cmocka_unit_test(bad_configuration), cmocka_unit_test(networks),
		cmocka_unit_test(command_line),      cmocka_unit_test(paths),
		cmocka_unit_test(environment),       cmocka_unit_test(mount_table),
		cmocka_unit_test(log_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
