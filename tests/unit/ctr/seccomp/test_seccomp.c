// SPDX-License-Identifier: Apache-2.0
/*
 * ctr/seccomp/seccomp.c, seccomp_list.c, seccomp_compile.c: what the default list allows. Some calls are really made, each in a child of its own,
 * since a filter can't be taken off again; for the others the program is asked.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/caps.h"
#include "ctr/seccomp/seccomp.h"
#include "ctr/seccomp/seccomp_impl.h"
#include "tests/fakes/bpf_run.h"

#ifdef __x86_64__
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#define ARCH_SECOND AUDIT_ARCH_I386
/* socket is called by its own number and through socketcall */
#define SECOND_SOCKET 359
#define SECOND_MOUNT 21
#define SECOND_GETPID 20
#define SECOND_PERSONALITY 136
#define ARCH_FOREIGN AUDIT_ARCH_AARCH64
#else
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#define ARCH_SECOND AUDIT_ARCH_ARM
#define SECOND_SOCKET 281
#define SECOND_MOUNT 21
#define SECOND_GETPID 20
#define SECOND_PERSONALITY 136
#define ARCH_FOREIGN AUDIT_ARCH_X86_64
#endif

#define UNKNOWN_CALL 5000
#define ERRNO(number) (SECCOMP_RET_ERRNO | (number))
#define CAP(name) (1ull << CAP_##name)

static struct seccomp_program program; /* the default one */
static int *shared_errno;
static pid_t parent;

/* --- calls that are really made: 0 when they work, or an errno -------------------------------------------------------------------- */

static int failed(long result)
{
	return result < 0 ? errno : 0;
}

static int do_pipe(void)
{
	int fd[2];
	char c = 0;

	return failed(pipe(fd)) || failed(write(fd[1], "x", 1)) || failed(read(fd[0], &c, 1)) || c != 'x';
}

static int do_fork_and_exec(void)
{
	char *argv[] = {(char *)"true", NULL}, *envp[] = {NULL};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execve("/bin/true", argv, envp);
		_exit(99);
	}
	return failed(pid) || failed(waitpid(pid, &status, 0)) || status;
}

static void *in_thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

/* glibc tries clone3 first. */
static int do_thread(void)
{
	pthread_t thread;
	int ran = 0;

	return pthread_create(&thread, NULL, in_thread, &ran) || pthread_join(thread, NULL) || !ran;
}

static int do_mount(void)
{
	return failed(syscall(SYS_mount, NULL, NULL, NULL, 0ul, NULL));
}

static int do_ptrace_parent(void)
{
	return failed(syscall(SYS_ptrace, PTRACE_SEIZE, parent, 0, 0));
}

static int do_ptrace_attach(void)
{
	return failed(syscall(SYS_ptrace, PTRACE_ATTACH, parent, 0, 0));
}

static int do_trace_me(void)
{
	return failed(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
}

static int do_keyctl(void)
{
	return failed(syscall(SYS_keyctl, 0, -3, 0)); /* KEYCTL_GET_KEYRING_ID, of the session */
}

static int do_bpf(void)
{
	return failed(syscall(SYS_bpf, BPF_MAP_CREATE, NULL, 0));
}

static int do_kexec(void)
{
	return failed(syscall(SYS_kexec_load, 0ul, 1ul, NULL, 0xfffffffful));
}

/* Without the magic numbers: nothing would happen. */
static int do_reboot(void)
{
	return failed(syscall(SYS_reboot, 0, 0, 0, NULL));
}

static int do_init_module(void)
{
	return failed(syscall(SYS_init_module, NULL, 0ul, ""));
}

static int do_unshare(void)
{
	return failed(unshare(CLONE_NEWUSER));
}

static int do_clone_user(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0ul);

	if (pid == 0)
		_exit(0);
	return failed(pid);
}

static int do_clone3(void)
{
	return failed(syscall(SYS_clone3, NULL, 0ul));
}

static int do_unknown(void)
{
	return failed(syscall(UNKNOWN_CALL));
}

static int do_umount(void)
{
	return failed(umount2("/does-not-exist", MNT_DETACH));
}

static int do_chroot(void)
{
	return failed(chroot("/does-not-exist"));
}

/* What the call gives under the filter; -1 when a signal came of it. */
static int try(const struct seccomp_program *under, int (*call)(void))
{
	const struct sock_fprog fprog = {.len = (unsigned short)under->count, .filter = under->filter};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		*shared_errno = -2;
		if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, under->flags, &fprog))
			*shared_errno = call();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? *shared_errno : -1;
}

static void ordinary_work_goes_on(void **state)
{
	(void)state;
	assert_int_equal(try(&program, do_pipe), 0);
	assert_int_equal(try(&program, do_fork_and_exec), 0);
	assert_int_equal(try(&program, do_thread), 0);
	assert_int_equal(try(&program, do_trace_me), 0);
	assert_int_equal(try(&program, do_chroot), ENOENT);
}

static void what_is_refused_answers_eperm(void **state)
{
	static int (*const calls[])(void) = {
		do_mount, do_umount, do_ptrace_parent, do_ptrace_attach, do_keyctl,     do_bpf,
		do_kexec, do_reboot, do_init_module,   do_unshare,       do_clone_user,
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		assert_int_equal(try(&program, calls[i]), EPERM);
}

static void what_is_unknown_answers_enosys(void **state)
{
	(void)state;
	assert_int_equal(try(&program, do_unknown), ENOSYS);
	assert_int_equal(try(&program, do_clone3), ENOSYS);
}

static void a_capability_brings_its_calls(void **state)
{
	struct seccomp_program admin;
	int err;

	(void)state;
	assert_int_equal(seccomp_default(&admin, caps_default() | CAP(SYS_ADMIN)), 0);
	err = try(&admin, do_mount);
	assert_true(err == EFAULT || err == EINVAL);
	assert_int_equal(try(&admin, do_umount), ENOENT);
	assert_int_equal(try(&admin, do_clone3), EINVAL);
	assert_int_equal(try(&admin, do_unknown), ENOSYS);
	assert_int_equal(try(&admin, do_keyctl), EPERM);
	seccomp_release(&admin);
}

/* --- the program, asked -----------------------------------------------------------------------------------------------------------------
 */

static uint32_t ask(const struct seccomp_program *p, uint32_t arch, uint32_t number, uint64_t first, uint64_t second)
{
	const struct seccomp_data call = {.nr = (int)number, .arch = arch, .args = {first, second}};

	return bpf_run(p->filter, p->count, &call);
}

static uint32_t asked(long number, uint64_t first)
{
	return ask(&program, ARCH_NATIVE, (uint32_t)number, first, 0);
}

static void numbers_up_to_the_newest_and_beyond(void **state)
{
	(void)state;
	assert_int_equal(asked(SYS_read, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(asked(SYS_openat2, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(asked(SYS_io_uring_setup, 0), ERRNO(EPERM));
	assert_int_equal(asked(SYS_userfaultfd, 0), ERRNO(EPERM));
	assert_int_equal(asked(SYS_pivot_root, 0), ERRNO(EPERM));
	assert_int_equal(asked(SYS_add_key, 0), ERRNO(EPERM));
	for (uint32_t n = 600; n < 0xf0000; n += 777)
		assert_int_equal(asked(n, 0), ERRNO(ENOSYS));
	/* Never allowed, whatever the number. */
	for (uint32_t bit = 9; bit < 32; bit++)
		assert_int_not_equal(asked(1u << bit | SYS_read, 0), SECCOMP_RET_ALLOW);
	assert_int_not_equal(asked(UINT32_MAX, 0), SECCOMP_RET_ALLOW);
}

static void socket_families(void **state)
{
	(void)state;
	for (unsigned family = 0; family < 46; family++) {
		uint32_t expect = family == 38 || family == 40 ? ERRNO(EPERM) : SECCOMP_RET_ALLOW;
		assert_int_equal(asked(SYS_socket, family), expect);
		/* The kernel does not look at the upper half. */
		assert_int_equal(asked(SYS_socket, 0xffffffff00000000 | family), expect);
		assert_int_equal(ask(&program, ARCH_SECOND, SECOND_SOCKET, family, 0), expect);
	}
	assert_int_equal(asked(SYS_socket, 46), ERRNO(EPERM));
	assert_int_equal(asked(SYS_socket, 0xffffffff), ERRNO(EPERM));
}

static void personalities(void **state)
{
	static const uint32_t good[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
	static const uint32_t bad[] = {1, 0x40000, 0x100000, 0x400000, 0x20009, 0x60000, 0xfffffffe};

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(asked(SYS_personality, good[i]), SECCOMP_RET_ALLOW);
		assert_int_equal(ask(&program, ARCH_SECOND, SECOND_PERSONALITY, good[i], 0), SECCOMP_RET_ALLOW);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(asked(SYS_personality, bad[i]), ERRNO(EPERM));
		assert_int_equal(asked(SYS_personality, 0x100000000 | bad[i]), ERRNO(EPERM));
	}
}

static void debuggers(void **state)
{
	static const unsigned used[] = {PTRACE_TRACEME, PTRACE_PEEKDATA,   PTRACE_CONT,        PTRACE_SINGLESTEP, PTRACE_DETACH,
					PTRACE_SYSCALL, PTRACE_SETOPTIONS, PTRACE_GETEVENTMSG, PTRACE_GETREGSET,  PTRACE_INTERRUPT,
					0x420e};
	struct seccomp_program tracer;

	(void)state;
	for (unsigned i = 0; i < sizeof(used) / sizeof(*used); i++)
		assert_int_equal(asked(SYS_ptrace, used[i]), SECCOMP_RET_ALLOW);
	assert_int_equal(asked(SYS_ptrace, PTRACE_ATTACH), ERRNO(EPERM));
	assert_int_equal(asked(SYS_ptrace, PTRACE_SEIZE), ERRNO(EPERM));
	assert_int_equal(seccomp_default(&tracer, CAP(SYS_PTRACE)), 0);
	assert_int_equal(ask(&tracer, ARCH_NATIVE, SYS_ptrace, PTRACE_ATTACH, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&tracer, ARCH_NATIVE, SYS_process_vm_readv, 0, 0), SECCOMP_RET_ALLOW);
	seccomp_release(&tracer);
}

static void clones_without_namespaces(void **state)
{
	static const uint64_t namespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
					      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
	struct seccomp_program admin;

	(void)state;
	assert_int_equal(asked(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND), SECCOMP_RET_ALLOW);
	assert_int_equal(asked(SYS_clone, SIGCHLD), SECCOMP_RET_ALLOW);
	for (unsigned i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++) {
		assert_int_equal(asked(SYS_clone, namespaces[i] | SIGCHLD), ERRNO(EPERM));
		assert_int_equal(ask(&program, ARCH_SECOND, 120, namespaces[i], 0), ERRNO(EPERM));
	}
	assert_int_equal(seccomp_default(&admin, CAP(SYS_ADMIN)), 0);
	assert_int_equal(ask(&admin, ARCH_NATIVE, SYS_clone, CLONE_NEWUSER, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&admin, ARCH_NATIVE, SYS_clone3, 0, 0), SECCOMP_RET_ALLOW);
	seccomp_release(&admin);
}

static void other_architectures(void **state)
{
	(void)state;
	assert_int_equal(ask(&program, ARCH_SECOND, SECOND_GETPID, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&program, ARCH_SECOND, SECOND_MOUNT, 0, 0), ERRNO(EPERM));
	assert_int_equal(ask(&program, ARCH_SECOND, SYS_clone3, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(ask(&program, ARCH_SECOND, UNKNOWN_CALL, 0, 0), ERRNO(ENOSYS));
	for (uint32_t n = 0; n < 500; n++) {
		/* x32 has x86_64's token and this bit; nobody else has it. */
		assert_int_equal(asked(0x40000000 | n, 0) & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
		assert_int_equal(ask(&program, ARCH_FOREIGN, n, 0, 0), ERRNO(ENOSYS));
		assert_int_equal(ask(&program, AUDIT_ARCH_S390X, n, 0, 0), ERRNO(ENOSYS));
	}
#ifdef __x86_64__
	assert_int_equal(asked(0x40000000 | SYS_getpid, 0), ERRNO(ENOSYS));
	assert_int_equal(ask(&program, ARCH_SECOND, 102, 1, 0), SECCOMP_RET_ALLOW); /* socketcall */
#else
	assert_int_equal(ask(&program, ARCH_SECOND, 0xf0005, 0, 0), SECCOMP_RET_ALLOW); /* set_tls */
#endif
}

static void each_capability(void **state)
{
	static const struct {
		uint64_t cap;
		long number;
	} cases[] = {
		{CAP(SYS_ADMIN), SYS_mount},         {CAP(SYS_ADMIN), SYS_umount2},       {CAP(SYS_ADMIN), SYS_unshare},
		{CAP(SYS_ADMIN), SYS_setns},         {CAP(SYS_ADMIN), SYS_pivot_root},    {CAP(SYS_ADMIN), SYS_fsopen},
		{CAP(SYS_ADMIN), SYS_sethostname},   {CAP(SYS_ADMIN), SYS_bpf},           {CAP(BPF), SYS_bpf},
		{CAP(PERFMON), SYS_perf_event_open}, {CAP(SYSLOG), SYS_syslog},           {CAP(DAC_READ_SEARCH), SYS_open_by_handle_at},
		{CAP(SYS_CHROOT), SYS_chroot},       {CAP(SYS_MODULE), SYS_finit_module}, {CAP(SYS_MODULE), SYS_delete_module},
		{CAP(SYS_BOOT), SYS_reboot},         {CAP(SYS_PACCT), SYS_acct},          {CAP(SYS_PTRACE), SYS_kcmp},
		{CAP(SYS_PTRACE), SYS_pidfd_getfd},  {CAP(SYS_TIME), SYS_clock_settime},  {CAP(SYS_TTY_CONFIG), SYS_vhangup},
		{CAP(SYS_NICE), SYS_mbind},
	};
	struct seccomp_program none, one;

	(void)state;
	assert_int_equal(seccomp_default(&none, 0), 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t number = (uint32_t)cases[i].number;
		assert_int_equal(ask(&none, ARCH_NATIVE, number, 0, 0), ERRNO(EPERM));
		assert_int_equal(seccomp_default(&one, cases[i].cap), 0);
		assert_int_equal(ask(&one, ARCH_NATIVE, number, 0, 0), SECCOMP_RET_ALLOW);
		seccomp_release(&one);
	}
	seccomp_release(&none);
}

/* Not even with all capabilities. */
static void what_nobody_may(void **state)
{
	static const long never[] = {SYS_add_key, SYS_keyctl,     SYS_request_key, SYS_kexec_load,     SYS_userfaultfd,   SYS_swapon,
				     SYS_swapoff, SYS_nfsservctl, SYS_move_pages,  SYS_io_uring_setup, SYS_io_uring_enter};
	struct seccomp_program all;

	(void)state;
	assert_int_equal(seccomp_default(&all, UINT64_MAX), 0);
	for (unsigned i = 0; i < sizeof(never) / sizeof(*never); i++)
		assert_int_equal(ask(&all, ARCH_NATIVE, (uint32_t)never[i], 0, 0), ERRNO(EPERM));
	seccomp_release(&all);
}

/* A name that is too long or written twice with the same condition is a slip of the list's. */
static void the_list_itself(void **state)
{
	struct seccomp_policy policy;

	(void)state;
	assert_int_equal(seccomp_list_policy(&policy, 0), 0);
	assert_true(policy.count > 350);
	for (size_t i = 0; i < policy.count; i++) {
		const struct seccomp_rule *rule = &policy.rule[i];
		assert_true(rule->name[0]);
		assert_int_equal(strspn(rule->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(rule->name));
		for (size_t j = 0; j < i && !rule->named_only; j++) {
			const struct seccomp_rule *other = &policy.rule[j];
			if (!other->named_only && !strcmp(rule->name, other->name))
				assert_true(rule->arg_count && other->arg_count && memcmp(rule->arg, other->arg, sizeof(*rule->arg)));
		}
	}
	seccomp_policy_release(&policy);
}

static void a_release_of_anything(void **state)
{
	struct seccomp_program empty = {0};

	(void)state;
	seccomp_release(&empty);
	seccomp_release(&empty);
	assert_null(empty.filter);
}

static int set_up(void **state)
{
	(void)state;
	/* Without a cache: its tests are in test_seccomp_cache.c. */
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	parent = getpid();
	shared_errno = mmap(NULL, sizeof(*shared_errno), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared_errno == MAP_FAILED || seccomp_default(&program, caps_default());
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
		cmocka_unit_test(ordinary_work_goes_on),
		cmocka_unit_test(what_is_refused_answers_eperm),
		cmocka_unit_test(what_is_unknown_answers_enosys),
		cmocka_unit_test(a_capability_brings_its_calls),
		cmocka_unit_test(numbers_up_to_the_newest_and_beyond),
		cmocka_unit_test(socket_families),
		cmocka_unit_test(personalities),
		cmocka_unit_test(debuggers),
		cmocka_unit_test(clones_without_namespaces),
		cmocka_unit_test(other_architectures),
		cmocka_unit_test(each_capability),
		cmocka_unit_test(what_nobody_may),
		cmocka_unit_test(the_list_itself),
		cmocka_unit_test(a_release_of_anything),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
