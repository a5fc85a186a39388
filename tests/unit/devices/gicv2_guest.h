// SPDX-License-Identifier: Apache-2.0
/*
 * A GICv2 as a guest's processors meet it, in few words, for the GIC's test programs: registers, lines, and the usual steps. After each
 * step that looks at lines or takes an interrupt, and at a test's end, the GIC must agree with tests/fakes/gic_model.c.
 */
#ifndef TESTS_UNIT_GICV2_GUEST_H
#define TESTS_UNIT_GICV2_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "devices/gicv2.h"
#include "tests/fakes/gic_model.h"

enum {
	CTLR = 0x000,
	TYPER = 0x004,
	ISENABLER = 0x100,
	ICENABLER = 0x180,
	ISPENDR = 0x200,
	ICPENDR = 0x280,
	ISACTIVER = 0x300,
	ICACTIVER = 0x380,
	IPRIORITYR = 0x400,
	ITARGETSR = 0x800,
	ICFGR = 0xc00,
	SGIR = 0xf00,
	CPENDSGIR = 0xf10,
	SPENDSGIR = 0xf20,
};
enum { C_CTLR = 0, PMR = 4, BPR = 8, IAR = 0xc, EOIR = 0x10, RPR = 0x14, HPPIR = 0x18, APR = 0xd0, DIR = 0x1000 };

#define EOI_MODE (1u << 9)
#define SPURIOUS 1023
#define TIMER 27
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static struct fixture {
	struct gicv2 *gic;
	unsigned cpus;
	bool line[GICV2_CPUS_MAX];
	pthread_mutex_t lock; /* of line, for the tests with threads */
	pthread_cond_t changed;
} fx;

static inline void set_line(void *arg, unsigned cpu, bool level)
{
	struct fixture *f = arg;

	pthread_mutex_lock(&f->lock);
	assert_true(cpu < f->cpus);
	assert_int_not_equal(f->line[cpu], level);
	f->line[cpu] = level;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static inline void make(unsigned cpus, unsigned spis)
{
	const struct gicv2_config config = { .cpus = cpus, .spis = spis, .set_line = set_line, .arg = &fx };

	gicv2_free(fx.gic);
	memset(fx.line, 0, sizeof(fx.line));
	fx.cpus = cpus;
	fx.gic = gicv2_new(&config);
	assert_non_null(fx.gic);
}

static inline int set_up(void **state)
{
	(void)state;
	/* What waits although it should not ends here. */
	alarm(120);
	memset(&fx, 0, sizeof(fx));
	pthread_mutex_init(&fx.lock, NULL);
	pthread_cond_init(&fx.changed, NULL);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	for (unsigned cpu = 0; fx.gic && cpu < fx.cpus; cpu++)
		assert_int_equal(fx.line[cpu], gic_model_ask(fx.gic, cpu).line);
	gicv2_free(fx.gic);
	pthread_cond_destroy(&fx.changed);
	pthread_mutex_destroy(&fx.lock);
	alarm(0);
	return 0;
}

static inline uint32_t dist(unsigned cpu, unsigned offset)
{
	return gicd_read(fx.gic, cpu, offset);
}

static inline void set_dist(unsigned cpu, unsigned offset, uint32_t value)
{
	gicd_write(fx.gic, cpu, offset, value);
}

static inline uint32_t face(unsigned cpu, unsigned offset)
{
	return gicc_read(fx.gic, cpu, offset);
}

static inline void set_face(unsigned cpu, unsigned offset, uint32_t value)
{
	gicc_write(fx.gic, cpu, offset, value);
}

static inline void set_bit(unsigned cpu, unsigned array, unsigned id)
{
	set_dist(cpu, array + id / 32 * 4, 1u << id % 32);
}

static inline unsigned get_bit(unsigned cpu, unsigned array, unsigned id)
{
	return dist(cpu, array + id / 32 * 4) >> id % 32 & 1;
}

static inline void set_byte(unsigned cpu, unsigned array, unsigned id, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	gicv2_dist_write(gicv2_port(fx.gic, cpu), array + id, &byte, 1);
}

static inline unsigned get_byte(unsigned cpu, unsigned array, unsigned id)
{
	uint8_t byte;

	gicv2_dist_read(gicv2_port(fx.gic, cpu), array + id, &byte, 1);
	return byte;
}

static inline void make_edge(unsigned id)
{
	unsigned offset = ICFGR + id / 16 * 4;

	set_dist(0, offset, dist(0, offset) | 2u << id % 16 * 2);
}

/* Distributor and interfaces on, nothing masked, nothing enabled yet. */
static inline void turn_on(void)
{
	set_dist(0, CTLR, 1);
	for (unsigned cpu = 0; cpu < fx.cpus; cpu++) {
		set_face(cpu, PMR, 0xf8);
		set_face(cpu, C_CTLR, 1);
	}
}

static inline void on(unsigned cpus, unsigned spis)
{
	make(cpus, spis);
	turn_on();
}

/* An enabled SPI for the processors in `targets`. */
static inline void route(unsigned id, unsigned targets, unsigned priority)
{
	set_byte(0, ITARGETSR, id, targets);
	set_byte(0, IPRIORITYR, id, priority);
	set_bit(0, ISENABLER, id);
}

static inline unsigned lines(void)
{
	unsigned all = 0;

	for (unsigned cpu = 0; cpu < fx.cpus; cpu++) {
		assert_int_equal(fx.line[cpu], gic_model_ask(fx.gic, cpu).line);
		all |= (unsigned)fx.line[cpu] << cpu;
	}
	return all;
}

/* Reads GICC_IAR, which has to agree with what the registers said before. */
static inline uint32_t take(unsigned cpu)
{
	struct gic_verdict verdict = gic_model_ask(fx.gic, cpu);
	uint32_t value;

	assert_int_equal(face(cpu, HPPIR), verdict.hppir);
	value = face(cpu, IAR);
	assert_int_equal(value, verdict.iar);
	if (value != SPURIOUS)
		assert_int_equal(face(cpu, RPR), verdict.priority);
	return value;
}

#endif
