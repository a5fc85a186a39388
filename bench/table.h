// SPDX-License-Identifier: Apache-2.0
/* A report for terminals. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/report.h"

/*
 * In lines of at most `columns`, where names let it: on a narrow one the bars go first, then the 95th percentile, then the interval. `blocks`: bars of Unicode's block
 * elements, else of '#'.
 */
void table_print(FILE *out, const struct report *report, unsigned columns, bool blocks);

/* A terminal on which text is UTF-8, by the locale. */
bool table_may_have_blocks(int fd);

/* Three to four significant digits; size bytes are room for any. Returns text. */
#define TABLE_NUMBER_MAX 32
char *table_number(char text[TABLE_NUMBER_MAX], double value);

#endif
