// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's interrupt controller: which of those that there may be, made and reset.
 *
 * KVM has a GICv3 where the host has one, a GICv2 where the host has that (Raspberry Pi 4 and 5) or a GICv3 that can be one, and on some
 * boards none (Raspberry Pi 3): there a device in user space does it (vm->irqchip), and KVM passes only the timers' levels
 * (KVM_CAP_ARM_USER_IRQ; Documentation/virt/kvm/api.rst, 8.1).
 */
#ifndef ARCH_AARCH64_GIC_H
#define ARCH_AARCH64_GIC_H

#include "vmm/core/irq.h"
#include "vmm/core/vm.h"

enum gic_kind { GIC_V3, GIC_V2, GIC_USER, GIC_KINDS };

/* What --gic takes, by kind; ends with NULL. */
extern const char *const gic_names[];

struct gic {
	enum gic_kind kind;
	int fd; /* KVM's device; -1: none */
};

/*
 * Before the vCPUs: makes the one that vm->irqchip_name asks for, or the first that there is, of a GICv3, a GICv2 and one in user space.
 * -ENODEV when there is none such. Logs.
 */
int gic_init(struct gic *gic, struct vm *vm);
/* After the last vCPU. Logs. */
int gic_init_late(const struct gic *gic, struct vm *vm);
void gic_release(struct gic *gic);

/* As at power-on. `mpidr` has vm->cpus entries. No vCPU runs. Logs. */
int gic_reset(const struct gic *gic, struct vm *vm, const uint64_t *mpidr);

void gic_irq_init(const struct gic *gic, struct vm *vm, struct irq *irq);

#endif
