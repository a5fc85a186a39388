// SPDX-License-Identifier: Apache-2.0
/* A poll array on an epoll descriptor: see pollset.h. */
#include "devices/net/pollset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util/io.h"

/*
 * What a descriptor that nobody wants anything of is armed with. EPOLLHUP and EPOLLERR come unasked, but by edge only once,
 * where level would wake the loop for ever. Cheaper than taking it out: it is likely to be wanted again soon (a receiver
 * whose window was full).
 */
#define QUIET EPOLLET

int pollset_init(struct pollset *ps)
{
	memset(ps, 0, sizeof(*ps));
	ps->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return ps->epoll_fd < 0 ? -errno : 0;
}

void pollset_release(struct pollset *ps)
{
	close_fd(&ps->epoll_fd);
	free(ps->fd);
	free(ps->list);
	ps->fd = NULL;
	ps->list = NULL;
	ps->fd_count = ps->list_count = ps->list_room = 0;
}

static int grow(struct pollset *ps, int fd)
{
	unsigned count = ps->fd_count ? ps->fd_count : 64;

	while (count <= (unsigned)fd)
		count *= 2;
	struct pollset_fd *table = realloc(ps->fd, count * sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table + ps->fd_count, 0, (count - ps->fd_count) * sizeof(*table));
	ps->fd = table;
	ps->fd_count = count;
	return 0;
}

static int list_add(struct pollset *ps, int fd)
{
	if (ps->list_count == ps->list_room) {
		unsigned room = ps->list_room ? 2 * ps->list_room : 16;
		int *list = realloc(ps->list, room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		ps->list = list;
		ps->list_room = room;
	}
	ps->list[ps->list_count++] = fd;
	ps->fd[fd].listed = true;
	return 0;
}

static int arm(struct pollset *ps, int fd, uint32_t events)
{
	struct pollset_fd *entry = &ps->fd[fd];
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (entry->armed == events)
		return 0;
	if (epoll_ctl(ps->epoll_fd, entry->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
		return -errno;
	entry->armed = events;
	return 0;
}

void pollset_begin(struct pollset *ps)
{
	ps->round++;
}

int pollset_want(struct pollset *ps, int fd, uint32_t events)
{
	int err = 0;

	if (fd < 0)
		return -EBADF;
	if ((unsigned)fd >= ps->fd_count)
		err = grow(ps, fd);
	if (!err && !ps->fd[fd].listed)
		err = list_add(ps, fd);
	if (!err)
		err = arm(ps, fd, events);
	if (err)
		return err;
	ps->fd[fd].round = ps->round;
	ps->fd[fd].wanted = events;
	return 0;
}

void pollset_end(struct pollset *ps)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < ps->list_count; i++) {
		int fd = ps->list[i];
		struct pollset_fd *entry = &ps->fd[fd];
		if (entry->round == ps->round) {
			ps->list[kept++] = fd;
			continue;
		}
		entry->listed = false;
		entry->wanted = 0;
		if (entry->armed)
			arm(ps, fd, QUIET);
	}
	ps->list_count = kept;
}

void pollset_forget(struct pollset *ps, int fd)
{
	if (fd < 0 || (unsigned)fd >= ps->fd_count)
		return;
	struct pollset_fd *entry = &ps->fd[fd];
	if (entry->armed)
		epoll_ctl(ps->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	entry->armed = entry->wanted = entry->ready = 0;
}

void pollset_collect(struct pollset *ps)
{
	int n = epoll_wait(ps->epoll_fd, ps->batch, POLLSET_BATCH, 0);

	ps->batch_count = n > 0 ? n : 0;
	for (int i = 0; i < ps->batch_count; i++)
		ps->fd[ps->batch[i].data.fd].ready = ps->batch[i].events;
}

uint32_t pollset_ready(const struct pollset *ps, int fd)
{
	if (fd < 0 || (unsigned)fd >= ps->fd_count)
		return 0;
	return ps->fd[fd].ready & ps->fd[fd].wanted;
}

void pollset_collected(struct pollset *ps)
{
	for (int i = 0; i < ps->batch_count; i++)
		ps->fd[ps->batch[i].data.fd].ready = 0;
	ps->batch_count = 0;
}
