// SPDX-License-Identifier: Apache-2.0
/* How a container ended: its first process's status and what guest/reaper reported, into one exit status and a message where one is due. */
#ifndef CTR_ENDED_H
#define CTR_ENDED_H

struct container;

/* Call once, when its pid_fd is readable: waits for the process, which is no more then. Logs what the user has to know. */
int ended_status(struct container *container);

#endif
