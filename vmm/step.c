// SPDX-License-Identifier: Apache-2.0
/* Steps beside each other: see step.h. */
#include "vmm/step.h"

#include <signal.h>

#include "vmm/util/process.h"

/* A stack of the usual size may get a huge page of 2 MiB for itself, and glibc keeps it for the next thread. */
#define STACK_BYTES (256 << 10)

static void *step_thread(void *arg)
{
	struct step *step = arg;

	step->error = step->run(step->arg);
	return NULL;
}

void step_begin(struct step *step, int (*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t before;

	*step = (struct step){ .run = run, .arg = arg };
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	block_signals(&before);
	step->running = !pthread_create(&step->thread, &attr, step_thread, step);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (!step->running)
		step_thread(step);
}

int step_wait(struct step *step)
{
	if (step->running)
		pthread_join(step->thread, NULL);
	step->running = false;
	return step->error;
}
