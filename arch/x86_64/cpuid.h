// SPDX-License-Identifier: Apache-2.0
/* What a guest's CPUID instruction tells: the host's features as KVM can give them, and this machine's topology and clocks. */
#ifndef ARCH_X86_64_CPUID_H
#define ARCH_X86_64_CPUID_H

#include <linux/kvm.h>

#define CPUID_ENTRIES_MAX 256

struct cpuid_table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
};

struct cpuid_machine {
	unsigned cpus;
	bool tsc_deadline;    /* KVM has the timer (KVM_CAP_TSC_DEADLINE_TIMER) */
	unsigned tsc_khz;     /* 0: not known */
};

/* Turns the table that KVM_GET_SUPPORTED_CPUID gave into the one of vCPU `index`. */
void cpuid_adjust(struct cpuid_table *table, const struct cpuid_machine *machine, unsigned index);

#endif
