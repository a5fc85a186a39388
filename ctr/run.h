// SPDX-License-Identifier: Apache-2.0
/* One container from beginning to end: `tinyvmm ctr run`, and what a monitor does. */
#ifndef CTR_RUN_H
#define CTR_RUN_H

#include <stdbool.h>

#include "ctr/spec.h"

/* ctr's own exit statuses; the command's passes through otherwise, 128+N when signal N ended it. As for a virtual machine where both have one. */
enum ctr_status {
	CTR_USAGE = 2,		  /* the command line is at fault */
	CTR_TIMEOUT = 124,
	CTR_FAILED = 125,	  /* the container could not be made; also when what the command line names is missing */
	CTR_NOT_EXECUTABLE = 126, /* the command can't be executed */
	CTR_NOT_FOUND = 127,	  /* the command was not found */
};

struct container;
struct loop;

/*
 * What is around a container while it runs: the terminal of who started it, or a monitor. All calls come on the loop's thread; each but `terminal`,
 * `detached` and `output_fd` may be NULL.
 */
struct run_frame {
	bool terminal; /* the command gets a terminal of its own (container->tty_fd) */
	bool detached; /* no stream of ours is the command's: what is no terminal is `output_fd`, and its input is our standard input */
	int output_fd;
	int (*start)(void *arg, struct container *container); /* instead of container_start(): a process in one that runs */
	int (*started)(void *arg, struct container *container, struct loop *loop); /* the command runs; a negative errno ends it */
	void (*resized)(void *arg);						  /* SIGWINCH */
	void (*ended)(void *arg); /* its processes are gone, or it never ran; nothing is closed yet */
	void *arg;
};

/* Until it has ended. Returns the exit status; RUN_REBOOT: its init asked for a reboot, which is to run it again. */
int ctr_run_framed(const struct spec *spec, const struct run_frame *frame);
#define RUN_REBOOT 256

/* In the foreground, on the caller's streams. Returns the exit status. */
int ctr_run(const struct spec *spec);

#endif
