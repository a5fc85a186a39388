// SPDX-License-Identifier: Apache-2.0
/*
 * A GICv2 interrupt controller: distributor and CPU interfaces, for hosts whose KVM has none. Arm IHI 0048B.b; section numbers in the
 * sources are its own.
 *
 * Interrupts come in on lines: the PPIs, IDs 16 to 31, of each processor (its timer's, its PMU's), which are level-sensitive, and the
 * SPIs, from ID 32 up, which the guest configures as level-sensitive or edge-triggered. What goes out is one line a processor, its IRQ.
 *
 *   lines, SGIs --> pending --> [ distributor: enabled? for whom? ] --> [ CPU interface: urgent enough? ] --> set_line(cpu)
 *
 * Where the architecture leaves a choice: 32 levels of priority (the low three bits read as zero); SGIs are always enabled; an SPI with
 * several targets is offered to all of them, the first to acknowledge it has it; among equals the lowest ID comes first; the PPIs' triggers
 * are fixed.
 *
 * Left out: the Security Extensions, and interrupt groups. Every interrupt is in group 0 and leaves as an IRQ, as an ordinary kernel finds
 * it in KVM's own GICv2; what is about group 1 or FIQ reads as zero and takes no writes.
 *
 * Threads: everything but new and free may be called on any thread. The GIC takes its own lock, which is the innermost: a caller may hold
 * a device's lock or a loop's. set_line() is called under it, so two threads can't hand over their levels in the wrong order; it must
 * neither wait nor call back.
 */
#ifndef DEVICES_GICV2_H
#define DEVICES_GICV2_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/irq.h"

#define GICV2_DIST_BYTES 0x1000
#define GICV2_CPU_BYTES 0x2000 /* GICC_DIR is in the second page */
#define GICV2_CPUS_MAX 8
#define GICV2_SPIS_MAX 988 /* IDs 32 to 1019 */

struct gicv2;

struct gicv2_config {
	unsigned cpus; /* 1 to 8 */
	unsigned spis; /* 0 to 988 */
	/* The IRQ line of a processor changes. All are low after gicv2_new(). */
	void (*set_line)(void *arg, unsigned cpu, bool level);
	void *arg;
};

/* NULL, logged, when there is no memory. */
struct gicv2 *gicv2_new(const struct gicv2_config *config);
/* Accepts NULL. Leaves the lines as they are. */
void gicv2_free(struct gicv2 *gic);

/*
 * The registers as one processor sees them: some are banked, and the CPU interface is another for each. A port is the `dev` of a struct
 * bus_range, whose lock is NULL. It lives as long as the GIC.
 */
struct gicv2_port;
struct gicv2_port *gicv2_port(struct gicv2 *gic, unsigned cpu);
void gicv2_dist_read(void *port, uint64_t offset, void *data, unsigned len);
void gicv2_dist_write(void *port, uint64_t offset, const void *data, unsigned len);
void gicv2_cpu_read(void *port, uint64_t offset, void *data, unsigned len);
void gicv2_cpu_write(void *port, uint64_t offset, const void *data, unsigned len);

/* The lines that come in. `ppi` is an interrupt ID, 16 to 31; `spi` counts from 0 (ID 32), as in a device tree. */
void gicv2_set_ppi(struct gicv2 *gic, unsigned cpu, unsigned ppi, bool level);
void gicv2_set_spi(struct gicv2 *gic, unsigned spi, bool level);
/* Up and down at once: one interrupt if the guest has configured the SPI as edge-triggered, else nothing that lasts. */
void gicv2_pulse_spi(struct gicv2 *gic, unsigned spi);
/* For struct irq's pulse(): `arg` is the GIC, `gsi` the SPI. */
void gicv2_irq_pulse(struct irq *irq);

/* 32 interrupts, a bit each. What is pending for the guest follows from `latched`, `level` and `edge`. */
struct gicv2_bank {
	uint32_t enabled;
	uint32_t latched; /* an edge, an SGI or a write to GICD_ISPENDR that was not acknowledged yet */
	uint32_t level;   /* the lines as they are now */
	uint32_t active;
	uint32_t edge; /* edge-triggered, else level-sensitive */
};

struct gicv2_cpu_state {
	struct gicv2_bank own; /* SGIs and PPIs */
	uint32_t target[32];   /* bit b of [n]: ID 32 n + b may go to this processor */
	uint8_t priority[32];
	uint8_t sgi_source[16]; /* bit c: processor c sent this SGI; it is latched while there is any */
	uint32_t control;
	uint32_t active_priorities; /* bit p: an interrupt of group priority 8 p is being handled */
	uint8_t priority_mask, binary_point, aliased_binary_point;
};

/* All that a GIC remembers, to be saved and restored: plain data, valid for a GIC of the same configuration. */
struct gicv2_state {
	uint32_t control;
	struct gicv2_bank spi[31]; /* [0] is of IDs 32 to 63 */
	uint8_t spi_priority[GICV2_SPIS_MAX];
	struct gicv2_cpu_state cpu[GICV2_CPUS_MAX];
};

/* A machine reset. The lines that come in keep their levels, since those are the devices'. */
void gicv2_reset(struct gicv2 *gic);
void gicv2_save(struct gicv2 *gic, struct gicv2_state *state);
/* What no GIC could have saved is made valid: `state` may be from anywhere. */
void gicv2_restore(struct gicv2 *gic, const struct gicv2_state *state);

#endif
