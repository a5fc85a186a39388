// SPDX-License-Identifier: Apache-2.0
/*
 * Eight general-purpose pins: a PL061 (Arm DDI 0190, PrimeCell GPIO), as far as drivers use it. What is joined to a pin says with
 * pl061_set_pin() what it holds it at; a pin to which nothing is joined is low.
 *
 * Its interrupt output is a level in hardware and an edge here, as all lines of this machine are (vmm/core/irq.h): the line is pulsed
 * whenever a pin's masked interrupt comes up. That loses nothing, since what a driver has not cleared it finds in the status register. Left
 * out: pins under the control of other hardware (AFSEL reads as zero); and output pins lead nowhere, and raise no interrupts.
 */
#ifndef DEVICES_PL061_H
#define DEVICES_PL061_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/irq.h"

#define PL061_BYTES 0x1000
#define PL061_PINS 8

struct pl061 {
	pthread_mutex_t lock; /* the bus takes it, and who sets a pin */
	struct irq *irq;
	/* A bit a pin. */
	uint8_t pins; /* held high from outside */
	uint8_t seen; /* inputs that the guest has read since they changed last */
	uint8_t data, dir;
	uint8_t sense, both, event, enable;
	uint8_t latched; /* edges that came and were not cleared */
	uint8_t raised;	 /* the masked interrupts that the line was last pulsed for */
};

void pl061_init(struct pl061 *gpio, struct irq *irq);
void pl061_release(struct pl061 *gpio);
/* A machine reset. Pins stay as they are held. Takes the lock. */
void pl061_reset(struct pl061 *gpio);

/* Holds a pin high or low. The caller has the lock. */
void pl061_set_pin(struct pl061 *gpio, unsigned pin, bool high);
/* Whether the guest has read the pin since that. The caller has the lock. */
bool pl061_pin_seen(const struct pl061 *gpio, unsigned pin);

/*
 * For struct bus_range, with `dev` the struct pl061. Registers have 8 bits and stand 4 bytes apart; accesses of 1, 2 and 4 bytes at a
 * register's address work, others read as zero and write nothing.
 */
void pl061_read(void *gpio, uint64_t offset, void *data, unsigned len);
void pl061_write(void *gpio, uint64_t offset, const void *data, unsigned len);

#endif
