// SPDX-License-Identifier: Apache-2.0
/* What a seccomp program answers to a call, without making it: classic BPF as seccomp(2) has it, run here. */
#ifndef TESTS_FAKES_BPF_RUN_H
#define TESTS_FAKES_BPF_RUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BPF_RUN_BAD 0xdeadbeefu /* an instruction that the kernel would not take, or a way past the end */

static inline size_t bpf_jump(const struct sock_filter *i, uint32_t a)
{
	switch (i->code) {
	case BPF_JMP | BPF_JA:
		return i->k;
	case BPF_JMP | BPF_JEQ | BPF_K:
		return a == i->k ? i->jt : i->jf;
	case BPF_JMP | BPF_JGT | BPF_K:
		return a > i->k ? i->jt : i->jf;
	case BPF_JMP | BPF_JGE | BPF_K:
		return a >= i->k ? i->jt : i->jf;
	default:
		return SIZE_MAX / 2;
	}
}

static inline uint32_t bpf_run(const struct sock_filter *filter, size_t count, const struct seccomp_data *call)
{
	uint32_t a = 0;

	for (size_t at = 0; at < count; at++) {
		const struct sock_filter *i = &filter[at];
		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS) && i->k % 4 == 0 && i->k < sizeof(*call))
			memcpy(&a, (const char *)call + i->k, sizeof(a));
		else if (i->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= i->k;
		else
			at += bpf_jump(i, a);
	}
	return BPF_RUN_BAD;
}

#endif
