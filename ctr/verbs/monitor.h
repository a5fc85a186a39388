// SPDX-License-Identifier: Apache-2.0
/*
 * The process that a container in the background has instead of a terminal: the container's parent, with its console (console.h), its network and its
 * time limit. It holds the entry's mark of life, writes status.json when the container runs and when it has ended, and runs it again when its init asks
 * for a reboot. It belongs to no session of anybody's, so nothing ends it but its container, a signal to it, which it hands on, or the host.
 */
#ifndef CTR_VERBS_MONITOR_H
#define CTR_VERBS_MONITOR_H

#include <stdbool.h>

#include "ctr/verbs/verbs.h"

/* What the monitor and the container had to say since the last start, beside the log. */
#define MESSAGES_FILE "messages"
#define MESSAGES_BYTES_MAX 65536

/*
 * Starts the container in the background; returns once its command was executed. 0, or the exit status that says why not (run.h), logged. The caller
 * has locked it, and it does not run.
 */
int monitor_start(struct subject *subject, const struct spec *spec);

#endif
