// SPDX-License-Identifier: Apache-2.0
/* vmm/util/log.c: which messages come out, in which form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/capture.h"
#include "vmm/util/log.h"

static int as_at_the_start(void **state)
{
	(void)state;
	log_set_level(LOG_WARN);
	log_set_raw(false);
	return 0;
}

static const char *all_functions(void)
{
	static char said[1024];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);

	log_error("e %d", 1);
	log_warn("w");
	log_info("i");
	log_debug("d");
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	return said;
}

static const char *all_levels(enum log_level level)
{
	log_set_level(level);
	return all_functions();
}

static void levels(void **state)
{
	(void)state;
	/* Before anybody chose. The first of these tests, therefore. */
	assert_string_equal(all_functions(), "tinyvmm: e 1\ntinyvmm: warning: w\n");
	assert_string_equal(all_levels(LOG_ERROR), "tinyvmm: e 1\n");
	assert_string_equal(all_levels(LOG_WARN), "tinyvmm: e 1\ntinyvmm: warning: w\n");
	assert_string_equal(all_levels(LOG_INFO), "tinyvmm: e 1\ntinyvmm: warning: w\ntinyvmm: i\n");
	assert_string_equal(all_levels(LOG_DEBUG), "tinyvmm: e 1\ntinyvmm: warning: w\ntinyvmm: i\ntinyvmm: debug: d\n");
}

static void raw_terminals_need_a_return(void **state)
{
	(void)state;
	log_set_raw(true);
	assert_string_equal(all_levels(LOG_ERROR), "tinyvmm: e 1\r\n");
}

/* Cut, but with its line's end, and without another byte. */
static void a_message_of_any_length(void **state)
{
	(void)state;
	for (int raw = 0; raw < 2; raw++) {
		log_set_raw(raw);
		for (size_t len = 1990; len < 2100; len++) {
			char *text = malloc(len + 1), said[4096];
			memset(text, 'x', len);
			text[len] = '\0';
			int saved, memory = capture_begin(STDERR_FILENO, &saved);
			log_error("%s", text);
			capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
			size_t got = strlen(said);
			assert_true(got > 1990 && got <= 2048);
			assert_string_equal(said + got - 1 - (size_t)raw, raw ? "\r\n" : "\n");
			assert_memory_equal(said, "tinyvmm: xxx", 12);
			free(text);
		}
	}
}

/* Whoever logs a failure still has its errno to return. */
static void errno_is_kept(void **state)
{
	int saved = dup(STDERR_FILENO);

	(void)state;
	close(STDERR_FILENO);
	errno = EXDEV;
	log_error("to nobody");
	int err = errno;
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(err, EXDEV);
}

#define THREADS 4
#define LINES 500

static void *logs(void *arg)
{
	for (unsigned i = 0; i < LINES; i++)
		log_error("%.*s.", (int)(100 + i % 900), (const char *)arg);
	return NULL;
}

/* A pipe, whose short writes are whole: each line is of one thread. */
static void lines_of_threads_never_mix(void **state)
{
	pthread_t thread[THREADS];
	char text[THREADS][1001], line[4096];
	int fd[2], saved = dup(STDERR_FILENO);
	unsigned lines = 0;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDERR_FILENO);
	close(fd[1]);
	for (unsigned t = 0; t < THREADS; t++) {
		memset(text[t], (int)('a' + t), 1000);
		text[t][1000] = '\0';
		assert_int_equal(pthread_create(&thread[t], NULL, logs, text[t]), 0);
	}
	FILE *in = fdopen(fd[0], "r");
	for (; lines < THREADS * LINES && fgets(line, sizeof(line), in); lines++) {
		assert_memory_equal(line, "tinyvmm: ", 9);
		size_t same = strspn(line + 9, (char[]){ line[9], 0 });
		assert_string_equal(line + 9 + same, ".\n");
	}
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(thread[t], NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	fclose(in);
	assert_int_equal(lines, THREADS * LINES);
}

static void only_the_first_time(void **state)
{
	bool flag = false;

	(void)state;
	assert_true(log_first(&flag));
	assert_false(log_first(&flag));
	assert_false(log_first(&flag));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, as_at_the_start, as_at_the_start)
	const struct CMUnitTest tests[] = {
		TEST(levels),
		TEST(raw_terminals_need_a_return),
		TEST(a_message_of_any_length),
		TEST(errno_is_kept),
		TEST(lines_of_threads_never_mix),
		TEST(only_the_first_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
