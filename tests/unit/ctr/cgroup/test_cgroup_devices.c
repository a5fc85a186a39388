// SPDX-License-Identifier: Apache-2.0
/* ctr/cgroup/devices.c: the eBPF program, run here by a small interpreter of the instructions that it uses; which rules version 1 can't
 * say. */
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctr/cgroup/cgroup_impl.h"

#define STEPS_MAX 4096
#define R BPF_DEVCG_ACC_READ
#define W BPF_DEVCG_ACC_WRITE
#define M BPF_DEVCG_ACC_MKNOD

/* One instruction of Documentation/bpf/standardization/instruction-set.rst; where it goes on. */
static unsigned step(const struct bpf_insn *in, unsigned pc, uint64_t reg[11], const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t imm = (uint64_t)(int64_t)in->imm;
	uint64_t *dst = &reg[in->dst_reg];
	uint32_t word;
	bool jump = false;

	switch (in->code) {
	case BPF_LDX | BPF_MEM | BPF_W:
		assert_int_equal(in->src_reg, 1);
		assert_true(in->off >= 0 && in->off <= (int)sizeof(*ctx) - 4 && in->off % 4 == 0);
		memcpy(&word, (const char *)ctx + in->off, sizeof(word));
		*dst = word;
		break;
	case BPF_ALU64 | BPF_MOV | BPF_X:
		*dst = reg[in->src_reg];
		break;
	case BPF_ALU64 | BPF_MOV | BPF_K:
		*dst = imm;
		break;
	case BPF_ALU64 | BPF_RSH | BPF_K:
		*dst >>= imm;
		break;
	case BPF_ALU64 | BPF_AND | BPF_K:
		*dst &= imm;
		break;
	case BPF_JMP | BPF_JNE | BPF_K:
		jump = *dst != imm;
		break;
	case BPF_JMP | BPF_JSET | BPF_K:
		jump = (*dst & imm) != 0;
		break;
	case BPF_JMP | BPF_JA:
		jump = true;
		break;
	default:
		fail_msg("an instruction that is not expected: 0x%x", in->code);
	}
	return pc + 1 + (jump ? (unsigned)in->off : 0);
}

static bool run(const struct bpf_insn *insn, unsigned count, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[11] = {0};
	unsigned pc = 0;

	for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
		assert_true(pc < count);
		if (insn[pc].code == (BPF_JMP | BPF_EXIT)) {
			assert_true(reg[0] <= 1);
			return reg[0] != 0;
		}
		pc = step(&insn[pc], pc, reg, ctx);
	}
	fail_msg("the program does not end");
	return false;
}

static struct cgroup_limits limits;

static void rule(bool allow, const char *text)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", text);
	assert_null(cgroup_parse_device(allow, copy, &limits));
}

static bool may(char type, unsigned access, unsigned major, unsigned minor)
{
	struct cgroup_device_rule all[CGROUP_DEVICE_ALL_MAX];
	struct bpf_insn insn[CGROUP_DEVICE_INSNS_MAX];
	struct bpf_cgroup_dev_ctx ctx = {.major = major, .minor = minor};
	unsigned count = cgroup_device_program(all, cgroup_device_rules(&limits, all), insn);

	assert_true(count <= CGROUP_DEVICE_INSNS_MAX);
	ctx.access_type = access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	return run(insn, count, &ctx);
}

static int setup(void **state)
{
	(void)state;
	limits = (struct cgroup_limits){.devices_restricted = true};
	return 0;
}

static void standard_nodes(void **state)
{
	static const unsigned good[][2] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, 0}, {136, 1048575}};
	static const unsigned bad[][2] = {{1, 1}, {1, 2}, {1, 4}, {1, 11}, {5, 3}, {10, 200}, {137, 0}, {3, 1}, {0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(may('c', R | W, good[i][0], good[i][1]));
		assert_true(may('c', R | W | M, good[i][0], good[i][1]));
		assert_false(may('b', R, good[i][0], good[i][1]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (unsigned access = R; access <= (R | W | M); access++) {
			bool only_mknod = !(access & (R | W));
			assert_int_equal(may('c', access, bad[i][0], bad[i][1]), only_mknod);
			assert_int_equal(may('b', access, bad[i][0], bad[i][1]), only_mknod);
		}
	}
}

static void last_rule_decides(void **state)
{
	(void)state;
	rule(true, "b:8:*:rw");
	rule(false, "b:8:16:w");
	assert_true(may('b', R | W, 8, 0));
	assert_true(may('b', R, 8, 16));
	assert_false(may('b', W, 8, 16));
	assert_false(may('b', R | W, 8, 16));
	assert_false(may('c', R, 8, 0));
	assert_false(may('b', R, 9, 0));
	rule(true, "b:*:16:w");
	assert_true(may('b', R | W, 8, 16));
	assert_true(may('b', W, 9, 16));
	assert_false(may('b', R | W, 9, 16));
}

static void accesses_add_up(void **state)
{
	(void)state;
	rule(true, "c:10:200:r");
	assert_false(may('c', R | W, 10, 200));
	rule(true, "c:10:200:w");
	assert_true(may('c', R | W, 10, 200));
	assert_true(may('c', R | W | M, 10, 200)); /* making it was allowed before */
	rule(false, "c:*:*:m");
	assert_true(may('c', R | W, 10, 200));
	assert_false(may('c', M, 10, 200));
	assert_true(may('b', M, 10, 200));
}

static void everything(void **state)
{
	(void)state;
	rule(true, "a");
	assert_true(may('b', R | W | M, 8, 0));
	assert_true(may('c', R | W | M, 4095, 1048575));
	rule(false, "c:1:3:rwm");
	assert_false(may('c', R, 1, 3));
	assert_true(may('c', R, 1, 5));
	rule(false, "a");
	assert_false(may('c', M, 1, 5));
	assert_false(may('b', M, 8, 0));
	rule(true, "a:*:7:r");
	assert_true(may('c', R, 1, 7));
	assert_true(may('b', R, 1, 7));
	assert_false(may('b', R | W, 1, 7));
}

/* As many rules as there may be, each of the longest kind: every instruction has room. */
static void longest_program(void **state)
{
	(void)state;
	for (int i = 0; i < CGROUP_DEVICE_RULES_MAX; i++)
		rule(i % 2, "b:8:1:rwm");
	assert_true(may('b', R | W | M, 8, 1));
	assert_true(may('c', R | W | M, 1, 3));
	assert_false(may('b', R, 8, 2));
}

static int inexpressible(void)
{
	struct cgroup_device_rule all[CGROUP_DEVICE_ALL_MAX];
	int bad = cgroup_device_inexpressible(all, cgroup_device_rules(&limits, all));

	return bad < 0 ? -1 : bad - CGROUP_DEVICE_STANDARD;
}

static void what_version_1_can_say(void **state)
{
	(void)state;
	assert_int_equal(inexpressible(), -1);
	rule(true, "b:8:*:rw");
	rule(false, "b:8:*:w");  /* the very same */
	rule(false, "b:9:0:rw"); /* nobody allowed it */
	rule(false, "b:*:*:w");  /* covers what was allowed */
	rule(true, "c:10:200:rw");
	assert_int_equal(inexpressible(), -1);
	rule(false, "b:8:16:r"); /* a part of what was allowed */
	assert_int_equal(inexpressible(), 5);
	limits.device_count = 0;
	rule(false, "c:10:200:m"); /* making any node is */
	assert_int_equal(inexpressible(), 0);
	limits.device_count = 0;
	rule(true, "a"); /* from here on, denials are the exceptions */
	rule(false, "b:8:*:rwm");
	assert_int_equal(inexpressible(), -1);
	rule(true, "b:8:16:r");
	assert_int_equal(inexpressible(), 2);
	rule(false, "a");
	assert_int_equal(inexpressible(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(standard_nodes, setup),  cmocka_unit_test_setup(last_rule_decides, setup),
		cmocka_unit_test_setup(accesses_add_up, setup), cmocka_unit_test_setup(everything, setup),
		cmocka_unit_test_setup(longest_program, setup), cmocka_unit_test_setup(what_version_1_can_say, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
