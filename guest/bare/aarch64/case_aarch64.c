// SPDX-License-Identifier: Apache-2.0
/* What only AArch64 has to try: how it is started, the device tree, PSCI, the clock, and the ends that have to do with these. */
#include "guest/bare/aarch64/aarch64.h"

/* --- how it is started ------------------------------------------------------------------------------------------------------- */

#define CURRENT_EL_1 (1u << 2)
#define DAIF_ALL 0x3c0u

/* Linux, arm64/booting.rst, "Call the kernel image". offset=N behind the beginning of RAM */
static void case_start(const struct machine *m)
{
	extern const uint8_t image_start[];
	const struct boot_registers *r = &boot_registers;

	check(r->x[0] && !(r->x[0] % 8), "x0 leads to the device tree");
	check(!r->x[1] && !r->x[2] && !r->x[3], "x1 to x3 are zero");
	check(r->el == CURRENT_EL_1, "the processor is at EL1");
	check(r->daif == DAIF_ALL, "all of its interrupts are masked");
	check(!(r->sctlr & (SCTLR_MMU | SCTLR_CACHE)), "its MMU and data cache are off");
	check((uint64_t)image_start == arch_ram + parameter(m, "offset"), "the Image is where its header wants it");
	check(read_register("CNTFRQ_EL0"), "the counter's frequency is told: %lu Hz", read_register("CNTFRQ_EL0"));
	check((read_register("MPIDR_EL1") & 0xff00ffffff) == fdt.mpidr[0], "the first processor is the tree's first");
}

/* --- the device tree --------------------------------------------------------------------------------------------------------- */

/* gic=2|3 cpus=N devices=N */
static void case_tree(const struct machine *m)
{
	unsigned virtio = (unsigned)parameter(m, "devices"), cpus = (unsigned)parameter(m, "cpus");

	check(fdt.header_sound && fdt.structure_sound, "its header and every node and property of it are sound");
	check(fdt.gic_version == parameter(m, "gic") && fdt.gic_dist && fdt.gic_second, "a GICv%u with two ranges of registers",
	      (unsigned)parameter(m, "gic"));
	check(fdt.gic_version == 2 || fdt.gic_second_bytes >= 0x20000ul * cpus, "a redistributor for each processor, where there are any");
	check(fdt.cpus == cpus && fdt.cpus_by_psci == cpus, "%u processors, to be started by PSCI", cpus);
	check(fdt.psci && fdt.psci_by_hvc, "PSCI 0.2 or later by HVC");
	check(fdt.timer_intid > INTID_PPI && fdt.timer_intid < INTID_SPI && fdt.timer_always_on,
	      "a timer that goes on while processors sleep");
	check(fdt.serial == 0x1000000 && fdt.serial_line, "the serial port");
	check(fdt.stdout_is_serial, "it is standard output's path");
	check(fdt.rtc && fdt.pvpanic, "the clock and the panic device");
	check(m->virtio_count == virtio, "%u virtio devices (there are %u)", virtio, m->virtio_count);
	check(fdt.coherent_count == m->virtio_count, "each of them is coherent");
	check(fdt.edge_count == m->virtio_count, "and has a line of edges");
	check(fdt.rng_seed_bytes >= 32 && fdt.rng_seed && fdt.kaslr_seed, "seeds for random numbers");
	for (unsigned i = 0; i < m->virtio_count; i++) {
		if (m->virtio[i].bytes < 0x200 || !m->virtio[i].line)
			check(false, "virtio device %u has its registers and a line", i);
	}
}

/* --- PSCI -------------------------------------------------------------------------------------------------------------------- */

#define WAKE_STANDBY 0 /* CPU_SUSPEND's power state: 5.4.2 */

static volatile unsigned runs;

static void run_and_stop(unsigned number)
{
	(void)number;
	__atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST);
	interrupts_off();
	psci_call(PSCI_CPU_OFF, 0, 0, 0);
	give_up("a processor that is switched off stops");
}

static bool is_off(unsigned number)
{
	return psci_call(PSCI_AFFINITY_INFO, fdt.mpidr[number], 0, 0) == PSCI_IS_OFF;
}

/* With two processors. */
static void case_psci(const struct machine *m)
{
	int64_t version = psci_call(PSCI_VERSION, 0, 0, 0);

	check(version >> 16 > 0 || (version & 0xffff) >= 2, "the version is 0.2 or later (%u.%u)", (unsigned)(version >> 16),
	      (unsigned)version & 0xffff);
	check(psci_call(PSCI_FEATURES, PSCI_CPU_ON, 0, 0) >= 0, "CPU_ON is a feature");
	check(psci_call(PSCI_FEATURES, 0x84000fff, 0, 0) == PSCI_NOT_SUPPORTED, "what there is none of is no feature");
	check(psci_call(0x84000fff, 0, 0, 0) == PSCI_NOT_SUPPORTED, "and not supported");
	check(psci_call(PSCI_CPU_ON, 0xff00ffffff, arch_ram, 0) == PSCI_INVALID_PARAMETERS,
	      "a processor that does not exist can't be started");
	check(psci_call(PSCI_AFFINITY_INFO, fdt.mpidr[0], 0, 0) == PSCI_IS_ON, "the first processor is on");
	check(psci_start(0, run_and_stop) == PSCI_ALREADY_ON, "and can't be started");
	check(m->cpus == 2 && is_off(1), "the second one is off");
	check(psci_start(1, run_and_stop) == PSCI_SUCCESS && wait_until(runs == 1), "it starts");
	check(wait_until(is_off(1)), "it switches itself off");
	check(psci_start(1, run_and_stop) == PSCI_SUCCESS && wait_until(runs == 2), "and starts again");
	check(wait_until(is_off(1)), "and stops again");
	arch_hold();
	arch_timer_start(2000);
	check(psci_call(PSCI_CPU_SUSPEND, WAKE_STANDBY, 0, 0) == PSCI_SUCCESS, "a processor in standby goes on");
	interrupts_on();
	check(wait_until(arch_timer_count() == 1), "by the timer's interrupt");
}

/* --- the clock --------------------------------------------------------------------------------------------------------------- */

enum { RTC_DATA = 0x00, RTC_LOAD = 0x08, RTC_CONTROL = 0x0c, RTC_ID = 0xfe0 };

#define RTC_SLACK_S 600 /* a busy host may take its time */

static uint32_t rtc_identity(unsigned first)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++)
		value |= io_read32(fdt.rtc + first + 4 * i) << 8 * i;
	return value;
}

/* Arm DDI 0224C, chapter 3. now=SECONDS since 1970, as the host has it */
static void case_rtc(const struct machine *m)
{
	uint64_t now = parameter(m, "now");
	uint32_t first = io_read32(fdt.rtc + RTC_DATA);

	check((rtc_identity(RTC_ID) & 0xfffff) == 0x41031 && rtc_identity(RTC_ID + 0x10) == 0xb105f00d, "it is a PL031");
	check(io_read32(fdt.rtc + RTC_CONTROL) & 1, "it runs");
	check(first >= now && first - now < RTC_SLACK_S, "its time is the host's");
	check(wait_until(io_read32(fdt.rtc + RTC_DATA) > first), "it goes on");
	io_write32(fdt.rtc + RTC_LOAD, 86400);
	uint32_t set = io_read32(fdt.rtc + RTC_DATA);
	check(set >= 86400 && set < 86400 + RTC_SLACK_S, "it can be set");
}

/* --- ends -------------------------------------------------------------------------------------------------------------------- */

/* As Linux does with reboot=panic_warm. */
static void case_panic_reset(const struct machine *m)
{
	(void)m;
	report_end();
	psci_call(PSCI_SYSTEM_RESET2, 0, 0, 0);
	give_up("a warm reset ends the machine");
}

const struct test_case arch_cases[] = {
	{ "start", case_start },
	{ "tree", case_tree },
	{ "psci", case_psci },
	{ "rtc", case_rtc },
	{ "gic", case_gic },
	{ "gic-reset", case_gic_reset },
	{ "sgi", case_sgi },
	{ "spi", case_spi },
	{ "timer-level", case_timer_level },
	{ "timer-cpus", case_timer_cpus },
	{ "odd", case_odd },
	{ "panic-reset", case_panic_reset },
	{ "aborts", case_aborts },
};
const unsigned arch_case_count = COUNT(arch_cases);
