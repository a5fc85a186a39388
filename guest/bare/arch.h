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
/*
 * A device's registers: one access of 1, 2, 4 or 8 bytes, by an instruction that a hypervisor can carry out, at any address. A compiler's
 * own choice may be one that tells it too little.
 */
static inline uint64_t arch_io_read(uint64_t at, unsigned bytes);
static inline void arch_io_write(uint64_t at, unsigned bytes, uint64_t value);

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
/* Stops the processor until an interrupt comes, and takes it. Interrupts are on otherwise, but for the time from arch_hold() to here. */
void arch_idle(void);
/* Keeps interrupts back, so that none comes between what is looked at and arch_idle(). */
void arch_hold(void);

/* Starts every other processor; each runs `entry` with its number (1, 2, ...) once. */
void arch_start_cpus(const struct machine *m, void (*entry)(unsigned number));

/* A physical address where nothing is: a hole of the map. */
extern const uint64_t arch_hole;
/* Where memory begins, apart from what is kept for tables. */
extern const uint64_t arch_ram;
/* From one virtio device to the next. */
extern const uint64_t arch_virtio_bytes;

/* What only this architecture has to try. */
extern const struct test_case arch_cases[];
extern const unsigned arch_case_count;

#include GUEST_BARE_INLINE_H

#endif
