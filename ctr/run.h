// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr run`: one container from beginning to end, in the foreground. */
#ifndef CTR_RUN_H
#define CTR_RUN_H

#include "ctr/spec.h"

/* ctr's own exit statuses; the command's passes through otherwise, 128+N when signal N ended it. As for a virtual machine where both have one. */
enum ctr_status {
	CTR_USAGE = 2,		  /* the command line or what it names is at fault */
	CTR_TIMEOUT = 124,
	CTR_FAILED = 125,	  /* the container could not be made */
	CTR_NOT_EXECUTABLE = 126, /* the command can't be executed */
	CTR_NOT_FOUND = 127,	  /* the command was not found */
};

/* Returns the exit status. */
int ctr_run(const struct spec *spec);

#endif
