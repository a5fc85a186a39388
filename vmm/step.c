// SPDX-License-Identifier: Apache-2.0
/* Steps beside each other: see step.h. */
#include "vmm/step.h"

#include "vmm/util/process.h"

static void *step_thread(void *arg)
{
	struct step *step = arg;

	step->error = step->run(step->arg);
	return NULL;
}

void step_begin(struct step *step, int (*run)(void *arg), void *arg)
{
	*step = (struct step){ .run = run, .arg = arg };
	step->running = !thread_start(&step->thread, step_thread, step);
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
