// SPDX-License-Identifier: Apache-2.0
/*
 * One interrupt line that a device may raise.
 *
 * All devices of this machine use edges: a device pulses its line and the guest reads the cause from the device. Behind the line is an
 * eventfd that KVM turns into an interrupt by itself (irqfd), or, where KVM cannot, a callback. A device is handed its line and
 * knows nothing of what is behind it. Any thread may call irq_pulse().
 */
#ifndef VMM_CORE_IRQ_H
#define VMM_CORE_IRQ_H

struct irq {
	unsigned gsi;	  /* the line's number, for ACPI or the device tree */
	int fd;		  /* irqfd; -1: use pulse() */
	void (*pulse)(struct irq *irq);
	void *arg;	  /* pulse()'s own */
};

void irq_pulse(struct irq *irq);

#endif
