// SPDX-License-Identifier: Apache-2.0
/*
 * The console of a container that runs in the background: what it prints goes to its log and to everybody who is attached, and what they type goes
 * to its terminal. On the monitor's loop.
 *
 * Who wants to attach connects to the entry's socket "console" (unix(7), SOCK_SEQPACKET): to the monitor, packets of a byte CONSOLE_INPUT
 * and what was typed, or CONSOLE_SIZE and a struct winsize; from it, plain output. Output that somebody does not take in time is not kept for
 * them: it is in the log. Packets come from whoever may open the store's directory, so from the user and root; they are still only bytes.
 *
 * The log is "log" in the entry; at LOG_BYTES_MAX it becomes "log.1", in whose place another begins.
 */
#ifndef CTR_VERBS_CONSOLE_H
#define CTR_VERBS_CONSOLE_H

#include "ctr/store/store.h"

#define CONSOLE_INPUT 'i'
#define CONSOLE_SIZE 'w'
#define CONSOLE_PACKET_MAX 4096
#define LOG_BYTES_MAX (4u << 20)
#define LOG_FILE "log"
#define LOG_FILE_BEFORE "log.1"

struct loop;
struct console;

/*
 * `source`: the master of the container's terminal, which takes input too (`terminal`), or the reading end of a pipe. It stays the caller's.
 * 0 or a negative errno, logged.
 */
int console_new(struct console **console, const struct entry *entry, int source, bool terminal, struct loop *loop);
/* Takes what the container printed last, and lets everybody go. Accepts NULL. */
void console_free(struct console *console);

/* For who attaches: a connection to the monitor's socket, or a negative errno, not logged. */
int console_connect(const struct entry *entry);

#endif
