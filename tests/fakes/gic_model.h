// SPDX-License-Identifier: Apache-2.0
/*
 * What a GICv2 has to do next, worked out slowly from nothing but its registers as the guest reads them: all interrupts, one by one. The
 * GIC itself keeps shortcuts; tests compare the two.
 */
#ifndef TESTS_FAKES_GIC_MODEL_H
#define TESTS_FAKES_GIC_MODEL_H

#include "devices/gicv2.h"

#define GIC_MODEL_SPURIOUS 1023u

struct gic_verdict {
	bool line;        /* the processor is to see an IRQ */
	uint32_t iar;     /* what GICC_IAR must give then: with an SGI's source */
	uint32_t hppir;   /* and GICC_HPPIR */
	uint8_t priority; /* group priority of that interrupt: the running one, once it is acknowledged */
};

struct gic_verdict gic_model_ask(struct gicv2 *gic, unsigned cpu);

/* Registers, 32 bits wide, as one processor reads and writes them. */
uint32_t gicd_read(struct gicv2 *gic, unsigned cpu, unsigned offset);
void gicd_write(struct gicv2 *gic, unsigned cpu, unsigned offset, uint32_t value);
uint32_t gicc_read(struct gicv2 *gic, unsigned cpu, unsigned offset);
void gicc_write(struct gicv2 *gic, unsigned cpu, unsigned offset, uint32_t value);

#endif
