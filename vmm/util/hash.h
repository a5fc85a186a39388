// SPDX-License-Identifier: Apache-2.0
/*
 * FNV-1a, 64 bits: tells accidents (a torn write, a bad sector) and gives names to cache entries. Whoever chooses the input can make two
 * inputs collide, so what is found by such a name has to be compared with what was looked for.
 */
#ifndef VMM_UTIL_HASH_H
#define VMM_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define FNV_START 0xcbf29ce484222325ull

/* Goes on from `hash`, FNV_START at first: the result is the same for whatever pieces. */
static inline uint64_t fnv_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ull;
	return hash;
}

/* The least significant byte first, on every machine. */
static inline uint64_t fnv_hash_u64(uint64_t hash, uint64_t value)
{
	for (unsigned i = 0; i < 64; i += 8)
		hash = (hash ^ (uint8_t)(value >> i)) * 0x100000001b3ull;
	return hash;
}

#endif
