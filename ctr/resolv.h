// SPDX-License-Identifier: Apache-2.0
/* Which of the host's resolver files serves a container that does not share the host's loopback: resolv.conf(5). */
#ifndef CTR_RESOLV_H
#define CTR_RESOLV_H

#include <stdbool.h>

/* Does it name a server that is not at the reader's own loopback (127.0.0.0/8, ::1)? */
bool resolv_reaches_out(const char *text);

/*
 * The text for the container, malloc'ed: /etc/resolv.conf, or, where that names the loopback alone, as systemd-resolved's 127.0.0.53, the list
 * of that one's own servers. NULL: there is none that could be read. A warning is logged when no server will be reached.
 */
char *resolv_of_host(void);

#endif
