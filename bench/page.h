// SPDX-License-Identifier: Apache-2.0
/*
 * A report, or what `tinyvmm contrast` found, as one HTML page: complete in one file, without script, and forbidden by its own
 * Content-Security-Policy to load anything. Light or dark as the reader's system is, and it scales down to a phone.
 *
 * Every text of a report is escaped: it may be anybody's. One thread.
 */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include <stdio.h>

struct contrast;
struct report;

/* 0, -ENOMEM, or -EIO where the stream took not all of it. */
int page_report(const struct report *report, FILE *out);
int page_contrast(const struct contrast *contrast, FILE *out);

/* The same into a file, as a whole or not at all. 0 or a negative errno, logged with the path. */
int page_write_report(const struct report *report, const char *path);
int page_write_contrast(const struct contrast *contrast, const char *path);

#endif
