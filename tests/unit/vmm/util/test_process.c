// SPDX-License-Identifier: Apache-2.0
/* vmm/util/process.c: what a worker's parent learns, and that workers do not outlive their use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/capture.h"
#include "vmm/util/process.h"

static int returns(void *arg)
{
	return *(int *)arg;
}

static void the_result_comes_back(void **state)
{
	static const struct {
		int returned, got;
	} results[] = {
		{ 0, 0 }, { -ENOENT, -ENOENT }, { -ENOEXEC, -ENOEXEC }, { -133, -133 },
		/* No errno, and no success either. */
		{ -256, -EIO }, { -1000, -EIO }, { INT32_MIN, -EIO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++) {
		int result = results[i].returned;
		assert_int_equal(worker_run("test", returns, &result), results[i].got);
	}
}

static int writes_shared(void *arg)
{
	strcpy(arg, "found");
	return 0;
}

static void memory_is_shared_where_it_is_said(void **state)
{
	char *shared = shared_alloc(100), own[100] = "";

	(void)state;
	assert_non_null(shared);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(shared[i], 0);
	assert_int_equal(worker_run("test", writes_shared, shared), 0);
	assert_string_equal(shared, "found");
	shared_free(shared, 100);
	/* What it does to other memory is its own affair. */
	assert_int_equal(worker_run("test", writes_shared, own), 0);
	assert_string_equal(own, "");
	shared_free(NULL, 0);
}

static int dies(void *arg)
{
	raise(*(int *)arg);
	return 0;
}

static void a_signal_is_told(void **state)
{
	char said[1024];
	int saved, signal = SIGKILL;
	int memory = capture_begin(STDERR_FILENO, &saved);
	int err = worker_run("unpack", dies, &signal);

	(void)state;
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -ECHILD);
	assert_non_null(strstr(said, "unpack"));
	assert_non_null(strstr(said, "signal 9"));
}

static int waits_for_ever(void *arg)
{
	(void)arg;
	pause();
	return 0;
}

static void a_worker_is_cancelled(void **state)
{
	struct worker worker = { 0 };

	(void)state;
	assert_int_equal(worker_start(&worker, "test", waits_for_ever, NULL), 0);
	assert_true(worker.pid > 0);
	int pid = worker.pid;
	worker_cancel(&worker);
	assert_int_equal(worker.pid, 0);
	/* Ended and waited for. */
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	/* Again, and one that was never started: nothing. */
	worker_cancel(&worker);
}

/* Two beside each other; each is waited for by itself. */
static void several_at_once(void **state)
{
	struct worker one, two;
	int first = -ENOENT, second = -EPERM;

	(void)state;
	assert_int_equal(worker_start(&one, "one", returns, &first), 0);
	assert_int_equal(worker_start(&two, "two", returns, &second), 0);
	assert_int_equal(worker_wait(&two), -EPERM);
	assert_int_equal(worker_wait(&one), -ENOENT);
}


static int starts_a_worker_and_dies(void *arg)
{
	struct worker worker;

	if (worker_start(&worker, "grandchild", waits_for_ever, arg))
		return -EAGAIN;
	raise(SIGKILL);
	return 0;
}

/* However the parent ends, its worker ends with it: the pipe that only the worker still holds is closed. */
static void a_worker_does_not_outlive_its_parent(void **state)
{
	int fd[2], saved;
	char byte, said[256];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	int memory = capture_begin(STDERR_FILENO, &saved);
	assert_int_equal(worker_run("parent", starts_a_worker_and_dies, NULL), -ECHILD);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	close(fd[1]);
	alarm(30); /* the deadline */
	assert_int_equal(read(fd[0], &byte, 1), 0);
	alarm(0);
	close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_result_comes_back),
		cmocka_unit_test(memory_is_shared_where_it_is_said),
		cmocka_unit_test(a_signal_is_told),
		cmocka_unit_test(a_worker_is_cancelled),
		cmocka_unit_test(several_at_once),
		cmocka_unit_test(a_worker_does_not_outlive_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
