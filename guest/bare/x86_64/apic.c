// SPDX-License-Identifier: Apache-2.0
/*
 * Interrupts on x86_64: the descriptor table, the local APIC in x2APIC mode (Intel SDM volume 3A, 11.12), the I/O APIC (82093AA data
 * sheet), the timer, and the start of other processors.
 */
#include "guest/bare/x86_64/layout.h"
#include "guest/bare/x86_64/x86.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2 (3u << 10) /* enabled, in x2APIC mode */
#define MSR_TSC_DEADLINE 0x6e0
#define X2_ID 0x802
#define X2_EOI 0x80b
#define X2_SPURIOUS 0x80f
#define X2_COMMAND 0x830
#define X2_TIMER 0x832
#define X2_TIMER_INITIAL 0x838
#define X2_TIMER_DIVIDE 0x83e
#define SPURIOUS_ENABLE 0x100
#define TIMER_TSC_DEADLINE (2u << 17)
#define TIMER_DIVIDE_BY_1 0xb
#define IPI_INIT 0x4500
#define IPI_START 0x4600

#define VECTOR_LINES 0x40 /* line 0; the others follow */
#define VECTOR_TIMER 0x30
#define VECTOR_SPURIOUS 0xff
#define LINES 24

#define IO_APIC_ENTRY(line) (0x10 + 2 * (line))

/* KVM's local APIC timer runs at one cycle a nanosecond. */
#define TIMER_CYCLES_PER_US 1000

struct gate {
	uint16_t offset0, selector;
	uint8_t stack, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

static struct gate gates[256];
static volatile unsigned line_counts[LINES], timer_ticks;

extern const uint8_t interrupt_entries[256][16];
extern const uint8_t trampoline[], trampoline_end[];

static void load_gates(const void *base, uint16_t limit)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { limit, (uint64_t)base };

	__asm__ volatile("lidt %0" ::"m"(pointer));
}

void interrupts_break(void)
{
	load_gates(gates, 0);
}

void x86_interrupt(const struct interrupt_frame *frame)
{
	if (frame->vector < 32)
		give_up("no exception happens: vector %u, error code 0x%lx at 0x%lx", (unsigned)frame->vector, frame->error, frame->rip);
	if (frame->vector == VECTOR_SPURIOUS)
		return;
	if (frame->vector == VECTOR_TIMER)
		timer_ticks++;
	else if (frame->vector >= VECTOR_LINES && frame->vector < VECTOR_LINES + LINES)
		line_counts[frame->vector - VECTOR_LINES]++;
	write_msr(X2_EOI, 0);
}

/*
 * LINT0 stays open to 8259s, as it is at reset. By the tables there are none; if one interrupts all the same, its vector is some
 * exception's.
 */
static void init_local(void)
{
	load_gates(gates, sizeof(gates) - 1);
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_BASE_X2);
	write_msr(X2_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

void apic_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t entry = (uint64_t)interrupt_entries[i];
		gates[i] = (struct gate){
			.offset0 = (uint16_t)entry,
			.selector = SELECTOR_CODE,
			.type = 0x8e, /* present, interrupt gate */
			.offset1 = (uint16_t)(entry >> 16),
			.offset2 = (uint32_t)(entry >> 32),
		};
	}
	init_local();
	__asm__ volatile("sti");
}

void apic_init_other(void)
{
	init_local();
}

uint32_t apic_id(void)
{
	return (uint32_t)read_msr(X2_ID);
}

/* --- device lines --------------------------------------------------------------------------------------------------------- */

static void write_io_apic(uint32_t reg, uint32_t value)
{
	volatile uint32_t *base = (volatile uint32_t *)acpi.io_apic;

	base[0] = reg;
	base[4] = value;
}

/* An edge, active high, to the first processor. */
void arch_line_enable(unsigned line)
{
	if (line >= LINES || !acpi.io_apic)
		give_up("line %u is one of the I/O APIC's", line);
	write_io_apic(IO_APIC_ENTRY(line) + 1, apic_id() << 24);
	write_io_apic(IO_APIC_ENTRY(line), VECTOR_LINES + line);
}

unsigned arch_line_count(unsigned line)
{
	return line_counts[line];
}

/* --- the timer ------------------------------------------------------------------------------------------------------------ */

#define LEAF1_ECX_TSC_DEADLINE (1u << 24)

void arch_timer_start(uint64_t after_us)
{
	if (cpuid(1, 0).ecx & LEAF1_ECX_TSC_DEADLINE) {
		write_msr(X2_TIMER, TIMER_TSC_DEADLINE | VECTOR_TIMER);
		write_msr(MSR_TSC_DEADLINE, read_tsc() + after_us * tsc_per_us);
		return;
	}
	write_msr(X2_TIMER, VECTOR_TIMER);
	write_msr(X2_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	write_msr(X2_TIMER_INITIAL, after_us * TIMER_CYCLES_PER_US);
}

unsigned arch_timer_count(void)
{
	return timer_ticks;
}

/* What follows an sti is done before an interrupt is taken: Intel SDM volume 2B, STI. */
void arch_idle(void)
{
	__asm__ volatile("sti; hlt" ::: "memory");
}

void arch_hold(void)
{
	__asm__ volatile("cli" ::: "memory");
}

/* --- other processors ----------------------------------------------------------------------------------------------------- */

static void (*other_entry)(unsigned number);

/* From entry.S, on another processor. */
void x86_other_main(unsigned number);
void x86_other_main(unsigned number)
{
	apic_init_other();
	other_entry(number);
}

/* Intel SDM volume 3A, 9.4.4: INIT, 10 ms, start-up IPI. The second start-up IPI is for processors of the last century. */
void arch_start_cpus(const struct machine *m, void (*entry)(unsigned number))
{
	other_entry = entry;
	memcpy((void *)TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
	for (unsigned i = 0; i < m->cpus && i < CPUS_MAX; i++) {
		uint64_t to = (uint64_t)acpi.cpu_id[i] << 32;
		if (acpi.cpu_id[i] == apic_id())
			continue;
		write_msr(X2_COMMAND, to | IPI_INIT);
		uint64_t end = arch_now_us() + 10000;
		while (arch_now_us() < end)
			arch_relax();
		write_msr(X2_COMMAND, to | IPI_START | TRAMPOLINE >> 12);
	}
}
