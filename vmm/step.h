// SPDX-License-Identifier: Apache-2.0
/*
 * A step of the set-up that goes on beside the rest, on a thread of its own: what waits for the kernel (KVM's memory slots) or for memory
 * (copying a guest's kernel) then costs no time of others.
 */
#ifndef VMM_STEP_H
#define VMM_STEP_H

#include <pthread.h>
#include <stdbool.h>

/* Zeroed, it is a step that was never begun. */
struct step {
	int (*run)(void *arg);
	void *arg;
	pthread_t thread;
	bool running;
	int error;
};

/* Runs run(arg), with all signals blocked; right here where the host gives no thread. */
void step_begin(struct step *step, int (*run)(void *arg), void *arg);
/* Waits for its end and returns what run() returned; 0 for one that was never begun. May be called again. */
int step_wait(struct step *step);

#endif
