// SPDX-License-Identifier: Apache-2.0
/*
 * A disk image or block device, with asynchronous requests. Knows nothing of virtio or KVM.
 *
 * Threads: a block object is used by one thread at a time (the virtio device's lock sees to that), whichever that is; completions
 * are delivered inside block_submit_batch(), block_reap() and block_drain(), on their caller's thread, never on a worker's.
 *
 * Errors reach the guest through the completion: 0 or a negative errno. A full host disk is -ENOSPC there.
 */
#ifndef DEVICES_BLOCK_BLOCK_H
#define DEVICES_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,	    /* what completed before it was submitted is on stable storage when it completes */
	BLOCK_DISCARD,	    /* the range's content no longer matters; it reads as anything the image gives */
	BLOCK_WRITE_ZEROES, /* the range reads as zero */
};

struct block_request {
	enum block_op op;
	bool may_unmap;		/* BLOCK_WRITE_ZEROES: the range may lose its space on the host */
	const struct iovec *iov; /* READ, WRITE: valid until done() */
	unsigned iov_count;
	uint64_t offset_bytes, len_bytes; /* len: the sum of iov for READ and WRITE; 0 for FLUSH */
	/* result: 0 or a negative errno. The request is the caller's again. May submit others. */
	void (*done)(struct block_request *request, int result);
	void *arg;		 /* done()'s own */
	/* The back end's own from here, between submit and done. */
	int result;
	struct block_request *next;
};

struct block;

struct block_config {
	const char *path;
	bool read_only;
	bool cow;		/* writes go to an overlay */
	const char *cow_path;	/* keep the overlay in this file; NULL: an unlinked one in $TMPDIR (else /var/tmp), gone at the end */
	bool no_uring;		/* use the thread pool even where io_uring works (tests) */
	bool never_here;	/* do nothing on the caller's thread, not even where that is faster (tests) */
};

/* What the guest is told of the real file or device. */
struct block_limits {
	uint64_t size_bytes;		/* a multiple of 512 */
	uint32_t logical_block_bytes;	/* requests are multiples of this */
	uint32_t physical_block_bytes;
	uint32_t optimal_io_bytes;	/* 0: not known */
	uint32_t discard_granularity_bytes; /* 0: no discard */
	bool write_zeroes;
	bool read_only;
};

/*
 * Opens and locks the image: shared for readers, exclusive for a writer (OFD lock on the file), so that a second tinyvmm that would
 * write is refused, -EBUSY. With cow the base is opened read-only and locked shared. Every failure is logged with its path, its
 * reason and the way out: missing, empty, a directory, no permission, locked, size not a multiple of 512 (a partial last sector is
 * refused).
 * A device that the host has mounted is refused too (-EBUSY). No thread is started before the first request.
 *
 * SIGXFSZ is set to be ignored if it was not handled: a file size limit then reaches the guest as an error, too.
 */
int block_open(struct block **block, const struct block_config *config);
/* Waits for what is under way. Accepts NULL. */
void block_close(struct block *block);

const struct block_limits *block_limits(const struct block *block);

/* Queues a request; nothing is promised to start before block_submit_batch(). Bounds were checked by the caller against the limits. */
void block_submit(struct block *block, struct block_request *request);
/*
 * Starts all that was queued, and completes what is done at once. A request that comes alone is done right here, on the caller's
 * thread: at depth 1 nothing is faster.
 */
void block_submit_batch(struct block *block);
/*
 * For a thread that may not wait, such as a vCPU's: of what was queued, does what the host's memory alone has to do with, completes it, and
 * returns true when that is all. What is left is not started: block_submit_batch() on another thread is to follow soon.
 */
bool block_submit_here(struct block *block);
/*
 * The caller saw new requests waiting when block_submit_batch() returned: they had to wait for the one that was done on its thread. For a
 * while, none is.
 */
void block_expect_company(struct block *block);

/*
 * An eventfd, written when completions wait for block_reap(). It is never read, so that a completion costs no system call: watch it
 * edge-triggered (EPOLLIN | EPOLLET).
 */
int block_event_fd(const struct block *block);
void block_reap(struct block *block);

/* Waits until nothing is under way; all completions have been delivered on return. Not from within done(). */
void block_drain(struct block *block);

#endif
