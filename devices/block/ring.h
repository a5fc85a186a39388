// SPDX-License-Identifier: Apache-2.0
/*
 * An io_uring for one disk: reads, writes and flushes of files that are named when it is made, and of nothing else. A system-call
 * filter can't see what goes through a ring, so the ring is restricted before its first use (IORING_REGISTER_RESTRICTIONS): whoever takes
 * over this process can't open a file with it.
 */
#ifndef DEVICES_BLOCK_RING_H
#define DEVICES_BLOCK_RING_H

#include "devices/block/block.h"

struct ring;

/*
 * A negative errno where the kernel refuses; not logged, since the pool is there. `event_fd` (the caller's) is written at each completion.
 */
int ring_new(struct ring **ring, const int *fds, unsigned fd_count, int event_fd);
/* Nothing may be under way. Accepts NULL. */
void ring_free(struct ring *ring);

/* READ, WRITE or FLUSH, on fds[file], `offset_bytes` there. False: there is no room now, or never for this one. */
bool ring_add(struct ring *ring, struct block_request *request, unsigned file, uint64_t offset_bytes);
/*
 * Starts what was added. NULL, or, when the kernel won't take them, the requests that were not started, linked by `next`; the ring then
 * takes no more.
 */
struct block_request *ring_submit(struct ring *ring);

/* The next finished request, or NULL. Its result is the kernel's: bytes done, or a negative errno. */
struct block_request *ring_take(struct ring *ring);

#endif
