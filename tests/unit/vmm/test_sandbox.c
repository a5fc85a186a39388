// SPDX-License-Identifier: Apache-2.0
/*
 * vmm/sandbox.c: what a thread may do under its list, and what becomes of a thread that does more. A list can't be taken off again, so
 * each call is tried in a child of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/capture.h"
#include "vmm/sandbox.h"
#include "vmm/util/terminal.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define SANITIZER "thread"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZER "address"
#elif __has_feature(thread_sanitizer)
#define SANITIZER "thread"
#endif
#endif
#ifndef SANITIZER
#define SANITIZER ""
#endif

/* --- calls: 0 when they work ------------------------------------------------------------------------------------------ */

static int null_fd, pipe_fd[2], epoll_fd;
static pid_t parent;

static int failed(long result)
{
	return result < 0 ? errno : 0;
}

static int do_write(void)
{
	return failed(write(pipe_fd[1], "x", 1));
}

static int do_clock(void)
{
	struct timespec now;

	return failed(clock_gettime(CLOCK_MONOTONIC, &now)) || failed(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
}

/* Small, big, bigger and given back: heap, brk, mmap, mremap, munmap, madvise. */
static int do_malloc(void)
{
	char *p = NULL;

	for (size_t bytes = 16; bytes < 64 << 20; bytes *= 4) {
		char *q = realloc(p, bytes);
		if (!q)
			return ENOMEM;
		p = q;
		memset(p, 1, bytes);
	}
	free(p);
	return 0;
}

static int do_kick(void)
{
	return failed(syscall(SYS_tgkill, getpid(), gettid(), 0));
}

static int do_log(void)
{
	log_error("a message: %s", strerror(EIO));
	return 0;
}

static int do_epoll_wait(void)
{
	struct epoll_event event;

	return failed(epoll_wait(epoll_fd, &event, 1, 0));
}

static int do_poll(void)
{
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };

	return failed(poll(&p, 1, 0));
}

static int do_pread(void)
{
	char c;

	return failed(pread(null_fd, &c, 1, 0));
}

/* The file is /dev/null, so that it fails, but is not refused. */
static int do_fallocate(void)
{
	return fallocate(null_fd, 0, 0, 1) && errno != ENODEV ? errno : 0;
}

static int do_window_size(void)
{
	struct winsize size;

	return ioctl(null_fd, TIOCGWINSZ, &size) && errno != ENOTTY ? errno : 0;
}

/* Not standard input's, which is the one terminal that is ours to restore. */
static int do_tcgets(void)
{
	struct termios t;

	return ioctl(null_fd, TCGETS, &t) && errno != ENOTTY ? errno : 0;
}

static int do_kvm_run(void)
{
	return ioctl(null_fd, KVM_RUN, 0) && errno != ENOTTY ? errno : 0;
}

static int do_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in nowhere = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9) };

	if (fd < 0 || connect(fd, (const struct sockaddr *)&nowhere, sizeof(nowhere)))
		return errno;
	close(fd);
	return 0;
}

/* Ports are taken at the start, from the command line, and never later. */
static int do_take_port(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };

	return failed(bind(pipe_fd[0], (const struct sockaddr *)&any, sizeof(any)));
}

static int do_open_to_read(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	close(fd);
	return failed(fd);
}

static int do_open_to_write(void)
{
	return failed(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static int do_create(void)
{
	return failed(open("/dev/null", O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int do_execve(void)
{
	char *argv[] = { "true", NULL };

	return failed(execv("/bin/true", argv));
}

static int do_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	return failed(pid);
}

static int do_kill_parent(void)
{
	return failed(kill(parent, 0));
}

static int do_tgkill_parent(void)
{
	return failed(syscall(SYS_tgkill, parent, parent, 0));
}

static int do_mmap_exec(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int do_mprotect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 0 : failed(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int do_type_into_terminal(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x") ? errno : 0;
}

static int do_ring_setup(void)
{
	return failed(syscall(SYS_io_uring_setup, 1, NULL));
}

static int do_memfd(void)
{
	return failed(memfd_create("x", 0));
}

static int do_unlink(void)
{
	return failed(unlink("/nonexistent/file"));
}

static int do_prctl(void)
{
	return failed(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int do_setuid(void)
{
	return failed(setuid(getuid()));
}

static int do_ptrace(void)
{
	return failed(syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, parent, 0, 0));
}

static int do_read_process(void)
{
	return failed(syscall(SYS_process_vm_readv, parent, NULL, 0, NULL, 0, 0));
}

static int do_mount(void)
{
	return failed(syscall(SYS_mount, "x", "/nonexistent", "tmpfs", 0, NULL));
}

static void *nothing(void *arg)
{
	return arg;
}

static int do_thread(void)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	return err ? err : pthread_join(thread, NULL);
}

/* --- trying them ------------------------------------------------------------------------------------------------------ */

struct machine_kind {
	bool disk, user_network;
	enum config_sandbox mode;
};

static const struct machine_kind plain = { 0 }, with_disk = { .disk = true }, with_network = { .user_network = true };

struct outcome {
	int status; /* as waitpid() gives it */
	char said[4096];
};

/* What a machine does between its sandbox being ready and its threads entering it. */
static int (*before_entering)(void);

static int enter(const struct machine_kind *kind, enum sandbox_thread thread)
{
	struct config *config = calloc(1, sizeof(*config));
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox)); /* for as long as the child lives */

	config->sandbox = kind->mode;
	config->disk_count = kind->disk;
	config->net_count = kind->user_network;
	config->net[0].netdev.kind = NETDEV_USER;
	if (sandbox_init(sandbox, config) || sandbox_ready(sandbox) || (before_entering && before_entering()))
		return -1;
	return sandbox_enter(sandbox, thread);
}

#define CHILD_NO_SANDBOX 99

/* The child ends with the call's own errno, or by what the sandbox does with it. */
static void try(struct outcome *o, const struct machine_kind *kind, enum sandbox_thread thread, int (*call)(void))
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	pid_t pid = fork();

	if (!pid) {
		/* Of a hung child nothing would be left behind but its parent's patience. */
		alarm(60);
		if (enter(kind, thread))
			_exit(CHILD_NO_SANDBOX);
		_exit(call());
	}
	assert_int_equal(waitpid(pid, &o->status, 0), pid);
	capture_end(STDERR_FILENO, saved, memory, o->said, sizeof(o->said));
	if (WIFEXITED(o->status) && WEXITSTATUS(o->status) == CHILD_NO_SANDBOX)
		fail_msg("no sandbox: %s", o->said);
}

struct call {
	const char *name;
	int (*call)(void);
};

#define CALL(name) { #name, do_##name }

static void all_allowed(const struct machine_kind *kind, enum sandbox_thread thread, const struct call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct outcome o;
		try(&o, kind, thread, calls[i].call);
		if (!WIFEXITED(o.status) || WEXITSTATUS(o.status))
			fail_msg("%s: status 0x%x: %s", calls[i].name, o.status, o.said);
	}
}

static void all_refused(const struct machine_kind *kind, enum sandbox_thread thread, const struct call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct outcome o;
		try(&o, kind, thread, calls[i].call);
		if (!WIFEXITED(o.status) || WEXITSTATUS(o.status) != EXIT_GUEST_FAULT)
			fail_msg("%s: status 0x%x: %s", calls[i].name, o.status, o.said);
		assert_non_null(strstr(o.said, "the sandbox stopped a thread at system call "));
	}
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* --- the tests -------------------------------------------------------------------------------------------------------- */

static void what_every_thread_may(void **state)
{
	static const struct call calls[] = { CALL(write), CALL(clock), CALL(malloc), CALL(kick), CALL(log), CALL(poll) };

	(void)state;
	for (int thread = 0; thread < SANDBOX_THREADS; thread++)
		all_allowed(&with_disk, (enum sandbox_thread)thread, calls, COUNT(calls));
}

static void what_no_thread_may(void **state)
{
	static const struct machine_kind everything = { .disk = true, .user_network = true };
	static const struct call calls[] = {
		CALL(execve), CALL(fork), CALL(kill_parent), CALL(tgkill_parent), CALL(mmap_exec), CALL(mprotect_exec),
		CALL(open_to_write), CALL(create), CALL(unlink), CALL(type_into_terminal), CALL(ring_setup), CALL(memfd),
		CALL(prctl), CALL(setuid), CALL(ptrace), CALL(read_process), CALL(mount),
		CALL(take_port),
	};

	(void)state;
	for (int thread = 0; thread < SANDBOX_THREADS; thread++)
		all_refused(&everything, (enum sandbox_thread)thread, calls, COUNT(calls));
}

static void the_main_thread(void **state)
{
	static const struct call may[] = { CALL(epoll_wait), CALL(pread), CALL(window_size) };
	static const struct call may_not[] = { CALL(socket), CALL(open_to_read), CALL(kvm_run), CALL(fallocate), CALL(tcgets) };

	(void)state;
	all_allowed(&with_disk, SANDBOX_MAIN, may, COUNT(may));
	all_refused(&with_disk, SANDBOX_MAIN, may_not, COUNT(may_not));
}

static void the_main_thread_with_a_user_network(void **state)
{
	static const struct call may[] = { CALL(socket), CALL(open_to_read) };

	(void)state;
	all_allowed(&with_network, SANDBOX_MAIN, may, COUNT(may));
	/* It is the main thread's alone. */
	all_refused(&with_network, SANDBOX_VCPU, may, COUNT(may));
	all_refused(&with_network, SANDBOX_DISK, may, COUNT(may));
}

static void a_vcpu(void **state)
{
	static const struct call may[] = { CALL(kvm_run) };
	static const struct call disk_io[] = { CALL(pread), CALL(fallocate) };
	static const struct call may_not[] = { CALL(epoll_wait), CALL(tcgets), CALL(socket), CALL(open_to_read) };

	(void)state;
	all_allowed(&plain, SANDBOX_VCPU, may, COUNT(may));
	all_refused(&with_disk, SANDBOX_VCPU, may_not, COUNT(may_not));
	/* A vCPU that resets a disk finishes its requests; without a disk there are none. */
	all_allowed(&with_disk, SANDBOX_VCPU, disk_io, COUNT(disk_io));
	all_refused(&plain, SANDBOX_VCPU, disk_io, COUNT(disk_io));
}

static void a_disk(void **state)
{
	static const struct call may[] = { CALL(epoll_wait), CALL(pread), CALL(fallocate) };
	static const struct call may_not[] = { CALL(kvm_run), CALL(tcgets), CALL(socket), CALL(open_to_read) };

	(void)state;
	all_allowed(&with_disk, SANDBOX_DISK, may, COUNT(may));
	all_refused(&with_disk, SANDBOX_DISK, may_not, COUNT(may_not));
}

/* Where there is no io_uring, the disk's requests go to threads, which are made when the first comes. */
static void threads_for_disks_alone(void **state)
{
	static const struct call thread[] = { CALL(thread) };
	struct outcome o;

	(void)state;
	if (*SANITIZER) {
		print_message("skip: a sanitizer's own system calls for a new thread are refused\n");
		skip();
	}
	all_allowed(&with_disk, SANDBOX_DISK, thread, 1);
	all_allowed(&with_disk, SANDBOX_VCPU, thread, 1);
	/* The C library makes a thread with all signals blocked: no message then, but an end all the same. */
	try(&o, &with_disk, SANDBOX_MAIN, do_thread);
	assert_true(WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGSYS);
	try(&o, &plain, SANDBOX_VCPU, do_thread);
	assert_true(WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGSYS);
}

static int unlinks_without_signals(void)
{
	sigset_t before;

	block_signals(&before);
	return do_unlink();
}

/* A disk's threads leave signals to the main thread, but not those by which a refused call and a fault are told. */
static void a_refused_call_with_signals_blocked(void **state)
{
	static const struct call calls[] = { { "unlink", unlinks_without_signals } };

	(void)state;
	all_refused(&with_disk, SANDBOX_DISK, calls, 1);
}

#define MANY_THREADS 40

static struct sandbox shared_sandbox;
static pthread_barrier_t all_entered;

static void *enters_and_allocates(void *arg)
{
	if (sandbox_enter(&shared_sandbox, SANDBOX_VCPU))
		_exit(CHILD_NO_SANDBOX);
	pthread_barrier_wait(&all_entered);
	for (unsigned i = 0; i < 100; i++)
		free(memset(malloc(1000 * i + 10), 1, 10));
	/* None leaves its arena to another. */
	pthread_barrier_wait(&all_entered);
	return arg;
}

static int many_threads(void)
{
	static struct config config;
	pthread_t thread[MANY_THREADS];
	void *result;

	if (sandbox_init(&shared_sandbox, &config) || sandbox_ready(&shared_sandbox))
		return CHILD_NO_SANDBOX;
	pthread_barrier_init(&all_entered, NULL, MANY_THREADS);
	for (unsigned i = 0; i < MANY_THREADS; i++) {
		if (pthread_create(&thread[i], NULL, enters_and_allocates, NULL))
			return CHILD_NO_SANDBOX;
	}
	for (unsigned i = 0; i < MANY_THREADS; i++)
		pthread_join(thread[i], &result);
	return 0;
}

/* An allocator that wants arenas for many threads asks how many processors there are: a file to read, or a call of no list. */
static void many_threads_that_allocate(void **state)
{
	static const struct machine_kind off = { .mode = SANDBOX_OFF };
	struct outcome o;

	(void)state;
	if (*SANITIZER) {
		print_message("skip: a sanitizer's own system calls for a new thread are refused\n");
		skip();
	}
	try(&o, &off, SANDBOX_VCPU, many_threads);
	if (!WIFEXITED(o.status) || WEXITSTATUS(o.status))
		fail_msg("status 0x%x: %s", o.status, o.said);
}

static int do_abort(void)
{
	struct sigaction plainly = { .sa_handler = SIG_DFL };

	sigaction(SIGABRT, &plainly, NULL);
	abort();
}

/* A fault of our own still ends us as itself. */
static void a_fatal_signal(void **state)
{
	struct outcome o;

	(void)state;
	for (int thread = 0; thread < SANDBOX_THREADS; thread++) {
		try(&o, &plain, (enum sandbox_thread)thread, do_abort);
		assert_true(WIFSIGNALED(o.status));
		assert_int_equal(WTERMSIG(o.status), SIGABRT);
	}
}

static int terminal_fd; /* the child's standard input */

static int on_raw_terminal(void)
{
	dup2(terminal_fd, STDIN_FILENO);
	return terminal_raw();
}

static int raises_segv(void)
{
	raise(SIGSEGV);
	return 0;
}

/* Whichever thread it is that must end, and for whichever reason: the user gets the terminal back as it was. */
static void the_terminal_is_restored(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios before, after;

	(void)state;
	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	terminal_fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(tcgetattr(terminal_fd, &before), 0);
	for (int thread = 0; thread < SANDBOX_THREADS; thread++) {
		struct outcome o;
		before_entering = on_raw_terminal;
		try(&o, &with_disk, (enum sandbox_thread)thread, do_unlink);
		assert_true(WIFEXITED(o.status));
		assert_int_equal(WEXITSTATUS(o.status), EXIT_GUEST_FAULT);
		assert_non_null(strstr(o.said, "the sandbox stopped a thread"));
		assert_int_equal(tcgetattr(terminal_fd, &after), 0);
		assert_int_equal(after.c_lflag, before.c_lflag);
		assert_int_equal(after.c_oflag, before.c_oflag);
		try(&o, &with_disk, (enum sandbox_thread)thread, raises_segv);
		assert_true(WIFSIGNALED(o.status));
		assert_int_equal(WTERMSIG(o.status), SIGSEGV);
		assert_int_equal(tcgetattr(terminal_fd, &after), 0);
		assert_int_equal(after.c_lflag, before.c_lflag);
	}
	before_entering = NULL;
	close(terminal_fd);
	close(master);
}

static int do_no_new_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

/* The call's number is in the message, for whoever reports it. */
static void the_message(void **state)
{
	struct outcome o;
	char number[32];

	(void)state;
	try(&o, &plain, SANDBOX_MAIN, do_ring_setup);
	snprintf(number, sizeof(number), "system call %d,", SYS_io_uring_setup);
	assert_non_null(strstr(o.said, number));
	assert_ptr_equal(strchr(o.said, '\n'), o.said + strlen(o.said) - 1);
}

static int do_forbidden_things(void)
{
	int err = do_socket();

	if (!err)
		err = do_memfd();
	if (!err)
		err = do_open_to_write();
	return err ? err : do_no_new_privs() != 1;
}

static void log_mode_refuses_nothing(void **state)
{
	static const struct machine_kind log = { .mode = SANDBOX_LOG };
	struct outcome o;

	(void)state;
	for (int thread = 0; thread < SANDBOX_THREADS; thread++) {
		try(&o, &log, (enum sandbox_thread)thread, do_forbidden_things);
		assert_int_equal(o.status, 0);
	}
}

static void off_does_nothing(void **state)
{
	static const struct machine_kind off = { .mode = SANDBOX_OFF };
	struct outcome o;

	(void)state;
	try(&o, &off, SANDBOX_MAIN, do_open_to_write);
	assert_int_equal(o.status, 0);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		return; /* not ours to give back */
	try(&o, &off, SANDBOX_MAIN, do_no_new_privs);
	assert_int_equal(o.status, 0);
}

/* A machine that was never built is taken down by the same calls. */
static void a_release_of_anything(void **state)
{
	struct config config = { 0 };
	struct sandbox sandbox = { 0 };

	(void)state;
	sandbox_release(&sandbox);
	assert_int_not_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
	assert_int_equal(sandbox_init(&sandbox, &config), 0);
	sandbox_release(&sandbox);
	assert_int_equal(sandbox.worker.pid, 0);
	sandbox_release(&sandbox);
}

static int set_up(void **state)
{
	(void)state;
	parent = getpid();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return null_fd < 0 || epoll_fd < 0 || pipe(pipe_fd);
}

int main(void)
{
	/* The address sanitizer makes system calls at a process's end, which are refused as any others. */
	const struct CMUnitTest without_lists[] = {
		cmocka_unit_test(log_mode_refuses_nothing),
		cmocka_unit_test(off_does_nothing),
		cmocka_unit_test(a_release_of_anything),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_every_thread_may),
		cmocka_unit_test(what_no_thread_may),
		cmocka_unit_test(the_main_thread),
		cmocka_unit_test(the_main_thread_with_a_user_network),
		cmocka_unit_test(a_vcpu),
		cmocka_unit_test(a_disk),
		cmocka_unit_test(threads_for_disks_alone),
		cmocka_unit_test(a_refused_call_with_signals_blocked),
		cmocka_unit_test(many_threads_that_allocate),
		cmocka_unit_test(a_fatal_signal),
		cmocka_unit_test(the_terminal_is_restored),
		cmocka_unit_test(the_message),
		cmocka_unit_test(log_mode_refuses_nothing),
		cmocka_unit_test(off_does_nothing),
		cmocka_unit_test(a_release_of_anything),
	};

	if (!strcmp(SANITIZER, "address"))
		return cmocka_run_group_tests(without_lists, set_up, NULL);
	return cmocka_run_group_tests(tests, set_up, NULL);
}
