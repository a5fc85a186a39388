// SPDX-License-Identifier: Apache-2.0
/*
 * Which device nodes a container may use: the standard ones, and what the user adds or takes away, the last rule that matches an access
 * decides.
 *
 * Version 2 asks an eBPF program (admin-guide/cgroup-v2.rst, "Device controller"; struct bpf_cgroup_dev_ctx), which is put together here:
 * the rules from the last to the first, each a few comparisons; r3 holds those of the wanted accesses that no rule has decided yet. It
 * needs CAP_BPF and CAP_NET_ADMIN or CAP_SYS_ADMIN.
 *
 * Version 1 (admin-guide/cgroup-v1/devices.rst) has a default and a set of exceptions without an order; what can't be said
 * with them is refused. The capabilities (CAP_MKNOD) and the mount option nodev are not here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/log.h"

unsigned cgroup_device_rules(const struct cgroup_limits *limits, struct cgroup_device_rule rule[CGROUP_DEVICE_ALL_MAX])
{
	static const struct cgroup_device_rule standard[CGROUP_DEVICE_STANDARD] = {
		{true, 'c', -1, -1, false, false, true}, /* a node may be made: using it is another thing */
		{true, 'b', -1, -1, false, false, true}, {true, 'c', 1, 3, true, true, true}, /* null */
		{true, 'c', 1, 5, true, true, true},                                          /* zero */
		{true, 'c', 1, 7, true, true, true},                                          /* full */
		{true, 'c', 1, 8, true, true, true},                                          /* random */
		{true, 'c', 1, 9, true, true, true},                                          /* urandom */
		{true, 'c', 5, 0, true, true, true},                                          /* tty */
		{true, 'c', 5, 1, true, true, true},                                          /* console */
		{true, 'c', 5, 2, true, true, true},                                          /* ptmx */
		{true, 'c', 136, -1, true, true, true},                                       /* pts */
	};
	unsigned count = 0;

	for (unsigned i = 0; i < CGROUP_DEVICE_STANDARD; i++)
		rule[count++] = standard[i];
	for (unsigned i = 0; i < limits->device_count && i < CGROUP_DEVICE_RULES_MAX; i++)
		rule[count++] = limits->device[i];
	return count;
}

/* --- version 2 -------------------------------------------------------------------------------------------------------------------- */

static unsigned access_bits(const struct cgroup_device_rule *rule)
{
	return (rule->read ? BPF_DEVCG_ACC_READ : 0u) | (rule->write ? BPF_DEVCG_ACC_WRITE : 0u) | (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0u);
}

static struct bpf_insn insn_of(unsigned code, unsigned dst, unsigned src, int off, int64_t imm)
{
	return (struct bpf_insn){.code = (uint8_t)code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = (int32_t)imm};
}

/* Registers: r1 the context, r2 the type, r3 accesses not decided yet, r4 and r5 the numbers. */
static unsigned emit_rule(const struct cgroup_device_rule *rule, struct bpf_insn *insn)
{
	unsigned n = 0, compared, access = access_bits(rule);

	if (rule->type != 'a')
		insn[n++] = insn_of(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (rule->major >= 0)
		insn[n++] = insn_of(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 0, rule->major);
	if (rule->minor >= 0)
		insn[n++] = insn_of(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0, rule->minor);
	compared = n;
	if (rule->allow) {
		insn[n++] = insn_of(BPF_ALU64 | BPF_AND | BPF_K, 3, 0, 0, ~(int64_t)access);
		insn[n++] = insn_of(BPF_JMP | BPF_JNE | BPF_K, 3, 0, 2, 0);
	} else {
		insn[n++] = insn_of(BPF_JMP | BPF_JSET | BPF_K, 3, 0, 1, access);
		insn[n++] = insn_of(BPF_JMP | BPF_JA, 0, 0, 2, 0);
	}
	insn[n++] = insn_of(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, rule->allow);
	insn[n++] = insn_of(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	/* What does not match goes on behind this rule; a jump counts from the instruction after it. */
	for (unsigned i = 0; i < compared; i++)
		insn[i].off = (int16_t)(n - i - 1);
	return n;
}

unsigned cgroup_device_program(const struct cgroup_device_rule *rule, unsigned count, struct bpf_insn *insn)
{
	const int type = offsetof(struct bpf_cgroup_dev_ctx, access_type);
	unsigned n = 0;

	insn[n++] = insn_of(BPF_LDX | BPF_MEM | BPF_W, 2, 1, type, 0);
	insn[n++] = insn_of(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0);
	insn[n++] = insn_of(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 16);
	insn[n++] = insn_of(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	insn[n++] = insn_of(BPF_LDX | BPF_MEM | BPF_W, 4, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	insn[n++] = insn_of(BPF_LDX | BPF_MEM | BPF_W, 5, 1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	while (count)
		n += emit_rule(&rule[--count], insn + n);
	insn[n++] = insn_of(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	insn[n++] = insn_of(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return n;
}

static int attach_program(int dir, const struct bpf_insn *insn, unsigned count)
{
	/* Zeroed as a whole: the kernel refuses what it does not know, padding included. */
	union bpf_attr attr;
	int err = 0;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insn;
	attr.insn_cnt = count;
	attr.license = (uintptr_t) "Apache-2.0"; /* it calls nothing that asks for the GPL */
	int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI; /* a service manager above us may have one of its own */
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)))
		err = -errno;
	close(program); /* the group keeps it */
	return err;
}

static int set_v2(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_device_rule *rule, unsigned count)
{
	struct bpf_insn insn[CGROUP_DEVICE_INSNS_MAX];
	int err = attach_program(group->fd, insn, cgroup_device_program(rule, count, insn));
	const char *hint = "";

	if (!err)
		return 0;
	if (err == -EPERM || err == -EACCES)
		hint = ": that takes root (CAP_BPF with CAP_NET_ADMIN, or CAP_SYS_ADMIN)";
	else if (err == -EINVAL || err == -ENOSYS)
		hint = ": the kernel was built without CONFIG_CGROUP_BPF";
	(cgroup->best_effort ? log_warn : log_error)("the rules for devices can't be attached to %s: %s%s", group->path, strerror(-err),
						     hint);
	return cgroup->best_effort ? 0 : err;
}

/* --- version 1 -------------------------------------------------------------------------------------------------------------------- */

static bool is_all(const struct cgroup_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && access_bits(rule) == 7;
}

static bool numbers_meet(int64_t a, int64_t b)
{
	return a < 0 || b < 0 || a == b;
}

static bool meet(const struct cgroup_device_rule *a, const struct cgroup_device_rule *b)
{
	return (a->type == 'a' || b->type == 'a' || a->type == b->type) && numbers_meet(a->major, b->major) &&
	       numbers_meet(a->minor, b->minor) && access_bits(a) & access_bits(b);
}

static bool covers(const struct cgroup_device_rule *a, const struct cgroup_device_rule *b)
{
	return (a->type == 'a' || a->type == b->type) && (a->major < 0 || a->major == b->major) && (a->minor < 0 || a->minor == b->minor);
}

/*
 * A rule like the default takes exceptions away, and the kernel only finds those with the very same numbers. So one that meets an earlier
 * exception of other numbers, and does not cover it whole, would stay without effect.
 */
int cgroup_device_inexpressible(const struct cgroup_device_rule *rule, unsigned count)
{
	bool by_default = false;
	unsigned first = 0;

	for (unsigned i = 0; i < count; i++) {
		if (is_all(&rule[i])) {
			by_default = rule[i].allow;
			first = i + 1;
		}
		if (rule[i].allow != by_default)
			continue;
		for (unsigned e = first; e < i; e++) {
			if (rule[e].allow != by_default && meet(&rule[i], &rule[e]) && !covers(&rule[i], &rule[e]))
				return (int)i;
		}
	}
	return -1;
}

static void write_number(char *text, size_t size, int64_t number)
{
	if (number < 0)
		snprintf(text, size, "*");
	else
		snprintf(text, size, "%" PRId64, number);
}

static int write_rule(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_device_rule *rule)
{
	const char *file = rule->allow ? "devices.allow" : "devices.deny";
	char major[24], minor[24];

	write_number(major, sizeof(major), rule->major);
	write_number(minor, sizeof(minor), rule->minor);
	return cgroup_set(cgroup, group, file, "%c %s:%s %s%s%s", rule->type, major, minor, rule->read ? "r" : "", rule->write ? "w" : "",
			  rule->mknod ? "m" : "");
}

/* A rule like the default: from each exception that it covers, named by that one's own numbers. */
static int take_away(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_device_rule *rule,
		     const struct cgroup_device_rule *first)
{
	int err = 0;

	for (const struct cgroup_device_rule *e = first; !err && e < rule; e++) {
		if (e->allow == rule->allow || !meet(rule, e))
			continue;
		struct cgroup_device_rule exact = *rule;
		exact.type = e->type;
		exact.major = e->major;
		exact.minor = e->minor;
		err = write_rule(cgroup, group, &exact);
	}
	return err;
}

/* For the kernel 'a' is everything, whatever numbers and accesses stand behind it: so any other 'a' becomes a 'b' and a 'c'. */
static unsigned split_all(const struct cgroup_device_rule *rule, unsigned count, struct cgroup_device_rule *split)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		split[n] = rule[i];
		if (rule[i].type == 'a' && !is_all(&rule[i])) {
			split[n].type = 'b';
			split[++n] = rule[i];
			split[n].type = 'c';
		}
		n++;
	}
	return n;
}

static int refuse_rule(const struct cgroup *cgroup, const struct cgroup_device_rule *rule)
{
	(cgroup->best_effort ? log_warn : log_error)(
		"the device rule that %s %c %lld:%lld (-1 is any) after a rule that says otherwise of more devices can't be enforced by "
		"version 1's "
		"control groups: leave out its 'm' (making nodes is allowed for all), or name each device that is allowed",
		rule->allow ? "allows" : "denies", rule->type, (long long)rule->major, (long long)rule->minor);
	return cgroup->best_effort ? 0 : -ENOTSUP;
}

static int set_v1(const struct cgroup *cgroup, const struct cgroup_group *group, const struct cgroup_device_rule *given, unsigned count)
{
	struct cgroup_device_rule rule[2 * CGROUP_DEVICE_ALL_MAX] = {{.allow = false}}, *first = rule;
	bool by_default = false;
	int bad, err;

	count = split_all(given, count, rule);
	bad = cgroup_device_inexpressible(rule, count);
	err = bad >= 0 ? refuse_rule(cgroup, &rule[bad]) : 0;
	if (!err)
		err = cgroup_set(cgroup, group, "devices.deny", "a");
	for (unsigned i = 0; !err && i < count; i++) {
		if (is_all(&rule[i])) {
			by_default = rule[i].allow;
			first = &rule[i + 1];
			err = cgroup_set(cgroup, group, by_default ? "devices.allow" : "devices.deny", "a");
		} else if (rule[i].allow == by_default) {
			err = take_away(cgroup, group, &rule[i], first);
		} else {
			err = write_rule(cgroup, group, &rule[i]);
		}
	}
	return err;
}

int cgroup_devices_set(const struct cgroup *cgroup, const struct cgroup_limits *limits)
{
	const struct cgroup_group *group = cgroup_group_of(cgroup, CONTROLLER_DEVICES);
	struct cgroup_device_rule rule[CGROUP_DEVICE_ALL_MAX];

	if (!limits->devices_restricted || !group)
		return 0;
	unsigned count = cgroup_device_rules(limits, rule);
	return (group->v2 ? set_v2 : set_v1)(cgroup, group, rule, count);
}
