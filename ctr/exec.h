// SPDX-License-Identifier: Apache-2.0
/*
 * A command in a container that runs: it joins the first process's namespaces, root and control groups, and gets the confinement that the container's
 * own command has, by the same code (become.h). It is a child of ours, in the container's PID namespace from its first instruction on.
 */
#ifndef CTR_EXEC_H
#define CTR_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "ctr/spec.h"

struct exec {
	const struct spec *spec; /* the container's, but for what the command has of its own: command, user, workdir, env */
	pid_t pid;		 /* the container's first process, */
	int pid_fd;		 /* which the number is sure to be while this is not readable */
	bool terminal;		 /* the command gets a terminal of its own */
};

#define EXEC_PAUSED 1 /* the container is frozen, so nothing would start */

/* In the foreground, on the caller's streams. Returns the exit status: as run.h's, or EXEC_PAUSED. Failures are logged. */
int ctr_exec(const struct exec *exec);

#endif
