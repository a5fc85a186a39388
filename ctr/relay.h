// SPDX-License-Identifier: Apache-2.0
/*
 * Between the caller's terminal, which is raw meanwhile, and the container's own: bytes both ways, and the window's size. On the loop's thread.
 */
#ifndef CTR_RELAY_H
#define CTR_RELAY_H

struct loop;
struct relay;

/* `master` stays the caller's. Makes standard input raw. 0 or a negative errno, logged. */
int relay_new(struct relay **relay, int master, struct loop *loop);
/* The window changed its size (SIGWINCH). */
void relay_resize(struct relay *relay);
/* What the container wrote last, then the terminal as it was. Accepts NULL. */
void relay_free(struct relay *relay);

#endif
