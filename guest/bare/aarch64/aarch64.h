// SPDX-License-Identifier: Apache-2.0
/* What the AArch64 parts of the test guest share. */
#ifndef GUEST_BARE_AARCH64_AARCH64_H
#define GUEST_BARE_AARCH64_AARCH64_H

#include "guest/bare/aarch64/layout.h"
#include "guest/bare/arch.h"

/* --- the device tree: fdt.c --------------------------------------------------------------------------------------------------- */

/* What the tree tells, and how sound it is. */
struct fdt_facts {
	bool header_sound, structure_sound;
	unsigned cpus, cpus_by_psci; /* the latter: with "psci" as the way to start them */
	uint64_t mpidr[CPUS_MAX];
	bool psci, psci_by_hvc;
	unsigned gic_version; /* 0: none */
	uint64_t gic_dist, gic_dist_bytes, gic_second, gic_second_bytes; /* the second: CPU interfaces, or redistributors */
	unsigned timer_intid; /* the virtual timer's; 0: none */
	bool timer_always_on;
	uint64_t serial, rtc, pvpanic; /* 0: none */
	unsigned serial_line;
	bool stdout_is_serial;
	unsigned coherent_count; /* virtio devices with "dma-coherent" */
	unsigned edge_count;	 /* and with an edge-triggered line */
	uint64_t kaslr_seed, rng_seed; /* the latter: its first eight bytes */
	unsigned rng_seed_bytes;
};

/* Reads the tree into *facts and *m. What is wrong is left out, and told by the *_sound fields. */
void fdt_read(struct fdt_facts *facts, struct machine *m, uint64_t tree);

/* --- start-up: aarch64.c ------------------------------------------------------------------------------------------------------ */

struct boot_registers {
	uint64_t x[4], el, daif, sctlr;
};

extern struct fdt_facts fdt;
extern struct boot_registers boot_registers;

/* Which processor this is, in the order of the tree. The first one boots. */
unsigned cpu_number(void);

/* --- PSCI: psci.c (Arm DEN 0022D; the numbers of 5.1) ------------------------------------------------------------------------- */

enum {
	PSCI_VERSION = 0x84000000,
	PSCI_CPU_SUSPEND = 0xc4000001,
	PSCI_CPU_OFF = 0x84000002,
	PSCI_CPU_ON = 0xc4000003,
	PSCI_AFFINITY_INFO = 0xc4000004,
	PSCI_MIGRATE_INFO_TYPE = 0x84000006,
	PSCI_SYSTEM_OFF = 0x84000008,
	PSCI_SYSTEM_RESET = 0x84000009,
	PSCI_FEATURES = 0x8400000a,
	PSCI_SYSTEM_RESET2 = 0xc4000012,
};

enum { PSCI_SUCCESS = 0, PSCI_NOT_SUPPORTED = -1, PSCI_INVALID_PARAMETERS = -2, PSCI_ALREADY_ON = -4 };
enum { PSCI_IS_ON, PSCI_IS_OFF, PSCI_IS_ON_PENDING };

int64_t psci_call(uint32_t function, uint64_t a, uint64_t b, uint64_t c);
/* Starts one processor; `entry` is as in arch_start_cpus(). CPU_ON's answer. */
int64_t psci_start(unsigned number, void (*entry)(unsigned number));

/* --- interrupts: gic.c -------------------------------------------------------------------------------------------------------- */

#define INTIDS 1020
#define INTID_PPI 16
#define INTID_SPI 32
#define INTID_NONE 1023

#define PRIORITY_USUAL 0xa0

/* The distributor once; each processor's own part on it. */
void gic_init(void);
void gic_init_cpu(void);

/* Of an interrupt; below INTID_SPI it is this processor's own. */
void gic_enable(unsigned intid, bool on);
void gic_set_pending(unsigned intid, bool on);
bool gic_is_pending(unsigned intid);
bool gic_is_active(unsigned intid);
void gic_set_priority(unsigned intid, uint8_t priority);
void gic_set_edge(unsigned intid, bool edge);
void gic_route(unsigned intid, unsigned cpu);

/* Of this processor: only what is more urgent than `priority` interrupts it; whether EOI leaves an interrupt active. */
void gic_set_mask(uint8_t priority);
void gic_set_split_eoi(bool split);
uint8_t gic_running_priority(void);
void gic_send(unsigned cpu, unsigned sgi);
void gic_send_to_others(unsigned sgi);

/* What acknowledging an interrupt gave, and what ends it. */
uint32_t gic_acknowledge(void);
unsigned gic_intid(uint32_t acknowledged);
void gic_end(uint32_t acknowledged);
void gic_deactivate(uint32_t acknowledged);

/* --- what interrupts come to: interrupt.c ------------------------------------------------------------------------------------- */

/* How often each came to each processor. The timer's are stopped when they come. */
unsigned interrupt_count(unsigned cpu, unsigned intid);
unsigned spurious_count(void);
/* Called for each interrupt instead of the usual end of it; NULL: nothing is. */
extern void (*volatile interrupt_hook)(uint32_t acknowledged, unsigned intid);
/* From the vectors. */
void aarch64_exception(unsigned vector, uint64_t *return_to);
/* Aborts of data accesses are counted, and their instructions skipped, instead of being the end. */
extern volatile bool aborts_expected;
extern volatile unsigned aborts;
/* Calls code at an address where there may be none. False: it did not return by itself, but by an abort. */
bool call_address(uint64_t at);

/* The virtual timer of this processor: Arm ARM DDI 0487, D12. Ticks since some moment, which are the same for all. */
uint64_t timer_now(void);
uint64_t timer_ticks(uint64_t us);
void timer_set(uint64_t when);
void timer_stop(void);

/* --- cases: case_gic.c, case_odd.c --------------------------------------------------------------------------------------- */

void case_gic(const struct machine *m);
void case_gic_reset(const struct machine *m);
void case_sgi(const struct machine *m);
void case_spi(const struct machine *m);
void case_timer_level(const struct machine *m);
void case_timer_cpus(const struct machine *m);
void case_odd(const struct machine *m);
void case_aborts(const struct machine *m);

#endif
