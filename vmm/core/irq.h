// SPDX-License-Identifier: Apache-2.0
/*
 * One interrupt line that a device may raise.
 *
 * All devices of this machine use edges: a device pulses its line and the guest reads the cause from the device. A device is handed its
 * line and knows nothing of what is behind it: KVM's interrupt controller, or our own. Any thread may call irq_pulse(), and devices may
 * share a line.
 */
#ifndef VMM_CORE_IRQ_H
#define VMM_CORE_IRQ_H

struct irq {
	unsigned gsi; /* the line's number, for ACPI or the device tree */
	/* Any thread; returns when the interrupt is pending. Takes care of pulses that come at once. */
	void (*pulse)(struct irq *irq);
	void *arg; /* pulse()'s own */
};

static inline void irq_pulse(struct irq *irq)
{
	irq->pulse(irq);
}

#endif
