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

/* --- exceptions that an instruction makes ------------------------------------------------------------------------------------- */

/* ESR_EL1: Arm ARM DDI 0487, D19.2.37. */
#define SYNDROME_CLASS_SHIFT 26
#define SYNDROME_CLASSES 0x3f
#define CLASS_INSTRUCTION_ABORT 0x21
#define CLASS_DATA_ABORT 0x25
#define INSTRUCTION_BYTES 4

volatile bool aborts_expected;
volatile unsigned aborts;

static volatile uint64_t call_returns_to; /* 0: no call is being tried */

bool call_address(uint64_t at)
{
	unsigned before = aborts;

	__asm__ volatile("adr x9, 1f\n\t"
			 "str x9, [%1]\n\t"
			 "blr %0\n"
			 "1:"
			 :
			 : "r"(at), "r"(&call_returns_to)
			 : "x9", "x30", "memory");
	call_returns_to = 0;
	return aborts == before;
}

static bool expected(uint64_t syndrome, uint64_t *return_to)
{
	switch (syndrome >> SYNDROME_CLASS_SHIFT & SYNDROME_CLASSES) {
	case CLASS_DATA_ABORT:
		*return_to += INSTRUCTION_BYTES;
		return aborts_expected;
	case CLASS_INSTRUCTION_ABORT:
		*return_to = call_returns_to;
		return call_returns_to;
	default:
		return false;
	}
}

static void instruction_exception(unsigned vector, uint64_t *return_to)
{
	uint64_t syndrome = read_register("ESR_EL1");

	if (vector != VECTOR_SYNCHRONOUS || !expected(syndrome, return_to))
		give_up("no exception happens: vector %u, syndrome 0x%lx at 0x%lx, about 0x%lx", vector, syndrome,
			read_register("ELR_EL1"), read_register("FAR_EL1"));
	aborts++;
}

/* --- interrupts --------------------------------------------------------------------------------------------------------------- */

void aarch64_exception(unsigned vector, uint64_t *return_to)
{
	if (vector != VECTOR_IRQ) {
		instruction_exception(vector, return_to);
		return;
	}
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
