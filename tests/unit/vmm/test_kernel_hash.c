// SPDX-License-Identifier: Apache-2.0
/* vmm/kernel_hash.c: the same for the same bytes however they come, another for any other bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/kernel_hash.h"

#define LEN (3 * KERNEL_HASH_BLOCK + 100)

static struct kernel_hash_key key;
static uint8_t data[LEN];

struct digest {
	uint8_t bytes[KERNEL_HASH_BYTES];
};

static struct digest hash_pieces(const uint8_t *p, size_t len, size_t piece)
{
	struct kernel_hash hash;
	struct digest d;

	kernel_hash_init(&hash, &key);
	for (size_t at = 0; at < len; at += piece)
		kernel_hash_update(&hash, p + at, len - at < piece ? len - at : piece);
	kernel_hash_final(&hash, d.bytes);
	return d;
}

static struct digest hash_all(size_t len)
{
	return hash_pieces(data, len, len ? len : 1);
}

static int setup(void **state)
{
	uint8_t *k = (uint8_t *)&key;

	(void)state;
	srand(1);
	for (size_t i = 0; i < sizeof(key); i++)
		k[i] = (uint8_t)(rand() >> 7);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(rand() >> 7);
	return 0;
}

static void pieces_do_not_matter(void **state)
{
	static const size_t pieces[] = {1, 7, 4095, 4096, 4097, 8192, 10000};
	struct digest whole = hash_all(LEN);

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct digest d = hash_pieces(data, LEN, pieces[i]);
		assert_memory_equal(&d, &whole, sizeof(d));
	}
}

/* Two parts apart, of which the first is whole blocks, are the same as one after the other. */
static void parts_come_together(void **state)
{
	struct digest whole = hash_all(LEN), d;
	struct kernel_hash first, second;

	(void)state;
	for (size_t middle = 0; middle <= LEN; middle += KERNEL_HASH_BLOCK) {
		kernel_hash_init(&first, &key);
		kernel_hash_init(&second, &key);
		kernel_hash_update(&first, data, middle);
		kernel_hash_update(&second, data + middle, LEN - middle);
		kernel_hash_append(&first, &second);
		kernel_hash_final(&first, d.bytes);
		assert_memory_equal(&d, &whole, sizeof(d));
	}
}

static void every_bit_matters(void **state)
{
	struct digest whole = hash_all(LEN);

	(void)state;
	for (size_t bit = 0; bit < LEN * 8; bit += 41) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		struct digest d = hash_all(LEN);
		assert_memory_not_equal(&d, &whole, sizeof(d));
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void length_matters(void **state)
{
	static uint8_t zeros[2 * KERNEL_HASH_BLOCK + 1];
	struct digest seen[4] = {hash_pieces(zeros, 0, 1), hash_pieces(zeros, 1, 1), hash_pieces(zeros, 4096, 4096),
				 hash_pieces(zeros, 8193, 8193)};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(&seen[i], &seen[j], sizeof(seen[i]));
	}
}

static void order_of_blocks_matters(void **state)
{
	uint8_t block[KERNEL_HASH_BLOCK];
	struct digest before = hash_all(LEN);

	(void)state;
	memcpy(block, data, sizeof(block));
	memcpy(data, data + sizeof(block), sizeof(block));
	memcpy(data + sizeof(block), block, sizeof(block));
	struct digest after = hash_all(LEN);
	assert_memory_not_equal(&after, &before, sizeof(after));
}

static void key_matters(void **state)
{
	struct digest before = hash_all(LEN);

	(void)state;
	key.block[5]++;
	struct digest other_block = hash_all(LEN);
	key.block[5]--;
	key.point[0]++;
	struct digest other_point = hash_all(LEN);
	key.point[0]--;
	assert_memory_not_equal(&before, &other_block, sizeof(before));
	assert_memory_not_equal(&before, &other_point, sizeof(before));
}

/* The extreme words: sums and products must not lose a carry. Worked out with big integers: see the formula in kernel_hash.c. */
static void all_ones(void **state)
{
	static uint8_t ones[2 * KERNEL_HASH_BLOCK];
	struct kernel_hash_key saved = key;
	uint64_t digest[2];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	memset(&key, 0, sizeof(key));
	key.point[0] = UINT64_MAX;
	key.point[1] = UINT64_MAX >> 2;
	struct digest d = hash_pieces(ones, sizeof(ones), sizeof(ones));
	memcpy(digest, &d, sizeof(digest));
	assert_true(digest[0] == 0x1fbf && digest[1] == 0x4000000000000080);
	key = saved;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_matter),    cmocka_unit_test(parts_come_together),
		cmocka_unit_test(every_bit_matters), cmocka_unit_test(length_matters),
		cmocka_unit_test(order_of_blocks_matters), cmocka_unit_test(key_matters),       cmocka_unit_test(all_ones),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
