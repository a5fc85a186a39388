// SPDX-License-Identifier: Apache-2.0
/* Parts of the child's set-up that are ideas of their own: each runs in the child, returns 0 or a negative errno, and logs its failures. */
#ifndef CTR_CHILD_IMPL_H
#define CTR_CHILD_IMPL_H

struct container;

/* child_network.c: the loopback, and for NET_USER a tap device with its address, sent to the parent; for NET_VETH it waits until the parent made a card. */
int child_network(const struct container *container);

/* child_terminal.c: a terminal in the container's /dev/pts becomes /dev/console and, by peer_fd, the standard streams; its master goes to the parent. */
int child_terminal(struct container *container);

#endif
