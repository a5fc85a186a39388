// SPDX-License-Identifier: Apache-2.0
/*
 * The GIC's CPU interfaces (Arm IHI 0048B.b, 4.4): what a processor reads and writes to take an interrupt and to end it.
 *
 * GICC_IAR makes an interrupt active and its priority the running one. What undoes that depends on EOImode (3.2.1): at 0 a write to
 * GICC_EOIR undoes both; at 1 it drops the priority alone, and GICC_DIR deactivates. All registers are 32 bits wide; other accesses read as
 * zero and write nothing (4.1.4).
 */
#include "devices/gicv2_impl.h"

enum {
	GICC_CTLR = 0x00,
	GICC_PMR = 0x04,
	GICC_BPR = 0x08,
	GICC_IAR = 0x0c,
	GICC_EOIR = 0x10,
	GICC_RPR = 0x14,
	GICC_HPPIR = 0x18,
	GICC_ABPR = 0x1c,
	GICC_AIAR = 0x20,
	GICC_AHPPIR = 0x28,
	GICC_APR0 = 0xd0,
	GICC_IIDR = 0xfc,
	GICC_DIR = 0x1000,
};

#define GICC_IIDR_VALUE (2u << 16 | GIC_ARM_IMPLEMENTER) /* 4.4.14: GICv2 */
#define ID_BITS 0x3ffu
#define SOURCE_SHIFT 10

/* --- priorities ------------------------------------------------------------------------------------------------------------------ */

/* Binary point b: bits 7 to b + 1 are the group priority; at 7 there are none (3.3.3). */
uint8_t gic_group_priority(const struct gicv2_cpu_state *c, uint8_t priority)
{
	return (uint8_t)(priority & 0xfeu << c->binary_point);
}

uint8_t gic_running_priority(const struct gicv2_cpu_state *c)
{
	if (!c->active_priorities)
		return GIC_IDLE_PRIORITY;
	return (uint8_t)(__builtin_ctz(c->active_priorities) << GIC_PRIORITY_SHIFT);
}

static void set_binary_point(uint8_t *point, uint32_t value, unsigned min)
{
	value &= 7;
	*point = (uint8_t)(value < min ? min : value);
}

/* --- taking an interrupt, and ending it ------------------------------------------------------------------------------------------ */

static unsigned sgi_source(const struct gicv2_cpu_state *c, unsigned id)
{
	return (unsigned)__builtin_ctz(c->sgi_source[id]);
}

/* One source at a time: while others are left the SGI stays pending. The CPUID field says whose it was (4.4.4). */
static uint32_t take_sgi(struct gicv2_cpu_state *c, unsigned id)
{
	unsigned source = sgi_source(c, id);

	c->sgi_source[id] &= (uint8_t) ~(1u << source);
	if (!c->sgi_source[id])
		c->own.latched &= ~(1u << id);
	return source << SOURCE_SHIFT | id;
}

static uint32_t acknowledge(struct gicv2 *gic, unsigned cpu)
{
	struct gicv2_cpu_state *c = &gic->state.cpu[cpu];
	const struct gicv2_out *out = &gic->out[cpu];
	unsigned id = out->best;
	uint32_t value = id;

	/* Another processor was faster, the line went down, or the guest just reads (3.2.3, 3.2.5). */
	if (!out->line)
		return GIC_SPURIOUS;
	struct gicv2_bank *bank = gic_bank(gic, cpu, id / 32);
	c->active_priorities |= 1u << (gic_group_priority(c, out->best_priority) >> GIC_PRIORITY_SHIFT);
	bank->active |= 1u << id % 32;
	if (id < GIC_SGIS)
		value = take_sgi(c, id);
	else
		bank->latched &= ~(1u << id % 32);
	gic_bank_changed(gic, cpu, id / 32);
	return value;
}

/* Whatever the mask and the running priority are; the same interrupt may be pending at others (4.4.7). */
static uint32_t highest_pending(const struct gicv2 *gic, unsigned cpu)
{
	const struct gicv2_cpu_state *c = &gic->state.cpu[cpu];
	unsigned id = gic->out[cpu].best;

	if (!(gic->state.control & GICD_CTLR_ENABLE) || !(c->control & GICC_CTLR_ENABLE))
		return GIC_SPURIOUS;
	return id < GIC_SGIS ? sgi_source(c, id) << SOURCE_SHIFT | id : id;
}

static void deactivate(struct gicv2 *gic, unsigned cpu, unsigned id)
{
	if (!gic_present(gic, id))
		return;
	gic_bank(gic, cpu, id / 32)->active &= ~(1u << id % 32);
	gic_bank_changed(gic, cpu, id / 32);
}

/*
 * 4.4.5. Interrupts end in the reverse order of their acknowledgement, so it is the running priority that drops. For an ID that is not the
 * right one the architecture promises nothing; here the priority drops all the same, so a guest that is one behind can't be stuck.
 */
static void end_interrupt(struct gicv2 *gic, unsigned cpu, uint32_t value)
{
	struct gicv2_cpu_state *c = &gic->state.cpu[cpu];

	if (!gic_present(gic, value & ID_BITS))
		return;
	c->active_priorities &= c->active_priorities - 1;
	if (c->control & GICC_CTLR_EOI_MODE)
		gic_cpu_changed(gic, cpu);
	else
		deactivate(gic, cpu, value & ID_BITS);
}

/* --- registers ------------------------------------------------------------------------------------------------------------------- */

static uint32_t read_register(struct gicv2 *gic, unsigned cpu, uint64_t offset)
{
	const struct gicv2_cpu_state *c = &gic->state.cpu[cpu];

	switch (offset) {
	case GICC_CTLR:
		return c->control;
	case GICC_PMR:
		return c->priority_mask;
	case GICC_BPR:
		return c->binary_point;
	case GICC_IAR:
		return acknowledge(gic, cpu);
	case GICC_RPR:
		return gic_running_priority(c);
	case GICC_HPPIR:
		return highest_pending(gic, cpu);
	case GICC_ABPR:
		return c->aliased_binary_point;
	case GICC_AIAR:
	case GICC_AHPPIR:
		return GIC_SPURIOUS; /* group 1 alone */
	case GICC_APR0:
		return c->active_priorities;
	case GICC_IIDR:
		return GICC_IIDR_VALUE;
	default:
		return 0;
	}
}

static void write_register(struct gicv2 *gic, unsigned cpu, uint64_t offset, uint32_t value)
{
	struct gicv2_cpu_state *c = &gic->state.cpu[cpu];

	switch (offset) {
	case GICC_CTLR:
		c->control = value & (GICC_CTLR_ENABLE | GICC_CTLR_EOI_MODE);
		break;
	case GICC_PMR:
		c->priority_mask = value & GIC_PRIORITY_BITS;
		break;
	case GICC_BPR:
		set_binary_point(&c->binary_point, value, GIC_BINARY_POINT_MIN);
		break;
	case GICC_ABPR:
		set_binary_point(&c->aliased_binary_point, value, GIC_BINARY_POINT_MIN + 1);
		return;
	case GICC_APR0:
		c->active_priorities = value;
		break;
	case GICC_EOIR:
		end_interrupt(gic, cpu, value);
		return;
	case GICC_DIR:
		if (c->control & GICC_CTLR_EOI_MODE)
			deactivate(gic, cpu, value & ID_BITS);
		return;
	default:
		return;
	}
	gic_cpu_changed(gic, cpu);
}

void gicv2_cpu_read(void *dev, uint64_t offset, void *data, unsigned len)
{
	struct gicv2_port *port = dev;

	memset(data, 0, len);
	if (len != 4)
		return;
	pthread_mutex_lock(&port->gic->lock);
	gic_store(data, read_register(port->gic, port->cpu, offset));
	pthread_mutex_unlock(&port->gic->lock);
}

void gicv2_cpu_write(void *dev, uint64_t offset, const void *data, unsigned len)
{
	struct gicv2_port *port = dev;

	if (len != 4)
		return;
	pthread_mutex_lock(&port->gic->lock);
	write_register(port->gic, port->cpu, offset, gic_load(data));
	pthread_mutex_unlock(&port->gic->lock);
}
