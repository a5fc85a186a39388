// SPDX-License-Identifier: Apache-2.0
/* What guest/probe says: lines of a name, a value and a text, with tabs between them. It comes from inside a rung, so it may be anything. */
#ifndef BENCH_PROBE_LINES_H
#define BENCH_PROBE_LINES_H

#include "guest/probe.h"

#define PROBE_LINES_MAX 64
#define PROBE_FIELD_MAX PROBE_TEXT_MAX /* bytes of each */

struct probe_line {
	char *name, *value, *text;
};

/* Cuts `output` apart in place: lines that are whole and in bounds (names of letters, digits and -; the rest printable ASCII), at most `max`; others are passed over. */
unsigned probe_lines(char *output, struct probe_line *lines, unsigned max);

#endif
