// SPDX-License-Identifier: Apache-2.0
/*
 * A poll array on an epoll descriptor.
 *
 * libslirp was made for poll(2): it names all of its sockets each time, with what to wait for at each, and then asks about
 * each. Here that list is held against the one before, and only what changed costs a system call. The sockets are in an epoll
 * set of their own, which is itself one descriptor to wait for: a loop needs one watch for all of them, gets them in batches,
 * and stops listening to all with one call.
 *
 * One thread at a time uses a set.
 */
#ifndef DEVICES_NET_POLLSET_H
#define DEVICES_NET_POLLSET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define POLLSET_BATCH 64

struct pollset_fd {
	uint32_t round;	 /* the last round that named it */
	uint32_t wanted; /* EPOLLIN and so on, in that round */
	uint32_t armed;	 /* what the epoll set waits for; 0: it is not in the set */
	uint32_t ready;	 /* between pollset_collect() and pollset_collected() */
	bool listed;	 /* in `list` */
};

struct pollset {
	int epoll_fd;
	uint32_t round;
	struct pollset_fd *fd; /* by descriptor number */
	unsigned fd_count;
	int *list;	       /* the descriptors that the last rounds named */
	unsigned list_count, list_room;
	struct epoll_event batch[POLLSET_BATCH];
	int batch_count;
};

int pollset_init(struct pollset *ps);
void pollset_release(struct pollset *ps);

/*
 * A round: begin, want() for each descriptor, end. What was not named is not waited for any more. want() can fail with
 * -ENOMEM or epoll's errors.
 */
void pollset_begin(struct pollset *ps);
int pollset_want(struct pollset *ps, int fd, uint32_t events);
void pollset_end(struct pollset *ps);

/* The descriptor is about to be closed, or was just opened: what was known of that number is void. */
void pollset_forget(struct pollset *ps, int fd);

/* Fetches what is ready, without waiting; then pollset_ready() tells it, of what was wanted only; until pollset_collected(). */
void pollset_collect(struct pollset *ps);
uint32_t pollset_ready(const struct pollset *ps, int fd);
void pollset_collected(struct pollset *ps);

#endif
