// SPDX-License-Identifier: Apache-2.0
/*
 * A policy into classic BPF, by libseccomp; runs in a worker (ctr/seccomp/seccomp.c).
 *
 * libseccomp has one answer for all that a policy does not name. What is newer than anything it names shall answer ENOSYS, so for that a
 * few instructions stand in front of libseccomp's program, as engines have it: four for each architecture. (The other way, ENOSYS as the
 * default and a rule for each known call that is refused, can't express a call that is allowed with some arguments only.)
 *
 * x32 is refused: it is a third table of calls, which hardly any kernel has switched on. Its calls, and those of architectures that the
 * policy does not name, answer ENOSYS, as on a kernel without them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/seccomp/seccomp_impl.h"
#include "ctr/seccomp/squeeze.h"
#include "vmm/util/io.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define COMPILE_CALLS(X)                     \
	X(seccomp_init)                      \
	X(seccomp_release)                   \
	X(seccomp_rule_add_array)            \
	X(seccomp_syscall_resolve_name)      \
	X(seccomp_syscall_resolve_name_arch) \
	X(seccomp_arch_native) X(seccomp_arch_resolve_name) X(seccomp_arch_add) X(seccomp_attr_set) X(seccomp_export_bpf)
LIB_STRUCT(compile_lib, COMPILE_CALLS);

_Static_assert(SCMP_ACT_ALLOW == SECCOMP_RET_ALLOW && SCMP_ACT_ERRNO(1) == (SECCOMP_RET_ERRNO | 1) &&
		       SCMP_ACT_TRACE(1) == (SECCOMP_RET_TRACE | 1) && SCMP_ACT_TRAP == SECCOMP_RET_TRAP &&
		       SCMP_ACT_LOG == SECCOMP_RET_LOG && SCMP_ACT_KILL_PROCESS == SECCOMP_RET_KILL_PROCESS &&
		       SCMP_ACT_KILL_THREAD == SECCOMP_RET_KILL_THREAD,
	       "libseccomp's actions are the kernel's");

/* 32-bit ARM has some calls of its own up here; no table of calls gets so long. */
#define PRIVATE_CALLS 0xf0000
#define GUARD_PER_ARCH 5

struct compiler {
	struct compile_lib lib;
	const struct seccomp_policy *policy;
	const char *name;
	scmp_filter_ctx ctx;
	uint32_t arch[2]; /* this machine's, and its 32-bit one where the policy has it */
	unsigned arch_count;
};

/* --- architectures -------------------------------------------------------------------------------------------------------------------- */

/* Which other calls a kernel of this architecture may take. Rules for any more would only be in the way. */
static const struct {
	uint32_t native, second;
} seconds[] = {
	{SCMP_ARCH_X86_64, SCMP_ARCH_X86},
	{SCMP_ARCH_AARCH64, SCMP_ARCH_ARM},
};

static bool is_second(uint32_t native, uint32_t arch)
{
	for (unsigned i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
		if (seconds[i].native == native && seconds[i].second == arch)
			return true;
	}
	return false;
}

static int add_arches(struct compiler *c)
{
	int err;

	c->arch[c->arch_count++] = c->lib.seccomp_arch_native();
	for (unsigned i = 0; i < c->policy->arch_count; i++) {
		uint32_t arch = c->lib.seccomp_arch_resolve_name(c->policy->arch[i]);
		if (!arch)
			log_debug("%s: libseccomp knows no architecture %s", c->name, c->policy->arch[i]);
		if (!is_second(c->arch[0], arch) || c->arch_count == 2)
			continue;
		err = c->lib.seccomp_arch_add(c->ctx, arch);
		if (err)
			return err;
		c->arch[c->arch_count++] = arch;
	}
	return 0;
}

/* --- rules -----------------------------------------------------------------------------------------------------------------------------
 */

static enum scmp_compare compare_of(enum seccomp_compare compare)
{
	static const enum scmp_compare compares[] = {
		[COMPARE_NE] = SCMP_CMP_NE,
		[COMPARE_LT] = SCMP_CMP_LT,
		[COMPARE_LE] = SCMP_CMP_LE,
		[COMPARE_EQ] = SCMP_CMP_EQ,
		[COMPARE_GE] = SCMP_CMP_GE,
		[COMPARE_GT] = SCMP_CMP_GT,
		[COMPARE_MASKED] = SCMP_CMP_MASKED_EQ,
	};

	return compares[compare];
}

static int add_rule(struct compiler *c, const struct seccomp_rule *rule)
{
	struct scmp_arg_cmp args[SECCOMP_ARGS_MAX] = {0};
	int err, number;

	/* What is done anyway needs no rule, and libseccomp takes none. */
	if (rule->named_only || rule->action == c->policy->default_action)
		return 0;
	/* Other negative numbers stand for calls that only the second architecture has. */
	number = c->lib.seccomp_syscall_resolve_name(rule->name);
	if (number == __NR_SCMP_ERROR)
		return 0;
	for (unsigned i = 0; i < rule->arg_count; i++) {
		args[i] = (struct scmp_arg_cmp){.arg = rule->arg[i].index,
						.op = compare_of(rule->arg[i].compare),
						.datum_a = rule->arg[i].value,
						.datum_b = rule->arg[i].second};
	}
	err = c->lib.seccomp_rule_add_array(c->ctx, rule->action, number, rule->arg_count, args);
	if (err == -EEXIST)
		err = 0; /* the same twice */
	if (err)
		log_error("%s: libseccomp does not take the rule for %s: %s", c->name, rule->name, strerror(-err));
	return err;
}

static int add_rules(struct compiler *c)
{
	int err = 0;

	for (size_t i = 0; i < c->policy->count && !err; i++)
		err = add_rule(c, &c->policy->rule[i]);
	return err;
}

/* --- what the policy's author did not know ----------------------------------------------------------------------------------------- */

static uint32_t newest_named(struct compiler *c, uint32_t arch)
{
	uint32_t newest = 0;

	for (size_t i = 0; i < c->policy->count; i++) {
		int number = c->lib.seccomp_syscall_resolve_name_arch(arch, c->policy->rule[i].name);
		if (number > (int)newest && number < PRIVATE_CALLS)
			newest = (uint32_t)number;
	}
	return newest;
}

/* Goes on behind itself with all that it does not answer. */
static unsigned make_guard(struct compiler *c, struct sock_filter guard[])
{
	const uint32_t number_at = offsetof(struct seccomp_data, nr), arch_at = offsetof(struct seccomp_data, arch);
	const unsigned end = 1 + GUARD_PER_ARCH * c->arch_count;
	unsigned n = 0;

	guard[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arch_at);
	for (unsigned i = 0; i < c->arch_count; i++) {
		/* libseccomp's tokens of these architectures are the kernel's AUDIT_ARCH_* */
		guard[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->arch[i], 0, GUARD_PER_ARCH - 1);
		guard[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number_at);
		guard[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest_named(c, c->arch[i]), 0, (uint8_t)(end - n - 1));
		n++;
		guard[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, PRIVATE_CALLS, (uint8_t)(end - n - 1), 0);
		n++;
		guard[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	}
	return n;
}

/* --- writing -----------------------------------------------------------------------------------------------------------------------------
 */

int seccomp_library_look(struct seccomp_library *library)
{
	struct stat st;

	if (stat(library->path, &st))
		return -errno;
	library->dev = st.st_dev;
	library->ino = st.st_ino;
	library->bytes = (uint64_t)st.st_size;
	library->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

/* Without a path the program is not kept, and that is all. */
static void find_library(struct compiler *c, struct seccomp_library *library)
{
	Dl_info info;

	if (dladdr((void *)c->lib.seccomp_init, &info) && info.dli_fname && info.dli_fname[0] == '/' &&
	    strlen(info.dli_fname) < sizeof(library->path))
		strcpy(library->path, info.dli_fname);
	if (seccomp_library_look(library))
		memset(library, 0, sizeof(*library));
}

/* What libseccomp wrote, made shorter. */
static int squeeze(int fd, uint32_t *count)
{
	const off_t start = sizeof(struct seccomp_output);
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	size_t bytes = (size_t)(st.st_size - start);
	struct sock_filter *program = malloc(bytes + 1);
	int err = program ? pread_full(fd, program, bytes, (uint64_t)start) : -ENOMEM;
	if (!err) {
		*count = (uint32_t)seccomp_squeeze(program, bytes / sizeof(*program));
		err = pwrite_full(fd, program, *count * sizeof(*program), (uint64_t)start);
	}
	if (!err && ftruncate(fd, start + (off_t)(*count * sizeof(*program))))
		err = -errno;
	free(program);
	return err;
}

static int write_program(struct compiler *c, int fd)
{
	struct seccomp_output output = {.flags = c->policy->flags};
	struct sock_filter guard[1 + 2 * GUARD_PER_ARCH];
	int err;

	/* Behind the place of the header, which is written once the length is known. */
	if (lseek(fd, sizeof(output), SEEK_SET) < 0)
		return -errno;
	err = c->policy->newer_enosys ? write_full(fd, guard, make_guard(c, guard) * sizeof(*guard)) : 0;
	if (!err)
		err = c->lib.seccomp_export_bpf(c->ctx, fd);
	if (!err)
		err = squeeze(fd, &output.count);
	if (err)
		return err;
	find_library(c, &output.library);
	return pwrite_full(fd, &output, sizeof(output), 0);
}

static int build(struct compiler *c)
{
	int err = c->lib.seccomp_attr_set(c->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	/* A binary search instead of a line of comparisons: kernels before 5.11 go through it for each call. Older libraries have none. */
	c->lib.seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return err ? err : add_arches(c);
}

int seccomp_compile(const struct seccomp_policy *policy, const char *name, int fd)
{
	struct compiler c = {.policy = policy, .name = name};
	int err = LIB_OPEN(&c.lib, "libseccomp.so.2", "libseccomp2", COMPILE_CALLS);

	if (err) {
		log_error("without it there is no system-call filter; --seccomp off runs without one");
		return err;
	}
	c.ctx = c.lib.seccomp_init(policy->default_action);
	if (!c.ctx) {
		log_error("%s: libseccomp does not take the default action", name);
		return -EINVAL;
	}
	err = build(&c);
	if (!err) {
		err = add_rules(&c);
		if (err)
			goto release; /* logged with the rule */
		err = write_program(&c, fd);
	}
	if (err)
		log_error("%s: the list of system calls does not compile: %s", name, strerror(-err));
release:
	c.lib.seccomp_release(c.ctx);
	return err;
}

/* --- policies ------------------------------------------------------------------------------------------------------------------------ */

int seccomp_policy_add(struct seccomp_policy *policy, const struct seccomp_rule *rule)
{
	if (policy->count == SECCOMP_RULES_MAX)
		return -E2BIG;
	if (policy->count == policy->room) {
		size_t room = policy->room ? 2 * policy->room : 512;
		struct seccomp_rule *more = realloc(policy->rule, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		policy->rule = more;
		policy->room = room;
	}
	policy->rule[policy->count++] = *rule;
	return 0;
}

void seccomp_policy_release(struct seccomp_policy *policy)
{
	free(policy->rule);
	policy->rule = NULL;
	policy->count = policy->room = 0;
}
