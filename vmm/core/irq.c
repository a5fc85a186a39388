// SPDX-License-Identifier: Apache-2.0
/* Interrupt lines: see irq.h. */
#include "vmm/core/irq.h"

#include <stdint.h>
#include <unistd.h>

void irq_pulse(struct irq *irq)
{
	uint64_t one = 1;

	if (irq->fd < 0) {
		irq->pulse(irq);
		return;
	}
	/* KVM consumes the event in the kernel; the counter can't fill up, so the write can't fail. */
	ssize_t n = write(irq->fd, &one, sizeof(one));
	(void)n;
}
