// SPDX-License-Identifier: Apache-2.0
/*
 * A keyed hash that is as fast as memory: what the kernel cache names its entries by and checks them with.
 *
 * A universal hash, not a cryptographic one: for any two different inputs, chosen without knowing the key, the chance that they collide
 * is about 2^-60 over the choice of the key. So nobody who can't read the key can make a kernel that is taken for another, and no
 * accident will; whoever holds the key could. docs/adr/0002-kernel-cache.md has the reasons.
 */
#ifndef VMM_KERNEL_HASH_H
#define VMM_KERNEL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define KERNEL_HASH_BYTES 16
#define KERNEL_HASH_BLOCK 4096
/* How much to read at once before it is hashed: fits the second-level cache, so that it was only just copied there. */
#define KERNEL_HASH_PIECE (256u << 10)

/* Filled with random bytes, and kept secret. */
struct kernel_hash_key {
	uint64_t block[KERNEL_HASH_BLOCK / 8];
	uint64_t point[2];
};

struct kernel_hash {
	const struct kernel_hash_key *key; /* the caller's, until the end */
	unsigned __int128 point, sum;
	uint64_t len;
	uint8_t partial[KERNEL_HASH_BLOCK];
};

void kernel_hash_init(struct kernel_hash *hash, const struct kernel_hash_key *key);
/* The input may come in pieces of any length: the result is the same. */
void kernel_hash_update(struct kernel_hash *hash, const void *data, size_t len);
/* Where to cut an input for two threads: the first half is whole blocks, as kernel_hash_append() wants it. */
static inline uint64_t kernel_hash_middle(uint64_t bytes)
{
	return bytes / 2 / KERNEL_HASH_BLOCK * KERNEL_HASH_BLOCK;
}

/* As if what `more` has taken had come next. `hash` has taken whole blocks; `more` stays as it is. */
void kernel_hash_append(struct kernel_hash *hash, const struct kernel_hash *more);
void kernel_hash_final(struct kernel_hash *hash, uint8_t digest[KERNEL_HASH_BYTES]);

#endif
