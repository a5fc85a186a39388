// SPDX-License-Identifier: Apache-2.0
/*
 * What the GIC's parts share: lines and forwarding (gicv2.c), distributor registers (gicv2_dist.c), CPU interfaces (gicv2_cpu.c). Nobody
 * else's. The lock is held around all functions here.
 */
#ifndef DEVICES_GICV2_IMPL_H
#define DEVICES_GICV2_IMPL_H

#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "devices/gicv2.h"

#define GIC_SPI_FIRST 32
#define GIC_SGIS 16
#define GIC_SGI_BITS 0xffffu /* of bank 0 */
#define GIC_SPURIOUS 1023u
#define GIC_ARM_IMPLEMENTER 0x43bu /* Linux wants it next to version 2 in GICC_IIDR (drivers/irqchip/irq-gic.c, gic_check_gicv2) */

/* Priorities have five bits, the top ones of a byte; so all that can be active fit into one register (4.4.12). */
#define GIC_PRIORITY_BITS 0xf8u
#define GIC_PRIORITY_SHIFT 3
#define GIC_IDLE_PRIORITY 0xffu
#define GIC_BINARY_POINT_MIN 2

#define GICD_CTLR_ENABLE 1u
#define GICC_CTLR_ENABLE 1u
#define GICC_CTLR_EOI_MODE (1u << 9)

/* What follows from the state, kept so that no access has to look at 1020 interrupts. */
struct gicv2_out {
	uint32_t ready_banks; /* bit n: bank n has interrupts that are to be forwarded to this processor */
	unsigned best;        /* the most urgent one of these, or GIC_SPURIOUS */
	uint8_t best_priority;
	bool line; /* what set_line() was told; best can be acknowledged */
};

struct gicv2_port {
	struct gicv2 *gic;
	unsigned cpu;
};

struct gicv2 {
	pthread_mutex_t lock;
	struct gicv2_config config;
	struct gicv2_port port[GICV2_CPUS_MAX];
	struct gicv2_state state;
	struct gicv2_out out[GICV2_CPUS_MAX];
};

/* Bank n, for n below 32, has the IDs from 32 n; bank 0 is each processor's own. */
static inline struct gicv2_bank *gic_bank(struct gicv2 *gic, unsigned cpu, unsigned n)
{
	return n ? &gic->state.spi[n - 1] : &gic->state.cpu[cpu].own;
}

static inline bool gic_present(const struct gicv2 *gic, unsigned id)
{
	return id < GIC_SPI_FIRST + gic->config.spis;
}

static inline uint32_t gic_present_bits(const struct gicv2 *gic, unsigned n)
{
	unsigned count = GIC_SPI_FIRST + gic->config.spis;

	if (count >= 32 * (n + 1))
		return ~0u;
	return count > 32 * n ? (1u << (count - 32 * n)) - 1 : 0;
}

/* Of an interrupt that is present. */
static inline uint8_t *gic_priority(struct gicv2 *gic, unsigned cpu, unsigned id)
{
	return id < GIC_SPI_FIRST ? &gic->state.cpu[cpu].priority[id] : &gic->state.spi_priority[id - GIC_SPI_FIRST];
}

/* Level-sensitive: a write to GICD_ISPENDR, or the line (4.3.7, 4.3.8). */
static inline uint32_t gic_pending(const struct gicv2_bank *bank)
{
	return bank->latched | (bank->level & ~bank->edge);
}

/* Registers are little-endian (4.1.4). */
static inline uint32_t gic_load(const void *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return le32toh(value);
}

static inline void gic_store(void *data, uint32_t value)
{
	value = htole32(value);
	memcpy(data, &value, sizeof(value));
}

/* What has to be called after a change, before the lock is let go: */

/* of `control`, or of a processor's control, mask, binary point or active priorities, */
void gic_cpu_changed(struct gicv2 *gic, unsigned cpu);
/* of a bank, or of its interrupts' targets or priorities. */
void gic_bank_changed(struct gicv2 *gic, unsigned cpu, unsigned n);

/* gicv2_cpu.c: the group part of a priority, which decides on preemption, and that of what is being handled. */
uint8_t gic_group_priority(const struct gicv2_cpu_state *c, uint8_t priority);
uint8_t gic_running_priority(const struct gicv2_cpu_state *c);

#endif
