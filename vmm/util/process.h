// SPDX-License-Identifier: Apache-2.0
/*
 * Processes and their signals. A worker is a forked child that does one job and ends.
 *
 * What needs big libraries or a lot of memory once (unpacking a kernel, reading a module index, compiling system-call filters) is
 * done in a worker, so that the machine's own process never carries it, and hostile bytes are parsed where nothing is held yet.
 * The worker hands over its results through descriptors and shared memory that the parent made before. Call it while the process
 * has one thread.
 */
#ifndef VMM_UTIL_PROCESS_H
#define VMM_UTIL_PROCESS_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

struct worker {
	const char *name;
	int pid; /* 0: not running */
};

/* Starts job(arg) in a child. -EAGAIN and the like, logged. `name` is for messages and lives as long as the worker. */
int worker_start(struct worker *worker, const char *name, int (*job)(void *arg), void *arg);
/* Waits for it and returns what job returned (0 or a negative errno); -ECHILD, logged, if a signal ended it. */
int worker_wait(struct worker *worker);
/* Ends one that is not needed any more, and waits. Accepts a zeroed or finished worker. */
void worker_cancel(struct worker *worker);

/* waitpid(2), begun again after a signal. 0 or a negative errno, not logged; `status` may be NULL. */
int process_wait(int pid, int *status);

/* Start and wait. */
int worker_run(const char *name, int (*job)(void *arg), void *arg);

/*
 * Signals are the main thread's business: blocks them for the calling thread, and for the threads that it makes. Not those by which
 * the kernel tells a thread of a fault of its own (SIGSEGV, SIGSYS, ...): blocked, they would end the process without their handlers,
 * and leave a terminal raw.
 */
void block_signals(sigset_t *before);

/*
 * A thread with all those signals blocked, and a stack that is enough for all of ours: one of the usual size may get a huge page of 2 MiB for
 * itself, and glibc keeps it for the next thread. 0 or a negative errno, not logged.
 */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* Zeroed memory that a worker and its parent both see; NULL when there is none. */
void *shared_alloc(size_t bytes);
void shared_free(void *p, size_t bytes);

/*
 * Zeroed memory for tables of which most stays untouched: one touch must not bring a huge page of 2 MiB, wherever the host puts them. NULL when there
 * is none.
 */
void *sparse_alloc(size_t bytes);
void sparse_free(void *p, size_t bytes);

/*
 * Gives back what only the start needed: free memory of malloc's, and the pages of code and constants, which come back from the page
 * cache one by one where they are used again.
 */
void process_trim(void);

#endif
