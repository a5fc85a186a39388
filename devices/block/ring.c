// SPDX-License-Identifier: Apache-2.0
/*
 * io_uring: see ring.h, io_uring_setup(2), io_uring_register(2).
 *
 * As many requests are under way as the completion queue has room for, so it never overflows. Guest memory is not registered with
 * the ring: that would pin all of it, and an idle guest costs what it uses.
 */
#include "devices/block/ring.h"

#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <stdlib.h>

#define SUBMIT_ENTRIES 64
#define COMPLETE_ENTRIES 512

struct ring {
	struct io_uring uring;
	unsigned under_way; /* added and not taken */
	/* Added and not started, in order; `next` is theirs. */
	struct block_request *added_first, **added_last;
	bool dead;
};

static int setup(struct io_uring *uring)
{
	/* The second works on kernels that have no cooperative task work (before 5.19). */
	static const unsigned flags[] = { IORING_SETUP_COOP_TASKRUN, 0 };
	int err = -EINVAL;

	for (unsigned i = 0; i < 2 && err == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED | flags[i],
			.cq_entries = COMPLETE_ENTRIES,
		};
		err = io_uring_queue_init_params(SUBMIT_ENTRIES, uring, &params);
	}
	return err;
}

static int restrict_to_files(struct io_uring *uring)
{
	struct io_uring_restriction rules[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_FSYNC },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE },
	};

	return io_uring_register_restrictions(uring, rules, sizeof(rules) / sizeof(*rules));
}

int ring_new(struct ring **ring_out, const int *fds, unsigned fd_count, int event_fd)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	ring->added_last = &ring->added_first;
	int err = setup(&ring->uring);
	if (err)
		goto free_ring;
	err = io_uring_register_files(&ring->uring, fds, fd_count);
	if (!err)
		err = io_uring_register_eventfd(&ring->uring, event_fd);
	if (!err)
		err = restrict_to_files(&ring->uring);
	if (!err)
		err = io_uring_enable_rings(&ring->uring);
	if (err < 0)
		goto exit_queue;
	*ring_out = ring;
	return 0;

exit_queue:
	io_uring_queue_exit(&ring->uring);
free_ring:
	free(ring);
	return err;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	io_uring_queue_exit(&ring->uring);
	free(ring);
}

static void prepare(struct io_uring_sqe *sqe, const struct block_request *request, unsigned file, uint64_t offset)
{
	switch (request->op) {
	case BLOCK_READ:
		io_uring_prep_readv(sqe, (int)file, request->iov, request->iov_count, offset);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev(sqe, (int)file, request->iov, request->iov_count, offset);
		break;
	default:
		io_uring_prep_fsync(sqe, (int)file, IORING_FSYNC_DATASYNC);
	}
	sqe->flags |= IOSQE_FIXED_FILE;
}

bool ring_add(struct ring *ring, struct block_request *request, unsigned file, uint64_t offset_bytes)
{
	if (ring->dead || ring->under_way == COMPLETE_ENTRIES || request->iov_count > IOV_MAX)
		return false;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
	if (!sqe)
		return false;
	prepare(sqe, request, file, offset_bytes);
	io_uring_sqe_set_data(sqe, request);
	request->next = NULL;
	*ring->added_last = request;
	ring->added_last = &request->next;
	ring->under_way++;
	return true;
}

static void started(struct ring *ring, int count)
{
	while (count-- > 0 && ring->added_first)
		ring->added_first = ring->added_first->next;
	if (!ring->added_first)
		ring->added_last = &ring->added_first;
}

struct block_request *ring_submit(struct ring *ring)
{
	while (ring->added_first) {
		int n = io_uring_submit(&ring->uring);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		started(ring, n);
	}
	struct block_request *left = ring->added_first;
	if (left)
		ring->dead = true;
	for (struct block_request *request = left; request; request = request->next)
		ring->under_way--;
	ring->added_first = NULL;
	ring->added_last = &ring->added_first;
	return left;
}

struct block_request *ring_take(struct ring *ring)
{
	struct io_uring_cqe *cqe;

	if (io_uring_peek_cqe(&ring->uring, &cqe) || !cqe)
		return NULL;
	struct block_request *request = io_uring_cqe_get_data(cqe);
	request->result = cqe->res;
	io_uring_cqe_seen(&ring->uring, cqe);
	ring->under_way--;
	return request;
}
