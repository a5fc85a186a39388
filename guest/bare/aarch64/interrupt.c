// SPDX-License-Identifier: Apache-2.0
/* What becomes of exceptions on AArch64, and the timer: Arm ARM DDI 0487, D1.4 and D12. */
#include "guest/bare/aarch64/aarch64.h"

#define INTIDS_COUNTED 256 /* more than the machine has */

#define TIMER_ENABLE 1

void (*volatile interrupt_hook)(uint32_t acknowledged, unsigned intid);

static volatile unsigned counts[CPUS_MAX][INTIDS_COUNTED], spurious;

unsigned interrupt_count(unsigned cpu, unsigned intid)
{
	return counts[cpu][intid];
}

unsigned spurious_count(void)
{
	return spurious;
}

void aarch64_exception(unsigned vector)
{
	if (vector != VECTOR_IRQ)
		give_up("no exception happens: vector %u, syndrome 0x%lx at 0x%lx, about 0x%lx", vector, read_register("ESR_EL1"),
			read_register("ELR_EL1"), read_register("FAR_EL1"));
	uint32_t acknowledged = gic_acknowledge();
	unsigned intid = gic_intid(acknowledged);
	if (intid >= INTIDS_COUNTED) {
		__atomic_fetch_add(&spurious, 1, __ATOMIC_SEQ_CST);
		return;
	}
	counts[cpu_number()][intid]++;
	if (interrupt_hook) {
		interrupt_hook(acknowledged, intid);
		return;
	}
	if (intid == fdt.timer_intid)
		timer_stop();
	gic_end(acknowledged);
}

/* --- device lines --------------------------------------------------------------------------------------------------------- */

/* An edge, to the first processor. */
void arch_line_enable(unsigned line)
{
	unsigned intid = INTID_SPI + line;

	if (!line || intid >= INTIDS_COUNTED)
		give_up("line %u is one of the interrupt controller's", line);
	gic_set_edge(intid, true);
	gic_set_priority(intid, PRIORITY_USUAL);
	gic_route(intid, 0);
	gic_enable(intid, true);
}

unsigned arch_line_count(unsigned line)
{
	return counts[0][INTID_SPI + line];
}

void arch_idle(void)
{
	arch_barrier();
	/* An interrupt ends it, also one that is kept back. */
	__asm__ volatile("wfi" ::: "memory");
	interrupts_on();
}

void arch_hold(void)
{
	interrupts_off();
}

/* --- the timer ------------------------------------------------------------------------------------------------------------ */

uint64_t timer_now(void)
{
	/* Else it might be read before what comes earlier. */
	__asm__ volatile("isb" ::: "memory");
	return read_register("CNTVCT_EL0");
}

/* So many that it is not a moment less. */
uint64_t timer_ticks(uint64_t us)
{
	return (us * read_register("CNTFRQ_EL0") + 999999) / 1000000;
}

void timer_set(uint64_t when)
{
	write_register("CNTV_CVAL_EL0", when);
	write_register("CNTV_CTL_EL0", TIMER_ENABLE);
}

void timer_stop(void)
{
	write_register("CNTV_CTL_EL0", 0);
}

void arch_timer_start(uint64_t after_us)
{
	timer_set(timer_now() + timer_ticks(after_us));
}

unsigned arch_timer_count(void)
{
	return counts[0][fdt.timer_intid];
}
