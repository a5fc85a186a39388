// SPDX-License-Identifier: Apache-2.0
/* What only x86_64 has to try: ACPI, CPUID, ports, and the ends that have to do with instructions. */
#include "guest/bare/x86_64/x86.h"

/* --- tables --------------------------------------------------------------------------------------------------------------- */

/* entry=pvh|linux */
static void case_acpi(const struct machine *m)
{
	char entry[8];

	parameter_text(m, "entry", entry, sizeof(entry));
	check(booted_by_zero_page == (entry[0] == 'l'), "the guest was started at its %s entry", entry);
	check(acpi.rsdp_sound, "the boot information leads to an RSDP with good checksums");
	check(acpi.xsdt_sound, "XSDT: checksum, and every table it lists is sound");
	check(acpi.fadt_sound && acpi.hardware_reduced, "FADT: checksum, revision, hardware-reduced");
	check(acpi.sleep_control && acpi.sleep_status && acpi.reset, "FADT: sleep and reset registers are ports of eight bits");
	check(acpi.madt_sound && acpi.cpus, "MADT: checksum, entries fill it, processors");
	check(acpi.io_apic && acpi.local_apic, "MADT: I/O APIC and local APIC");
	check(acpi.dsdt_sound && acpi.aml_sound, "DSDT: checksum, and its AML can be walked to the end");
	check(acpi.s5, "DSDT: sleep type of S5");
	check(acpi.serial == 0x3f8 && acpi.serial_line, "DSDT: the serial port");
	check(acpi.pvpanic, "DSDT: the panic device");
	check(m->virtio_count == parameter(m, "devices"), "DSDT: %u virtio devices (there are %u)", (unsigned)parameter(m, "devices"),
	      m->virtio_count);
	for (unsigned i = 0; i < m->virtio_count; i++) {
		if (m->virtio[i].bytes < 0x200 || !m->virtio[i].line)
			check(false, "virtio device %u has its registers and a line", i);
	}
}

/* --- processor ------------------------------------------------------------------------------------------------------------ */

static unsigned leaf_b_cpus(void)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct cpuid level = cpuid(0xb, i);
		if ((level.ecx >> 8 & 0xff) == 2)
			return level.ebx;
	}
	return 0;
}

static void check_identifiers(unsigned number)
{
	/* On the other processors too; the serial port is the first one's, so they only tell a wrong one. */
	if (cpuid(0xb, 0).edx != apic_id() || cpuid(1, 0).ebx >> 24 != apic_id())
		check(false, "processor %u has one identifier in its APIC and in CPUID", number);
}

static volatile unsigned identified;

static void identify(unsigned number)
{
	check_identifiers(number);
	__atomic_fetch_add(&identified, 1, __ATOMIC_SEQ_CST);
}

static void case_cpuid(const struct machine *m)
{
	struct cpuid features = cpuid(1, 0);
	struct cpuid hypervisor = cpuid(0x40000000, 0);

	check(features.ecx >> 31 & 1, "CPUID: there is a hypervisor");
	check(!memcmp(&hypervisor.ebx, "KVMKVMKVM\0\0\0", 12), "CPUID: it is KVM");
	check(features.ecx >> 21 & 1, "CPUID: x2APIC");
	/* Newer KVMs set HTT whatever they are given; with one logical processor it means nothing. */
	check(m->cpus == 1 || (features.edx >> 28 & 1), "CPUID: HTT with more than one processor");
	check((features.ebx >> 16 & 0xff) >= m->cpus, "CPUID: identifiers for %u processors in the package", m->cpus);
	check(leaf_b_cpus() == m->cpus, "CPUID: leaf 0xB counts %u processors", m->cpus);
	check(hypervisor.eax >= 0x40000010 && cpuid(0x40000010, 0).eax, "CPUID: frequency of the time stamp counter");
	check_identifiers(0);
	arch_start_cpus(m, identify);
	check(wait_until(identified == m->cpus - 1), "each processor's identifier is the same in its x2APIC and in CPUID");
}

/* --- ports ---------------------------------------------------------------------------------------------------------------- */

/* Where PCs had something: keyboard, CMOS, VGA, PCI; and the end of the ports. */
static void case_ports_empty(const struct machine *m)
{
	static const uint16_t ports[] = { 0x60, 0x70, 0x3c0, 0xcf8, 0xfff0 };

	(void)m;
	for (unsigned i = 0; i < COUNT(ports); i++) {
		out8(ports[i], 0);
		out16(ports[i], 0);
		out32(ports[i], 0);
		check(in8(ports[i]) == 0xff && in16(ports[i]) == 0xffff && in32(ports[i]) == UINT32_MAX,
		      "port 0x%x, where nothing is, reads as all ones", ports[i]);
	}
	/* Registers of one byte take nothing wider: that would be another register's, or nobody's. */
	out16(acpi.sleep_control, (uint16_t)(acpi.s5 << 2 | 0x20));
	out32(acpi.reset, acpi.reset_value);
	out8(acpi.sleep_control, 0x20);
	out8(acpi.reset, (uint8_t)(acpi.reset_value + 1));
	check(true, "accesses of another width, and other values, neither power off nor reset");
	check(in8(acpi.pvpanic) & 1, "the panic device tells that it knows of panics");
}

/* --- ends ----------------------------------------------------------------------------------------------------------------- */

static void case_triple_fault(const struct machine *m)
{
	(void)m;
	report_end();
	interrupts_break();
	*(volatile uint8_t *)(64ull << 30) = 0; /* not mapped */
	give_up("a triple fault resets the machine");
}

/* Memory that is a device, read by an instruction of the vector extensions: beyond the emulator of every KVM. */
static void case_emulation(const struct machine *m)
{
	uint64_t cr4;

	(void)m;
	report_end();
	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movq %0, %%cr4" ::"r"(cr4 | 0x600)); /* OSFXSR, OSXMMEXCPT */
	__asm__ volatile("paddq (%0), %%xmm0" ::"r"(arch_hole) : "memory");
	give_up("an instruction that can't be emulated ends the machine");
}

/* Code where nothing is. */
static void case_wild_jump(const struct machine *m)
{
	(void)m;
	report_end();
	((void (*)(void))arch_hole)();
	give_up("a jump into nothing ends the machine");
}

const struct test_case arch_cases[] = {
	{ "acpi", case_acpi },
	{ "cpuid", case_cpuid },
	{ "ports-empty", case_ports_empty },
	{ "triple-fault", case_triple_fault },
	{ "emulation", case_emulation },
	{ "wild-jump", case_wild_jump },
};
const unsigned arch_case_count = COUNT(arch_cases);
