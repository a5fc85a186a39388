// SPDX-License-Identifier: Apache-2.0
/*
 * GICv2: see gicv2.h. Here: the lines that come in, which interrupt goes to whom, the lines that go out, and a GIC's life.
 *
 * Every change ends in gic_cpu_changed() for the processors that it may matter to, under the same hold of the lock. So outside the lock
 * `out` always agrees with `state`.
 */
#include "devices/gicv2.h"

#include <assert.h>
#include <stdlib.h>

#include "devices/gicv2_impl.h"
#include "vmm/util/log.h"

/* --- from the banks to a processor's line ---------------------------------------------------------------------------------------- */

/* Pending and not active: an interrupt that is both has to be deactivated first (3.2.4). */
static uint32_t ready_bits(struct gicv2 *gic, unsigned cpu, unsigned n)
{
	const struct gicv2_bank *bank = gic_bank(gic, cpu, n);

	return bank->enabled & gic_pending(bank) & ~bank->active & gic->state.cpu[cpu].target[n];
}

/* Takes as many steps as there are interrupts ready: few. */
static void find_best(struct gicv2 *gic, unsigned cpu)
{
	struct gicv2_out *out = &gic->out[cpu];

	out->best = GIC_SPURIOUS;
	out->best_priority = GIC_IDLE_PRIORITY;
	for (uint32_t banks = out->ready_banks; banks; banks &= banks - 1) {
		unsigned n = (unsigned)__builtin_ctz(banks);
		for (uint32_t bits = ready_bits(gic, cpu, n); bits; bits &= bits - 1) {
			unsigned id = 32 * n + (unsigned)__builtin_ctz(bits);
			uint8_t priority = *gic_priority(gic, cpu, id);
			if (priority < out->best_priority) {
				out->best = id;
				out->best_priority = priority;
			}
		}
	}
}

/* 3.3.1. Both sides with the binary point of now, which may have moved since the acknowledgement. */
static bool preempts(const struct gicv2_cpu_state *c, uint8_t priority)
{
	return !c->active_priorities || gic_group_priority(c, priority) < gic_group_priority(c, gic_running_priority(c));
}

static bool signals(const struct gicv2 *gic, unsigned cpu)
{
	const struct gicv2_cpu_state *c = &gic->state.cpu[cpu];
	const struct gicv2_out *out = &gic->out[cpu];

	return (gic->state.control & GICD_CTLR_ENABLE) && (c->control & GICC_CTLR_ENABLE) && out->best != GIC_SPURIOUS &&
	       out->best_priority < c->priority_mask && preempts(c, out->best_priority);
}

void gic_cpu_changed(struct gicv2 *gic, unsigned cpu)
{
	struct gicv2_out *out = &gic->out[cpu];

	find_best(gic, cpu);
	bool line = signals(gic, cpu);
	if (line == out->line)
		return;
	out->line = line;
	gic->config.set_line(gic->config.arg, cpu, line);
}

static void update_ready(struct gicv2 *gic, unsigned cpu, unsigned n)
{
	if (ready_bits(gic, cpu, n))
		gic->out[cpu].ready_banks |= 1u << n;
	else
		gic->out[cpu].ready_banks &= ~(1u << n);
	gic_cpu_changed(gic, cpu);
}

void gic_bank_changed(struct gicv2 *gic, unsigned cpu, unsigned n)
{
	if (!n) {
		update_ready(gic, cpu, 0);
		return;
	}
	for (unsigned other = 0; other < gic->config.cpus; other++)
		update_ready(gic, other, n);
}

static void all_changed(struct gicv2 *gic)
{
	for (unsigned cpu = 0; cpu < gic->config.cpus; cpu++) {
		gic->out[cpu].ready_banks = 0;
		for (unsigned n = 0; n < 32; n++) {
			if (ready_bits(gic, cpu, n))
				gic->out[cpu].ready_banks |= 1u << n;
		}
		gic_cpu_changed(gic, cpu);
	}
}

/* --- lines that come in ---------------------------------------------------------------------------------------------------------- */

static void set_level(struct gicv2 *gic, unsigned cpu, unsigned id, bool level)
{
	unsigned n = id / 32;
	uint32_t bit = 1u << id % 32;

	pthread_mutex_lock(&gic->lock);
	struct gicv2_bank *bank = gic_bank(gic, cpu, n);
	if (level != !!(bank->level & bit)) {
		bank->level ^= bit;
		if (level)
			bank->latched |= bank->edge & bit;
		gic_bank_changed(gic, cpu, n);
	}
	pthread_mutex_unlock(&gic->lock);
}

void gicv2_set_ppi(struct gicv2 *gic, unsigned cpu, unsigned ppi, bool level)
{
	assert(cpu < gic->config.cpus && ppi >= GIC_SGIS && ppi < GIC_SPI_FIRST);
	set_level(gic, cpu, ppi, level);
}

void gicv2_set_spi(struct gicv2 *gic, unsigned spi, bool level)
{
	assert(spi < gic->config.spis);
	set_level(gic, 0, GIC_SPI_FIRST + spi, level);
}

void gicv2_pulse_spi(struct gicv2 *gic, unsigned spi)
{
	assert(spi < gic->config.spis);
	unsigned n = 1 + spi / 32;
	pthread_mutex_lock(&gic->lock);
	struct gicv2_bank *bank = gic_bank(gic, 0, n);
	bank->latched |= bank->edge & 1u << spi % 32;
	gic_bank_changed(gic, 0, n);
	pthread_mutex_unlock(&gic->lock);
}

void gicv2_irq_pulse(struct irq *irq)
{
	gicv2_pulse_spi(irq->arg, irq->gsi);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------ */

/* Whatever the state was, it is now one that register accesses could have led to; a state that was stays as it is. */
static void make_valid(struct gicv2 *gic)
{
	struct gicv2_state *s = &gic->state;
	uint8_t everyone = (uint8_t)((1u << gic->config.cpus) - 1);

	s->control &= GICD_CTLR_ENABLE;
	for (unsigned i = 0; i < GICV2_SPIS_MAX; i++)
		s->spi_priority[i] &= GIC_PRIORITY_BITS;
	for (unsigned n = 1; n < 32; n++) {
		struct gicv2_bank *bank = gic_bank(gic, 0, n);
		uint32_t present = gic_present_bits(gic, n);
		bank->enabled &= present;
		bank->latched &= present;
		bank->level &= present;
		bank->active &= present;
		bank->edge &= present;
	}
	for (unsigned cpu = 0; cpu < gic->config.cpus; cpu++) {
		struct gicv2_cpu_state *c = &s->cpu[cpu];
		c->own.enabled |= GIC_SGI_BITS;
		c->own.edge = GIC_SGI_BITS;
		c->own.level &= ~GIC_SGI_BITS;
		c->own.latched &= ~GIC_SGI_BITS;
		for (unsigned id = 0; id < GIC_SGIS; id++) {
			c->sgi_source[id] &= everyone;
			c->own.latched |= c->sgi_source[id] ? 1u << id : 0;
		}
		for (unsigned id = 0; id < GIC_SPI_FIRST; id++)
			c->priority[id] &= GIC_PRIORITY_BITS;
		/* A single processor is everybody's target (4.3.12). */
		c->target[0] = ~0u;
		for (unsigned n = 1; n < 32; n++)
			c->target[n] = gic_present_bits(gic, n) & (gic->config.cpus == 1 ? ~0u : c->target[n]);
		c->control &= GICC_CTLR_ENABLE | GICC_CTLR_EOI_MODE;
		c->priority_mask &= GIC_PRIORITY_BITS;
		c->binary_point &= 7;
		if (c->binary_point < GIC_BINARY_POINT_MIN)
			c->binary_point = GIC_BINARY_POINT_MIN;
		c->aliased_binary_point &= 7;
		if (c->aliased_binary_point < GIC_BINARY_POINT_MIN + 1)
			c->aliased_binary_point = GIC_BINARY_POINT_MIN + 1;
	}
}

struct gicv2 *gicv2_new(const struct gicv2_config *config)
{
	assert(config->cpus && config->cpus <= GICV2_CPUS_MAX && config->spis <= GICV2_SPIS_MAX);
	struct gicv2 *gic = calloc(1, sizeof(*gic));
	if (!gic) {
		log_error("interrupt controller: out of memory");
		return NULL;
	}
	pthread_mutex_init(&gic->lock, NULL);
	gic->config = *config;
	for (unsigned cpu = 0; cpu < config->cpus; cpu++)
		gic->port[cpu] = (struct gicv2_port){ .gic = gic, .cpu = cpu };
	gicv2_reset(gic);
	return gic;
}

void gicv2_free(struct gicv2 *gic)
{
	if (!gic)
		return;
	pthread_mutex_destroy(&gic->lock);
	free(gic);
}

struct gicv2_port *gicv2_port(struct gicv2 *gic, unsigned cpu)
{
	assert(cpu < gic->config.cpus);
	return &gic->port[cpu];
}

void gicv2_reset(struct gicv2 *gic)
{
	struct gicv2_state fresh = { 0 };

	pthread_mutex_lock(&gic->lock);
	for (unsigned n = 1; n < 32; n++)
		fresh.spi[n - 1].level = gic_bank(gic, 0, n)->level;
	for (unsigned cpu = 0; cpu < gic->config.cpus; cpu++)
		fresh.cpu[cpu].own.level = gic_bank(gic, cpu, 0)->level;
	gic->state = fresh;
	make_valid(gic);
	all_changed(gic);
	pthread_mutex_unlock(&gic->lock);
}

void gicv2_save(struct gicv2 *gic, struct gicv2_state *state)
{
	pthread_mutex_lock(&gic->lock);
	*state = gic->state;
	pthread_mutex_unlock(&gic->lock);
}

void gicv2_restore(struct gicv2 *gic, const struct gicv2_state *state)
{
	pthread_mutex_lock(&gic->lock);
	gic->state = *state;
	make_valid(gic);
	all_changed(gic);
	pthread_mutex_unlock(&gic->lock);
}
