// SPDX-License-Identifier: Apache-2.0
/* The slow GICv2: see gic_model.h. */
#include "tests/fakes/gic_model.h"

#include <string.h>

uint32_t gicd_read(struct gicv2 *gic, unsigned cpu, unsigned offset)
{
	uint32_t value;

	gicv2_dist_read(gicv2_port(gic, cpu), offset, &value, sizeof(value));
	return value;
}

void gicd_write(struct gicv2 *gic, unsigned cpu, unsigned offset, uint32_t value)
{
	gicv2_dist_write(gicv2_port(gic, cpu), offset, &value, sizeof(value));
}

uint32_t gicc_read(struct gicv2 *gic, unsigned cpu, unsigned offset)
{
	uint32_t value;

	gicv2_cpu_read(gicv2_port(gic, cpu), offset, &value, sizeof(value));
	return value;
}

void gicc_write(struct gicv2 *gic, unsigned cpu, unsigned offset, uint32_t value)
{
	gicv2_cpu_write(gicv2_port(gic, cpu), offset, &value, sizeof(value));
}

static bool bit_of(struct gicv2 *gic, unsigned cpu, unsigned array, unsigned id)
{
	return gicd_read(gic, cpu, array + id / 32 * 4) >> id % 32 & 1;
}

static uint8_t byte_of(struct gicv2 *gic, unsigned cpu, unsigned array, unsigned id)
{
	return (uint8_t)(gicd_read(gic, cpu, array + id / 4 * 4) >> id % 4 * 8);
}

static bool may_go(struct gicv2 *gic, unsigned cpu, unsigned id, bool alone)
{
	return bit_of(gic, cpu, 0x200, id) && bit_of(gic, cpu, 0x100, id) && !bit_of(gic, cpu, 0x300, id) &&
	       (alone || byte_of(gic, cpu, 0x800, id) >> cpu & 1);
}

static uint32_t with_source(struct gicv2 *gic, unsigned cpu, unsigned id)
{
	unsigned source = 0;

	if (id >= 16)
		return id;
	while (!(byte_of(gic, cpu, 0xf10, id) >> source & 1))
		source++;
	return source << 10 | id;
}

struct gic_verdict gic_model_ask(struct gicv2 *gic, unsigned cpu)
{
	struct gic_verdict verdict = { .iar = GIC_MODEL_SPURIOUS, .hppir = GIC_MODEL_SPURIOUS, .priority = 0xff };
	uint32_t type = gicd_read(gic, cpu, 0x004);
	unsigned ids = ((type & 0x1f) + 1) * 32, best = GIC_MODEL_SPURIOUS, best_priority = 0x100;
	bool alone = !(type >> 5 & 7);

	if (!(gicd_read(gic, cpu, 0x000) & 1) || !(gicc_read(gic, cpu, 0x00) & 1))
		return verdict;
	for (unsigned id = 0; id < ids && id < 1020; id++) {
		if (may_go(gic, cpu, id, alone) && byte_of(gic, cpu, 0x400, id) < best_priority) {
			best = id;
			best_priority = byte_of(gic, cpu, 0x400, id);
		}
	}
	if (best == GIC_MODEL_SPURIOUS)
		return verdict;
	/* Table 3-2: as many low bits as the binary point says, and one more, are not in the group priority. */
	unsigned cut = gicc_read(gic, cpu, 0x08) + 1, running = gicc_read(gic, cpu, 0x14);
	verdict.priority = (uint8_t)(best_priority >> cut << cut);
	verdict.hppir = with_source(gic, cpu, best);
	verdict.line = best_priority < gicc_read(gic, cpu, 0x04) && (running == 0xff || best_priority >> cut < running >> cut);
	if (verdict.line)
		verdict.iar = verdict.hppir;
	return verdict;
}
