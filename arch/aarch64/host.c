// SPDX-License-Identifier: Apache-2.0
/*
 * The host, seen from AArch64: see arch/host.h.
 *
 * A kernel that was started at EL2 has KVM, one that was started at EL1 has not; nothing in between emulates a guest in software. No file
 * says at which level that was, but only the first makes /dev/kvm.
 */
#include "arch/host.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

/* Models by which virtual machines' device trees go: QEMU's and ours. */
static bool is_virtual(const char *board)
{
	static const char *const models[] = { "linux,dummy-virt", "QEMU", "tinyvmm" };

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		if (strstr(board, models[i]))
			return true;
	}
	return false;
}

void arch_host_probe(struct arch_host *host, const struct host_facts *facts)
{
	*host = (struct arch_host){
		.accelerated = facts->has_kvm,
		.is_guest = is_virtual(facts->board),
		.feature = facts->has_kvm ? "EL2: the host's kernel was started there" : "EL2, or a kernel without KVM",
		.module = "kvm (most kernels have it built in)",
		.advice = strstr(facts->board, "Raspberry Pi")
				  ? "boot a 64-bit kernel (arm_64bit=1 in config.txt), which the firmware then starts at EL2"
				  : "the firmware has to start the kernel at EL2, and the kernel to have CONFIG_KVM",
	};
}

/* A host without virtualization has no KVM to ask. */
bool arch_host_accelerates(void)
{
	return true;
}

/* KVM_CAP_IRQCHIP says yes on boards that have none. */
bool arch_host_irqchips(const struct kvm *kvm, char *text, size_t size)
{
	bool v3 = kvm_has_device(kvm, KVM_DEV_TYPE_ARM_VGIC_V3), v2 = kvm_has_device(kvm, KVM_DEV_TYPE_ARM_VGIC_V2);
	bool user = kvm_capability(kvm, KVM_CAP_ARM_USER_IRQ);

	if (v3 || v2)
		snprintf(text, size, "KVM has %s%s%s", v3 ? "a GICv3" : "", v3 && v2 ? " and " : "", v2 ? "a GICv2" : "");
	else if (user)
		snprintf(text, size, "KVM has no GIC: ours, a GICv2 in user space, serves");
	else
		snprintf(text, size, "KVM has no GIC, and does not let user space have one");
	return v3 || v2 || user;
}

const struct host_capability arch_host_capabilities[] = {
	{ KVM_CAP_ONE_REG, "ONE_REG", true, "a processor's registers can't be set" },
	{ KVM_CAP_ARM_PSCI_0_2, "ARM_PSCI_0_2", true, "a guest can't start processors, or power off" },
	{ KVM_CAP_ARM_VM_IPA_SIZE, "ARM_VM_IPA_SIZE", false, "a guest has 40 address bits, whatever the processor could" },
	{ KVM_CAP_ARM_PMU_V3, "ARM_PMU_V3", false, "guests have no performance counters" },
};

const unsigned arch_host_capability_count = sizeof(arch_host_capabilities) / sizeof(*arch_host_capabilities);
