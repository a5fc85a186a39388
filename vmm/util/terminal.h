// SPDX-License-Identifier: Apache-2.0
/*
 * The user's terminal: raw while a guest has it, and always given back as it was, also when a fatal signal ends us (not after SIGKILL).
 */
#ifndef VMM_UTIL_TERMINAL_H
#define VMM_UTIL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Saves the settings of standard input's terminal and makes it raw; nothing happens when it is none. 0 or a negative errno. From then on
 * the settings come back at exit(), and when a signal ends us: handlers are installed for those that mean a fault of ours (SIGSEGV,
 * SIGABRT, ...) and, where the action is still the default one, for those that ask us to end (SIGTERM, SIGHUP, ...); they restore and then
 * let the signal do what it would have done. main() may install its own for the latter, before or after.
 */
int terminal_raw(void);
/* Back to what it was. May be called twice, from atexit and from a signal handler (async-signal-safe). */
void terminal_restore(void);
/* Size of the terminal on standard output or input; false when there is none. */
bool terminal_size(uint16_t *columns, uint16_t *rows);

/* The escape keys: Ctrl-A and then a letter. */
struct escape {
	bool pending; /* Ctrl-A was the last key */
	/* Any may be NULL. They must not call back into a virtio console, whose lock is held. */
	void (*quit)(void *arg);
	void (*power)(void *arg);
	void (*help)(void *arg);
	/* NULL: a Ctrl-O takes the sequence's place, which is a break to Linux's hvc consoles (drivers/tty/hvc/hvc_console.c, SysRq). */
	void (*send_break)(void *arg);
	void *arg;
};

/*
 * Takes the escape sequences out of what was typed and carries them out: Ctrl-A x quits, Ctrl-A p presses the power key, Ctrl-A b sends a
 * break, Ctrl-A c or ? lists the keys, Ctrl-A Ctrl-A is one Ctrl-A; any other key after Ctrl-A is swallowed with it. Returns how many bytes
 * remain in buf. The shape of a console's filter.
 */
size_t escape_filter(void *escape, uint8_t *buf, size_t len);

#endif
