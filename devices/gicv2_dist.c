// SPDX-License-Identifier: Apache-2.0
/*
 * The GIC's distributor registers (Arm IHI 0048B.b, 4.3).
 *
 * Most of them are arrays over all interrupts: 32 to a register with a bit each, 16 with two bits each (GICD_ICFGR), or 4 with a byte each.
 * The part of an array that is about SGIs and PPIs is banked: each processor has its own. Bits of interrupts that are not there read as
 * zero. Accesses are 32 bits wide and aligned, or bytes where each interrupt has one (4.1.4); others read as zero and write nothing.
 */
#include "devices/gicv2_impl.h"

enum {
	GICD_CTLR = 0x000,
	GICD_TYPER = 0x004,
	GICD_IIDR = 0x008,
	GICD_ISENABLER = 0x100,
	GICD_ICENABLER = 0x180,
	GICD_ISPENDR = 0x200,
	GICD_ICPENDR = 0x280,
	GICD_ISACTIVER = 0x300,
	GICD_ICACTIVER = 0x380,
	GICD_IPRIORITYR = 0x400,
	GICD_ITARGETSR = 0x800,
	GICD_ICFGR = 0xc00,
	GICD_ICFGR_END = 0xd00,
	GICD_SGIR = 0xf00,
	GICD_CPENDSGIR = 0xf10,
	GICD_SPENDSGIR = 0xf20,
	GICD_SPENDSGIR_END = 0xf30,
	GICD_ICPIDR2 = 0xfe8,
	GICD_ICCIDR0 = 0xff0,
};

#define BITMAP_BYTES 0x80u /* of an array with a bit an interrupt */
#define ARCHITECTURE_REVISION (2u << 4)

/* --- a bit an interrupt ---------------------------------------------------------------------------------------------------------- */

static uint32_t read_bits(struct gicv2 *gic, unsigned cpu, unsigned offset)
{
	const struct gicv2_bank *bank = gic_bank(gic, cpu, offset % BITMAP_BYTES / 4);

	switch (offset & ~(BITMAP_BYTES - 1)) {
	case GICD_ISENABLER:
	case GICD_ICENABLER:
		return bank->enabled;
	case GICD_ISPENDR:
	case GICD_ICPENDR:
		return gic_pending(bank);
	case GICD_ISACTIVER:
	case GICD_ICACTIVER:
		return bank->active;
	default:
		return 0;
	}
}

static void write_bits(struct gicv2 *gic, unsigned cpu, unsigned offset, uint32_t value)
{
	unsigned n = offset % BITMAP_BYTES / 4;
	struct gicv2_bank *bank = gic_bank(gic, cpu, n);
	uint32_t not_sgis = n ? ~0u : ~GIC_SGI_BITS;

	value &= gic_present_bits(gic, n);
	switch (offset & ~(BITMAP_BYTES - 1)) {
	case GICD_ISENABLER:
		bank->enabled |= value;
		break;
	case GICD_ICENABLER:
		bank->enabled &= ~(value & not_sgis);
		break;
	case GICD_ISPENDR:
		bank->latched |= value & not_sgis; /* SGIs have registers of their own for that */
		break;
	case GICD_ICPENDR:
		bank->latched &= ~(value & not_sgis);
		break;
	case GICD_ISACTIVER:
		bank->active |= value;
		break;
	case GICD_ICACTIVER:
		bank->active &= ~value;
		break;
	default:
		return;
	}
	gic_bank_changed(gic, cpu, n);
}

/* --- two bits an interrupt: the upper one says edge (4.3.13) --------------------------------------------------------------------- */

static uint32_t read_config(struct gicv2 *gic, unsigned cpu, unsigned offset)
{
	unsigned first = (offset - GICD_ICFGR) * 4;
	uint32_t edge = gic_bank(gic, cpu, first / 32)->edge >> first % 32, value = 0;

	for (unsigned i = 0; i < 16; i++)
		value |= (edge >> i & 1) << (2 * i + 1);
	return value;
}

static void write_config(struct gicv2 *gic, unsigned cpu, unsigned offset, uint32_t value)
{
	unsigned first = (offset - GICD_ICFGR) * 4, n = first / 32;
	struct gicv2_bank *bank = gic_bank(gic, cpu, n);
	uint32_t edge = 0;

	if (!n)
		return;
	for (unsigned i = 0; i < 16; i++)
		edge |= (value >> (2 * i + 1) & 1) << i;
	bank->edge = (bank->edge & ~(0xffffu << first % 32)) | (edge << first % 32 & gic_present_bits(gic, n));
	gic_bank_changed(gic, cpu, n);
}

/* --- a byte an interrupt --------------------------------------------------------------------------------------------------------- */

/* 4.3.12: of SGIs and PPIs each processor reads itself, and a single processor reads zero everywhere. */
static uint8_t read_targets(const struct gicv2 *gic, unsigned cpu, unsigned id)
{
	unsigned targets = 0;

	if (gic->config.cpus == 1)
		return 0;
	if (id < GIC_SPI_FIRST)
		return (uint8_t)(1u << cpu);
	for (unsigned other = 0; other < gic->config.cpus; other++)
		targets |= (gic->state.cpu[other].target[id / 32] >> id % 32 & 1) << other;
	return (uint8_t)targets;
}

static void write_targets(struct gicv2 *gic, unsigned id, uint8_t value)
{
	uint32_t bit = 1u << id % 32;

	if (gic->config.cpus == 1 || id < GIC_SPI_FIRST)
		return;
	for (unsigned other = 0; other < gic->config.cpus; other++) {
		uint32_t *target = &gic->state.cpu[other].target[id / 32];
		*target = value >> other & 1 ? *target | bit : *target & ~bit;
	}
}

/* Where an array has a byte an interrupt, and of which interrupt `offset` is. */
enum byte_array { NO_BYTES, PRIORITIES, TARGETS, SGI_CLEAR, SGI_SET };

static enum byte_array find_byte(const struct gicv2 *gic, unsigned offset, unsigned *id)
{
	enum byte_array array = NO_BYTES;

	if (offset >= GICD_IPRIORITYR && offset < GICD_ITARGETSR) {
		array = PRIORITIES;
		*id = offset - GICD_IPRIORITYR;
	} else if (offset >= GICD_ITARGETSR && offset < GICD_ICFGR) {
		array = TARGETS;
		*id = offset - GICD_ITARGETSR;
	} else if (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR_END) {
		array = offset < GICD_SPENDSGIR ? SGI_CLEAR : SGI_SET;
		*id = offset % GIC_SGIS;
	}
	return array != NO_BYTES && gic_present(gic, *id) ? array : NO_BYTES;
}

static uint8_t read_byte(struct gicv2 *gic, unsigned cpu, unsigned offset)
{
	unsigned id;

	switch (find_byte(gic, offset, &id)) {
	case PRIORITIES:
		return *gic_priority(gic, cpu, id);
	case TARGETS:
		return read_targets(gic, cpu, id);
	case SGI_CLEAR:
	case SGI_SET:
		return gic->state.cpu[cpu].sgi_source[id];
	default:
		return 0;
	}
}

static void set_sgi_sources(struct gicv2 *gic, unsigned cpu, unsigned id, unsigned sources)
{
	struct gicv2_cpu_state *c = &gic->state.cpu[cpu];

	c->sgi_source[id] = (uint8_t)(sources & ((1u << gic->config.cpus) - 1));
	if (c->sgi_source[id])
		c->own.latched |= 1u << id;
	else
		c->own.latched &= ~(1u << id);
}

static void write_bytes(struct gicv2 *gic, unsigned cpu, unsigned offset, const uint8_t *value, unsigned len)
{
	unsigned first, id;

	if (find_byte(gic, offset, &first) == NO_BYTES)
		return;
	for (unsigned i = 0; i < len; i++) {
		switch (find_byte(gic, offset + i, &id)) {
		case PRIORITIES:
			*gic_priority(gic, cpu, id) = value[i] & GIC_PRIORITY_BITS;
			break;
		case TARGETS:
			write_targets(gic, id, value[i]);
			break;
		case SGI_CLEAR:
			set_sgi_sources(gic, cpu, id, gic->state.cpu[cpu].sgi_source[id] & ~(unsigned)value[i]);
			break;
		case SGI_SET:
			set_sgi_sources(gic, cpu, id, gic->state.cpu[cpu].sgi_source[id] | value[i]);
			break;
		default:
			break; /* the last ones of the word are not there */
		}
	}
	gic_bank_changed(gic, cpu, first / 32);
}

static bool is_byte_array(unsigned offset)
{
	return (offset >= GICD_IPRIORITYR && offset < GICD_ICFGR) || (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR_END);
}

/* --- the others ------------------------------------------------------------------------------------------------------------------ */

static uint32_t type(const struct gicv2 *gic)
{
	unsigned banks = (GIC_SPI_FIRST + gic->config.spis + 31) / 32;

	return (gic->config.cpus - 1) << 5 | (banks - 1);
}

/* 4.3.15 */
static void send_sgi(struct gicv2 *gic, unsigned cpu, uint32_t value)
{
	enum { LISTED, ALL_OTHERS, MYSELF };
	unsigned id = value & 15, filter = value >> 24 & 3, targets = 0;

	if (filter == LISTED)
		targets = value >> 16 & 0xff;
	else if (filter == ALL_OTHERS)
		targets = ~(1u << cpu);
	else if (filter == MYSELF)
		targets = 1u << cpu;
	for (unsigned to = 0; to < gic->config.cpus; to++) {
		if (targets >> to & 1) {
			set_sgi_sources(gic, to, id, gic->state.cpu[to].sgi_source[id] | 1u << cpu);
			gic_bank_changed(gic, to, 0);
		}
	}
}

/* 4.3.18: what a component has to have, and the version; who made it is left empty. */
static uint32_t identification(unsigned offset)
{
	static const uint8_t component[] = { 0x0d, 0xf0, 0x05, 0xb1 };

	if (offset >= GICD_ICCIDR0)
		return component[(offset - GICD_ICCIDR0) / 4];
	return offset == GICD_ICPIDR2 ? ARCHITECTURE_REVISION : 0;
}

static uint32_t read_word(struct gicv2 *gic, unsigned cpu, unsigned offset)
{
	switch (offset) {
	case GICD_CTLR:
		return gic->state.control;
	case GICD_TYPER:
		return type(gic);
	case GICD_IIDR:
		return GIC_ARM_IMPLEMENTER;
	default:
		break;
	}
	if (offset >= GICD_ISENABLER && offset < GICD_IPRIORITYR)
		return read_bits(gic, cpu, offset);
	if (offset >= GICD_ICFGR && offset < GICD_ICFGR_END)
		return read_config(gic, cpu, offset);
	return identification(offset);
}

static void write_word(struct gicv2 *gic, unsigned cpu, unsigned offset, uint32_t value)
{
	if (offset >= GICD_ISENABLER && offset < GICD_IPRIORITYR) {
		write_bits(gic, cpu, offset, value);
	} else if (offset >= GICD_ICFGR && offset < GICD_ICFGR_END) {
		write_config(gic, cpu, offset, value);
	} else if (offset == GICD_SGIR) {
		send_sgi(gic, cpu, value);
	} else if (offset == GICD_CTLR) {
		gic->state.control = value & GICD_CTLR_ENABLE;
		for (unsigned other = 0; other < gic->config.cpus; other++)
			gic_cpu_changed(gic, other);
	}
}

static bool may_access(uint64_t offset, unsigned len)
{
	if (offset >= GICV2_DIST_BYTES)
		return false;
	return len == 4 ? offset % 4 == 0 : len == 1 && is_byte_array((unsigned)offset);
}

void gicv2_dist_read(void *dev, uint64_t offset, void *data, unsigned len)
{
	struct gicv2_port *port = dev;
	unsigned at = (unsigned)offset;
	uint8_t *bytes = data;

	memset(data, 0, len);
	if (!may_access(offset, len))
		return;
	pthread_mutex_lock(&port->gic->lock);
	if (is_byte_array(at)) {
		for (unsigned i = 0; i < len; i++)
			bytes[i] = read_byte(port->gic, port->cpu, at + i);
	} else {
		gic_store(data, read_word(port->gic, port->cpu, at));
	}
	pthread_mutex_unlock(&port->gic->lock);
}

void gicv2_dist_write(void *dev, uint64_t offset, const void *data, unsigned len)
{
	struct gicv2_port *port = dev;
	unsigned at = (unsigned)offset;

	if (!may_access(offset, len))
		return;
	pthread_mutex_lock(&port->gic->lock);
	if (is_byte_array(at))
		write_bytes(port->gic, port->cpu, at, data, len);
	else
		write_word(port->gic, port->cpu, at, gic_load(data));
	pthread_mutex_unlock(&port->gic->lock);
}
