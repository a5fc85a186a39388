// SPDX-License-Identifier: Apache-2.0
/* A report for terminals. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/report.h"

/* In lines of at most `columns`, where names and reasons let it: on a narrow one the bars go first. `blocks`: bars of Unicode's block elements, else of '#'. */
void table_print(FILE *out, const struct report *report, unsigned columns, bool blocks);

/* Three to four significant digits; size bytes are room for any. Returns text. */
#define TABLE_NUMBER_MAX 32
char *table_number(char text[TABLE_NUMBER_MAX], double value);

#endif
