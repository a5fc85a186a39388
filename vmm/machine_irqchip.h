// SPDX-License-Identifier: Apache-2.0
/*
 * The machine's own interrupt controller, for where KVM has none (vm->irqchip_wanted): a GICv2 (devices/gicv2.h) between the devices'
 * lines and the processors' inputs.
 */
#ifndef VMM_MACHINE_IRQCHIP_H
#define VMM_MACHINE_IRQCHIP_H

#include "vmm/core/vm.h"

/* Makes it and sets vm->irqchip. Before the vCPUs. Logs. */
int machine_irqchip_new(struct vm *vm);
/* No vCPU and no device is left. Accepts a VM without one. */
void machine_irqchip_free(struct vm *vm);

#endif
