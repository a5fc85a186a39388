// SPDX-License-Identifier: Apache-2.0
/* Profiles of system calls: read and checked; not compiled, which is libseccomp's work and slow. The first eight bytes are capabilities. */
#include <linux/seccomp.h>
#include <string.h>

#include "ctr/seccomp/seccomp_impl.h"
#include "tests/fuzz/input.h"
#include "vmm/util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the compiler takes for granted. */
static void check_rule(const struct seccomp_rule *rule)
{
	unsigned seen = 0;

	must(memchr(rule->name, '\0', sizeof(rule->name)) && rule->name[0]);
	must(rule->arg_count <= SECCOMP_ARGS_MAX);
	for (unsigned i = 0; i < rule->arg_count; i++) {
		must(rule->arg[i].index < SECCOMP_ARGS_MAX && rule->arg[i].compare <= COMPARE_MASKED);
		must(!(seen >> rule->arg[i].index & 1));
		seen |= 1u << rule->arg[i].index;
	}
	must((rule->action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_USER_NOTIF);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct seccomp_policy policy;
	uint64_t caps = take_u64(&in, 8);
	/* Without a NUL after it: the address sanitizer sees each byte too far. */
	char *copy = malloc(in.len + !in.len);

	log_set_level((enum log_level)(LOG_ERROR - 1)); /* refusals by the thousand are no news */
	memcpy(copy, in.data, in.len);
	if (!seccomp_profile_parse(&policy, copy, in.len, "fuzz", caps)) {
		must(policy.count <= SECCOMP_RULES_MAX && policy.arch_count <= SECCOMP_ARCHES_MAX);
		for (unsigned i = 0; i < policy.arch_count; i++)
			must(memchr(policy.arch[i], '\0', SECCOMP_ARCH_NAME_MAX));
		for (size_t i = 0; i < policy.count; i++)
			check_rule(&policy.rule[i]);
	}
	seccomp_policy_release(&policy);
	free(copy);
	return 0;
}
