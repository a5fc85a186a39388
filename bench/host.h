// SPDX-License-Identifier: Apache-2.0
/* The host, as far as it decides what numbers mean: processor, kernel, control groups, and whether it is a machine itself. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "bench/report.h"

/* Adds facts, and the warnings that follow from them. `root` is "", but in tests. 0 or -ENOMEM, -ENOSPC. */
int host_describe(struct report *report, const char *root);
/* MemAvailable of /proc/meminfo, in MiB; -1: not known. */
double host_available_mib(void);

#endif
