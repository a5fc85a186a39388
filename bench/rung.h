// SPDX-License-Identifier: Apache-2.0
/*
 * The ladder: the ways in which one command can be run in one root image, from the bare host to a virtual machine, each as a command line. Each rung of
 * our own is this program, run again; a foreign one is the user's own command line, with {} where the command goes.
 */
#ifndef BENCH_RUNG_H
#define BENCH_RUNG_H

#include <stdbool.h>
#include <stdio.h>

#define RUNGS_MAX 16
#define RUNG_ARGS_MAX 64 /* of a rung's own, without the command's */

enum rung_kind {
	RUNG_NATIVE,	   /* the host, its own root: nothing between */
	RUNG_CHROOT,	   /* another root directory */
	RUNG_NAMESPACES,   /* and namespaces: no control groups, all capabilities, no filter */
	RUNG_CTR,	   /* a full container of root's */
	RUNG_UNPRIVILEGED, /* the same in a user namespace */
	RUNG_VM,	   /* a kernel of its own */
	RUNG_QEMU,	   /* the same machine, but run by QEMU */
	RUNG_FOREIGN,
};

static inline bool rung_is_machine(enum rung_kind kind)
{
	return kind == RUNG_VM || kind == RUNG_QEMU;
}

/* What machines and containers have. */
enum ladder_network {
	LADDER_NO_NETWORK,
	LADDER_USER_NETWORK,
	LADDER_BRIDGE, /* a machine a tap interface, containers veth, on LADDER_BRIDGE_NAME: those are whoever's who uses the ladder */
};
#define LADDER_BRIDGE_NAME "tvmbench0"
#define LADDER_TAP_NAME "tvmbench1"
/* Of those reserved for benchmarks (RFC 2544, C.2.2) */
#define LADDER_BRIDGE_HOST "198.18.53.1"
#define LADDER_BRIDGE_GUEST "198.18.53.2/24"

/* What the command line says of the ladder. Borrowed; lives as long as the ladder. */
struct ladder_options {
	const char *disk, *rootfs; /* the root image; one of them, or none: native alone */
	const char *kernel, *modules;
	const char *memory;	   /* of the machine, "512M" by default */
	char **also;		   /* NULL-terminated: NAME=COMMAND {}, or bwrap, crun, runc or qemu; NULL: none */
	const char *const *only;   /* NULL-terminated names; NULL: all */
	bool writable;		   /* writes go to the image itself; otherwise they are dropped */
	enum ladder_network network;
	bool allow_emulation;	   /* a machine on a KVM without hardware behind it */
};

struct rung {
	enum rung_kind kind;
	char *name;
	char *skipped;		       /* why it can't be had here; NULL: it can */
	char *args[RUNG_ARGS_MAX + 1]; /* up to where options of our own and the command go; native has none */
	unsigned arg_count;
	char *bundle; /* foreign: the directory with a config.json (OCI runtime specification) that gets the command; NULL: it stands in the arguments */
};

struct ladder {
	struct rung rung[RUNGS_MAX];
	unsigned count;
};

/* Every rung, those that this machine can't give with the reason. 0 or a negative errno, every fault logged. */
int ladder_new(struct ladder **ladder, const struct ladder_options *options);
void ladder_free(struct ladder *ladder); /* accepts NULL */

/* Runs `true` on each rung once: one that fails is skipped from now on, with what it said. -EINTR, or 0. */
int ladder_try(struct ladder *ladder);

/* Names the peers known by name that are installed here, and not on the ladder. */
void ladder_offer(FILE *out, const struct ladder *ladder);

/*
 * The command line that runs `command` (NULL-terminated) on a rung; `more`, options of our own before it (NULL, or NULL-terminated), only for
 * rungs that are this program. NULL: no memory, or a bundle that can't be written, logged. To be freed as one block; the words are the ladder's and the caller's.
 */
char **rung_command(const struct rung *rung, char *const *more, char *const *command);

/*
 * The same for guest/probe, with `args` (NULL-terminated, without its name). Its bytes (probe_blob.h) have to be the command's standard input: a shell in there
 * writes them into a file, alone in a directory of its own, and executes that.
 */
char **rung_probe(const struct rung *rung, char *const *more, char *const *args);

#endif
