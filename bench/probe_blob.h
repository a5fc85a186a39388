// SPDX-License-Identifier: Apache-2.0
/* The static program guest/probe, which measures from inside a rung; carried inside this one. */
#ifndef BENCH_PROBE_BLOB_H
#define BENCH_PROBE_BLOB_H

#include <stddef.h>

const void *probe_blob(size_t *len);

#endif
