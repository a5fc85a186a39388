// SPDX-License-Identifier: Apache-2.0
/*
 * How a process of ours becomes a container's: what the container's first process (child.c) and those that join it later (exec.c) have in
 * common, so that both end up with the same ids, capabilities, filter, limits, descriptors and environment.
 *
 * All of it runs in the child, which has one thread; failures are logged.
 */
#ifndef CTR_BECOME_H
#define CTR_BECOME_H

struct container;
struct idmap;
struct spec;

#define STATUS_SETUP 125 /* the child's, when it could not become anything: it has said why */

/* The command's --rlimit, in a user namespace: raising them is for who started us, so it comes before the ids change. 0 or a negative errno. */
int become_limited(const struct spec *spec);

/* --oom-score, where it was given; before the process stops being dumpable, or somebody else. 0 or a negative errno. */
int become_scored(const struct spec *spec);

/* Root of the user namespace that the process is in, where it was nobody until then. Nothing happens without one. 0 or a negative errno. */
int become_root(const struct idmap *map);

/*
 * Executes guest/reaper, with orders to run container->spec->command, in the place of the calling process, which is in the container with root,
 * working directory and control groups. Says CHILD_READY over container->go right before. Never returns: a failure ends the process.
 */
_Noreturn void become_reaper(struct container *container);

#endif
