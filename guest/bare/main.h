// SPDX-License-Identifier: Apache-2.0
/* Where an architecture's start-up code hands over: on the first processor, with a stack, memory mapped and interrupts on. Does not return. */
#ifndef GUEST_BARE_MAIN_H
#define GUEST_BARE_MAIN_H

struct machine;

void bare_main(const struct machine *m);

#endif
