// SPDX-License-Identifier: Apache-2.0
/*
 * An interrupt controller in user space, for hosts whose KVM has none: what vCPU threads and interrupt lines ask of it. It is a device
 * (devices/), and what it asks in turn is arch_vcpu_line(). Any thread may call; it locks by itself.
 */
#ifndef VMM_CORE_IRQCHIP_H
#define VMM_CORE_IRQCHIP_H

#include <stdbool.h>
#include <stdint.h>

struct irqchip {
	/* Registers can be a processor's own, so unlike a bus's device it is told whose access this is. False: not its address. */
	bool (*read)(struct irqchip *chip, unsigned cpu, uint64_t addr, void *data, unsigned len);
	bool (*write)(struct irqchip *chip, unsigned cpu, uint64_t addr, const void *data, unsigned len);
	/* A shared line saw an edge; counted as in struct irq. */
	void (*pulse)(struct irqchip *chip, unsigned gsi);
	/* The level of one of a processor's own lines (its timer, its performance counters), by interrupt ID. */
	void (*set_private)(struct irqchip *chip, unsigned cpu, unsigned id, bool level);
	/* As at power-on. No vCPU runs. */
	void (*reset)(struct irqchip *chip);
};

#endif
