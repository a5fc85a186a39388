// SPDX-License-Identifier: Apache-2.0
/* What an architecture gives the test guest. All of it is for the first processor, unless said otherwise. */
#ifndef GUEST_BARE_ARCH_H
#define GUEST_BARE_ARCH_H

#include "guest/bare/bare.h"

/* One byte to the serial port, from the first instruction on. */
void arch_putc(char c);

/* Microseconds since some moment. Any processor. */
uint64_t arch_now_us(void);
/* In a loop that waits. Any processor. */
static inline void arch_relax(void);
/* Orders all accesses before against all after, as another processor or a device sees them. */
static inline void arch_barrier(void);

/* The ways to end, by the registers that the machine's tables name. They return if nothing happens. */
void arch_power_off(void);
void arch_reset(void);
void arch_panic(void);

/* A device's interrupt line: deliver it from now on, and tell how often it came since. */
void arch_line_enable(unsigned line);
unsigned arch_line_count(unsigned line);

/* An interrupt of the processor's timer after some time. The count is of all since the start. */
void arch_timer_start(uint64_t after_us);
unsigned arch_timer_count(void);
/* Stops the processor until an interrupt comes. Interrupts are on otherwise. */
void arch_idle(void);

/* Starts every other processor; each runs `entry` with its number (1, 2, ...) once. */
void arch_start_cpus(const struct machine *m, void (*entry)(unsigned number));

/* Physical addresses where nothing is: in a hole of the map, and beyond all of it. */
extern const uint64_t arch_hole;

/* What only this architecture has to try. */
extern const struct test_case arch_cases[];
extern const unsigned arch_case_count;

#include GUEST_BARE_INLINE_H

#endif
