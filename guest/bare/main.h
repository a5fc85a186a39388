// SPDX-License-Identifier: Apache-2.0
/* Where an architecture's start-up code hands over: on the first processor, with a stack, memory mapped, interrupts on. */
#ifndef GUEST_BARE_MAIN_H
#define GUEST_BARE_MAIN_H

struct machine;

/* Does not return. */
void bare_main(const struct machine *m);

#endif
