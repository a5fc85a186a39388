// SPDX-License-Identifier: Apache-2.0
/*
 * CPUID: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; KVM's leaves in Documentation/virt/kvm/x86/cpuid.rst.
 *
 * One package, one thread a core. The APIC identifier is the vCPU's number.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arch/x86_64/cpuid.h"

#define LEAF1_ECX_X2APIC (1u << 21)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF1_EDX_HTT (1u << 28)
#define LEAF_B_THREAD 1u
#define LEAF_B_CORE 2u

/* The frequency of KVM's local APIC timer (arch/x86/kvm/lapic.h: one cycle a nanosecond). */
#define APIC_HZ 1000000000u

static struct kvm_cpuid_entry2 *find(struct cpuid_table *t, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < t->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->entry[i];
		if (e->function == function && (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

static void drop(struct cpuid_table *t, uint32_t function)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->head.nent; i++) {
		if (t->entry[i].function != function)
			t->entry[kept++] = t->entry[i];
	}
	t->head.nent = kept;
}

static struct kvm_cpuid_entry2 *put(struct cpuid_table *t, uint32_t function, uint32_t index, bool indexed)
{
	struct kvm_cpuid_entry2 *e = find(t, function, index);

	if (!e) {
		if (t->head.nent == CPUID_ENTRIES_MAX)
			return NULL;
		e = &t->entry[t->head.nent++];
	}
	*e = (struct kvm_cpuid_entry2){
		.function = function,
		.index = index,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	return e;
}

static unsigned bits_for(unsigned count)
{
	return count > 1 ? 32 - (unsigned)__builtin_clz(count - 1) : 0;
}

/* Leaf 0xB and, for those who have it, 0x1F: KVM leaves the subleaves to us. */
static void put_topology(struct cpuid_table *t, uint32_t function, unsigned cpus, unsigned index)
{
	const struct {
		uint32_t shift, count, level;
	} level[] = { { 0, 1, LEAF_B_THREAD << 8 }, { bits_for(cpus), cpus, LEAF_B_CORE << 8 }, { 0, 0, 0 } };

	drop(t, function);
	for (uint32_t i = 0; i < 3; i++) {
		struct kvm_cpuid_entry2 *e = put(t, function, i, true);
		if (!e)
			return;
		e->eax = level[i].shift;
		e->ebx = level[i].count;
		e->ecx = level[i].level | i;
		e->edx = index;
	}
}

static void adjust_features(struct cpuid_table *t, const struct cpuid_machine *m, unsigned index)
{
	struct kvm_cpuid_entry2 *e = find(t, 1, 0);

	if (!e)
		return;
	unsigned logical = m->cpus < 255 ? 1u << bits_for(m->cpus) : 255;
	e->ebx = (e->ebx & 0xffff) | (logical > 255 ? 255 : logical) << 16 | (index & 0xff) << 24;
	e->ecx |= LEAF1_ECX_HYPERVISOR | LEAF1_ECX_X2APIC;
	e->ecx &= ~LEAF1_ECX_TSC_DEADLINE;
	if (m->tsc_deadline)
		e->ecx |= LEAF1_ECX_TSC_DEADLINE;
	e->edx &= ~LEAF1_EDX_HTT;
	if (m->cpus > 1)
		e->edx |= LEAF1_EDX_HTT;
}

/* Which cores share a cache: the first two levels belong to one core, the third to all. Leaf 4 (Intel), 0x8000001D (AMD). */
static void adjust_caches(struct cpuid_table *t, uint32_t function, unsigned cpus)
{
	for (uint32_t i = 0; i < t->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->entry[i];
		if (e->function != function || !(e->eax & 0x1f))
			continue;
		uint32_t level = e->eax >> 5 & 7;
		uint32_t sharing = level < 3 ? 0 : (1u << bits_for(cpus)) - 1;
		uint32_t cores = function == 4 ? (1u << bits_for(cpus)) - 1 : 0;
		e->eax = (e->eax & 0x3fff) | (sharing & 0xfff) << 14 | (cores & 0x3f) << 26;
	}
}

static void adjust_amd(struct cpuid_table *t, unsigned cpus, unsigned index)
{
	struct kvm_cpuid_entry2 *e = find(t, 0x80000008, 0);

	if (e)
		e->ecx = (e->ecx & ~0xf0ffu) | ((cpus - 1) & 0xff) | bits_for(cpus) << 12;
	e = find(t, 0x8000001e, 0);
	if (e) {
		e->eax = index;
		e->ebx = index & 0xff; /* core, one thread each */
		e->ecx = 0;	       /* node 0, one node */
	}
}

static void put_clocks(struct cpuid_table *t, const struct cpuid_machine *m)
{
	struct kvm_cpuid_entry2 *e = find(t, 0, 0);
	bool intel = e && e->ebx == 0x756e6547; /* "Genu" */

	if (!m->tsc_khz)
		return;
	/* TSC = crystal * ebx / eax. With KVM's APIC clock as crystal, guests also learn the APIC timer's frequency from here. */
	if (intel) {
		if (e->eax < 0x15)
			e->eax = 0x15;
		e = put(t, 0x15, 0, false);
		if (e) {
			e->eax = 1000000;
			e->ebx = m->tsc_khz;
			e->ecx = APIC_HZ;
		}
	}
	e = find(t, 0x40000000, 0);
	if (!e)
		return;
	if (e->eax < 0x40000010)
		e->eax = 0x40000010;
	e = put(t, 0x40000010, 0, false);
	if (e) {
		e->eax = m->tsc_khz;
		e->ebx = APIC_HZ / 1000;
	}
}

void cpuid_adjust(struct cpuid_table *t, const struct cpuid_machine *m, unsigned index)
{
	adjust_features(t, m, index);
	adjust_caches(t, 4, m->cpus);
	adjust_caches(t, 0x8000001d, m->cpus);
	put_topology(t, 0xb, m->cpus, index);
	if (find(t, 0x1f, 0))
		put_topology(t, 0x1f, m->cpus, index);
	adjust_amd(t, m->cpus, index);
	put_clocks(t, m);
}
