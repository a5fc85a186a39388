// SPDX-License-Identifier: Apache-2.0
/*
 * A processor of an AArch64 machine: its features, the registers it starts with, and its own exits. Documentation/virt/kvm/api.rst,
 * KVM_ARM_VCPU_INIT, KVM_SET_ONE_REG.
 *
 * KVM's PSCI (0.2 and later, by HVC) starts and stops processors and ends the machine; none of that comes here but as a system event.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/aarch64/vm.h"
#include "arch/arch.h"
#include "vmm/util/log.h"

#define REG_CORE(name) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))
#define REG_MPIDR_EL1 ARM64_SYS_REG(3, 0, 0, 0, 5)
#define MPIDR_AFFINITY 0xff00ffffffull

/* Arm ARM DDI 0487, C5.2.19: EL1 with its own stack pointer; debug, SError, IRQ and FIQ exceptions masked (arm64/booting.rst). */
#define PSTATE_EL1H 0x5ull
#define PSTATE_DAIF 0x3c0ull

static int fail(const struct vcpu *vcpu, const char *what)
{
	int err = -errno;

	log_error("vCPU %u: KVM refuses %s: %s", vcpu->index, what, strerror(-err));
	return err;
}

static int get_register(const struct vcpu *vcpu, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg);
}

static int set_register(const struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg);
}

/* All but the first wait until PSCI starts them. The same call brings a processor that has run back to its first state. */
static int init(const struct vcpu *vcpu)
{
	const struct arch_vm *arch = vcpu->vm->arch;
	struct kvm_vcpu_init init = { .target = arch->cpu_target, .features = { arch->cpu_features } };

	if (vcpu->index)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	return ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init) ? fail(vcpu, "its features") : 0;
}

int arch_vcpu_init(struct vcpu *vcpu)
{
	struct arch_vm *arch = vcpu->vm->arch;
	int feature = KVM_ARM_VCPU_SVE;
	uint64_t mpidr;
	int err = init(vcpu);

	if (err)
		return err;
	if (arch->sve && ioctl(vcpu->fd, KVM_ARM_VCPU_FINALIZE, &feature))
		return fail(vcpu, "its SVE registers");
	if (get_register(vcpu, REG_MPIDR_EL1, &mpidr))
		return fail(vcpu, "to tell its number");
	arch->mpidr[vcpu->index] = mpidr & MPIDR_AFFINITY;
	arch->vcpu_fd[vcpu->index] = vcpu->fd;
	return 0;
}

/* arm64/booting.rst, "Call the kernel image". */
int arch_vcpu_boot(struct vcpu *vcpu, const struct arch_boot *boot)
{
	if (vcpu->index > 0)
		return 0;
	if (set_register(vcpu, REG_CORE(regs.pstate), PSTATE_DAIF | PSTATE_EL1H) || set_register(vcpu, REG_CORE(regs.pc), boot->entry) ||
	    set_register(vcpu, REG_CORE(regs.regs[0]), boot->boot_info))
		return fail(vcpu, "its registers");
	return 0;
}

int arch_vcpu_save(struct vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

int arch_vcpu_restore(struct vcpu *vcpu)
{
	return init(vcpu);
}

void arch_vcpu_release(struct vcpu *vcpu)
{
	(void)vcpu;
}

/* --- exits -------------------------------------------------------------------------------------------------------- */

/* With the interrupt controller outside KVM, the levels of a processor's own devices come with each exit (api.rst, 8.1). */
void arch_vcpu_ran(struct vcpu *vcpu)
{
	static const struct {
		uint64_t bit;
		unsigned intid;
	} lines[] = {
		{ KVM_ARM_DEV_EL1_VTIMER, INTID_PPI + PPI_TIMER_VIRTUAL },
		{ KVM_ARM_DEV_EL1_PTIMER, INTID_PPI + PPI_TIMER_PHYSICAL },
		{ KVM_ARM_DEV_PMU, INTID_PPI + PPI_PMU },
	};
	struct irqchip *chip = vcpu->vm->irqchip;

	if (!chip || vcpu->vm->arch->gic.kind != GIC_USER)
		return;
	uint64_t *before = &vcpu->vm->arch->line_level[vcpu->index], now = vcpu->run->s.regs.device_irq_level;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if ((*before ^ now) & lines[i].bit)
			chip->set_private(chip, vcpu->index, lines[i].intid, now & lines[i].bit);
	}
	*before = now;
}

bool arch_reset_is_panic(const struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	/* `reboot=panic_warm` (arch_map.cmdline) makes Linux panic with PSCI's SYSTEM_RESET2, other resets stay SYSTEM_RESET. */
	return run->system_event.data[0] & KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2;
}

/*
 * An access to a device by an instruction for which the processor tells no more than the address: a pair of registers, a vector, a
 * write-back. No driver does that; it gets the abort with which a bus answers (api.rst, KVM_EXIT_ARM_NISV).
 */
static void abort_access(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { .exception.ext_dabt_pending = 1 };

	if (!atomic_exchange(&vcpu->vm->arch->odd_access_logged, true))
		log_warn("vCPU %u: the guest touched 0x%llx with an instruction that no device understands: it gets an abort", vcpu->index,
			 vcpu->run->arm_nisv.fault_ipa);
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events)) {
		fail(vcpu, "an abort");
		vcpu->vm->stop(vcpu->vm, VM_FAULT);
	}
}

bool arch_vcpu_exit(struct vcpu *vcpu)
{
	if (vcpu->run->exit_reason != KVM_EXIT_ARM_NISV)
		return false;
	abort_access(vcpu);
	return true;
}

void arch_vcpu_explain(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	uint64_t pc = 0;

	get_register(vcpu, REG_CORE(regs.pc), &pc);
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		log_error("vCPU %u: the processor refused to enter the guest (reason 0x%llx) at 0x%llx", vcpu->index,
			  run->fail_entry.hardware_entry_failure_reason, (unsigned long long)pc);
	else
		log_error("vCPU %u: KVM internal error %u at 0x%llx", vcpu->index, run->internal.suberror, (unsigned long long)pc);
}
