// SPDX-License-Identifier: Apache-2.0
/*
 * Threads that execute requests one by one: for what a ring can't do, and for all of it where the kernel refuses us a ring. They are
 * made when work comes and none is idle, and stay until the pool is freed.
 *
 * One thread uses a pool at a time; finished requests are collected by it, never delivered on a worker.
 */
#ifndef DEVICES_BLOCK_POOL_H
#define DEVICES_BLOCK_POOL_H

#include "devices/block/block.h"

struct pool;

/* `execute` runs on a worker and is handed `arg`. `event_fd` (an eventfd, the caller's) is written when requests have finished. */
struct pool *pool_new(int (*execute)(void *arg, const struct block_request *request), void *arg, int event_fd);
/* Waits for what is being executed; what was not begun is dropped, so drain first. Accepts NULL. */
void pool_free(struct pool *pool);

/* -EAGAIN, the request untouched, when there is no thread and none can be made. */
int pool_add(struct pool *pool, struct block_request *request);
/* All finished requests, linked by `next`, with their results; NULL when there are none. */
struct block_request *pool_take(struct pool *pool);

#endif
