// SPDX-License-Identifier: Apache-2.0
/* PSCI (Arm DEN 0022D) by the calls of the SMC Calling Convention (DEN 0028): other processors, and the ways to end. */
#include "guest/bare/aarch64/aarch64.h"

#define PVPANIC_PANICKED 1

int64_t psci_call(uint32_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	/* It may change what a called function may. */
	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
	/* The functions of 32 bits answer with so many. */
	return function >> 30 & 1 ? (int64_t)x0 : (int32_t)x0;
}

/* --- other processors ----------------------------------------------------------------------------------------------------- */

static void (*other_entry)(unsigned number);

extern const uint8_t aarch64_other_start[];

/* From entry.S, on another processor. */
void aarch64_other_main(unsigned number);
void aarch64_other_main(unsigned number)
{
	write_register("TPIDR_EL1", number);
	gic_init_cpu();
	interrupts_on();
	other_entry(number);
}

int64_t psci_start(unsigned number, void (*entry)(unsigned number))
{
	other_entry = entry;
	arch_barrier();
	return psci_call(PSCI_CPU_ON, fdt.mpidr[number], (uint64_t)aarch64_other_start, number);
}

void arch_start_cpus(const struct machine *m, void (*entry)(unsigned number))
{
	for (unsigned i = 1; i < m->cpus; i++) {
		if (psci_start(i, entry) != PSCI_SUCCESS)
			check(false, "PSCI starts processor %u", i);
	}
}

/* --- the ways to end ------------------------------------------------------------------------------------------------------ */

void arch_power_off(void)
{
	psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
}

void arch_reset(void)
{
	psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}

void arch_panic(void)
{
	if (fdt.pvpanic)
		arch_io_write(fdt.pvpanic, 1, PVPANIC_PANICKED);
}
