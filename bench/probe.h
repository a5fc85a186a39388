// SPDX-License-Identifier: Apache-2.0
/* The static program guest/probe, which measures and looks around from inside a rung; carried inside this one. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include "bench/launch.h"
#include "bench/rung.h"

/* Runs it with these words on a rung, as launch() does; `more` as of rung_probe(). */
int probe_launch(struct outcome *outcome, const struct rung *rung, char *const *more, char *const *args, unsigned timeout_s);

#endif
