// SPDX-License-Identifier: Apache-2.0
/*
 * The test guest's drivers for a GICv2 (Arm IHI 0048B.b) and a GICv3 (Arm IHI 0069H) with affinity routing and system registers.
 *
 * Both lay out their distributor alike; in a GICv3 a processor's own interrupts are in its redistributor, laid out like the beginning of
 * it. Everything is in group 0 of a GICv2, and in group 1 of a GICv3.
 */
#include "guest/bare/aarch64/aarch64.h"

enum {
	DIST_CTLR = 0x000,
	DIST_IGROUPR = 0x080,
	DIST_ISENABLER = 0x100,
	DIST_ICENABLER = 0x180,
	DIST_ISPENDR = 0x200,
	DIST_ICPENDR = 0x280,
	DIST_ISACTIVER = 0x300,
	DIST_IPRIORITYR = 0x400,
	DIST_ITARGETSR = 0x800,
	DIST_ICFGR = 0xc00,
	DIST_SGIR = 0xf00,
	DIST_IROUTER = 0x6000,
};

#define V2_ENABLE 1u
#define V3_ENABLE 0x12u /* affinity routing, group 1 */
#define SGIR_OTHERS (1u << 24)

/* A GICv2's CPU interface. */
enum {
	CPU_CTLR = 0x000,
	CPU_PMR = 0x004,
	CPU_BPR = 0x008,
	CPU_IAR = 0x00c,
	CPU_EOIR = 0x010,
	CPU_RPR = 0x014,
	CPU_DIR = 0x1000,
};

#define CPU_ENABLE 1u
#define CPU_SPLIT_EOI (1u << 9)
#define ICC_SPLIT_EOI 2u

/* A GICv3's redistributor. */
#define REDIST_BYTES 0x20000
#define REDIST_TYPER 0x08
#define REDIST_WAKER 0x14
#define WAKER_SLEEP 2u
#define WAKER_ASLEEP 4u
#define TYPER_LAST 0x10u
#define REDIST_OWN 0x10000

/* Of each processor: where its own interrupts are set up. */
static uint64_t own[CPUS_MAX];

static bool v3(void)
{
	return fdt.gic_version == 3;
}

/* --- the distributor ------------------------------------------------------------------------------------------------------ */

static uint64_t field(unsigned intid, unsigned reg)
{
	return (intid < INTID_SPI ? own[cpu_number()] : fdt.gic_dist) + reg;
}

static void write_bit(unsigned reg, unsigned intid)
{
	io_write32(field(intid, reg) + intid / 32 * 4, 1u << intid % 32);
}

static bool read_bit(unsigned reg, unsigned intid)
{
	return io_read32(field(intid, reg) + intid / 32 * 4) >> intid % 32 & 1;
}

void gic_enable(unsigned intid, bool on)
{
	write_bit(on ? DIST_ISENABLER : DIST_ICENABLER, intid);
}

void gic_set_pending(unsigned intid, bool on)
{
	write_bit(on ? DIST_ISPENDR : DIST_ICPENDR, intid);
}

bool gic_is_pending(unsigned intid)
{
	return read_bit(DIST_ISPENDR, intid);
}

bool gic_is_active(unsigned intid)
{
	return read_bit(DIST_ISACTIVER, intid);
}

void gic_set_priority(unsigned intid, uint8_t priority)
{
	arch_io_write(field(intid, DIST_IPRIORITYR) + intid, 1, priority);
}

void gic_set_edge(unsigned intid, bool edge)
{
	uint64_t at = field(intid, DIST_ICFGR) + intid / 16 * 4;
	uint32_t bit = 2u << intid % 16 * 2;

	io_write32(at, (io_read32(at) & ~bit) | (edge ? bit : 0));
}

void gic_route(unsigned intid, unsigned cpu)
{
	if (v3())
		arch_io_write(fdt.gic_dist + DIST_IROUTER + 8 * intid, 8, fdt.mpidr[cpu]);
	else
		arch_io_write(fdt.gic_dist + DIST_ITARGETSR + intid, 1, 1u << cpu);
}

void gic_init(void)
{
	io_write32(fdt.gic_dist + DIST_CTLR, v3() ? V3_ENABLE : V2_ENABLE);
}

/* --- a processor's own part ----------------------------------------------------------------------------------------------- */

/* Its redistributor is the one that has its affinity. */
static uint64_t find_redistributor(uint64_t mpidr)
{
	uint64_t affinity = (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff), typer = 0;
	uint64_t at = fdt.gic_second, end = at + fdt.gic_second_bytes;

	for (; at < end && !(typer & TYPER_LAST); at += REDIST_BYTES) {
		typer = arch_io_read(at + REDIST_TYPER, 8);
		if (typer >> 32 == affinity)
			return at;
	}
	give_up("processor %u has a redistributor", cpu_number());
}

static void init_v3(void)
{
	uint64_t redistributor = find_redistributor(fdt.mpidr[cpu_number()]);

	own[cpu_number()] = redistributor + REDIST_OWN;
	io_write32(redistributor + REDIST_WAKER, io_read32(redistributor + REDIST_WAKER) & ~WAKER_SLEEP);
	if (!wait_until(!(io_read32(redistributor + REDIST_WAKER) & WAKER_ASLEEP)))
		give_up("redistributor %u wakes up", cpu_number());
	io_write32(field(0, DIST_IGROUPR), UINT32_MAX);
	write_register("ICC_SRE_EL1", read_register("ICC_SRE_EL1") | 1);
	write_register("ICC_BPR1_EL1", 0);
	write_register("ICC_IGRPEN1_EL1", 1);
}

static void init_v2(void)
{
	own[cpu_number()] = fdt.gic_dist;
	io_write32(fdt.gic_second + CPU_BPR, 0);
	io_write32(fdt.gic_second + CPU_CTLR, CPU_ENABLE);
}

void gic_init_cpu(void)
{
	if (v3())
		init_v3();
	else
		init_v2();
	gic_set_mask(UINT8_MAX);
	for (unsigned intid = 0; intid < INTID_PPI; intid++) {
		gic_set_priority(intid, PRIORITY_USUAL);
		gic_enable(intid, true);
	}
	gic_set_priority(fdt.timer_intid, PRIORITY_USUAL);
	gic_enable(fdt.timer_intid, true);
}

void gic_set_mask(uint8_t priority)
{
	if (v3())
		write_register("ICC_PMR_EL1", priority);
	else
		io_write32(fdt.gic_second + CPU_PMR, priority);
}

void gic_set_split_eoi(bool split)
{
	if (v3())
		write_register("ICC_CTLR_EL1", split ? ICC_SPLIT_EOI : 0);
	else
		io_write32(fdt.gic_second + CPU_CTLR, CPU_ENABLE | (split ? CPU_SPLIT_EOI : 0));
}

uint8_t gic_running_priority(void)
{
	return (uint8_t)(v3() ? read_register("ICC_RPR_EL1") : io_read32(fdt.gic_second + CPU_RPR));
}

/* --- interrupts between processors ---------------------------------------------------------------------------------------- */

/* ICC_SGI1R_EL1: IHI 0069H, 12.2.20. A bit for each of 16 processors that share all but the lowest part of their affinity. */
void gic_send(unsigned cpu, unsigned sgi)
{
	uint64_t mpidr = fdt.mpidr[cpu];
	uint64_t groups = (mpidr >> 32 & 0xff) << 48 | (mpidr >> 16 & 0xff) << 32 | (mpidr >> 8 & 0xff) << 16;

	arch_barrier();
	if (v3())
		write_register("ICC_SGI1R_EL1", groups | (uint64_t)sgi << 24 | 1u << (mpidr & 0xf));
	else
		io_write32(fdt.gic_dist + DIST_SGIR, 1u << (16 + cpu) | sgi);
}

void gic_send_to_others(unsigned sgi)
{
	arch_barrier();
	if (v3())
		write_register("ICC_SGI1R_EL1", 1ull << 40 | (uint64_t)sgi << 24);
	else
		io_write32(fdt.gic_dist + DIST_SGIR, SGIR_OTHERS | sgi);
}

/* --- taking them ---------------------------------------------------------------------------------------------------------- */

uint32_t gic_acknowledge(void)
{
	return v3() ? (uint32_t)read_register("ICC_IAR1_EL1") : io_read32(fdt.gic_second + CPU_IAR);
}

/* A GICv2's also tells who sent it. */
unsigned gic_intid(uint32_t acknowledged)
{
	return v3() ? acknowledged : acknowledged & 0x3ff;
}

void gic_end(uint32_t acknowledged)
{
	if (v3())
		write_register("ICC_EOIR1_EL1", acknowledged);
	else
		io_write32(fdt.gic_second + CPU_EOIR, acknowledged);
}

void gic_deactivate(uint32_t acknowledged)
{
	if (v3())
		write_register("ICC_DIR_EL1", acknowledged);
	else
		io_write32(fdt.gic_second + CPU_DIR, acknowledged);
}
