// SPDX-License-Identifier: Apache-2.0
/*
 * The user's terminal: see terminal.h.
 *
 * The one place of the program that keeps state of its own, since a signal handler and atexit() are handed none. The handler uses
 * async-signal-safe calls only (signal-safety(7)).
 */
#include "vmm/util/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/util/log.h"

#define ESCAPE_KEY 0x01 /* Ctrl-A */
#define SYSRQ_KEY 0x0f  /* Ctrl-O */

static struct termios saved;
static atomic_bool is_raw;

/* Always end us, and leave no time to main(). */
static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
/* End us unless somebody handles them (SIGSYS: the sandbox, which restores the terminal itself) or they are blocked. */
static const int ending_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGPIPE, SIGXCPU, SIGXFSZ, SIGUSR1, SIGUSR2, SIGSYS };

void terminal_restore(void)
{
	sigset_t block, before;

	if (!atomic_exchange(&is_raw, false))
		return;
	/* A background process that changes its terminal is stopped by SIGTTOU, unless it blocks that. */
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &block, &before);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	log_set_raw(false);
}

static void restore_and_die(int signum)
{
	terminal_restore();
	/* SA_RESETHAND made the action the default one again, and SA_NODEFER lets the signal in at once. */
	raise(signum);
}

static void catch_signal(int signum, bool only_default)
{
	struct sigaction now, action = { .sa_handler = restore_and_die, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };

	if (sigaction(signum, NULL, &now) || now.sa_handler == SIG_IGN || (only_default && now.sa_handler != SIG_DFL))
		return;
	sigemptyset(&action.sa_mask);
	sigaction(signum, &action, NULL);
}

static void catch_signals(void)
{
	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(*fatal_signals); i++)
		catch_signal(fatal_signals[i], false);
	for (size_t i = 0; i < sizeof(ending_signals) / sizeof(*ending_signals); i++)
		catch_signal(ending_signals[i], true);
}

int terminal_raw(void)
{
	static bool registered;

	if (!isatty(STDIN_FILENO) || atomic_load(&is_raw))
		return 0;
	if (tcgetattr(STDIN_FILENO, &saved))
		return -errno;
	if (!registered && atexit(terminal_restore))
		return -ENOMEM;
	registered = true;
	catch_signals();

	struct termios raw = saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	/* Before the change: a signal between the two must find something to restore. */
	atomic_store(&is_raw, true);
	log_set_raw(true);
	/* TCSADRAIN keeps what was typed ahead. */
	while (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)) {
		int err = -errno;
		if (err == -EINTR)
			continue;
		terminal_restore();
		return err;
	}
	return 0;
}

bool terminal_size(uint16_t *columns, uint16_t *rows)
{
	static const int fds[] = { STDOUT_FILENO, STDIN_FILENO };
	struct winsize size;

	for (size_t i = 0; i < 2; i++) {
		/* A serial line answers, with zeros. */
		if (ioctl(fds[i], TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
			continue;
		*columns = size.ws_col;
		*rows = size.ws_row;
		return true;
	}
	return false;
}

/* The key after Ctrl-A. Returns how many bytes it leaves in *out. */
static size_t escape_key(struct escape *e, uint8_t key, uint8_t *out)
{
	switch (key) {
	case ESCAPE_KEY:
		*out = ESCAPE_KEY;
		return 1;
	case 'x':
	case 'X':
		if (e->quit)
			e->quit(e->arg);
		return 0;
	case 'p':
	case 'P':
		if (e->power)
			e->power(e->arg);
		return 0;
	case 'b':
	case 'B':
		if (e->send_break) {
			e->send_break(e->arg);
			return 0;
		}
		*out = SYSRQ_KEY;
		return 1;
	case 'c':
	case 'C':
	case '?':
		if (e->help)
			e->help(e->arg);
		return 0;
	default: /* no key of ours: most likely a slip */
		return 0;
	}
}

size_t escape_filter(void *escape, uint8_t *buf, size_t len)
{
	struct escape *e = escape;
	size_t kept = 0;

	/* Each key leaves at most as much as it took, so the result never overtakes what is still to be read. */
	for (size_t i = 0; i < len; i++) {
		uint8_t key = buf[i];
		if (e->pending) {
			e->pending = false;
			kept += escape_key(e, key, buf + kept);
		} else if (key == ESCAPE_KEY) {
			e->pending = true;
		} else {
			buf[kept++] = key;
		}
	}
	return kept;
}
