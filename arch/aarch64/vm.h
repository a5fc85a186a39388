// SPDX-License-Identifier: Apache-2.0
/* What this architecture keeps of a VM: struct arch_vm. */
#ifndef ARCH_AARCH64_VM_H
#define ARCH_AARCH64_VM_H

#include <stdatomic.h>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/map.h"

struct arch_vm {
	struct gic gic;
	uint32_t cpu_target, cpu_features; /* KVM_ARM_VCPU_INIT's, but for KVM_ARM_VCPU_POWER_OFF */
	bool pmu, sve;
	atomic_bool odd_access_logged;
	/* By vCPU. */
	int vcpu_fd[CPUS_MAX]; /* the vCPU's own */
	uint64_t mpidr[CPUS_MAX];
	uint64_t line_level[CPUS_MAX]; /* KVM_ARM_DEV_*: what vm->irqchip was told last. The vCPU's thread alone */
};

#endif
