// SPDX-License-Identifier: Apache-2.0
/* What is carried inside the program by gzip, as few runs need it (vmm/util/blob.h has the bytes). */
#ifndef BENCH_PACKED_H
#define BENCH_PACKED_H

#include <stddef.h>

/* The caller's to free; NULL: there is no memory for it, or no libz (logged). */
void *packed_open(const void *packed, size_t packed_len, size_t *len);

#endif
