// SPDX-License-Identifier: Apache-2.0
/* ctr/seccomp/squeeze.c: a shorter filter answers what the longer one did, for whatever it is asked; what is not understood stays as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/seccomp.h>

#include "ctr/seccomp/squeeze.h"

#define COUNT_MAX 1024
#define LD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define ARCH LD(offsetof(struct seccomp_data, arch))
#define NUMBER LD(offsetof(struct seccomp_data, nr))
#define ARGUMENT LD(offsetof(struct seccomp_data, args))
#define IF(op, k, jt, jf) BPF_JUMP(BPF_JMP | (op) | BPF_K, k, jt, jf)
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
#define BAD 0xbad

/* What the kernel would answer; BAD: it would not take the program. */
static uint32_t answer(const struct sock_filter *program, size_t count, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < count; pc++) {
		const struct sock_filter *i = &program[pc];
		bool taken;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k >= sizeof(*data))
				return BAD;
			memcpy(&a, (const char *)data + i->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			taken = a == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			taken = a > i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			taken = a >= i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			taken = a & i->k;
			break;
		default:
			return BAD;
		}
		pc += taken ? i->jt : i->jf;
	}
	return BAD;
}

static uint32_t arches[] = {0, 0xc000003e, 0x40000003, 0xc00000b7, 1};

static void agree(const struct sock_filter *a, size_t a_count, const struct sock_filter *b, size_t b_count, uint32_t number)
{
	static const uint64_t values[] = {0, 1, 2, 3, 4, 8, 0x10000, 0x7e020000, UINT64_MAX};

	for (size_t i = 0; i < sizeof(arches) / sizeof(*arches); i++) {
		for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++) {
			struct seccomp_data data = {.nr = (int)number, .arch = arches[i], .args = {values[k], values[8 - k]}};
			uint32_t expected = answer(a, a_count, &data);
			assert_int_not_equal(expected, BAD);
			assert_int_equal(answer(b, b_count, &data), expected);
		}
	}
}

/* The new length. */
static size_t check(const struct sock_filter *program, size_t count)
{
	static struct sock_filter copy[COUNT_MAX];

	memcpy(copy, program, count * sizeof(*copy));
	size_t squeezed = seccomp_squeeze(copy, count);
	assert_true(squeezed <= count);
	if (squeezed == count)
		assert_memory_equal(copy, program, count * sizeof(*copy));
	for (uint32_t number = 0; number < 520; number++)
		agree(program, count, copy, squeezed, number);
	for (size_t i = 0; i < count; i++) {
		agree(program, count, copy, squeezed, program[i].k - 1);
		agree(program, count, copy, squeezed, program[i].k);
		agree(program, count, copy, squeezed, program[i].k + 1);
	}
	return squeezed;
}

/* A comparison for each call, as libseccomp has it without a tree: 300 calls of two answers, a few that look at arguments. */
static void many_calls(void **state)
{
	static struct sock_filter program[COUNT_MAX];
	size_t n = 0;

	(void)state;
	program[n++] = (struct sock_filter)ARCH;
	program[n++] = (struct sock_filter)IF(BPF_JEQ, 0xc000003e, 1, 0);
	program[n++] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | 38);
	program[n++] = (struct sock_filter)NUMBER;
	program[n++] = (struct sock_filter)IF(BPF_JGE, 0x40000000, 0, 1);
	program[n++] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | 38);
	for (uint32_t number = 0; number < 300; number++) {
		bool looks = number % 60 == 59;
		if (number % 50 == 7)
			continue;
		program[n++] = (struct sock_filter)IF(BPF_JEQ, number, 0, looks ? 5 : 1);
		if (looks) {
			program[n++] = (struct sock_filter)ARGUMENT;
			program[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff);
			program[n++] = (struct sock_filter)IF(BPF_JEQ, number % 5, 1, 0);
			program[n++] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | 1);
		}
		program[n++] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	}
	program[n++] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | 1);
	assert_true(n > 500);
	assert_in_range(check(program, n), 1, 100);
}

/* A random filter of a few architectures: trees, chains, jumps, looks at arguments which end by themselves. */
struct making {
	struct sock_filter program[COUNT_MAX];
	size_t count;
	unsigned seed;
};

static unsigned pick(struct making *m, unsigned below)
{
	m->seed = m->seed * 1103515245 + 12345;
	return (m->seed >> 16) % below;
}

static void put(struct making *m, struct sock_filter i)
{
	m->program[m->count++] = i;
}

static void put_look(struct making *m)
{
	put(m, (struct sock_filter)LD(offsetof(struct seccomp_data, args) + 4 * pick(m, 4)));
	if (pick(m, 2))
		put(m, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, pick(m, 16)));
	put(m, (struct sock_filter)IF(pick(m, 2) ? BPF_JEQ : BPF_JSET, pick(m, 9), (uint8_t)pick(m, 2), (uint8_t)pick(m, 2)));
	put(m, (struct sock_filter)RET(SECCOMP_RET_ERRNO | pick(m, 3)));
	put(m, (struct sock_filter)RET(SECCOMP_RET_ALLOW));
}

static void put_tree(struct making *m, unsigned depth)
{
	static const int ops[] = {BPF_JEQ, BPF_JGT, BPF_JGE};

	if (!depth || m->count > COUNT_MAX - 64) {
		if (pick(m, 4))
			put(m, (struct sock_filter)RET(pick(m, 2) ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | pick(m, 2)));
		else
			put_look(m);
		return;
	}
	size_t at = m->count;
	uint32_t k = pick(m, 20) ? pick(m, 400) : pick(m, 2) ? UINT32_MAX : 0x40000000;
	put(m, (struct sock_filter)IF(ops[pick(m, 3)], k, 0, 1));
	put(m, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
	put_tree(m, depth - 1);
	m->program[at + 1].k = (uint32_t)(m->count - at - 2);
	put_tree(m, depth - 1);
}

static void random_filters(void **state)
{
	static struct making m;
	unsigned shorter = 0;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		m.count = 0;
		m.seed = round + 1;
		unsigned parts = 1 + pick(&m, 3);
		put(&m, (struct sock_filter)ARCH);
		for (unsigned i = 1; i <= parts; i++) {
			size_t at = m.count;
			put(&m, (struct sock_filter)IF(BPF_JEQ, arches[i], 1, 0));
			put(&m, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
			put(&m, (struct sock_filter)NUMBER);
			put_tree(&m, 1 + pick(&m, 5));
			m.program[at + 1].k = (uint32_t)(m.count - at - 2);
		}
		if (pick(&m, 8))
			put(&m, (struct sock_filter)RET(SECCOMP_RET_ERRNO | 38));
		else
			put_look(&m);
		shorter += check(m.program, m.count) < m.count;
	}
	/* Otherwise nothing was tried. */
	assert_true(shorter > 100);
}

static void left_alone(void **state)
{
	const struct sock_filter bits[] = {NUMBER, IF(BPF_JSET, 1, 1, 0), RET(SECCOMP_RET_ALLOW), RET(SECCOMP_RET_ALLOW), RET(0), RET(0)};
	const struct sock_filter ranges_of_arches[] = {ARCH, IF(BPF_JGT, 1, 0, 0), RET(SECCOMP_RET_ALLOW), RET(0), RET(0), RET(0)};
	const struct sock_filter arithmetic[] = {
		NUMBER, BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 3), IF(BPF_JEQ, 1, 0, 0), RET(SECCOMP_RET_ALLOW), RET(0), RET(0)};
	const struct sock_filter others_differ[] = {NUMBER, IF(BPF_JEQ, 1, 0, 1), RET(SECCOMP_RET_ALLOW), RET(0), RET(0), RET(0)};
	const struct sock_filter alone[] = {RET(SECCOMP_RET_ALLOW)};

	(void)state;
	assert_int_equal(check(bits, 6), 6);
	assert_int_equal(check(ranges_of_arches, 6), 6);
	assert_int_equal(check(arithmetic, 6), 6);
	assert_int_equal(check(others_differ, 6), 6);
	assert_int_equal(check(alone, 1), 1);
}

/* No program of ours, but nothing may be read beyond its end. */
static void without_an_end(void **state)
{
	struct sock_filter off[] = {NUMBER, BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), RET(0)};
	struct sock_filter look_off[] = {ARGUMENT, BPF_STMT(BPF_JMP | BPF_JA, 4000000000u), RET(0)};
	struct sock_filter unfinished[] = {ARGUMENT, ARGUMENT};
	struct sock_filter no_return[] = {NUMBER, IF(BPF_JEQ, 1, 200, 100)};

	(void)state;
	assert_int_equal(seccomp_squeeze(off, 3), 3);
	assert_int_equal(seccomp_squeeze(look_off, 3), 3);
	assert_int_equal(seccomp_squeeze(unfinished, 2), 2);
	assert_int_equal(seccomp_squeeze(no_return, 2), 2);
	assert_int_equal(seccomp_squeeze(off, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_calls),
		cmocka_unit_test(random_filters),
		cmocka_unit_test(left_alone),
		cmocka_unit_test(without_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
