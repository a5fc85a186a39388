// SPDX-License-Identifier: Apache-2.0
/* The VM's own set-up on AArch64: its address space, its processors' features, the interrupt controller. */
#include "arch/aarch64/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/arch.h"
#include "vmm/util/log.h"

/* KVM's bounds (Documentation/virt/kvm/api.rst, KVM_CREATE_VM): the least that can be asked for, and what there is where nothing can. */
#define ADDRESS_BITS_MIN 32
#define ADDRESS_BITS_DEFAULT 40

/* As few address bits as hold the machine: then the processor's walks through stage 2 take as few steps as can be. */
int arch_vm_type(const struct kvm *kvm, uint64_t memory_bytes, unsigned long *type)
{
	unsigned most = (unsigned)kvm_capability(kvm, KVM_CAP_ARM_VM_IPA_SIZE), bits = ADDRESS_BITS_MIN;
	unsigned limit = most ? most : ADDRESS_BITS_DEFAULT;

	while (bits < limit && memory_bytes > (1ull << bits) - MAP_RAM)
		bits++;
	if (memory_bytes > (1ull << bits) - MAP_RAM) {
		log_error("%llu MiB of memory: KVM on this host has room for %llu MiB in a guest: give less with --memory",
			  (unsigned long long)(memory_bytes >> 20), (unsigned long long)(((1ull << bits) - MAP_RAM) >> 20));
		return -E2BIG;
	}
	*type = most ? KVM_VM_TYPE_ARM_IPA_SIZE(bits) : 0;
	return 0;
}

#define FEATURE(name) (1u << KVM_ARM_VCPU_##name)

static int choose_features(struct arch_vm *arch, const struct kvm *kvm)
{
	struct kvm_vcpu_init preferred;

	if (ioctl(kvm->vm_fd, KVM_ARM_PREFERRED_TARGET, &preferred)) {
		int err = -errno;
		log_error("KVM tells no kind of processor for a guest: %s", strerror(-err));
		return err;
	}
	arch->cpu_target = preferred.target;
	arch->cpu_features = FEATURE(PSCI_0_2);
	arch->pmu = kvm_capability(kvm, KVM_CAP_ARM_PMU_V3);
	if (arch->pmu)
		arch->cpu_features |= FEATURE(PMU_V3);
	arch->sve = kvm_capability(kvm, KVM_CAP_ARM_SVE);
	if (arch->sve)
		arch->cpu_features |= FEATURE(SVE);
	/* Both or neither (api.rst, KVM_ARM_VCPU_INIT). */
	if (kvm_capability(kvm, KVM_CAP_ARM_PTRAUTH_ADDRESS) && kvm_capability(kvm, KVM_CAP_ARM_PTRAUTH_GENERIC))
		arch->cpu_features |= FEATURE(PTRAUTH_ADDRESS) | FEATURE(PTRAUTH_GENERIC);
	return 0;
}

int arch_vm_init(struct vm *vm)
{
	struct arch_vm *arch = calloc(1, sizeof(*arch));

	if (!arch)
		return -ENOMEM;
	vm->arch = arch;
	arch->gic.fd = -1;
	/* Else such an access would end the machine (arch_vcpu_exit()). */
	if (kvm_capability(&vm->kvm, KVM_CAP_ARM_INJECT_EXT_DABT))
		kvm_enable(&vm->kvm, KVM_CAP_ARM_NISV_TO_USER, 0);
	int err = choose_features(arch, &vm->kvm);
	return err ? err : gic_init(&arch->gic, vm);
}

/* Documentation/virt/kvm/devices/vcpu.rst, "ARM PMU". Its initialisation asks for the interrupt controller, so it comes this late. */
static int init_pmu(const struct arch_vm *arch, unsigned cpu)
{
	int irq = INTID_PPI + PPI_PMU, err = 0;

	if (arch->gic.kind != GIC_USER)
		err = kvm_set_attr(arch->vcpu_fd[cpu], KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &irq);
	if (!err)
		err = kvm_set_attr(arch->vcpu_fd[cpu], KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	if (err)
		log_error("vCPU %u: KVM refuses its performance counters: %s", cpu, strerror(-err));
	return err;
}

int arch_vm_init_late(struct vm *vm)
{
	int err = gic_init_late(&vm->arch->gic, vm);

	for (unsigned i = 0; i < vm->cpus && vm->arch->pmu && !err; i++)
		err = init_pmu(vm->arch, i);
	return err;
}

void arch_vm_release(struct vm *vm)
{
	if (vm->arch)
		gic_release(&vm->arch->gic);
	free(vm->arch);
	vm->arch = NULL;
}

void arch_irq_init(struct vm *vm, struct irq *irq)
{
	gic_irq_init(&vm->arch->gic, vm, irq);
}

/* Nothing is kept: a power-on state is the same for all. */
int arch_vm_save(struct vm *vm, struct vm_state **state)
{
	(void)vm;
	*state = NULL;
	return 0;
}

int arch_vm_restore(struct vm *vm, const struct vm_state *state)
{
	(void)state;
	return gic_reset(&vm->arch->gic, vm, vm->arch->mpidr);
}
