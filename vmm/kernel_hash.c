// SPDX-License-Identifier: Apache-2.0
/*
 * The hash of VMAC (Krovetz and Dai, "VMAC: Message Authentication Code using Universal Hashing", 2007; Dai and Krovetz, "VHASH Security",
 * 2007), in its shape but not its letter: NH over 64-bit words makes 128 bits of each 4 KiB block, and those, then the length, are the
 * coefficients of a polynomial over the prime 2^127 - 1, taken at a secret point. NH alone collides with probability 2^-64, the polynomial
 * adds far less.
 *
 * One multiplication for 16 bytes in plain C: no need of the vector instructions of any architecture.
 */
#include "vmm/kernel_hash.h"

#include <assert.h>
#include <string.h>

typedef unsigned __int128 u128;

#define PRIME (((u128)1 << 127) - 1)
#define LOW63 ((1ull << 63) - 1)

/* Brings any value to at most PRIME. */
static u128 reduce(u128 v)
{
	v = (v & PRIME) + (v >> 127);
	return (v & PRIME) + (v >> 127);
}

/* a * b modulo PRIME, for reduced a and b: 2^127 counts as 1 and 2^128 as 2. */
static u128 multiply(u128 a, u128 b)
{
	uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
	u128 high = (u128)a1 * b1;
	u128 middle = (u128)a1 * b0 + (u128)a0 * b1; /* a1, b1 < 2^63: no carry is lost */
	u128 low = (u128)a0 * b0;

	high = reduce(2 * high + (middle >> 63));
	return reduce(high + reduce(reduce(low) + ((middle & LOW63) << 64)));
}

static void add_coefficient(struct kernel_hash *hash, u128 value)
{
	hash->sum = reduce(multiply(hash->sum, hash->point) + reduce(value));
}

static uint64_t load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* NH: products of pairs of words, each with its own part of the key added, summed up. Two sums, since one would wait for its own carry. */
static void add_block(struct kernel_hash *hash, const uint8_t *block)
{
	const uint64_t *key = hash->key->block;
	u128 even = 0, odd = 0;

	for (size_t i = 0; i < KERNEL_HASH_BLOCK / 8; i += 4) {
		const uint8_t *p = block + 8 * i;
		even += (u128)(load(p) + key[i]) * (load(p + 8) + key[i + 1]);
		odd += (u128)(load(p + 16) + key[i + 2]) * (load(p + 24) + key[i + 3]);
	}
	add_coefficient(hash, even + odd);
}

void kernel_hash_init(struct kernel_hash *hash, const struct kernel_hash_key *key)
{
	hash->key = key;
	hash->point = reduce((u128)key->point[1] << 64 | key->point[0]);
	hash->sum = 0;
	hash->len = 0;
}

void kernel_hash_update(struct kernel_hash *hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		size_t used = hash->len % KERNEL_HASH_BLOCK;
		size_t n = len < KERNEL_HASH_BLOCK - used ? len : KERNEL_HASH_BLOCK - used;
		if (n == KERNEL_HASH_BLOCK) {
			add_block(hash, p);
		} else {
			memcpy(hash->partial + used, p, n);
			if (used + n == KERNEL_HASH_BLOCK)
				add_block(hash, hash->partial);
		}
		hash->len += n;
		p += n;
		len -= n;
	}
}

/* The coefficients that come move those that are there up by as many powers of the point. */
void kernel_hash_append(struct kernel_hash *hash, const struct kernel_hash *more)
{
	u128 power = hash->point;

	assert(hash->len % KERNEL_HASH_BLOCK == 0);
	for (uint64_t blocks = more->len / KERNEL_HASH_BLOCK; blocks; blocks >>= 1) {
		if (blocks & 1)
			hash->sum = multiply(hash->sum, power);
		power = multiply(power, power);
	}
	hash->sum = reduce(hash->sum + more->sum);
	hash->len += more->len;
	memcpy(hash->partial, more->partial, sizeof(hash->partial));
}

void kernel_hash_final(struct kernel_hash *hash, uint8_t digest[KERNEL_HASH_BYTES])
{
	size_t used = hash->len % KERNEL_HASH_BLOCK;

	if (used) {
		memset(hash->partial + used, 0, KERNEL_HASH_BLOCK - used);
		add_block(hash, hash->partial);
	}
	/* The length tells padding from zeros that were there. */
	add_coefficient(hash, hash->len);
	u128 sum = hash->sum == PRIME ? 0 : hash->sum;
	memcpy(digest, &sum, KERNEL_HASH_BYTES);
}
