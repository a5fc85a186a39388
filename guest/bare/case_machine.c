// SPDX-License-Identifier: Apache-2.0
/* The machine without its devices: boot information, memory, processors, timer. The host says by parameters what it made. */
#include "guest/bare/arch.h"
#include "guest/bare/cases.h"

/* --- boot information ----------------------------------------------------------------------------------------------------- */

static bool is_ram(const struct machine *m, uint64_t base, uint64_t bytes)
{
	for (unsigned i = 0; i < m->memory_count; i++) {
		const struct memory_range *r = &m->memory[i];
		if (r->ram && base >= r->base && base - r->base < r->bytes && bytes <= r->bytes - (base - r->base))
			return true;
	}
	return false;
}

static bool ranges_ascend(const struct machine *m)
{
	for (unsigned i = 1; i < m->memory_count; i++) {
		if (m->memory[i].base < m->memory[i - 1].base + m->memory[i - 1].bytes)
			return false;
	}
	return m->memory_count > 0;
}

static uint64_t ram_bytes(const struct machine *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->memory_count; i++)
		sum += m->memory[i].ram ? m->memory[i].bytes : 0;
	return sum;
}

/* memory=MIB initrd_bytes=N initrd_cksum=N last=z, which ends the line */
void case_boot(const struct machine *m)
{
	uint64_t given = parameter(m, "memory") * MIB, ram = ram_bytes(m);
	char text[8];

	parameter_text(m, "last", text, sizeof(text));
	check(text[0] == 'z' && !text[1], "the command line arrives to its end");
	check(ranges_ascend(m), "the memory map ascends and nothing in it overlaps");
	/* Some of it may be kept for tables. */
	check(ram <= given && given - ram < MIB, "the memory map has all of %lu MiB (it has %lu KiB)", given / MIB, ram >> 10);
	check(is_ram(m, arch_ram, 32 * MIB), "memory begins at 0x%lx", arch_ram);
	check(m->initrd_bytes == parameter(m, "initrd_bytes"), "the initramfs has its length");
	check(is_ram(m, (uint64_t)m->initrd, m->initrd_bytes), "the initramfs lies in memory");
	check(cksum(m->initrd, m->initrd_bytes) == parameter(m, "initrd_cksum"), "the initramfs has its content");
}

/* --- memory --------------------------------------------------------------------------------------------------------------- */

static bool holds_word(uint64_t at)
{
	volatile uint64_t *word = (volatile uint64_t *)at;
	uint64_t before = *word;

	*word = at ^ 0x5aa55aa5a55aa55a;
	bool good = *word == (at ^ 0x5aa55aa5a55aa55a);
	*word = before;
	return good;
}

/* The ends of each range; of what lies in between, one word in many. */
void case_memory(const struct machine *m)
{
	for (unsigned i = 0; i < m->memory_count; i++) {
		const struct memory_range *r = &m->memory[i];
		bool good = true;
		if (!r->ram)
			continue;
		/* The first MiB has interrupt vectors and tables; a word of it is as good as another. */
		uint64_t step = r->bytes / 8 & ~7ull; /* each may cost the host a huge page */
		for (uint64_t at = r->base; at + 8 <= r->base + r->bytes; at += step)
			good = good && holds_word(at);
		check(good && holds_word(r->base + r->bytes - 8), "memory at 0x%lx, %lu KiB, holds what is written", r->base,
		      r->bytes >> 10);
	}
	/* Nothing is there: reads are all ones, writes go nowhere, and nothing breaks. */
	arch_io_write(arch_hole, 4, 0);
	check(arch_io_read(arch_hole, 4) == UINT32_MAX, "the hole at 0x%lx reads as all ones", arch_hole);
}

/* --- processors ----------------------------------------------------------------------------------------------------------- */

#define ROUNDS 200

static volatile unsigned started, finished, sum;
static volatile bool go;

static void count(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		__atomic_fetch_add(&sum, 1, __ATOMIC_SEQ_CST);
}

static void other_processor(unsigned number)
{
	(void)number;
	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	while (!go)
		arch_relax();
	count();
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

/* cpus=N */
void case_cpus(const struct machine *m)
{
	unsigned others = m->cpus - 1;

	check(m->cpus == parameter(m, "cpus"), "the tables list %u processors", (unsigned)parameter(m, "cpus"));
	check(!started, "no other processor runs unasked");
	arch_start_cpus(m, other_processor);
	check(wait_until(started == others), "all %u other processors start", others);
	go = true;
	count();
	check(wait_until(finished == others), "they all run at once");
	check(sum == ROUNDS * m->cpus, "atomic additions of all processors add up to %u", ROUNDS * m->cpus);
}

/* --- the timer ------------------------------------------------------------------------------------------------------------ */

#define TICKS 5
#define TICK_US 2000
#define TICK_SLACK_US 10 /* of two clocks that are read in microseconds */

void case_timer(const struct machine *m)
{
	uint64_t begin = arch_now_us();
	bool early = false;

	(void)m;
	for (unsigned i = 0; i < TICKS; i++) {
		uint64_t set = arch_now_us();
		arch_timer_start(TICK_US);
		wait_until(arch_timer_count() > i);
		early = early || arch_now_us() - set < TICK_US - TICK_SLACK_US;
	}
	check(arch_timer_count() == TICKS, "the timer interrupts each time it is set");
	check(!early, "and not before its time");
	check(arch_now_us() - begin >= TICKS * (TICK_US - TICK_SLACK_US), "the clock goes on meanwhile");
	arch_hold();
	arch_timer_start(TICK_US);
	arch_idle();
	check(wait_until(arch_timer_count() == TICKS + 1), "the timer ends a halt");
}
