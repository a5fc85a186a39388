// SPDX-License-Identifier: Apache-2.0
/*
 * From a specification to a first process: see docs/adr/0007-container-start.md. The parent prepares, clones, lets the child go once its ids and
 * control groups are set, and keeps what it has to look after; the child (child.c) builds the container around itself and becomes
 * guest/reaper.
 */
#ifndef CTR_START_H
#define CTR_START_H

#include <stdbool.h>
#include <sys/types.h>

#include "ctr/cgroup/cgroup.h"
#include "ctr/idmap.h"
#include "ctr/rootfs.h"
#include "ctr/seccomp/seccomp.h"
#include "ctr/spec.h"
#include "guest/reaper.h"

struct container {
	const struct spec *spec;
	struct idmap map;
	struct rootfs rootfs;
	struct seccomp_program filter;
	struct cgroup *cgroup; /* NULL: none */
	int join_fd[NS_COUNT]; /* -1: not joined */
	int go[2];	       /* socket pair: [0] the parent's, at its end once the command was executed, or can't be */
	int report[2];	       /* pipe of struct reaper_report: [0] the parent's */
	struct reaper_report said; /* the first of them, once it was read (ended.h) */
	bool terminal;	       /* the command gets a terminal of its own */
	bool detached;	       /* the command gets none of our streams but standard input */
	int output_fd;	       /* detached, without a terminal: its standard output and error; the caller's */
	int interrupt_fd;      /* the caller's: readable when the set-up is to be given up; -1: never */
	int64_t deadline_ns;   /* when it is (loop_now_ns()); 0: never */
	const struct cgroup *joined; /* where the child becomes a member of what may be frozen; NULL: nowhere. The caller's */
	int peer_fd;	       /* in the child: what becomes the standard streams; -1: they stay */
	int tty_fd;	       /* its master, once container_start() returned; -1: none */
	int tap_fd;	       /* NET_USER: the container's network card; -1: none */
	struct veth *veth;     /* NET_VETH; NULL: none */
	pid_t pid;	       /* 0: not started */
	int pid_fd;
};

/* Nothing is started, nothing open: container_release() may follow at any time. */
void container_init(struct container *container, const struct spec *spec, bool terminal);

/*
 * Everything up to the moment at which the child executes the reaper. On failure, which was logged, container_release() leaves nothing behind.
 * 0 or a negative errno.
 */
int container_start(struct container *container);

/* Ends what still runs, removes the control group, closes. */
void container_release(struct container *container);

/* Steps of container_start() that exec.c has in common with it, each 0 or a negative errno, logged: */
/* container->filter from spec->seccomp, unless it is off. */
int container_filter(struct container *container);
/* container->go and report. */
int container_channels(struct container *container);
/* Takes what the child sends until it is ready. -EINTR: interrupt_fd became readable. -ETIMEDOUT: the deadline. -EBUSY: joined is frozen. */
int container_follow(struct container *container);

/*
 * Does the set-up open devices that the container's control group will deny (/dev/net/tun)? Then the child is put into it once it has
 * them, and otherwise before it does anything.
 */
bool container_needs_devices(const struct container *container);

/* The child: never returns. */
_Noreturn void container_child(struct container *container);

/* What the child tells over `go`, each with descriptors or none, in this order. */
enum child_message {
	CHILD_TAP = 'n',
	CHILD_VETH = 'v',  /* a NETLINK_ROUTE socket of its network namespace; it waits to get its card */
	CHILD_PLACE = 'p', /* it has what the control group would deny it, and waits to be put there */
	CHILD_TTY = 't',
	CHILD_READY = 'r',
};

#endif
