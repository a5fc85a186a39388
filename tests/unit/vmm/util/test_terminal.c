// SPDX-License-Identifier: Apache-2.0
/* vmm/util/terminal.c on a pseudo-terminal: raw while it is ours, given back however we end; and the escape keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/util/terminal.h"

static int master = -1, slave = -1;
static struct termios before;

static int set_up(void **state)
{
	const struct winsize size = { .ws_row = 50, .ws_col = 132 };

	(void)state;
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return 0;
	if (grantpt(master) || unlockpt(master) || (slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
		return -1;
	return ioctl(slave, TIOCSWINSZ, &size) || tcgetattr(slave, &before) ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (master >= 0)
		close(master);
	if (slave >= 0)
		close(slave);
	master = slave = -1;
	return 0;
}

/* A child whose standard input and output are the terminal; tells through the pipe that it is raw, then does `end`. */
static pid_t in_child(void (*end)(void), int told)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	const struct rlimit no_core = { 0 };
	setrlimit(RLIMIT_CORE, &no_core);
	/* Not this test's framework, which catches signals of its own. */
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	dup2(slave, STDIN_FILENO);
	dup2(slave, STDOUT_FILENO);
	if (terminal_raw() || write(told, "r", 1) != 1)
		_exit(99);
	end();
	_exit(98);
}

static struct termios now(void)
{
	struct termios t;

	assert_int_equal(tcgetattr(slave, &t), 0);
	return t;
}

static void assert_restored(void)
{
	struct termios t = now();

	assert_int_equal(t.c_iflag, before.c_iflag);
	assert_int_equal(t.c_oflag, before.c_oflag);
	assert_int_equal(t.c_lflag, before.c_lflag);
	assert_int_equal(t.c_cflag, before.c_cflag);
	assert_memory_equal(t.c_cc, before.c_cc, sizeof(t.c_cc));
}

/* Runs the child to its end; `signum` is sent to it once it is raw, unless 0. Returns its wait status. */
static int run_child(void (*end)(void), int signum)
{
	int told[2], status;
	char r;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid_t pid = in_child(end, told[1]);
	close(told[1]);
	assert_int_equal(read(told[0], &r, 1), 1);
	close(told[0]);
	if (signum) {
		struct termios t = now();
		assert_int_equal(t.c_lflag & (ICANON | ECHO | ISIG), 0);
		assert_int_equal(t.c_oflag & OPOST, 0);
		assert_int_equal(t.c_iflag & (ICRNL | IXON), 0);
		assert_int_equal(kill(pid, signum), 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void wait_for_signal(void)
{
	for (;;)
		pause();
}

static void end_by_exit(void)
{
	exit(7);
}

static void end_by_restoring_twice(void)
{
	terminal_restore();
	terminal_restore();
	_exit(0);
}

static void end_by_fault(void)
{
	volatile char *nothing = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*nothing = 1;
}

static void end_by_abort(void)
{
	abort();
}

static void needs_terminal(void)
{
	if (master < 0) {
		print_message("skip: no pseudo-terminals here\n");
		skip();
	}
}

static void restored_at_exit(void **state)
{
	(void)state;
	needs_terminal();
	int status = run_child(end_by_exit, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_restored();
}

static void restored_by_hand_and_twice(void **state)
{
	(void)state;
	needs_terminal();
	assert_int_equal(run_child(end_by_restoring_twice, 0), 0);
	assert_restored();
}

static void restored_after_a_fault(void **state)
{
	(void)state;
	needs_terminal();
	int status = run_child(end_by_fault, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	assert_restored();
	status = run_child(end_by_abort, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_restored();
}

static void restored_after_each_signal_that_ends_us(void **state)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };

	(void)state;
	needs_terminal();
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		int status = run_child(wait_for_signal, signals[i]);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
		assert_restored();
	}
}

static void handler(int signum)
{
	(void)signum;
}

static void survive_sigterm(void)
{
	signal(SIGTERM, handler);
	raise(SIGTERM);
	bool raw = !(now().c_lflag & ICANON);
	exit(raw ? 0 : 1);
}

/* main() takes over a signal by installing its own handler afterwards. */
static void another_handler_keeps_it_raw(void **state)
{
	(void)state;
	needs_terminal();
	assert_int_equal(run_child(survive_sigterm, 0), 0);
	assert_restored();
}

static void end_by_size(void)
{
	uint16_t columns = 0, rows = 0;

	if (!terminal_size(&columns, &rows))
		_exit(1);
	_exit(columns == 132 && rows == 50 ? 0 : 2);
}

static void the_size_is_the_terminals(void **state)
{
	(void)state;
	needs_terminal();
	assert_int_equal(run_child(end_by_size, 0), 0);
}

static void without_a_terminal_nothing_happens(void **state)
{
	uint16_t columns, rows;
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		_exit(terminal_raw() || terminal_size(&columns, &rows));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- the escape keys ------------------------------------------------------------------------------------------------------- */

struct calls {
	unsigned quit, power, help, breaks;
};

static void count_quit(void *arg)
{
	((struct calls *)arg)->quit++;
}

static void count_power(void *arg)
{
	((struct calls *)arg)->power++;
}

static void count_help(void *arg)
{
	((struct calls *)arg)->help++;
}

static void count_break(void *arg)
{
	((struct calls *)arg)->breaks++;
}

static const struct {
	const char *typed, *kept;
	struct calls calls;
} escapes[] = {
	{ "hello", "hello", { 0 } },      { "\001x", "", { .quit = 1 } },
	{ "\001p", "", { .power = 1 } },  { "a\001Pb", "ab", { .power = 1 } },
	{ "\001X", "", { .quit = 1 } },   { "ab\001xcd", "abcd", { .quit = 1 } },
	{ "\001c", "", { .help = 1 } },   { "\001?", "", { .help = 1 } },
	{ "\001b", "", { .breaks = 1 } }, { "\001\001", "\001", { 0 } },
	{ "\001\001x", "\001x", { 0 } },  { "\001\001\001x", "\001", { .quit = 1 } },
	{ "\001zq", "q", { 0 } },         { "a\001bh\001?\001\001\001b", "ah\001", { .help = 1, .breaks = 2 } },
};

static void escapes_typed_or_pasted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		size_t len = strlen(escapes[i].typed), kept_len = strlen(escapes[i].kept);
		/* Pasted at once, then in pieces of one and two bytes. */
		for (size_t step = 0; step < 3; step++) {
			struct calls calls = { 0 };
			struct escape e = { .quit = count_quit, .power = count_power, .help = count_help, .send_break = count_break, .arg = &calls };
			uint8_t kept[64];
			size_t n = 0;
			for (size_t at = 0, piece; at < len; at += piece) {
				uint8_t buf[64];
				piece = step && step < len - at ? step : len - at;
				memcpy(buf, escapes[i].typed + at, piece);
				size_t left = escape_filter(&e, buf, piece);
				memcpy(kept + n, buf, left);
				n += left;
			}
			assert_int_equal(n, kept_len);
			assert_memory_equal(kept, escapes[i].kept, kept_len);
			assert_memory_equal(&calls, &escapes[i].calls, sizeof(calls));
			assert_false(e.pending);
		}
	}
}

static void a_console_without_breaks_gets_ctrl_o(void **state)
{
	struct escape e = { 0 };
	uint8_t buf[] = "\001b\001x\001p\001c";

	(void)state;
	assert_int_equal(escape_filter(&e, buf, sizeof(buf) - 1), 1);
	assert_int_equal(buf[0], 0x0f);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(restored_at_exit),
		T(restored_by_hand_and_twice),
		T(restored_after_a_fault),
		T(restored_after_each_signal_that_ends_us),
		T(another_handler_keeps_it_raw),
		T(the_size_is_the_terminals),
		cmocka_unit_test(without_a_terminal_nothing_happens),
		cmocka_unit_test(escapes_typed_or_pasted),
		cmocka_unit_test(a_console_without_breaks_gets_ctrl_o),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
