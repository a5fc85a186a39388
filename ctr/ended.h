// SPDX-License-Identifier: Apache-2.0
/* How a container ended: its first process's status and what guest/reaper reported, into one exit status and a message where one is due. */
#ifndef CTR_ENDED_H
#define CTR_ENDED_H

#include <stdbool.h>
#include <sys/types.h>

struct container;
struct spec;

/* Whether the command could not be executed, or not what comes before that; asked when container->go is at its end. */
bool ended_unstarted(struct container *container);

/* Call once, when its pid_fd is readable: waits for the process, which is no more then. Logs what the user has to know. */
int ended_status(struct container *container);

/* For messages of what ran out of memory: how much it takes, when the limit is so low that it matters; else "". */
const char *ended_memory_hint(const struct spec *spec);

/*
 * How the init of a system is asked to shut down: systemd takes SIGRTMIN+3 (systemd(1)), those of System V and OpenRC SIGPWR, busybox's that or, once,
 * SIGUSR2 (init.c there). Which it is shows in what it has a handler for, or else blocks, to read it from a descriptor. Everybody else gets SIGTERM.
 */
int ended_signal(pid_t init);

#endif
