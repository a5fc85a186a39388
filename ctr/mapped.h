// SPDX-License-Identifier: Apache-2.0
/*
 * Work on files that belong to a container's users. Root may do it as it is. Somebody else's container leaves files of subordinate ids behind, and
 * directories closed to their owner: for them only the root of a user namespace with the same map is enough (user_namespaces(7)).
 */
#ifndef CTR_MAPPED_H
#define CTR_MAPPED_H

/*
 * Runs job(arg) in a worker (vmm/util/process.h) that is root to all ids the calling user's containers may have; `name` is for messages.
 * What job returned, or a negative errno, which is logged.
 */
int mapped_run(const char *name, int (*job)(void *arg), void *arg);

#endif
