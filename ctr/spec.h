// SPDX-License-Identifier: Apache-2.0
/*
 * A container as the user asked for it: what a command line is parsed into (ctr/options.c), checked as a whole (spec_check()), and run
 * from (ctr/run.c). Plain data; strings point into argv or into memory that lives as long as the program.
 *
 * It follows the model of the OCI runtime specification (1.1, config.md, config-linux.md), so that its config.json can be read into it
 * later: each field names its counterpart there in brackets.
 */
#ifndef CTR_SPEC_H
#define CTR_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "ctr/caps.h"
#include "ctr/cgroup/cgroup.h"
#include "ctr/veth/veth.h"
#include "devices/net/netdev.h"

#define SPEC_BINDS_MAX 64
#define SPEC_TMPFS_MAX 16
#define SPEC_GROUPS_MAX 64

/* The ladder: each rung is all of the one before, and more. */
enum spec_isolation {
	ISOLATION_CHROOT,     /* another root, nothing else */
	ISOLATION_NAMESPACES, /* all namespaces, a root by pivot_root; neither cgroup, nor fewer capabilities, nor a system-call filter */
	ISOLATION_FULL,
};

/* In the order of enum; ctr/namespaces.c has their names and clone flags. [linux.namespaces] */
enum spec_namespace { NS_USER, NS_CGROUP, NS_IPC, NS_UTS, NS_NET, NS_PID, NS_MOUNT, NS_TIME, NS_COUNT };

struct spec_namespace_choice {
	bool share;	  /* the host's own */
	const char *join; /* a file, a PID or a name under /run/netns; NULL: a new one */
};

/* [mounts] */
struct spec_bind {
	const char *source, *target; /* on the host; in the container, absolute */
	bool read_only, idmap; /* idmap: the owners must be right inside */
};

struct spec_tmpfs {
	const char *target;
	uint64_t size_bytes; /* 0: the kernel's default, half of memory */
};

enum spec_root { ROOT_NONE, ROOT_DIR, ROOT_DISK, ROOT_IMAGE };
enum spec_net { NET_NONE, NET_USER, NET_HOST, NET_VETH };

struct spec {
	const char *name;
	/* [root] */
	enum spec_root root;
	const char *root_path;
	bool read_only;		   /* [root.readonly] */
	bool keep_writes;	   /* write to the root itself, not to an overlay that is dropped at the end */
	enum spec_isolation isolation;
	struct spec_namespace_choice ns[NS_COUNT];

	/* [process] */
	char **command;		   /* [process.args]; NULL: /sbin/init, as PID 1 */
	char **env;		   /* [process.env] added to the few that are always there; NULL-terminated; may be NULL */
	const char *user;	   /* [process.user] "name", "uid", either with ":group"; NULL: root */
	const char *workdir;	   /* [process.cwd] NULL: / */
	struct caps caps;	   /* [process.capabilities] */
	bool no_new_privs;	   /* [process.noNewPrivileges] */
	const char *seccomp;	   /* [linux.seccomp] NULL: the default list; "off"; else the path of an OCI JSON profile */
	struct rlimit rlimit[RLIM_NLIMITS]; /* [process.rlimits] those of rlimit_set */
	uint32_t rlimit_set;	   /* bit n: resource n */
	bool oom_score_set;
	int oom_score;		   /* [process.oomScoreAdj] */
	bool init;		   /* a PID 1 of ours above the command */
	bool system;		   /* no command, but an init that is PID 1; without one of ours, unless an image still names a command */
	bool terminal;		   /* [process.terminal] in the background: it gets one; in the foreground the caller's decides */

	/* [mounts] */
	struct spec_bind bind[SPEC_BINDS_MAX];
	struct spec_tmpfs tmpfs[SPEC_TMPFS_MAX];
	unsigned bind_count, tmpfs_count;

	const char *hostname;	   /* [hostname] NULL: the name */
	bool userns;		   /* map to a subordinate range although we are root */
	enum spec_net net;
	struct netdev_config netdev; /* NET_USER; of NET_VETH forwards and mtu */
	struct veth_config veth;     /* NET_VETH */

	/* [linux.resources] */
	struct cgroup_limits limits;
	bool best_effort;	   /* a limit that the host can't enforce is a warning */

	unsigned timeout_s;	   /* 0: none */

	/* Only of a container that is kept (ctr/store/store.h). */
	const char *writes_path;   /* a directory for the overlay's `upper` and `work`; NULL: in memory, dropped at the end */
	char **argv;		   /* what it was parsed from, if that was made for it; freed with it */
};

#endif
