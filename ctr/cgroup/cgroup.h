// SPDX-License-Identifier: Apache-2.0
/*
 * A container's control group, on hosts of version 2 (Documentation/admin-guide/cgroup-v2.rst), version 1 (admin-guide/cgroup-v1/) and
 * both ("hybrid": each controller where it is mounted), found at run time.
 *
 * A group is made below the one that the host gives us: version 1, /tinyvmm/NAME in each hierarchy, for root; version 2, for root the
 * same at the top, else beside or below our own group where that is delegated; where it is not and something needs a group, systemd is asked for
 * a transient scope over D-Bus first. Names are checked by the caller (letters, digits, _ + - .).
 *
 * A limit that the host can't enforce (controller missing, not delegated, no privilege) is an error that says which and why, or with
 * best_effort a warning. Without any limit a missing or unwritable hierarchy is passed over in silence.
 *
 * Used by one thread. Everything written is read by the kernel, so nothing here is hostile but what processes inside do: their number and
 * their stubbornness, which cgroup_remove() lives with.
 */
#ifndef CTR_CGROUP_H
#define CTR_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_IO_LIMITS_MAX 16
#define CGROUP_DEVICE_RULES_MAX 32
#define CGROUP_NET_PRIO_MAX 16

struct cgroup_io_limit {
	dev_t dev;
	uint64_t rbps, wbps, riops, wiops; /* 0: none */
};

struct cgroup_device_rule {
	bool allow;
	char type;		/* 'a' (all), 'b', 'c' */
	int64_t major, minor;	/* -1: any */
	bool read, write, mknod;
};

struct cgroup_net_prio {
	char ifname[16];
	uint32_t priority;
};

/* Zero, unless said otherwise: not limited. */
struct cgroup_limits {
	uint64_t memory_bytes;
	bool swap_set;
	uint64_t swap_bytes;	 /* swap alone, without memory: v1's memory.memsw is the sum */
	uint64_t cpu_millis;	 /* thousandths of a processor: --cpus 1.5 is 1500 */
	uint64_t cpu_shares;	 /* v1's scale, 2 to 262144; v2's weight is 1 + (shares - 2) * 9999 / 262142 */
	const char *cpuset_cpus, *cpuset_mems; /* "0-3,5" */
	uint64_t pids;
	uint64_t io_weight;	 /* 1 to 10000, v2's scale; v1: blkio.bfq.weight or blkio.weight, 10 to 1000 */
	struct cgroup_io_limit io[CGROUP_IO_LIMITS_MAX];
	unsigned io_count;
	bool devices_restricted; /* the standard nodes only, and then the rules in order, of which the last that matches decides; needs root */
	struct cgroup_device_rule device[CGROUP_DEVICE_RULES_MAX];
	unsigned device_count;
	bool net_class_set;
	uint32_t net_class;	 /* v1 only: net_cls.classid */
	struct cgroup_net_prio net_prio[CGROUP_NET_PRIO_MAX];
	unsigned net_prio_count; /* v1 only: net_prio.ifpriomap */
	bool inner;		 /* processes may make groups of their own, in version 2: see cgroup_has_inner() */
	uid_t inner_owner;	 /* who inside may */
};

struct cgroup;

/* Followed by the number of the tinyvmm process, the name of a group that is nobody's when that has ended: one is removed by whoever starts next. */
#define CGROUP_OF_RUN "ctr-"

/*
 * Finds the host's hierarchies and makes the group, without limits yet, wherever one of these needs it. Every fault is logged with its way out;
 * what was made is removed again.
 * -EEXIST: a group of this name has processes in it. One without, which a run that was killed left behind, is made anew: so names are the
 * caller's to keep apart.
 */
int cgroup_new(struct cgroup **cgroup, const char *name, const struct cgroup_limits *limits, bool best_effort);
/*
 * Sets the limits that the group was made for, whether processes are in it already or not; and clears away what killed runs left beside it. 0 or
 * a negative errno, logged with its way out; then some are set.
 */
int cgroup_limit(const struct cgroup *cgroup, const struct cgroup_limits *limits);
/*
 * Moves the calling process, an ordinary user's, into a scope that his systemd makes for it (by DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR).
 * cgroup_new() does that by itself where something needs a group. 0 or a negative errno: -EALREADY, he has a place below that systemd; -ENOENT,
 * -ECONNREFUSED and the like, there is no bus. Logged is only what systemd answers. `proc` is "/proc", but in tests.
 */
int cgroup_scope(const char *proc);
/* An existing one, for exec, pause, stats and removal. -ENOENT, not logged. */
int cgroup_open(struct cgroup **cgroup, const char *name);
/* Closes descriptors; the group stays. Accepts NULL. */
void cgroup_free(struct cgroup *cgroup);

/*
 * Whether processes that join it come into a group below it, which is theirs to divide: an init's. The limits' files are above what they see, as
 * nothing else keeps the host's root from writing there. False where version 2 has no group for us.
 */
bool cgroup_has_inner(const struct cgroup *cgroup);
/*
 * For one that was opened: who joins it from now on comes into a group in the inner one, if there is that. Version 2 takes no processes into a group that gave
 * controllers on, as an init's does. 0 or a negative errno, not logged.
 */
int cgroup_enter_inner(struct cgroup *cgroup);

/* A descriptor for CLONE_INTO_CGROUP, -1 when version 2 has no group for us here. The group's own. */
int cgroup_clone_fd(const struct cgroup *cgroup);
/* Puts a process into all hierarchies that cgroup_clone_fd() did not already; `all` into that one as well. 0 or a negative errno, logged. */
int cgroup_join(const struct cgroup *cgroup, pid_t pid, bool all);

/*
 * The same for the calling process, which has one thread: moving oneself alone, version 1's hierarchies need not stop all others' forks and exits
 * for it, which takes up to some ten milliseconds now and then (kernel/cgroup/cgroup.c, cgroup_procs_write_start()).
 */
int cgroup_join_self(const struct cgroup *cgroup, bool all);

/*
 * Kills whatever is left in the group (the caller is not), waits until it is empty, removes it, with the groups that were made
 * inside. Accepts NULL; logs what it could not remove after 5 s. What remains for `cgroup` is cgroup_free().
 */
void cgroup_remove(struct cgroup *cgroup);

/* Waits until the kernel says so; after 5 s -ETIMEDOUT, and what was to be frozen runs on. Logged. The caller is not in the group. */
int cgroup_freeze(struct cgroup *cgroup, bool frozen);
bool cgroup_is_frozen(const struct cgroup *cgroup);
/* A process that was sent SIGKILL ends also where it is frozen: version 1's groups don't let it, so it leaves theirs. */
void cgroup_expel(const struct cgroup *cgroup, pid_t pid);
/* Whether the kernel killed for lack of memory in this group (memory.events, memory.oom_control), and how often. */
uint64_t cgroup_oom_kills(const struct cgroup *cgroup);

struct cgroup_stats {
	uint64_t memory_bytes, memory_peak_bytes, memory_limit_bytes; /* limit UINT64_MAX: none */
	uint64_t cpu_usec, pids, io_read_bytes, io_write_bytes;
	bool has_memory, has_cpu, has_pids, has_io;
};
void cgroup_stats(const struct cgroup *cgroup, struct cgroup_stats *stats);

/*
 * Texts into limits, as the command line has them; each returns NULL or what is wrong with the value (a constant string), not logged. A value
 * with a fault changes no limit, though a writable text may have been cut apart. A device rule sets devices_restricted.
 *   io: "DEV:rbps=10M,wiops=100", DEV a path or MAJOR:MINOR      device: "allow c 1:3 rwm" written "c:1:3:rwm", or a path of a node with ":rwm"
 *   net_prio: "eth0:5"     cpus: "1.5"     net_class: "0x100001", or "10:1" in hexadecimal as tc writes it
 */
const char *cgroup_parse_cpus(const char *text, uint64_t *millis);
const char *cgroup_parse_cpuset(const char *text);
const char *cgroup_parse_io(char *text, struct cgroup_limits *limits);
const char *cgroup_parse_device(bool allow, char *text, struct cgroup_limits *limits);
const char *cgroup_parse_net_class(const char *text, struct cgroup_limits *limits);
const char *cgroup_parse_net_prio(char *text, struct cgroup_limits *limits);

/* Pure arithmetic between the versions' scales, for the tests: bounded to what each file takes. */
uint64_t cgroup_weight_from_shares(uint64_t shares);
uint64_t cgroup_blkio_weight(uint64_t io_weight);

#endif
