// SPDX-License-Identifier: Apache-2.0
/* What the x86_64 parts of the test guest share. */
#ifndef GUEST_BARE_X86_64_X86_H
#define GUEST_BARE_X86_64_X86_H

#include "guest/bare/arch.h"

/* What the ACPI tables tell, and how sound they are. */
struct acpi_facts {
	bool rsdp_sound, xsdt_sound, fadt_sound, madt_sound, dsdt_sound, aml_sound;
	bool hardware_reduced;
	uint16_t sleep_control, sleep_status, reset; /* ports; 0: none */
	uint8_t reset_value, s5;
	uint16_t serial, pvpanic;
	unsigned serial_line;
	unsigned cpus;
	uint8_t cpu_id[256];
	uint64_t local_apic, io_apic;
};

/* Reads the tables into *facts and *m (processors, virtio devices). What is wrong is left out, and told by the *_sound fields. */
void acpi_read(struct acpi_facts *facts, struct machine *m, uint64_t rsdp);

/* x86.c */
extern struct acpi_facts acpi;
extern bool booted_by_zero_page; /* else by a PVH start info */
extern uint64_t boot_rsdp;
extern uint64_t tsc_per_us;

/* apic.c */
void apic_init(void);
void apic_init_other(void);
uint32_t apic_id(void);
/* The handler of all interrupts: entry.S. */
struct interrupt_frame {
	uint64_t vector, error, rip, cs, flags, rsp, ss;
};
void x86_interrupt(const struct interrupt_frame *frame);

/* Makes every exception and interrupt a triple fault. */
void interrupts_break(void);

#endif
