// SPDX-License-Identifier: Apache-2.0
/*
 * The host, seen from x86: see arch/host.h. The kernel shows a processor's virtualization as the flags vmx and svm, and CPUID.1:ECX[31] as
 * "hypervisor" (arch/x86/include/asm/cpufeatures.h).
 */
#include "arch/host.h"

#include <cpuid.h>
#include <linux/kvm.h>
#include <string.h>

/* Whether the first processor's "flags" line has this word. All processors of a machine that KVM accepts are alike. */
static bool has_flag(const char *cpuinfo, const char *flag)
{
	const char *line = strncmp(cpuinfo, "flags", 5) ? strstr(cpuinfo, "\nflags") : cpuinfo;
	size_t len = strlen(flag);

	if (!line)
		return false;
	const char *end = strchrnul(line + 1, '\n');
	const char *word = memchr(line, ':', (size_t)(end - line));
	while (word && word < end) {
		word += strspn(word, ": \t");
		size_t word_len = strcspn(word, " \t\n");
		if (word_len == len && !memcmp(word, flag, len))
			return true;
		word += word_len;
	}
	return false;
}

void arch_host_probe(struct arch_host *host, const struct host_facts *facts)
{
	const char *cpuinfo = facts->cpuinfo;

	*host = (struct arch_host){
		.is_guest = has_flag(cpuinfo, "hypervisor"),
		.feature = "VT-x (vmx) or AMD-V (svm)",
		.module = "kvm-intel or kvm-amd",
		.advice = "turn it on in the firmware's set-up (Intel VT-x, AMD-V or SVM), then start again",
	};
	if (has_flag(cpuinfo, "vmx")) {
		host->accelerated = true;
		host->feature = "Intel VT-x (vmx)";
		host->module = "kvm-intel";
		host->nested_parameter = "/sys/module/kvm_intel/parameters/nested";
	} else if (has_flag(cpuinfo, "svm")) {
		host->accelerated = true;
		host->feature = "AMD-V (svm)";
		host->module = "kvm-amd";
		host->nested_parameter = "/sys/module/kvm_amd/parameters/nested";
	}
}

/* Intel SDM volume 2A, CPUID.1:ECX[5] (VMX); AMD APM volume 3, CPUID Fn8000_0001_ECX[2] (SVM). */
#define LEAF1_ECX_VMX (1u << 5)
#define LEAF80000001_ECX_SVM (1u << 2)

bool arch_host_accelerates(void)
{
	unsigned eax, ebx, ecx, edx;

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & LEAF1_ECX_VMX))
		return true;
	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & LEAF80000001_ECX_SVM);
}

/* KVM_CAP_IRQCHIP tells it all. */
bool arch_host_irqchips(const struct kvm *kvm, char *text, size_t size)
{
	(void)kvm;
	if (size)
		*text = '\0';
	return true;
}

const struct host_capability arch_host_capabilities[] = {
	{ KVM_CAP_IRQFD, "IRQFD", true, "devices can't raise interrupts" },
	{ KVM_CAP_IRQCHIP, "IRQCHIP", true, "there is no interrupt controller in the kernel" },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID", true, "a guest can't be told what its processor has" },
	{ KVM_CAP_X2APIC_API, "X2APIC_API", false, "a guest has at most 255 processors" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "TSC_DEADLINE_TIMER", false, "guests' timers take more exits" },
	{ KVM_CAP_ADJUST_CLOCK, "ADJUST_CLOCK", false, "no kvmclock: guests' time is less exact" },
	{ KVM_CAP_GET_TSC_KHZ, "GET_TSC_KHZ", false, "guests measure the TSC's speed by themselves, which takes time at boot" },
	{ KVM_CAP_XSAVE2, "XSAVE2", false, "processor state beyond 4 KiB (AMX) can't be saved" },
};

const unsigned arch_host_capability_count = sizeof(arch_host_capabilities) / sizeof(*arch_host_capabilities);
