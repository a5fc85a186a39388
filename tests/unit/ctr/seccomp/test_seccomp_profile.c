// SPDX-License-Identifier: Apache-2.0
/* ctr/seccomp/profile.c: what a profile says is what the program answers, and what is wrong with one is said with its place. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/seccomp/seccomp.h"
#include "ctr/seccomp/seccomp_impl.h"
#include "tests/fakes/bpf_run.h"
#include "tests/fakes/capture.h"

#ifdef __x86_64__
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#define ARCH_SECOND AUDIT_ARCH_I386
#define GO_NATIVE "amd64"
#define GO_OTHER "arm64"
#else
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#define ARCH_SECOND AUDIT_ARCH_ARM
#define GO_NATIVE "arm64"
#define GO_OTHER "amd64"
#endif
#define SECOND_GETPID 20 /* of both */

#define ERRNO(number) (SECCOMP_RET_ERRNO | (number))
#define CAP(name) (1ull << CAP_##name)
#define DENY "\"defaultAction\": \"SCMP_ACT_ERRNO\""
#define ALLOW_CALL(name, more) "{\"names\": [\"" name "\"], \"action\": \"SCMP_ACT_ALLOW\"" more "}"
/* So that what is not named is known: newer than all that the tests ask for. */
#define NEWEST ALLOW_CALL("futex_waitv", "")

static struct seccomp_program program;

static void parse(const char *json, uint64_t caps)
{
	seccomp_release(&program);
	assert_int_equal(seccomp_parse(&program, json, strlen(json), "profile", caps), 0);
	assert_non_null(program.filter);
}

static uint32_t ask(long number, uint64_t first, uint64_t second)
{
	const struct seccomp_data call = {.nr = (int)number, .arch = ARCH_NATIVE, .args = {first, second}};

	return bpf_run(program.filter, program.count, &call);
}

static uint32_t ask_second(int number)
{
	const struct seccomp_data call = {.nr = number, .arch = ARCH_SECOND};

	return bpf_run(program.filter, program.count, &call);
}

/* --- what profiles say -----------------------------------------------------------------------------------------------------------------
 */

static void names_and_actions(void **state)
{
	static const struct {
		const char *action;
		uint32_t answer;
	} cases[] = {
		{"\"SCMP_ACT_ALLOW\"", SECCOMP_RET_ALLOW},
		{"\"SCMP_ACT_ERRNO\", \"errnoRet\": 2", ERRNO(ENOENT)},
		{"\"SCMP_ACT_ERRNO\", \"errnoRet\": 0", ERRNO(0)},
		{"\"SCMP_ACT_ERRNO\", \"errnoRet\": 4094", ERRNO(4094)},
		{"\"SCMP_ACT_KILL\"", SECCOMP_RET_KILL_THREAD},
		{"\"SCMP_ACT_KILL_THREAD\"", SECCOMP_RET_KILL_THREAD},
		{"\"SCMP_ACT_KILL_PROCESS\"", SECCOMP_RET_KILL_PROCESS},
		{"\"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP},
		{"\"SCMP_ACT_TRACE\", \"errnoRet\": 7", SECCOMP_RET_TRACE | 7},
		{"\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG},
	};
	char json[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(json, sizeof(json),
			 "{" DENY ", \"syscalls\": [" NEWEST
			 ", {\"names\": [\"getpid\", \"getppid\"], \"action\": %s, \"comment\": \"\"}]}",
			 cases[i].action);
		parse(json, 0);
		assert_int_equal(ask(SYS_getpid, 0, 0), cases[i].answer);
		assert_int_equal(ask(SYS_getppid, 0, 0), cases[i].answer);
		assert_int_equal(ask(SYS_getuid, 0, 0), ERRNO(EPERM));
	}
	parse("{" DENY ", \"syscalls\": [{\"name\": \"getuid\", \"action\": \"SCMP_ACT_ALLOW\"}, " NEWEST "]}", 0);
	assert_int_equal(ask(SYS_getuid, 0, 0), SECCOMP_RET_ALLOW);
}

static void defaults(void **state)
{
	(void)state;
	parse("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ERRNO\"}]}", 0);
	assert_int_equal(ask(SYS_mount, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(SYS_getpid, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(5000, 0, 0), SECCOMP_RET_ALLOW);
	parse("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 5, \"syscalls\": [" NEWEST "]}", 0);
	assert_int_equal(ask(SYS_mount, 0, 0), ERRNO(5));
	assert_int_equal(ask(5000, 0, 0), ERRNO(ENOSYS));
	parse("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"syscalls\": [" NEWEST "]}", 0);
	assert_int_equal(ask(SYS_mount, 0, 0), ERRNO(ENOSYS));
	parse("{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"syscalls\": [" NEWEST "]}", 0);
	assert_int_equal(ask(SYS_mount, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(5000, 0, 0), ERRNO(ENOSYS));
	parse("{\"defaultAction\": \"SCMP_ACT_LOG\"}", 0);
	assert_int_equal(ask(SYS_mount, 0, 0), SECCOMP_RET_LOG);
	assert_int_equal(ask(5000, 0, 0), SECCOMP_RET_LOG);
}

/* An old profile knows neither clone3 nor faccessat2: they are as on an old kernel, and C libraries fall back. */
static void what_is_newer_than_the_profile(void **state)
{
	(void)state;
	parse("{" DENY ", \"syscalls\": [" ALLOW_CALL("statx", "") "]}", 0);
	assert_int_equal(ask(SYS_statx, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_mount, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(SYS_clone3, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(ask(SYS_faccessat2, 0, 0), ERRNO(ENOSYS));
	/* One whose rule does not apply is known all the same. */
	parse("{" DENY ", \"syscalls\": [" ALLOW_CALL("faccessat2", ", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}") "]}", 0);
	assert_int_equal(ask(SYS_clone3, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(SYS_faccessat2, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(5000, 0, 0), ERRNO(ENOSYS));
}

static void unknown_names_are_passed_over(void **state)
{
	(void)state;
	parse("{" DENY ", \"syscalls\": [{\"names\": [\"no_such_call\", \"a_name_that_is_longer_than_the_name_of_any_call\", \"getpid\"], "
	      "\"action\": \"SCMP_ACT_ALLOW\"}, " NEWEST "]}",
	      0);
	assert_int_equal(ask(SYS_getpid, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_mount, 0, 0), ERRNO(EPERM));
}

static void arguments(void **state)
{
	static const struct {
		const char *op;
		uint64_t value;
		bool below, at, above;
	} cases[] = {
		{"NE", 40, true, false, true},  {"LT", 40, true, false, false}, {"LE", 40, true, true, false},
		{"EQ", 40, false, true, false}, {"GE", 40, false, true, true},  {"GT", 40, false, false, true},
	};
	char json[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(json, sizeof(json),
			 "{" DENY ", \"syscalls\": [" ALLOW_CALL(
				 "personality", ", \"args\": [{\"index\": 0, \"value\": %llu, \"op\": \"SCMP_CMP_%s\"}]") ", " NEWEST "]}",
			 (unsigned long long)cases[i].value, cases[i].op);
		parse(json, 0);
		assert_int_equal(ask(SYS_personality, 39, 0), cases[i].below ? SECCOMP_RET_ALLOW : ERRNO(EPERM));
		assert_int_equal(ask(SYS_personality, 40, 0), cases[i].at ? SECCOMP_RET_ALLOW : ERRNO(EPERM));
		assert_int_equal(ask(SYS_personality, 41, 0), cases[i].above ? SECCOMP_RET_ALLOW : ERRNO(EPERM));
	}
	parse("{" DENY ", \"syscalls\": [" ALLOW_CALL("clone", ", \"args\": [{\"index\": 0, \"value\": 2114060288, \"valueTwo\": 0, "
							       "\"op\": \"SCMP_CMP_MASKED_EQ\"}]") ", " NEWEST "]}",
	      0);
	assert_int_equal(ask(SYS_clone, CLONE_VM, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_clone, CLONE_VM | CLONE_NEWUSER, 0), ERRNO(EPERM));
}

static void several_arguments(void **state)
{
	(void)state;
	/* Of different arguments: all of them. */
	parse("{" DENY ", \"syscalls\": [" ALLOW_CALL("socket", ", \"args\": [{\"index\": 0, \"value\": 2, \"op\": \"SCMP_CMP_EQ\"}, "
								"{\"index\": 1, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]") ", " NEWEST "]}",
	      0);
	assert_int_equal(ask(SYS_socket, 2, 1), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_socket, 2, 3), ERRNO(EPERM));
	assert_int_equal(ask(SYS_socket, 3, 1), ERRNO(EPERM));
	/* Of the same one: any of them. */
	parse("{" DENY ", \"syscalls\": [" ALLOW_CALL("socket", ", \"args\": [{\"index\": 0, \"value\": 2, \"op\": \"SCMP_CMP_EQ\"}, "
								"{\"index\": 0, \"value\": 10, \"op\": \"SCMP_CMP_EQ\"}]") ", " NEWEST "]}",
	      0);
	assert_int_equal(ask(SYS_socket, 2, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_socket, 10, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_socket, 3, 0), ERRNO(EPERM));
}

static void conditions(void **state)
{
	static const struct {
		const char *condition;
		uint64_t caps;
		bool applies;
	} cases[] = {
		{"\"includes\": {}, \"excludes\": null", 0, true},
		{"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", 0, false},
		{"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", CAP(SYS_ADMIN), true},
		{"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_BPF\"]}", CAP(SYS_ADMIN), false},
		{"\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_BPF\"]}", CAP(SYS_ADMIN) | CAP(BPF), true},
		{"\"includes\": {\"caps\": [\"CAP_OF_TOMORROW\"]}", UINT64_MAX, false},
		{"\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", 0, true},
		{"\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_BPF\"]}", CAP(BPF), false},
		{"\"includes\": {\"arches\": [\"" GO_NATIVE "\"]}", 0, true},
		{"\"includes\": {\"arches\": [\"" GO_OTHER "\", \"s390x\"]}", 0, false},
		{"\"includes\": {\"arches\": [\"" GO_OTHER "\", \"" GO_NATIVE "\"]}", 0, true},
		{"\"excludes\": {\"arches\": [\"" GO_NATIVE "\"]}", 0, false},
		{"\"excludes\": {\"arches\": [\"" GO_OTHER "\"]}", 0, true},
		{"\"includes\": {\"minKernel\": \"4.8\"}", 0, true},
		{"\"includes\": {\"minKernel\": \"999.0\"}", 0, false},
		{"\"excludes\": {\"minKernel\": \"4.8\"}", 0, false},
		{"\"excludes\": {\"minKernel\": \"999.0\"}", 0, true},
		{"\"includes\": {\"minKernel\": \"4.8\", \"caps\": [\"CAP_BPF\"]}", 0, false},
	};
	char json[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(json, sizeof(json), "{" DENY ", \"syscalls\": [" ALLOW_CALL("getpid", ", %s") ", " NEWEST "]}",
			 cases[i].condition);
		parse(json, cases[i].caps);
		assert_int_equal(ask(SYS_getpid, 0, 0), cases[i].applies ? SECCOMP_RET_ALLOW : ERRNO(EPERM));
	}
}

static void architectures(void **state)
{
	static const char all[] = "\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\", \"SCMP_ARCH_AARCH64\", \"SCMP_ARCH_ARM\", "
				  "\"SCMP_ARCH_S390X\", \"SCMP_ARCH_X86\"";
	char json[1024];

	(void)state;
	parse("{" DENY ", \"syscalls\": [" ALLOW_CALL("getpid", "") ", " NEWEST "]}", 0);
	assert_int_equal(ask_second(SECOND_GETPID), ERRNO(ENOSYS));
	parse("{" DENY ", \"architectures\": [], \"archMap\": null, \"syscalls\": [" ALLOW_CALL("getpid", "") ", " NEWEST "]}", 0);
	assert_int_equal(ask_second(SECOND_GETPID), ERRNO(ENOSYS));
	snprintf(json, sizeof(json), "{" DENY ", \"architectures\": [%s], \"syscalls\": [" ALLOW_CALL("getpid", "") ", " NEWEST "]}", all);
	parse(json, 0);
	assert_int_equal(ask_second(SECOND_GETPID), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_getpid, 0, 0), SECCOMP_RET_ALLOW);
	/* x32 stays refused though the profile has it. */
	assert_int_equal(ask(0x40000000 | SYS_getpid, 0, 0) & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
	parse("{" DENY
	      ", \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]}, "
	      "{\"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": [\"SCMP_ARCH_ARM\"]}], "
	      "\"syscalls\": [" ALLOW_CALL("getpid", "") ", " NEWEST "]}",
	      0);
	assert_int_equal(ask_second(SECOND_GETPID), SECCOMP_RET_ALLOW);
}

static void flags(void **state)
{
	(void)state;
	parse("{" DENY "}", 0);
	assert_int_equal(program.flags, 0);
	parse("{" DENY ", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\", \"SECCOMP_FILTER_FLAG_SPEC_ALLOW\", \"SECCOMP_FILTER_FLAG_TSYNC\", "
	      "\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
	      0);
	assert_int_equal(program.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC);
}

/* --- what is wrong -----------------------------------------------------------------------------------------------------------------------
 */

/* Parsed in a worker, whose messages are this process's. */
static int refuse(const char *json, size_t len, char *said, size_t size)
{
	int saved, memory, err;

	seccomp_release(&program);
	memory = capture_begin(STDERR_FILENO, &saved);
	err = seccomp_parse(&program, json, len, "their.json", 0);
	capture_end(STDERR_FILENO, saved, memory, said, size);
	assert_null(program.filter);
	return err;
}

static void faults_are_named_with_their_place(void **state)
{
	static const struct {
		const char *json, *says;
		int err;
	} cases[] = {
		{"", "their.json: line 1, column 0", -EINVAL},
		{"{\n \"defaultAction\": }", "their.json: line 2, column", -EINVAL},
		{"{" DENY "} trailing", "line 1, column", -EINVAL},
		{"{" DENY ", " DENY "}", "duplicate", -EINVAL},
		{"[]", "not an object", -EINVAL},
		{"{}", "defaultAction is missing", -EINVAL},
		{"{\"defaultAction\": 3}", "defaultAction is not a string", -EINVAL},
		{"{\"defaultAction\": \"ALLOW\"}", "defaultAction is \"ALLOW\"", -EINVAL},
		{"{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "nobody", -ENOTSUP},
		{"{" DENY ", \"listenerPath\": \"/run/x\"}", "listenerPath", -ENOTSUP},
		{"{" DENY ", \"defaultErrnoRet\": 4095}", "defaultErrnoRet is not from 0 to 4094", -EINVAL},
		{"{" DENY ", \"defaultErrnoRet\": -1}", "defaultErrnoRet is not from 0 to 4094", -EINVAL},
		{"{" DENY ", \"defaultErrnoRet\": 1.5}", "defaultErrnoRet is not a whole number", -EINVAL},
		{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultErrnoRet\": 1}", "defaultErrnoRet with SCMP_ACT_ALLOW", -EINVAL},
		{"{" DENY ", \"architectures\": \"x\"}", "architectures is not a list", -EINVAL},
		{"{" DENY ", \"architectures\": [1]}", "architectures[0] is not a string", -EINVAL},
		{"{" DENY ", \"architectures\": [\"amd64\"]}", "\"amd64\" is no architecture", -EINVAL},
		{"{" DENY ", \"architectures\": [\"SCMP_ARCH_\\u001b[2J\"]}", "\"SCMP_ARCH_?[2J\" is no architecture", -EINVAL},
		{"{" DENY ", \"archMap\": [{}, 1]}", "archMap[1]: it is not an object", -EINVAL},
		{"{" DENY ", \"flags\": [\"X\"]}", "flags: \"X\" is no flag", -EINVAL},
		{"{" DENY ", \"syscalls\": {}}", "syscalls is not a list", -EINVAL},
		{"{" DENY ", \"syscalls\": [" NEWEST ", 1]}", "syscalls[1]: it is not an object", -EINVAL},
		{"{" DENY ", \"syscalls\": [{\"names\": [\"read\"]}]}", "syscalls[0]: action is missing", -EINVAL},
		{"{" DENY ", \"syscalls\": [{\"action\": \"SCMP_ACT_ALLOW\"}]}", "syscalls[0]: names is missing", -EINVAL},
		{"{" DENY ", \"syscalls\": [{\"names\": [], \"action\": \"SCMP_ACT_ALLOW\"}]}", "names is missing or empty", -EINVAL},
		{"{" DENY ", \"syscalls\": [{\"names\": [\"\"], \"action\": \"SCMP_ACT_ALLOW\"}]}", "a name is empty", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"errnoRet\": 1") "]}", "errnoRet with SCMP_ACT_ALLOW", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"args\": [1]") "]}", "args has something", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"args\": [{\"op\": \"SCMP_CMP_EQ\"}]") "]}", "index is missing",
		 -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"args\": [{\"index\": 6, \"op\": \"SCMP_CMP_EQ\"}]") "]}",
		 "index is not from 0 to 5", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"args\": [{\"index\": 0}]") "]}", "op is missing", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"args\": [{\"index\": 0, \"op\": \"==\"}]") "]}", "op is ==", -EINVAL},
		{"{" DENY
		 ", \"syscalls\": [" ALLOW_CALL("read", ", \"args\": [{\"index\": 0, \"value\": -1, \"op\": \"SCMP_CMP_EQ\"}]") "]}",
		 "value is not from 0", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"includes\": []") "]}", "includes is not an object", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"excludes\": {\"caps\": 1}") "]}", "caps is not a list", -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"includes\": {\"minKernel\": \"4\"}") "]}", "minKernel \"4\"",
		 -EINVAL},
		{"{" DENY ", \"syscalls\": [" ALLOW_CALL("read", ", \"includes\": {\"minKernel\": \"4.8x\"}") "]}", "minKernel", -EINVAL},
	};
	char said[1024];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(refuse(cases[i].json, strlen(cases[i].json), said, sizeof(said)), cases[i].err);
		if (!strstr(said, cases[i].says) || strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("\"%s\" is not in \"%s\"", cases[i].says, said);
	}
}

static void bounds(void **state)
{
	size_t len = SECCOMP_JSON_MAX + 1, at;
	char *json = malloc(len + 64), said[1024];

	(void)state;
	memset(json, ' ', len);
	assert_int_equal(refuse(json, len, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "1 MiB"));
	/* Deep. */
	memset(json, '[', len);
	assert_int_equal(refuse(json, SECCOMP_JSON_MAX, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "line 1"));
	/* Many rules: names that do not even exist. */
	at = (size_t)sprintf(json, "{" DENY ", \"syscalls\": [{\"action\": \"SCMP_ACT_ALLOW\", \"names\": [\"a\"");
	for (unsigned i = 0; i < SECCOMP_RULES_MAX; i++)
		at += (size_t)sprintf(json + at, ",\"b\"");
	at += (size_t)sprintf(json + at, "]}]}");
	assert_int_equal(refuse(json, at, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "rules"));
	/* More instructions than a kernel takes. */
	at = (size_t)sprintf(json, "{" DENY ", \"syscalls\": [");
	for (unsigned i = 0; i < 5000; i++)
		at += (size_t)sprintf(
			json + at,
			"%s{\"action\": \"SCMP_ACT_ALLOW\", \"names\": [\"read\"], \"args\": [{\"index\": 1, \"value\": %u, \"op\": "
			"\"SCMP_CMP_EQ\"}]}",
			i ? "," : "", i);
	at += (size_t)sprintf(json + at, "]}");
	assert_int_equal(refuse(json, at, said, sizeof(said)), -E2BIG);
	assert_non_null(strstr(said, "instructions"));
	free(json);
}

static void files(void **state)
{
	char said[1024];
	int saved, memory;

	(void)state;
	memory = capture_begin(STDERR_FILENO, &saved);
	assert_int_equal(seccomp_load(&program, "/does/not/exist.json", 0), -ENOENT);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_non_null(strstr(said, "/does/not/exist.json"));
	assert_null(program.filter);
	memory = capture_begin(STDERR_FILENO, &saved);
	assert_int_equal(seccomp_load(&program, "/dev/zero", 0), -EFBIG);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_non_null(strstr(said, "1 MiB"));
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("XDG_CACHE_HOME");
	return unsetenv("HOME");
}

static int tear_down(void **state)
{
	(void)state;
	seccomp_release(&program);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_actions),
		cmocka_unit_test(defaults),
		cmocka_unit_test(what_is_newer_than_the_profile),
		cmocka_unit_test(unknown_names_are_passed_over),
		cmocka_unit_test(arguments),
		cmocka_unit_test(several_arguments),
		cmocka_unit_test(conditions),
		cmocka_unit_test(architectures),
		cmocka_unit_test(flags),
		cmocka_unit_test(faults_are_named_with_their_place),
		cmocka_unit_test(bounds),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
