// SPDX-License-Identifier: Apache-2.0
/*
 * The time of day: a PL031 real-time clock (Arm DDI 0224C, PrimeCell RTC). Guests without kvmclock learn the time from it when they boot.
 *
 * It counts the host's seconds; a guest that sets it moves its own clock alone. Left out: the alarm, since nothing here sleeps: the
 * match register is kept and never matches, and there is no line.
 */
#ifndef DEVICES_PL031_H
#define DEVICES_PL031_H

#include <pthread.h>
#include <stdint.h>

#define PL031_BYTES 0x1000

struct pl031 {
	pthread_mutex_t lock; /* the bus takes it */
	uint32_t match, load, mask;
	uint32_t offset_s; /* the guest's clock minus the host's; wraps as the counter does */
};

void pl031_init(struct pl031 *rtc);
void pl031_release(struct pl031 *rtc);
/* A machine reset. The clock goes on from the host's time. Takes the lock. */
void pl031_reset(struct pl031 *rtc);

/* For struct bus_range, with `dev` the struct pl031. Registers are 32 bits wide; other accesses read as zero and write nothing. */
void pl031_read(void *rtc, uint64_t offset, void *data, unsigned len);
void pl031_write(void *rtc, uint64_t offset, const void *data, unsigned len);

#endif
