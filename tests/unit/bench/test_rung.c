// SPDX-License-Identifier: Apache-2.0
/* bench/rung.c: the ladder's command lines, and why a rung is left out. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/launch.h"
#include "bench/rung.h"
#include "tests/fakes/capture.h"
#include "vmm/util/io.h"

#define ARGV(...) ((char *[]){__VA_ARGS__, NULL})

static struct ladder *made(const struct ladder_options *options)
{
	struct ladder *ladder;

	assert_int_equal(ladder_new(&ladder, options), 0);
	return ladder;
}

static const struct rung *rung_of(const struct ladder *ladder, const char *name)
{
	for (unsigned i = 0; i < ladder->count; i++) {
		if (!strcmp(ladder->rung[i].name, name))
			return &ladder->rung[i];
	}
	fail_msg("no rung %s", name);
	return NULL;
}

/* The command line for `command`, joined by spaces. */
static const char *line_of(const struct rung *rung, char *const *more, char *const *command)
{
	static char line[8192];
	char **argv = rung_command(rung, more, command);

	assert_non_null(argv);
	line[0] = '\0';
	for (unsigned i = 0; argv[i]; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? " " : "", argv[i]);
	free(argv);
	return line;
}

static void test_without_an_image(void **state)
{
	const struct ladder_options options = {.memory = "512M"};
	struct ladder *ladder = made(&options);

	(void)state;
	assert_null(rung_of(ladder, "native")->skipped);
	assert_non_null(strstr(rung_of(ladder, "chroot")->skipped, "--rootfs"));
	assert_non_null(strstr(rung_of(ladder, "unprivileged")->skipped, "--disk"));
	assert_non_null(strstr(rung_of(ladder, "vm")->skipped, "--kernel"));
	assert_string_equal(line_of(rung_of(ladder, "native"), ARGV("--pids", "7"), ARGV("true", "x y")), "true x y");
	ladder_free(ladder);
}

static void test_command_lines(void **state)
{
	const struct ladder_options options = {.disk = "a,b.img", .kernel = "bzImage", .modules = "mods", .memory = "1G"};
	struct ladder *ladder = made(&options);
	const char *line = line_of(rung_of(ladder, "unprivileged"), ARGV("--pids", "7"), ARGV("true"));

	(void)state;
	assert_non_null(strstr(line, " ctr run --disk a,b.img --isolation full"));
	assert_non_null(strstr(line, " --net none"));
	assert_non_null(strstr(line, " --pids 7 -- true"));
	/* A user namespace is an ordinary user's in any case. */
	assert_true(!strstr(line, " --userns") == !!geteuid());
	line = line_of(rung_of(ladder, "vm"), NULL, ARGV("true"));
	assert_non_null(strstr(line, " run --kernel bzImage --disk a,,b.img,cow --memory 1G --net none --modules mods -- true"));
	line = line_of(rung_of(ladder, "namespaces"), NULL, ARGV("true"));
	assert_non_null(strstr(line, "--isolation namespaces"));
	if (geteuid()) {
		assert_string_equal(rung_of(ladder, "ctr")->skipped, "it takes root");
		assert_string_equal(rung_of(ladder, "chroot")->skipped, "it takes root");
	} else {
		assert_non_null(strstr(line_of(rung_of(ladder, "chroot"), NULL, ARGV("true")), "--isolation chroot"));
	}
	ladder_free(ladder);
}

static void test_directory(void **state)
{
	const struct ladder_options options = {.rootfs = "/", .kernel = "bzImage", .memory = "1G", .network = true};
	struct ladder *ladder = made(&options);

	(void)state;
	assert_non_null(rung_of(ladder, "vm")->skipped);
	assert_non_null(strstr(line_of(rung_of(ladder, "namespaces"), NULL, ARGV("true")), "--rootfs / "));
	assert_non_null(strstr(line_of(rung_of(ladder, "namespaces"), NULL, ARGV("true")), "--net user"));
	ladder_free(ladder);
}

static void test_only(void **state)
{
	const char *const only[] = {"vm", NULL};
	const struct ladder_options options = {.memory = "512M", .only = only};
	struct ladder *ladder = made(&options);

	(void)state;
	assert_string_equal(rung_of(ladder, "native")->skipped, "not asked for (--only)");
	/* The machine's own reason is the one that helps. */
	assert_non_null(strstr(rung_of(ladder, "vm")->skipped, "--kernel"));
	ladder_free(ladder);
}

/* What the words of the user's own command line see of ours: nothing in them is the shell's. */
static void test_foreign(void **state)
{
	const struct ladder_options options = {.memory = "512M", .also = ARGV("mine=printf '<%s>' before {} after", "other={}")};
	struct ladder *ladder = made(&options);
	char **argv = rung_command(rung_of(ladder, "mine"), ARGV("--pids", "1"), ARGV("a b", "$(false)", "'\"\\"));
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, argv, NULL, 0, 60), 0);
	assert_string_equal(outcome.output, "<before><a b><$(false)><'\"\\><after>");
	outcome_free(&outcome);
	free(argv);
	argv = rung_command(rung_of(ladder, "other"), NULL, ARGV("sh", "-c", "exit 9"));
	assert_int_equal(launch(&outcome, argv, NULL, 0, 60), 0);
	assert_int_equal(outcome.status, 9);
	outcome_free(&outcome);
	free(argv);
	ladder_free(ladder);
}

static void refused(char *also, const char *only, const char *said)
{
	const char *const list[] = {only, NULL};
	const struct ladder_options options = {.memory = "512M", .also = also ? ARGV(also) : NULL, .only = only ? list : NULL};
	struct ladder *ladder;
	char text[1024];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = ladder_new(&ladder, &options);

	capture_end(STDERR_FILENO, saved, memory, text, sizeof(text));
	assert_true(err < 0);
	assert_null(ladder);
	if (!strstr(text, said))
		fail_msg("'%s' is not in: %s", said, text);
}

static void test_faults(void **state)
{
	(void)state;
	refused("podman", NULL, "known by name");
	refused("x=docker run", NULL, "no {}");
	refused("={}", NULL, "takes NAME=");
	refused("a b={}", NULL, "takes NAME=");
	refused("vm={}", NULL, "already");
	refused(NULL, "kvm", "--only kvm: no such rung");
}

static void write_text(const char *path, const char *text, mode_t mode)
{
	assert_int_equal(write_file_atomic(path, text, strlen(text), mode), 0);
}

/* A program of this name, before all others. */
struct stand_in {
	char dir[64], path[256], before[4096];
};

static void put_stand_in(struct stand_in *s, const char *name, const char *text)
{
	char search[4096];

	snprintf(s->dir, sizeof(s->dir), "/tmp/tinyvmm-rung.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/%s", s->dir, name);
	write_text(s->path, text, 0755);
	snprintf(s->before, sizeof(s->before), "%s", getenv("PATH"));
	snprintf(search, sizeof(search), "%s:%.3000s", s->dir, s->before);
	setenv("PATH", search, 1);
}

static void remove_stand_in(const struct stand_in *s)
{
	setenv("PATH", s->before, 1);
	assert_int_equal(unlink(s->path) | rmdir(s->dir), 0);
}

/* A runtime of the OCI kind, as far as we ask one: its default configuration gets our command. */
static void test_bundle(void **state)
{
	/* Relative to where we are, not to the bundle. */
	const struct ladder_options options = {.rootfs = "..", .memory = "512M", .also = ARGV("runc")};
	struct stand_in stand_in;
	char here[PATH_MAX];

	(void)state;
	put_stand_in(&stand_in, "runc",
		   "#!/bin/sh\n"
		   "if [ $1 = spec ]; then\n"
		   "printf '{ \"terminal\": true, \"args\": [\\n \"sh\"\\n ], \"cwd\": \"/\" }' >config.json\n"
		   "else\ncat \"$3/config.json\"; [ -d \"$3/rootfs/etc\" ]\nfi\n");
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir("/tmp"), 0);
	struct ladder *ladder = made(&options);
	assert_int_equal(chdir(here), 0);
	const struct rung *rung = rung_of(ladder, "runc");
	struct outcome outcome;
	assert_null(rung->skipped);
	char **argv = rung_command(rung, NULL, ARGV("echo", "a \"b\" \\ \n]"));
	assert_int_equal(launch(&outcome, argv, NULL, 0, 60), 0);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.output, "{ \"terminal\": false, \"args\": [\"echo\",\"a \\\"b\\\" \\\\ \\u000a]\"], \"cwd\": \"/\" }");
	outcome_free(&outcome);
	free(argv);
	/* Nothing of it stays. */
	char bundle[128];
	snprintf(bundle, sizeof(bundle), "%s", rung->bundle);
	ladder_free(ladder);
	assert_int_equal(access(bundle, F_OK), -1);
	remove_stand_in(&stand_in);
}

/* It gets the machine that ours is, by the same words. */
static void test_qemu(void **state)
{
	const struct ladder_options nothing = {.rootfs = "..", .memory = "512M", .also = ARGV("qemu")},
				    options = {.disk = "a,b.img", .kernel = "bzImage", .memory = "1G", .also = ARGV("qemu"), .network = LADDER_USER_NETWORK};
	struct stand_in stand_in;
	struct utsname host;
	char name[128], words[256];

	(void)state;
	struct ladder *ladder = made(&nothing);
	assert_non_null(strstr(rung_of(ladder, "qemu")->skipped, "--kernel"));
	ladder_free(ladder);
	assert_int_equal(uname(&host), 0);
	snprintf(name, sizeof(name), "qemu-system-%s", host.machine);
	put_stand_in(&stand_in, name, "#!/bin/sh\n");
	ladder = made(&options);
	const struct rung *rung = rung_of(ladder, "qemu");
	assert_null(rung->skipped);
	assert_int_equal(rung->kind, RUNG_QEMU);
	const char *line = line_of(rung, ARGV("--pids", "7"), ARGV("true"));
	snprintf(words, sizeof(words), " qemu %s bzImage a,,b.img on 1G user /", name);
	assert_non_null(strstr(line, words));
	assert_non_null(strstr(line, " run --kernel bzImage --disk a,,b.img,cow --memory 1G --net user --dry-run --dump-initramfs /dev/fd/5 -- true"));
	assert_null(strstr(line, "--pids"));
	/* As a script it is whole, and without its comments. */
	assert_string_equal(rung->args[1], "-c");
	assert_true(!strchr(rung->args[2], '#') && strstr(rung->args[2], "exec 3<>") && strstr(rung->args[2], "done <&3\n"));
	ladder_free(ladder);
	remove_stand_in(&stand_in);
}

/* What fails is left out, with what it said. */
static void test_try(void **state)
{
	const char *const only[] = {"native", "good", "bad", "gone", NULL};
	const struct ladder_options options = {
		.memory = "512M", .only = only, .also = ARGV("good={}", "bad=echo 'no way' >&2; false {}", "gone=/no/such/program {}")};
	struct ladder *ladder = made(&options);

	(void)state;
	assert_int_equal(ladder_try(ladder), 0);
	assert_null(rung_of(ladder, "native")->skipped);
	assert_null(rung_of(ladder, "good")->skipped);
	assert_string_equal(rung_of(ladder, "bad")->skipped, "no way");
	assert_non_null(strstr(rung_of(ladder, "gone")->skipped, "/no/such/program"));
	ladder_free(ladder);
}

/* Its words, behind a shell that writes it into a file. */
static void test_probe(void **state)
{
	const struct ladder_options options = {.memory = "512M"};
	struct ladder *ladder = made(&options);
	static const char program[] = "#!/bin/sh\nrm \"$0\" && rmdir \"${0%/*}\" && echo \"$@\"\n";
	char **argv = rung_probe(rung_of(ladder, "native"), NULL, ARGV("latency", "2 0"));
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, argv, program, strlen(program), 60), 0);
	assert_string_equal(outcome.output, "latency 2 0\n");
	outcome_free(&outcome);
	free(argv);
	ladder_free(ladder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_an_image),
		cmocka_unit_test(test_command_lines),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_qemu),
		cmocka_unit_test(test_try),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
