// SPDX-License-Identifier: Apache-2.0
/* vmm/util/lib.c: a library's calls by name, and what is said when one is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/capture.h"
#include "vmm/util/lib.h"

#define C_CALLS(X) X(strlen) X(getpid) X(labs)
LIB_STRUCT(c_lib, C_CALLS);

static void calls_are_found(void **state)
{
	struct c_lib lib = { 0 };

	(void)state;
	assert_int_equal(LIB_OPEN(&lib, "libc.so.6", "libc6", C_CALLS), 0);
	assert_int_equal(lib.strlen("four"), 4);
	assert_int_equal(lib.getpid(), getpid());
	assert_int_equal(lib.labs(-5), 5);
	/* As often as one likes. */
	assert_int_equal(LIB_OPEN(&lib, "libc.so.6", "libc6", C_CALLS), 0);
}

/* The user is told which package to install. */
static void said_of(const char *soname, const char *names, void **slots, char *said, size_t size)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = lib_open(soname, "the-package", names, slots);

	capture_end(STDERR_FILENO, saved, memory, said, size);
	assert_int_equal(err, -ENOENT);
	assert_non_null(strstr(said, soname));
	assert_non_null(strstr(said, "the-package"));
	/* One message, however many are missing. */
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void a_library_that_is_not_there(void **state)
{
	char said[1024];

	(void)state;
	said_of("libtinyvmm-is-not-there.so.1", "", NULL, said, sizeof(said));
}

static void a_call_that_is_not_there(void **state)
{
	void *slot[3] = { NULL };
	char said[1024];

	(void)state;
	said_of("libc.so.6", "strlen\0tinyvmm_is_not_there\0nor_is_this\0", slot, said, sizeof(said));
	assert_non_null(strstr(said, "tinyvmm_is_not_there"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_found),
		cmocka_unit_test(a_library_that_is_not_there),
		cmocka_unit_test(a_call_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
