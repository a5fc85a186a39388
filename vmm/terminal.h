// SPDX-License-Identifier: Apache-2.0
/*
 * The user's terminal: raw while a guest has it, and always given back as it was, also when a fatal signal ends us.
 */
#ifndef VMM_TERMINAL_H
#define VMM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Saves the settings of standard input's terminal and makes it raw; nothing happens when it is none. Installs handlers for the fatal signals. */
int terminal_raw(void);
/* Back to what it was. May be called twice, from atexit and from a signal handler (async-signal-safe). */
void terminal_restore(void);
/* Size of the terminal on standard output or input; false when there is none. */
bool terminal_size(uint16_t *columns, uint16_t *rows);

/* The escape keys: Ctrl-A and then a letter. */
struct escape {
	bool pending; /* Ctrl-A was the last key */
	void (*quit)(void *arg);
	void (*help)(void *arg);
	void (*send_break)(void *arg);
	void *arg;
};

/*
 * Takes the escape sequences out of what was typed and carries them out: Ctrl-A x quits, Ctrl-A b sends a break, Ctrl-A c or ? lists the keys, Ctrl-A Ctrl-A is
 * one Ctrl-A. Returns how many bytes remain in buf. The shape of a console's filter.
 */
size_t escape_filter(void *escape, uint8_t *buf, size_t len);

#endif
