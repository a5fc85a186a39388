// SPDX-License-Identifier: Apache-2.0
/* The host, as far as it decides what numbers mean: processor, kernel, control groups, and whether it is a machine itself. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "bench/report.h"

/* Adds facts, and the warnings that follow from them. `root` is "", but in tests. 0 or -ENOMEM, -ENOSPC. */
int host_describe(struct report *report, const char *root);
/* The time, by RFC 3339 in UTC; "" when it is not known. */
#define HOST_TIME_BYTES 32
void host_time(char text[HOST_TIME_BYTES]);
/* A line of a text such as /proc/meminfo (proc_meminfo(5)), in MiB; -1: there is none such. */
double host_meminfo_mib(const char *meminfo, const char *name);
/* MemAvailable of /proc/meminfo, in MiB; -1: not known. */
double host_available_mib(void);

#endif
