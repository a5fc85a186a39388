// SPDX-License-Identifier: Apache-2.0
/*
 * The GICv2 under hostile processors, with lines that move, resets and restored states in between. After each step the lines must be what
 * tests/fakes/gic_model.c works out from the registers, and an acknowledgement gives the interrupt that it names.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/gicv2.h"
#include "tests/fakes/gic_model.h"

#define STEPS_MAX 400
#define RESTORED_BYTES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t len;
};

struct machine {
	struct gicv2 *gic;
	unsigned cpus, spis;
	bool line[GICV2_CPUS_MAX];
};

static uint64_t take(struct input *in, unsigned bytes)
{
	uint64_t value = 0;

	for (; bytes && in->len; bytes--, in->len--)
		value = value << 8 | *in->data++;
	return value;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void set_line(void *arg, unsigned cpu, bool level)
{
	struct machine *m = arg;

	must(cpu < m->cpus && m->line[cpu] != level);
	m->line[cpu] = level;
}

static void check_line(struct machine *m, unsigned cpu)
{
	must(m->line[cpu] == gic_model_ask(m->gic, cpu).line);
}

static void acknowledge(struct machine *m, unsigned cpu)
{
	struct gic_verdict verdict = gic_model_ask(m->gic, cpu);

	must(gicc_read(m->gic, cpu, 0x18) == verdict.hppir);
	must(gicc_read(m->gic, cpu, 0x0c) == verdict.iar);
	if (verdict.iar == GIC_MODEL_SPURIOUS)
		return;
	unsigned id = verdict.iar & 0x3ff;
	must(gicd_read(m->gic, cpu, 0x300 + id / 32 * 4) >> id % 32 & 1);
	must(gicc_read(m->gic, cpu, 0x14) == verdict.priority);
}

/* Any address, any width. */
static void access_anywhere(struct machine *m, unsigned cpu, struct input *in)
{
	struct gicv2_port *port = gicv2_port(m->gic, cpu);
	unsigned how = (unsigned)take(in, 1), len = 1u << (how & 3);
	uint64_t offset = take(in, 2), value = 0x0101010101010101 * take(in, 1);

	if (how & 0x10)
		(how & 4 ? gicv2_dist_write : gicv2_cpu_write)(port, offset, &value, len);
	else
		(how & 4 ? gicv2_dist_read : gicv2_cpu_read)(port, offset, &value, len);
}

/* Distributor registers of the interrupts that there are, where something comes of it. */
static void write_dist(struct machine *m, unsigned cpu, struct input *in)
{
	static const uint16_t array[] = { 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x800, 0xc00, 0xf10, 0xf20, 0xf00, 0x000 };
	unsigned base = array[take(in, 1) % (sizeof(array) / sizeof(*array))];
	unsigned word = (unsigned)take(in, 1) % (m->spis > 200 ? 256 : 32);
	unsigned limit = base >= 0xf00 || !base ? 4 : base < 0x400 ? 32 : base == 0xc00 ? 64 : 256;

	if (!base || base == 0xf00)
		word = 0;
	gicd_write(m->gic, cpu, base + word % limit * 4, (uint32_t)take(in, 4));
}

static void write_cpu(struct machine *m, unsigned cpu, struct input *in)
{
	static const uint16_t offset[] = { 0x00, 0x04, 0x08, 0x10, 0x10, 0xd0, 0x1000, 0x1c };
	unsigned at = offset[take(in, 1) % (sizeof(offset) / sizeof(*offset))];

	gicc_write(m->gic, cpu, at, (uint32_t)take(in, at == 0xd0 ? 4 : 2));
}

/* A guest that goes by the book, so that interesting states are near. */
static void set_up(struct machine *m)
{
	gicd_write(m->gic, 0, 0x000, 1);
	for (unsigned id = 0; id < 32 + m->spis; id += 32)
		gicd_write(m->gic, 0, 0x100 + id / 8, ~0u);
	for (unsigned id = 32; id < 32 + m->spis; id += 4)
		gicd_write(m->gic, 0, 0x800 + id, 0x03020101);
	for (unsigned cpu = 0; cpu < m->cpus; cpu++) {
		gicd_write(m->gic, cpu, 0x100, ~0u);
		gicc_write(m->gic, cpu, 0x04, 0xf0);
		gicc_write(m->gic, cpu, 0x00, cpu % 2 ? 0x201 : 1);
	}
}

/* A saved state, some bytes of which became others. */
static void restore(struct machine *m, struct input *in)
{
	struct gicv2_state state;
	size_t at = take(in, 2) % (sizeof(state) - RESTORED_BYTES_MAX);
	size_t len = in->len < RESTORED_BYTES_MAX ? in->len : RESTORED_BYTES_MAX;

	gicv2_save(m->gic, &state);
	memcpy((uint8_t *)&state + at, in->data, len);
	gicv2_restore(m->gic, &state);
	in->data += len;
	in->len -= len;
	for (unsigned cpu = 0; cpu < m->cpus; cpu++)
		check_line(m, cpu);
}

static void step(struct machine *m, struct input *in)
{
	unsigned what = (unsigned)take(in, 1), cpu = what >> 4 & 7;

	cpu %= m->cpus;
	switch (what & 15) {
	case 0:
	case 1:
	case 2:
		acknowledge(m, cpu);
		break;
	case 3:
	case 4:
		write_cpu(m, cpu, in);
		break;
	case 5:
	case 6:
	case 7:
		write_dist(m, cpu, in);
		break;
	case 8:
		access_anywhere(m, cpu, in);
		break;
	case 9:
		gicv2_set_ppi(m->gic, cpu, 16 + (unsigned)take(in, 1) % 16, what & 0x80);
		break;
	case 10:
		if (m->spis)
			gicv2_set_spi(m->gic, (unsigned)take(in, 2) % m->spis, what & 0x80);
		break;
	case 11:
		if (m->spis)
			gicv2_pulse_spi(m->gic, (unsigned)take(in, 2) % m->spis);
		break;
	case 12:
		gicd_write(m->gic, cpu, 0xf00, (uint32_t)take(in, 4));
		break;
	case 13:
		set_up(m);
		break;
	case 14:
		restore(m, in);
		break;
	default:
		if (what & 0x80)
			gicv2_reset(m->gic);
	}
	check_line(m, cpu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t spis[] = { 0, 1, 32, 33, 64, 70, 96, GICV2_SPIS_MAX };
	struct input in = { data, size };
	struct machine m = { .cpus = 1 + (unsigned)take(&in, 1) % GICV2_CPUS_MAX };

	m.spis = spis[take(&in, 1) % 8];
	const struct gicv2_config config = { .cpus = m.cpus, .spis = m.spis, .set_line = set_line, .arg = &m };
	m.gic = gicv2_new(&config);
	must(m.gic);
	for (unsigned steps = 0; in.len && steps < (m.spis > 200 ? STEPS_MAX / 8 : STEPS_MAX); steps++)
		step(&m, &in);
	for (unsigned cpu = 0; cpu < m.cpus; cpu++)
		check_line(&m, cpu);
	gicv2_free(m.gic);
	return 0;
}
