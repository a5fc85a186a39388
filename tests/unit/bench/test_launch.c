// SPDX-License-Identifier: Apache-2.0
/* bench/launch.c: commands, measured from outside. Times are only compared with what was slept, from below. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/launch.h"

#define ARGV(...) ((char *[]){__VA_ARGS__, NULL})
#define SHELL(script) ARGV("sh", "-c", script)

static void test_status_and_streams(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, SHELL("echo out; echo one >&2; echo two >&2; exit 7"), NULL, 0, 60), 0);
	assert_int_equal(outcome.status, 7);
	assert_string_equal(outcome.output, "out\n");
	assert_string_equal(outcome.errors, "one\ntwo\n");
	assert_string_equal(outcome_reason(&outcome), "two");
	assert_true(outcome.first_ms >= 0 && outcome.first_ms <= outcome.wall_ms);
	assert_true(outcome.peak_mib > 0);
	assert_false(outcome.timed_out);
	outcome_free(&outcome);
}

static void test_silence(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, SHELL("exit 3"), NULL, 0, 60), 0);
	assert_string_equal(outcome.output, "");
	assert_true(outcome.first_ms < 0);
	assert_string_equal(outcome_reason(&outcome), "it ended with status 3");
	outcome_free(&outcome);
	assert_int_equal(launch(&outcome, SHELL("kill -9 $$"), NULL, 0, 60), 0);
	assert_int_equal(outcome.status, 137);
	outcome_free(&outcome);
}

static void test_reason_is_one_printable_line(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, SHELL("printf 'tinyvmm: a\\033[31mb\\tc\\n\\n' >&2; exit 1"), NULL, 0, 60), 0);
	assert_string_equal(outcome_reason(&outcome), "a [31mb c");
	outcome_free(&outcome);
}

static void test_input(void **state)
{
	size_t len = 300000; /* more than a pipe holds, both ways at once */
	char *input = malloc(len);
	struct outcome outcome;

	(void)state;
	memset(input, 'x', len);
	assert_int_equal(launch(&outcome, ARGV("cat"), input, len, 60), 0);
	assert_int_equal(strlen(outcome.output), len);
	outcome_free(&outcome);
	/* One that does not want it. */
	assert_int_equal(launch(&outcome, ARGV("true"), input, len, 60), 0);
	assert_int_equal(outcome.status, 0);
	outcome_free(&outcome);
	free(input);
}

static void test_too_much_output(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, SHELL("head -c 3000000 /dev/zero | tr '\\0' y; echo end >&2"), NULL, 0, 60), 0);
	assert_int_equal(outcome.status, 0);
	assert_true(strlen(outcome.output) < LAUNCH_OUTPUT_MAX);
	assert_true(strlen(outcome.output) > LAUNCH_OUTPUT_MAX / 2);
	assert_string_equal(outcome.errors, "end\n");
	outcome_free(&outcome);
}

static void test_times(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, SHELL("sleep 0.2; echo; sleep 0.2"), NULL, 0, 60), 0);
	assert_true(outcome.first_ms >= 200);
	assert_true(outcome.wall_ms >= 400);
	outcome_free(&outcome);
	assert_int_equal(launch(&outcome, SHELL("i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"), NULL, 0, 60), 0);
	assert_true(outcome.cpu_ms > 1);
	outcome_free(&outcome);
}

/* What it left in the background keeps its output open: that is not waited for. */
static void test_left_behind(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, SHELL("sleep 30 & echo $!"), NULL, 0, 60), 0);
	assert_true(outcome.wall_ms < 20000);
	assert_int_equal(kill(atoi(outcome.output), SIGKILL), 0);
	outcome_free(&outcome);
}

static void test_timeout(void **state)
{
	struct outcome outcome;

	(void)state;
	/* With all that it started: the pipe ends. */
	assert_int_equal(launch(&outcome, SHELL("sleep 30 & wait"), NULL, 0, 1), 0);
	assert_true(outcome.timed_out);
	assert_int_equal(outcome.status, 143);
	assert_string_equal(outcome_reason(&outcome), "it took too long");
	outcome_free(&outcome);
}

static void test_missing(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch(&outcome, ARGV("/no/such/program"), NULL, 0, 60), -ENOENT);
	outcome_free(&outcome);
}

static void test_resident(void **state)
{
	struct resident resident;

	(void)state;
	assert_int_equal(resident_start(&resident, SHELL("sleep 0.1; echo; read -r line"), 60), 0);
	assert_true(resident.first_ms >= 100);
	pid_t pid = resident.pid;
	assert_int_equal(kill(pid, 0), 0);
	resident_end(&resident, 10);
	assert_int_equal(kill(pid, 0), -1);
	/* It does not heed its input's end. */
	assert_int_equal(resident_start(&resident, SHELL("echo; sleep 60 & wait"), 60), 0);
	pid = resident.pid;
	resident_end(&resident, 0);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(resident_start(&resident, ARGV("true"), 60), -ECONNRESET);
	assert_int_equal(resident_start(&resident, ARGV("sleep", "60"), 1), -ETIMEDOUT);
	assert_int_equal(resident.pid, 0);
}

/* Last: from then on nothing is started any more. */
static void test_signal(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(launch_signals(), 0);
	assert_int_equal(launch_interrupted(), 0);
	assert_int_equal(launch(&outcome, SHELL("kill -TERM $PPID; sleep 30"), NULL, 0, 60), -EINTR);
	assert_int_equal(outcome.status, 143);
	assert_int_equal(launch_interrupted(), SIGTERM);
	outcome_free(&outcome);
	assert_int_equal(launch(&outcome, ARGV("true"), NULL, 0, 60), -EINTR);
	outcome_free(&outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_and_streams),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_reason_is_one_printable_line),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_too_much_output),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_left_behind),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_resident),
		cmocka_unit_test(test_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
