// SPDX-License-Identifier: Apache-2.0
/*
 * Disks: which way each request goes.
 *
 *	block_submit()          puts it on the queue
 *	block_submit_here()     cached reads, and writes while they are quick -> done at once, on a vCPU's thread
 *	block_submit_batch()    alone, with nothing under way    -> done at once, on this thread
 *	                        writes, while they are quick     -> the same
 *	                        plain input and output           -> the ring (ring.c)
 *	                        the rest, or there is no ring    -> the thread pool (pool.c)
 *	block_reap()            collects from the ring and the pool, calls done()
 *
 * Each way ends in the same file operations: on the image itself (raw.c) or on its overlay (cow.c). They are synchronous and
 * safe on any thread; the ring is a faster way to the same bytes, and whatever it leaves half done is done again by them.
 */
#include "devices/block/block.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/block/cow.h"
#include "devices/block/pool.h"
#include "devices/block/raw.h"
#include "devices/block/ring.h"
#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* Files as the ring knows them. */
#define FILE_IMAGE 0
#define FILE_OVERLAY 1

/* How many lone requests go the asynchronous way after one of them made others wait; how many writes, after one was slow. */
#define COMPANY_REQUESTS 64
#define SLOW_WRITES 64
/* A write is a copy into the page cache, but for a host that has too much to write back and makes its writers wait. */
#define SLOW_WRITE_NS 2000000

struct block {
	struct raw raw;
	struct cow *cow; /* NULL: requests are for the image itself */
	struct block_limits limits;
	int event_fd;
	struct ring *ring; /* NULL: all goes to the pool */
	struct pool *pool;
	struct block_request *queued_first, **queued_last;
	unsigned queued;
	unsigned under_way;   /* on the ring or in the pool */
	unsigned company;     /* lone requests still to go elsewhere */
	unsigned slow_writes; /* writes still to go elsewhere */
	bool flush_is_free;   /* read-only, or an overlay that is dropped: nobody will read it after a crash */
	bool never_here;      /* see block.h */
	bool running;         /* in run(): done() may submit, and that is picked up */
};

static int execute(void *arg, const struct block_request *request)
{
	struct block *block = arg;

	return block->cow ? cow_execute(block->cow, request) : raw_execute(&block->raw, request);
}

/* --- opening and closing ------------------------------------------------------------------------------------------- */

/* Ignored, it becomes EFBIG; with its default action a file size limit would end the machine. */
static void ignore_sigxfsz(void)
{
	struct sigaction action;

	if (sigaction(SIGXFSZ, NULL, &action) || action.sa_handler != SIG_DFL)
		return;
	action = (struct sigaction){ .sa_handler = SIG_IGN };
	sigaction(SIGXFSZ, &action, NULL);
}

static int open_image(struct block *block, const struct block_config *config)
{
	/* A dropped overlay that is never written to is no overlay. */
	bool overlay = config->cow && (config->cow_path || !config->read_only);
	int err = raw_open(&block->raw, config->path, config->read_only || config->cow);

	if (err)
		return err;
	block->limits = block->raw.limits;
	block->flush_is_free = config->read_only || (overlay && !config->cow_path);
	if (!overlay)
		return 0;
	err = cow_open(&block->cow, &block->raw, config->path, config->cow_path, config->read_only);
	if (!err)
		cow_limits(block->cow, &block->limits);
	return err;
}

static int open_engines(struct block *block, const struct block_config *config)
{
	int fds[2] = { [FILE_IMAGE] = block->raw.fd };
	int err = -ENOSYS;

	block->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (block->event_fd < 0)
		return -errno;
	block->pool = pool_new(execute, block, block->event_fd);
	if (!block->pool)
		return -ENOMEM;
	if (block->cow)
		fds[FILE_OVERLAY] = cow_fd(block->cow);
	if (!config->no_uring)
		err = ring_new(&block->ring, fds, block->cow ? 2 : 1, block->event_fd);
	if (err)
		log_debug("disk '%s': no io_uring (%s), threads instead", config->path, config->no_uring ? "not wanted" : strerror(-err));
	return 0;
}

int block_open(struct block **block_out, const struct block_config *config)
{
	struct block *block = calloc(1, sizeof(*block));

	if (!block)
		return -ENOMEM;
	block->event_fd = block->raw.fd = block->raw.lock_fd = -1;
	block->queued_last = &block->queued_first;
	block->never_here = config->never_here;
	ignore_sigxfsz();
	int err = open_image(block, config);
	if (err)
		goto close_block;
	err = open_engines(block, config);
	if (err) {
		log_error("disk '%s': can't set up its input and output: %s", config->path, strerror(-err));
		goto close_block;
	}
	*block_out = block;
	return 0;

close_block:
	block_close(block);
	return err;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	block_drain(block);
	ring_free(block->ring);
	pool_free(block->pool);
	cow_close(block->cow);
	raw_release(&block->raw);
	close_fd(&block->event_fd);
	free(block);
}

const struct block_limits *block_limits(const struct block *block)
{
	return &block->limits;
}

int block_event_fd(const struct block *block)
{
	return block->event_fd;
}

/* --- the ways ------------------------------------------------------------------------------------------------------ */

static struct block_request *take_queued(struct block *block)
{
	struct block_request *request = block->queued_first;

	block->queued_first = request->next;
	if (!block->queued_first)
		block->queued_last = &block->queued_first;
	block->queued--;
	return request;
}

static void start_on_pool(struct block *block, struct block_request *request)
{
	block->under_way++;
	if (!pool_add(block->pool, request))
		return;
	/* No thread is to be had: slow, but done. */
	block->under_way--;
	request->done(request, execute(block, request));
}

static void submit_ring(struct block *block)
{
	struct block_request *refused = ring_submit(block->ring), *next;

	if (refused)
		log_warn("a disk's io_uring failed; its threads go on");
	for (; refused; refused = next) {
		next = refused->next;
		block->under_way--;
		start_on_pool(block, refused);
	}
}

/* Whether the ring can do all of it, and on which file. */
static bool is_direct(const struct block *block, const struct block_request *request, unsigned *file, uint64_t *offset)
{
	bool in_overlay;

	if (block->cow) {
		if (!cow_is_direct(block->cow, request, &in_overlay, offset))
			return false;
		*file = in_overlay ? FILE_OVERLAY : FILE_IMAGE;
		return true;
	}
	*file = FILE_IMAGE;
	*offset = request->offset_bytes;
	if (request->op == BLOCK_READ)
		return true;
	return !block->limits.read_only && (request->op == BLOCK_WRITE || request->op == BLOCK_FLUSH);
}

static bool start_on_ring(struct block *block, struct block_request *request)
{
	uint64_t offset;
	unsigned file;

	if (!block->ring || !is_direct(block, request, &file, &offset))
		return false;
	if (!ring_add(block->ring, request, file, offset)) {
		/* The submission queue is short: hand over what it has and try again. */
		submit_ring(block);
		if (!ring_add(block->ring, request, file, offset))
			return false;
	}
	block->under_way++;
	return true;
}

static void start_elsewhere(struct block *block, struct block_request *request)
{
	if (!start_on_ring(block, request))
		start_on_pool(block, request);
}

/* A lone request gains nothing from another thread but the way there and back. */
static bool do_lone(struct block *block)
{
	if (block->queued != 1 || block->under_way || block->never_here)
		return false;
	if (block->company) {
		block->company--;
		return false;
	}
	struct block_request *request = take_queued(block);
	request->done(request, execute(block, request));
	return true;
}

/* Most file systems let a ring's buffered writes wait for a kernel thread, which costs more than the write. */
static int write_timed(struct block *block, const struct block_request *request)
{
	int64_t start = loop_now_ns();
	int result = execute(block, request);

	if (loop_now_ns() - start > SLOW_WRITE_NS)
		block->slow_writes = SLOW_WRITES;
	return result;
}

static void do_write(struct block *block, struct block_request *request)
{
	if (block->slow_writes || block->never_here) {
		block->slow_writes -= block->slow_writes > 0;
		start_elsewhere(block, request);
		return;
	}
	request->done(request, write_timed(block, request));
}

/* What is in the page cache; -EAGAIN: not all of it. */
static int read_cached(struct block *block, const struct block_request *request)
{
	uint64_t offset;
	unsigned file;

	if (!is_direct(block, request, &file, &offset))
		return -EAGAIN;
	int fd = file == FILE_IMAGE ? block->raw.fd : cow_fd(block->cow);
	ssize_t n = preadv2(fd, request->iov, (int)request->iov_count, (off_t)offset, RWF_NOWAIT);
	return n >= 0 && (uint64_t)n == request->len_bytes ? 0 : -EAGAIN;
}

/* Done here and now, without waiting; false: it stays in the queue. */
static bool do_here(struct block *block)
{
	struct block_request *request = block->queued_first;
	int result = 0;

	switch (request->op) {
	case BLOCK_READ:
		if (read_cached(block, request))
			return false;
		break;
	case BLOCK_WRITE:
		if (block->slow_writes) {
			block->slow_writes--;
			return false;
		}
		result = write_timed(block, request);
		break;
	default:
		if (request->op != BLOCK_FLUSH || !block->flush_is_free)
			return false;
	}
	take_queued(block);
	request->done(request, result);
	return true;
}

bool block_submit_here(struct block *block)
{
	/* A read that follows is not to overtake a write that is under way, nor a lone one to keep company waiting. */
	if (block->running || block->under_way || block->never_here || block->company)
		return !block->queued;
	block->running = true;
	while (block->queued && do_here(block))
		;
	block->running = false;
	return !block->queued;
}

/* Writes come last: meanwhile the others are on their way. */
static void start_queued(struct block *block)
{
	struct block_request *writes = NULL, **last = &writes, *next;

	if (do_lone(block))
		return;
	while (block->queued) {
		struct block_request *request = take_queued(block);
		if (request->op == BLOCK_WRITE) {
			request->next = NULL;
			*last = request;
			last = &request->next;
		} else if (request->op == BLOCK_FLUSH && block->flush_is_free) {
			request->done(request, 0);
		} else {
			start_elsewhere(block, request);
		}
	}
	if (block->ring)
		submit_ring(block);
	for (struct block_request *request = writes; request; request = next) {
		next = request->next;
		do_write(block, request);
	}
	if (block->ring)
		submit_ring(block);
}

void block_expect_company(struct block *block)
{
	block->company = COMPANY_REQUESTS;
}

/* --- completion ---------------------------------------------------------------------------------------------------- */

/* Done in part, or interrupted, or dropped because the thread that submitted it has ended: once more, from the start. */
static int ring_result(struct block *block, const struct block_request *request)
{
	int n = request->result;

	if (n >= 0 && (uint64_t)n == request->len_bytes)
		return 0;
	if (n >= 0 || n == -EINTR || n == -EAGAIN || n == -ECANCELED)
		return execute(block, request);
	return n;
}

static unsigned collect(struct block *block)
{
	struct block_request *request, *next;
	unsigned count = 0;

	while (block->ring && (request = ring_take(block->ring))) {
		block->under_way--;
		count++;
		request->done(request, ring_result(block, request));
	}
	for (request = pool_take(block->pool); request; request = next) {
		next = request->next;
		block->under_way--;
		count++;
		request->done(request, request->result);
	}
	return count;
}

/* Until nothing can be started and nothing has finished. done() may submit, from in here too. */
static void run(struct block *block)
{
	if (block->running)
		return;
	block->running = true;
	do {
		while (block->queued)
			start_queued(block);
	} while (block->under_way && collect(block));
	block->running = false;
}

void block_submit(struct block *block, struct block_request *request)
{
	request->next = NULL;
	*block->queued_last = request;
	block->queued_last = &request->next;
	block->queued++;
}

void block_submit_batch(struct block *block)
{
	run(block);
}

void block_reap(struct block *block)
{
	run(block);
}

void block_drain(struct block *block)
{
	struct pollfd wait = { .fd = block->event_fd, .events = POLLIN };
	uint64_t count;

	for (;;) {
		run(block);
		if (!block->under_way)
			return;
		/* Only here is the counter read: elsewhere its edges are enough. */
		poll(&wait, 1, -1);
		ssize_t n = read(block->event_fd, &count, sizeof(count));
		(void)n;
	}
}
