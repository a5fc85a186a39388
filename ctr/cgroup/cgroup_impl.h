// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of this folder share: the host's hierarchies, a group's directories in them, and small reads and writes.
 *
 * The seam for tests: everything starts from a /proc (the real one, or a directory with self/mountinfo, self/cgroup and cgroups), and
 * the mount points stand in its texts. A tree of plain files has no files until they are written, so there `create` is O_CREAT | O_APPEND:
 * each file then holds all that was written to it, in order.
 */
#ifndef CTR_CGROUP_IMPL_H
#define CTR_CGROUP_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctr/cgroup/cgroup.h"

#define CGROUP_PARENT "tinyvmm" /* holds our groups in each hierarchy, and never a process */
#define CGROUP_HIERARCHIES_MAX 16
#define CGROUP_NAME_MAX 128
#define CGROUP_DEPTH_MAX 32 /* of groups that processes inside made */
#define CGROUP_WAIT_MS 5000 /* for processes to end, or to freeze */

/* Freezer, cpuacct (cpu.stat) and devices (BPF) are no controllers in version 2, but parts of every group. */
enum cgroup_controller {
	CONTROLLER_CPU,
	CONTROLLER_CPUACCT,
	CONTROLLER_CPUSET,
	CONTROLLER_MEMORY,
	CONTROLLER_DEVICES,
	CONTROLLER_FREEZER,
	CONTROLLER_IO,
	CONTROLLER_PIDS,
	CONTROLLER_NET_CLS,
	CONTROLLER_NET_PRIO,
	CONTROLLER_COUNT,
};

#define CONTROLLER_BIT(c) (1u << (c))

struct cgroup_hierarchy {
	bool v2;
	unsigned controllers; /* version 1: those mounted here */
	char *mount;
	char *own; /* our own group below the mount, "" or "/a/b"; NULL: it is not there */
};

struct cgroup_host {
	char proc[256];
	struct cgroup_hierarchy hierarchy[CGROUP_HIERARCHIES_MAX];
	unsigned count;
};

struct cgroup_group {
	bool v2;
	unsigned controllers; /* what this group is used for */
	int fd;		      /* of the directory; -1: removed */
	char *path;
};

struct cgroup {
	char name[CGROUP_NAME_MAX];
	bool best_effort;
	int create;
	struct cgroup_host host;
	struct cgroup_group group[CGROUP_HIERARCHIES_MAX];
	unsigned count;
	int inner_fd;		   /* of the group below ours that is joined in its place; -1: none */
	int why[CONTROLLER_COUNT]; /* the errno for which a controller is missing; 0: nobody has it */
};

/* host.c */
int cgroup_host_find(struct cgroup_host *host, const char *proc);
void cgroup_host_release(struct cgroup_host *host);
const char *cgroup_controller_name(enum cgroup_controller controller, bool v2);
/* Bits of a list like "cpu memory", or with commas. */
unsigned cgroup_controllers_of(char *list, bool v2);
/* Says why a limit can't be enforced for want of this controller, and what to do; a warning with best_effort. */
void cgroup_log_missing(const struct cgroup *cgroup, enum cgroup_controller controller);

/* files.c */
int cgroup_write_at(const struct cgroup *cgroup, int dir, const char *file, const char *text);
/* At most size - 1 bytes, NUL-terminated. */
int cgroup_read_at(int dir, const char *file, char *text, size_t size);
/* The number behind "key " in a file of such lines; without a key the file's own. "max" is UINT64_MAX. */
int cgroup_read_value(int dir, const char *file, const char *key, uint64_t *value);
/* Writes a limit. A failure is logged with its way out; with best_effort that is a warning, and 0. */
__attribute__((format(printf, 4, 5))) int cgroup_set(const struct cgroup *cgroup, const struct cgroup_group *group, const char *file,
						     const char *fmt, ...);
/* Every process in the group at `dir` and below it; a visitor's `false` ends the walk. */
typedef bool cgroup_visit(pid_t pid, void *arg);
bool cgroup_walk(int dir, const char *file, unsigned depth, cgroup_visit *visit, void *arg);
/* Milliseconds of a clock that only goes forward. */
int64_t cgroup_now_ms(void);

/* sweep.c: removes what killed runs left. */
void cgroup_sweep(const struct cgroup *cgroup);

/* inner.c */
int cgroup_make_inner(struct cgroup *cgroup, uid_t owner);

/* cgroup.c */
int cgroup_new_from(struct cgroup **cgroup, const char *proc, int create, const char *name, const struct cgroup_limits *limits,
		    bool best_effort);
int cgroup_open_from(struct cgroup **cgroup, const char *proc, const char *name);
/* Version 2: lets the groups below `place` have these controllers, and says which of them they got. */
unsigned cgroup_enable(struct cgroup *cgroup, const char *place, unsigned bits);
/* The group that serves this controller, or NULL. */
const struct cgroup_group *cgroup_group_of(const struct cgroup *cgroup, enum cgroup_controller controller);
/* The group of version 2, or NULL. */
const struct cgroup_group *cgroup_group_v2(const struct cgroup *cgroup);

/* end.c */
/* Whether there are processes in this group or below it. */
bool cgroup_is_populated(int dir, bool v2);
/* Removes a group without processes, and those below it. */
int cgroup_remove_tree(const char *path);

/*
 * weight.c: whether a disk heeds a weight, by this scheduler ("[bfq]"; NULL: none would) or, with `model`, version 2's cost model. If not it is logged:
 * a warning with best_effort, and 0.
 */
int cgroup_check_weight(const struct cgroup *cgroup, const struct cgroup_group *group, const char *scheduler, bool model);

/* v1.c, v2.c: those limits whose controllers this version serves. */
int cgroup_v1_set(const struct cgroup *cgroup, const struct cgroup_limits *limits);
int cgroup_v2_set(const struct cgroup *cgroup, const struct cgroup_limits *limits);

/* devices.c */
#define CGROUP_DEVICE_STANDARD 11
#define CGROUP_DEVICE_ALL_MAX (CGROUP_DEVICE_STANDARD + CGROUP_DEVICE_RULES_MAX)
#define CGROUP_DEVICE_INSNS_MAX (CGROUP_DEVICE_ALL_MAX * 7 + 8)
struct bpf_insn;
/* The standard nodes and then the limits' own. */
unsigned cgroup_device_rules(const struct cgroup_limits *limits, struct cgroup_device_rule rule[CGROUP_DEVICE_ALL_MAX]);
/* The program for BPF_CGROUP_DEVICE, at most CGROUP_DEVICE_INSNS_MAX; its length. */
unsigned cgroup_device_program(const struct cgroup_device_rule *rule, unsigned count, struct bpf_insn *insn);
/* Version 1 has no order of rules: the first rule that it would not enforce, or -1. */
int cgroup_device_inexpressible(const struct cgroup_device_rule *rule, unsigned count);
int cgroup_devices_set(const struct cgroup *cgroup, const struct cgroup_limits *limits);

#endif
