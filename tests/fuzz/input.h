// SPDX-License-Identifier: Apache-2.0
/* A fuzz target's input, taken piece by piece; and what must hold whatever it was. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct input {
	const uint8_t *data;
	size_t len;
};

/* The next bytes as a number, the first the most significant; where the input is over, fewer. */
static inline uint64_t take_u64(struct input *in, unsigned bytes)
{
	uint64_t value = 0;

	for (; bytes && in->len; bytes--, in->len--)
		value = value << 8 | *in->data++;
	return value;
}

static inline unsigned take(struct input *in, unsigned bytes)
{
	return (unsigned)take_u64(in, bytes);
}

/* Not assert(): it holds in every build. */
static inline void must(bool holds)
{
	if (!holds)
		abort();
}

#endif
