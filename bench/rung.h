// SPDX-License-Identifier: Apache-2.0
/*
 * The ladder: the ways in which one command can be run in one root image, from the bare host to a virtual machine, each as a command line. Each rung of
 * our own is this program, run again; a foreign one is the user's own command line, with {} where the command goes.
 */
#ifndef BENCH_RUNG_H
#define BENCH_RUNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNGS_MAX 16
#define RUNG_ARGS_MAX 64 /* of a rung's own, without the command's */

enum rung_kind {
	RUNG_NATIVE,	   /* the host, its own root: nothing between */
	RUNG_CHROOT,	   /* another root directory */
	RUNG_NAMESPACES,   /* and namespaces: no control groups, all capabilities, no filter */
	RUNG_CTR,	   /* a full container of root's */
	RUNG_UNPRIVILEGED, /* the same in a user namespace */
	RUNG_VM,	   /* a kernel of its own */
	RUNG_FOREIGN,
};

/* What the command line says of the ladder. Borrowed; lives as long as the ladder. */
struct ladder_options {
	const char *disk, *rootfs; /* the root image; one of them, or none: native alone */
	const char *kernel, *modules;
	const char *memory;	   /* of the machine, "512M" by default */
	char **also;		   /* NULL-terminated: NAME=COMMAND {}, or the name of one that rung_known() lists; NULL: none */
	const char *const *only;   /* NULL-terminated names; NULL: all */
	bool network;		   /* --net user in machines and containers; otherwise none */
	bool allow_emulation;	   /* a machine on a KVM without hardware behind it */
};

struct rung {
	enum rung_kind kind;
	char *name;
	char *skipped;		       /* why it can't be had here; NULL: it can */
	char *args[RUNG_ARGS_MAX + 1]; /* up to the command; native has none */
	char *after[RUNG_ARGS_MAX + 1]; /* foreign: what follows the command */
};

struct ladder {
	struct rung rung[RUNGS_MAX];
	unsigned count;
	char *self; /* this program's file */
};

/* Every rung, those that this machine can't give with the reason. 0 or a negative errno, every fault logged. */
int ladder_new(struct ladder **ladder, const struct ladder_options *options);
void ladder_free(struct ladder *ladder); /* accepts NULL */

/*
 * The command line that runs `command` (NULL-terminated, may be empty) on a rung with `more`, options of our own for it, before the command: NULL, or NULL-terminated
 * and only for rungs that are this program. NULL: no memory. To be freed as one block; the words are the ladder's and the caller's.
 */
char **rung_command(const struct rung *rung, char *const *more, char *const *command);

/*
 * The same for guest/probe with these arguments (the name is left to us). Into a rung it comes by the standard input of the command, which a shell there writes into a
 * file: so its bytes are to be that input, probe_blob()'s (probe_blob.h). On the host it is a file already, `probe`.
 */
char **rung_probe(const struct rung *rung, char *const *more, const char *probe, char *const *args);

/* One that runs. */
struct outcome {
	int status;		 /* as from a shell; -1: it could not be started */
	double wall_ms;		 /* from before its start to its end */
	double first_ms;	 /* from before its start to the first byte of its output; -1: it said nothing */
	double cpu_ms;		 /* processor time of it and what it waited for, in user and kernel mode */
	double peak_mib;	 /* resident memory of the largest process */
	bool timed_out;
	char *output;		 /* standard output, NUL-terminated, at most RUN_OUTPUT_MAX bytes */
	char *errors;		 /* the last of its standard error, the same */
};

#define RUN_OUTPUT_MAX (1u << 20)

/*
 * Runs a command line to its end, with `input` on its standard input (NULL: none). After timeout_s seconds it is killed, with all its group. -ENOMEM, or what made it impossible
 * to start, logged; otherwise 0, whatever became of it.
 */
int run_command(struct outcome *outcome, char *const *argv, const void *input, size_t input_len, unsigned timeout_s);
void outcome_free(struct outcome *outcome); /* what it points to */

/* The same, but it stays: for what is measured beside it. Its standard input is a pipe that stays open. A pid, the leader of its own group, or a negative errno, logged. */
pid_t run_start(char *const *argv, int *output_fd);
/* Ends the group of one: SIGTERM, after grace_s seconds SIGKILL. */
void run_end(pid_t pid, unsigned grace_s);

#endif
