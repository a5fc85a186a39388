// SPDX-License-Identifier: Apache-2.0
/* The steps of a container's life that more than one verb takes. The subject is locked for each. */
#ifndef CTR_VERBS_LIFECYCLE_H
#define CTR_VERBS_LIFECYCLE_H

#include "ctr/verbs/verbs.h"

#define STOP_SECONDS 10

/* Runs it in the background. 0, or an exit status that says why not; logged. */
int lifecycle_start(struct subject *subject);

/*
 * Asks it to end, by `signal` or, when that is 0, by what its first process understands; kills it after so long; returns when all of it is gone. One that
 * does not run is left alone. 0 or a negative errno, logged.
 */
int lifecycle_stop(struct subject *subject, int signal, unsigned seconds);

/* One signal, to its first process; from our own PID 1 the command gets it. 0 or a negative errno, logged. */
int lifecycle_signal(const struct subject *subject, int signal);

/* "TERM", "SIGTERM", "15", "RTMIN+3"; 0: no such signal. */
int lifecycle_signal_number(const char *name);

/* After a monitor that was killed, or a host that was: removes what is left of the container's control groups, and writes its end down. */
void lifecycle_mend(struct subject *subject);

/* For whoever needs it at rest: refuses one that runs (-EBUSY, logged), and mends. */
int lifecycle_rest(struct subject *subject);

#endif
