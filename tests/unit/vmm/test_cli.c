// SPDX-License-Identifier: Apache-2.0
/* vmm/cli.c and cli_options.c: what each option sets, how options may be written, and what is said about those that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/cli_run.h"
#include "vmm/cli_options.h"
#include "vmm/util/log.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Whether a message of this kind reaches the user. */
static bool is_heard(void (*say)(const char *fmt, ...))
{
	char said[64];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);

	say("x");
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	return *said;
}

static void defaults(void **state)
{
	struct cli_run run;
	const struct config *c = &run.config;

	(void)state;
	cli_run_good(&run, "--kernel bzImage");
	assert_string_equal(c->kernel_path, "bzImage");
	assert_string_equal(c->name, "tinyvmm");
	assert_int_equal(c->cpus, 1);
	assert_int_equal(c->memory_bytes, 512 << 20);
	assert_int_equal(c->timeout_s, 0);
	assert_int_equal(c->disk_count, 0);
	assert_int_equal(c->net_count, 1);
	assert_int_equal(c->net[0].netdev.kind, NETDEV_USER);
	assert_true(c->rng);
	assert_int_equal(c->console, CONSOLE_AUTO);
	assert_int_equal(c->sandbox, SANDBOX_ON);
	assert_false(c->no_reboot || c->dry_run || c->unpack_in_guest || c->no_cache);
	assert_null(c->initrd_path);
	assert_null(c->modules_dir);
	assert_null(c->append);
	assert_null(c->root);
	assert_null(c->init);
	assert_null(c->console_log);
	assert_null(c->command);
	assert_null(c->env);
	cli_run_end(&run);
}

static void every_option(void **state)
{
	struct cli_run run;
	const struct config *c = &run.config;

	(void)state;
	cli_run_good(&run, "--kernel K --disk D --root /dev/vda2 --append quiet --modules M --env A=1 --env B_2= --cpus 4 --memory 64M "
			   "--net user --rng off --console serial --name vm-1 --timeout 60 --no-reboot --console-log L --sandbox log "
			   "--unpack guest --no-cache --log-level error --dump-initramfs F --dry-run -- /bin/echo -c --cpus");
	assert_string_equal(c->root, "/dev/vda2");
	assert_string_equal(c->append, "quiet");
	assert_string_equal(c->modules_dir, "M");
	assert_string_equal(c->env[0], "A=1");
	assert_string_equal(c->env[1], "B_2=");
	assert_null(c->env[2]);
	assert_int_equal(c->cpus, 4);
	assert_int_equal(c->memory_bytes, 64 << 20);
	assert_false(c->rng);
	assert_int_equal(c->console, CONSOLE_SERIAL);
	assert_string_equal(c->name, "vm-1");
	assert_int_equal(c->timeout_s, 60);
	assert_true(c->no_reboot);
	assert_string_equal(c->console_log, "L");
	assert_int_equal(c->sandbox, SANDBOX_LOG);
	assert_true(c->unpack_in_guest);
	assert_true(c->no_cache);
	assert_true(c->dry_run);
	assert_string_equal(c->initramfs_path, "F");
	assert_false(is_heard(log_warn));
	/* Nothing behind "--" is an option. */
	assert_string_equal(c->command[0], "/bin/echo");
	assert_string_equal(c->command[1], "-c");
	assert_string_equal(c->command[2], "--cpus");
	assert_null(c->command[3]);
	cli_run_end(&run);

	cli_run_good(&run, "-k K --initrd I --init /bin/sh --sandbox off --console hvc --unpack host --log-level warn");
	assert_string_equal(c->initrd_path, "I");
	assert_string_equal(c->init, "/bin/sh");
	assert_int_equal(c->sandbox, SANDBOX_OFF);
	assert_int_equal(c->console, CONSOLE_HVC);
	assert_false(c->unpack_in_guest);
	assert_true(is_heard(log_warn));
	assert_false(is_heard(log_info));
	cli_run_end(&run);
}

static void ways_to_write(void **state)
{
	static const char *const same[] = {
		"--kernel K --cpus 2 --memory 128M --append x=1",
		"--kernel=K --cpus=2 --memory=128M --append=x=1",
		"-k K -c 2 -m 128M -a x=1",
		"-kK -c2 -m128M -ax=1",
		"--memory 131072K -a x=1 --cpus 0x2 --kernel K",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++) {
		struct cli_run run;
		cli_run_good(&run, same[i]);
		assert_string_equal(run.config.kernel_path, "K");
		assert_string_equal(run.config.append, "x=1");
		assert_int_equal(run.config.cpus, 2);
		assert_int_equal(run.config.memory_bytes, 128 << 20);
		cli_run_end(&run);
	}
}

static void refused_values(void **state)
{
	static const struct refused bad[] = {
		{ "-k K -c 0", { "--cpus: '0': out of range: takes a number from 1 to 254" } },
		{ "-k K -c 255", { "--cpus: '255': out of range" } },
		{ "-k K -c two", { "--cpus: 'two': not a number" } },
		{ "-k K -c -1", { "--cpus: '-1': not a number" } },
		{ "-k K -c 99999999999999999999", { "--cpus: '99999999999999999999': out of range" } },
		{ "-k K -m 512", { "--memory: '512': too little: takes a size such as 512M" } },
		{ "-k K -m 63M", { "--memory: '63M': too little" } },
		{ "-k K -m 65537K", { "--memory: '65537K': not a multiple of 1M" } },
		{ "-k K -m 5Q", { "--memory: '5Q': not a size" } },
		{ "-k K -m 99999999999T", { "--memory: '99999999999T': too much" } },
		{ "-k K -m 1000000T", { "--memory: '1000000T': more than this host has: takes at most " } },
		{ "-k K --root vda2", { "--root: 'vda2': not a device of the guest: takes the guest's name of it, such as /dev/vda2" } },
		{ "-k K --root /dev/", { "--root: '/dev/': not a device" } },
		{ "-k K --init sh", { "--init: 'sh': not an absolute path" } },
		{ "-k K --env PATH", { "--env: 'PATH': has no '=': takes KEY=VALUE" } },
		{ "-k K --env =x", { "--env: '=x': not a variable's name" } },
		{ "-k K --env 1A=x", { "--env: '1A=x': not a variable's name" } },
		{ "-k K --env a-b=x", { "--env: 'a-b=x': not a variable's name" } },
		{ "-k K --name .x", { "--name: '.x': starts with a dot" } },
		{ "-k K --name a/b", { "--name: 'a/b': holds other characters than it may: takes up to 63 letters, digits" } },
		{ "-k K --name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", { ": too long: takes up to 63" } },
		{ "-k K --timeout 1m", { "--timeout: '1m': not a number of seconds: takes whole seconds" } },
		{ "-k K --timeout 99999999", { "--timeout: '99999999': too long" } },
		{ "-k K --rng maybe", { "--rng: 'maybe': neither on nor off" } },
		{ "-k K --console vga", { "--console: 'vga': no such console: takes hvc (virtio) or serial (16550)" } },
		{ "-k K --sandbox maybe", { "--sandbox: 'maybe': no such mode: takes on, off or log" } },
		{ "-k K --unpack here", { "--unpack: 'here': no such place" } },
		{ "-k K --log-level all", { "--log-level: 'all': no such level: takes error, warn, info or debug" } },
	};

	(void)state;
	check_all_refused(bad, COUNT(bad));
}

static void refused_ways(void **state)
{
	static const struct refused bad[] = {
		{ "", { "--kernel: not given: takes a kernel file" } },
		{ "-d disk", { "--kernel: not given" } },
		{ "-k", { "--kernel: no value given: takes a kernel file", "--kernel: not given" } },
		{ "-k K --cpus", { "--cpus: no value given: takes a number" } },
		{ "-k K --cpus=", { "--cpus: no value given" } },
		{ "-k K --memory --cpus 2", { "--memory: no value given" } },
		{ "-k K --timeout -- true", { "--timeout: no value given" } },
		{ "-k K -c 2 --cpus 3", { "--cpus: '3': given a second time: takes one value" } },
		{ "-k K --no-reboot=yes", { "--no-reboot: 'yes': a value where none belongs: takes none" } },
		{ "-k K --", { "--: no command follows: takes the command" } },
		{ "bzImage", { "bzImage: not an option: did you mean --kernel bzImage?" } },
		{ "-k K uname", { "uname: neither an option nor an option's value: a command for the guest stands after '--'" } },
		{ "-k K -", { "-: neither an option" } },
	};

	(void)state;
	check_all_refused(bad, COUNT(bad));
}

static void unknown_options(void **state)
{
	static const struct refused bad[] = {
		{ "-k K --cpu 2", { "--cpu: unknown option: did you mean --cpus?" } },
		{ "--kernal=K", { "--kernal: unknown option: did you mean --kernel?" } },
		{ "-kernel K", { "-kernel: unknown option: did you mean --kernel?" } },
		{ "-k K -append quiet", { "-append: unknown option: did you mean --append?" } },
		{ "-k K --disc D --mem 5Q",
		  { "--disc: unknown option: did you mean --disk?", "--mem: unknown option: did you mean --memory?",
		    "--memory: '5Q': not a size" } },
		{ "-k K -smp 4", { "-smp: unknown option: 'tinyvmm --help' lists them" } },
		{ "-k K -z", { "-z: unknown option" } },
		{ "-k K --aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", { "unknown option: 'tinyvmm --help'" } },
		/* Near to --help, but nobody asked for it. */
		{ "-k K --hlep", { "--hlep: unknown option: did you mean --help?" } },
	};

	(void)state;
	check_all_refused(bad, COUNT(bad));
}

static void all_faults_at_once(void **state)
{
	static const struct refused bad[] = {
		{ "--cpus 0 --memory 1 --disk a,foo --net bar --timeout x",
		  { "--cpus: '0'", "--memory: '1'", "--disk: 'a,foo'", "--net: 'bar'", "--timeout: 'x'", "--kernel: not given" } },
	};

	(void)state;
	check_all_refused(bad, COUNT(bad));
}

static unsigned longest_line(const char *text)
{
	size_t longest = 0;

	for (const char *line = text; *line; line = *line ? line + 1 : line) {
		size_t len = strcspn(line, "\n");
		longest = len > longest ? len : longest;
		line += len;
		if (!*line)
			break;
	}
	return (unsigned)longest;
}

static void help(void **state)
{
	static const char *const lines[] = { "--help", "-h", "-k K --cpus 0 --help --what", "--help -- true" };
	struct cli_run run;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		cli_run(&run, lines[i]);
		cli_run_end(&run);
		assert_int_equal(run.result, CLI_DONE);
		assert_true(longest_line(run.out) <= 80);
		assert_non_null(strstr(run.out, "Exit status:"));
		assert_non_null(strstr(run.out, "Examples:"));
	}
	for (unsigned i = 0; i < cli_option_count; i++) {
		char name[32];
		if (!cli_options[i].name)
			continue;
		snprintf(name, sizeof(name), "  --%s", cli_options[i].name);
		if (!strstr(run.out, name) && !strstr(run.out, name + 1))
			fail_msg("--help says nothing of --%s", cli_options[i].name);
	}
	/* What stands behind "--" is the guest's. */
	cli_run_good(&run, "-k K -d D -- cmd --help");
	cli_run_end(&run);
}

static void version(void **state)
{
	struct cli_run run;

	(void)state;
	cli_run(&run, "-V");
	cli_run_end(&run);
	assert_int_equal(run.result, CLI_DONE);
	assert_string_equal(run.out, "tinyvmm " VERSION "\n");
}

/* The table itself: what a new entry is easily forgotten to have. */
static void option_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < cli_option_count; i++) {
		const struct option_def *option = &cli_options[i];
		if (!option->name)
			continue;
		assert_non_null(option->take);
		assert_non_null(option->help);
		assert_true(!option->value == !option->takes);
		for (unsigned j = 0; j < i; j++) {
			assert_true(!cli_options[j].name || strcmp(cli_options[j].name, option->name));
			assert_true(!option->letter || cli_options[j].letter != option->letter);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),       cmocka_unit_test(every_option), cmocka_unit_test(ways_to_write),
		cmocka_unit_test(refused_values), cmocka_unit_test(refused_ways), cmocka_unit_test(unknown_options),
		cmocka_unit_test(help),           cmocka_unit_test(version),      cmocka_unit_test(all_faults_at_once),
		cmocka_unit_test(option_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
