// SPDX-License-Identifier: Apache-2.0
/* devices/gicv2.c: what is pending, who is told, what of it outlives a reset or is saved, and threads (Arm IHI 0048B.b, chapter 3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "devices/gicv2.h"
#include "tests/unit/devices/gicv2_guest.h"

/* --- pending --------------------------------------------------------------------------------------------------------------- */

/* Steps on one SPI, what GICD_ISPENDR reads then, and the processor's line. 4.3.7, 4.3.8, 3.2.4. */
enum step { END, UP, DOWN, PULSE, SET, CLEAR, ACK, EOI, ENABLE, DISABLE, ACTIVATE, DEACTIVATE, TO_EDGE };

struct moment {
	enum step step;
	unsigned pending, active, line;
};

static void do_step(enum step step, unsigned id)
{
	switch (step) {
	case UP:
	case DOWN:
		gicv2_set_spi(fx.gic, id - 32, step == UP);
		break;
	case PULSE:
		gicv2_pulse_spi(fx.gic, id - 32);
		break;
	case SET:
		set_bit(0, ISPENDR, id);
		break;
	case CLEAR:
		set_bit(0, ICPENDR, id);
		break;
	case ACK:
		assert_int_equal(take(0), id);
		break;
	case EOI:
		set_face(0, EOIR, id);
		break;
	case ENABLE:
		set_bit(0, ISENABLER, id);
		break;
	case DISABLE:
		set_bit(0, ICENABLER, id);
		break;
	case ACTIVATE:
		set_bit(0, ISACTIVER, id);
		break;
	case DEACTIVATE:
		set_bit(0, ICACTIVER, id);
		break;
	case TO_EDGE:
		make_edge(id);
		break;
	case END:
		break;
	}
}

static void an_interrupt_goes_through_its_states(void **state)
{
	static const struct moment table[][10] = {
		/* Level: pending while the line is high. */
		{ { UP, 1, 0, 1 }, { DOWN, 0, 0, 0 } },
		{ { UP, 1, 0, 1 }, { ACK, 1, 1, 0 }, { EOI, 1, 0, 1 }, { ACK, 1, 1, 0 }, { DOWN, 0, 1, 0 }, { EOI, 0, 0, 0 } },
		{ { UP, 1, 0, 1 }, { ACK, 1, 1, 0 }, { DOWN, 0, 1, 0 }, { UP, 1, 1, 0 }, { EOI, 1, 0, 1 } },
		/* The guest can't clear a line, but what it set itself. */
		{ { UP, 1, 0, 1 }, { CLEAR, 1, 0, 1 }, { SET, 1, 0, 1 }, { DOWN, 1, 0, 1 }, { CLEAR, 0, 0, 0 } },
		/* What it set is taken back by the acknowledgement. */
		{ { SET, 1, 0, 1 }, { ACK, 0, 1, 0 }, { SET, 1, 1, 0 }, { EOI, 1, 0, 1 }, { ACK, 0, 1, 0 }, { EOI, 0, 0, 0 } },
		{ { SET, 1, 0, 1 }, { UP, 1, 0, 1 }, { ACK, 1, 1, 0 }, { DOWN, 0, 1, 0 }, { EOI, 0, 0, 0 } },
		{ { PULSE, 0, 0, 0 } },
		/* Edge: remembered until acknowledged, falling edges don't count, two make one. */
		{ { TO_EDGE, 0, 0, 0 }, { UP, 1, 0, 1 }, { DOWN, 1, 0, 1 }, { UP, 1, 0, 1 }, { ACK, 0, 1, 0 }, { DOWN, 0, 1, 0 }, { EOI, 0, 0, 0 } },
		{ { TO_EDGE, 0, 0, 0 }, { UP, 1, 0, 1 }, { ACK, 0, 1, 0 }, { EOI, 0, 0, 0 }, { UP, 0, 0, 0 }, { DOWN, 0, 0, 0 }, { UP, 1, 0, 1 } },
		{ { TO_EDGE, 0, 0, 0 }, { PULSE, 1, 0, 1 }, { PULSE, 1, 0, 1 }, { CLEAR, 0, 0, 0 }, { PULSE, 1, 0, 1 }, { ACK, 0, 1, 0 },
		  { PULSE, 1, 1, 0 }, { EOI, 1, 0, 1 }, { ACK, 0, 1, 0 } },
		/* A line that is high is no edge. */
		{ { UP, 1, 0, 1 }, { TO_EDGE, 0, 0, 0 }, { DOWN, 0, 0, 0 }, { UP, 1, 0, 1 } },
		/* Disabled: it becomes pending all the same. */
		{ { DISABLE, 0, 0, 0 }, { UP, 1, 0, 0 }, { ENABLE, 1, 0, 1 }, { DISABLE, 1, 0, 0 }, { DOWN, 0, 0, 0 } },
		{ { DISABLE, 0, 0, 0 }, { TO_EDGE, 0, 0, 0 }, { PULSE, 1, 0, 0 }, { ENABLE, 1, 0, 1 } },
		{ { UP, 1, 0, 1 }, { ACK, 1, 1, 0 }, { DISABLE, 1, 1, 0 }, { EOI, 1, 0, 0 }, { ENABLE, 1, 0, 1 } },
		/* Active by register: not signalled, and the running priority is not concerned. */
		{ { ACTIVATE, 0, 1, 0 }, { UP, 1, 1, 0 }, { DEACTIVATE, 1, 0, 1 } },
		{ { UP, 1, 0, 1 }, { ACTIVATE, 1, 1, 0 }, { EOI, 1, 0, 1 } },
		/* Deactivated by register before its end: that still drops the priority. */
		{ { UP, 1, 0, 1 }, { ACK, 1, 1, 0 }, { DEACTIVATE, 1, 0, 0 }, { EOI, 1, 0, 1 } },
	};
	static const unsigned ids[] = { 32, 63, 64, 1019 };

	(void)state;
	for (size_t i = 0; i < COUNT(table) * COUNT(ids); i++) {
		unsigned id = ids[i % COUNT(ids)];
		on(1, GICV2_SPIS_MAX);
		set_bit(0, ISENABLER, id);
		for (const struct moment *m = table[i / COUNT(ids)]; m->step != END; m++) {
			do_step(m->step, id);
			assert_int_equal(get_bit(0, ISPENDR, id), m->pending);
			assert_int_equal(get_bit(0, ICPENDR, id), m->pending);
			assert_int_equal(get_bit(0, ISACTIVER, id), m->active);
			assert_int_equal(lines(), m->line);
		}
	}
}

static void the_timers_of_two_processors(void **state)
{
	(void)state;
	on(2, 0);
	set_bit(0, ISENABLER, TIMER);
	set_bit(1, ISENABLER, TIMER);
	gicv2_set_ppi(fx.gic, 1, TIMER, true);
	assert_int_equal(lines(), 2);
	assert_int_equal(get_bit(0, ISPENDR, TIMER), 0);
	assert_int_equal(take(0), SPURIOUS);
	assert_int_equal(take(1), TIMER);
	gicv2_set_ppi(fx.gic, 0, TIMER, true);
	assert_int_equal(lines(), 1);
	/* The guest's handler sets the next deadline, which lowers the line, then ends the interrupt. */
	gicv2_set_ppi(fx.gic, 1, TIMER, false);
	set_face(1, EOIR, TIMER);
	assert_int_equal(lines(), 1);
	gicv2_set_ppi(fx.gic, 1, TIMER, true);
	assert_int_equal(lines(), 3);
	/* The distributor's switch is everybody's. */
	set_dist(0, CTLR, 0);
	assert_int_equal(lines(), 0);
	set_dist(1, CTLR, 1);
	assert_int_equal(lines(), 3);
}

/* --- from the distributor to a processor ----------------------------------------------------------------------------------- */

static void every_switch_is_needed(void **state)
{
	(void)state;
	make(1, 32);
	gicv2_set_ppi(fx.gic, 0, TIMER, true);
	for (unsigned have = 0; have < 16; have++) {
		set_dist(0, CTLR, have & 1);
		set_face(0, C_CTLR, have >> 1 & 1);
		set_face(0, PMR, have & 4 ? 0xf8 : 0);
		set_bit(0, have & 8 ? ISENABLER : ICENABLER, TIMER);
		assert_int_equal(lines(), have == 15);
		assert_int_equal(face(0, HPPIR), (have & 11) == 11 ? TIMER : SPURIOUS);
		if (have != 15)
			assert_int_equal(take(0), SPURIOUS);
	}
	assert_int_equal(get_bit(0, ISACTIVER, TIMER), 0);
	assert_int_equal(take(0), TIMER);
}

static void an_spi_goes_where_it_is_sent(void **state)
{
	(void)state;
	on(8, 988);
	for (unsigned targets = 0; targets < 256; targets++) {
		route(1019, targets, 0x80);
		assert_int_equal(get_byte(0, ITARGETSR, 1019), targets);
		gicv2_set_spi(fx.gic, 1019 - 32, true);
		assert_int_equal(lines(), targets);
		gicv2_set_spi(fx.gic, 1019 - 32, false);
	}
	/* And follows while it is pending. */
	make_edge(100);
	route(100, 1, 0x80);
	gicv2_pulse_spi(fx.gic, 100 - 32);
	assert_int_equal(lines(), 1);
	set_byte(3, ITARGETSR, 100, 0x10);
	assert_int_equal(lines(), 0x10);
	assert_int_equal(take(0), SPURIOUS);
	assert_int_equal(take(4), 100);
}

/* 3.2.3, the 1-N model. */
static void one_of_the_targets_gets_it(void **state)
{
	(void)state;
	on(4, 32);
	make_edge(40);
	route(40, 0xe, 0x80);
	gicv2_pulse_spi(fx.gic, 8);
	assert_int_equal(lines(), 0xe);
	assert_int_equal(take(2), 40);
	assert_int_equal(lines(), 0);
	assert_int_equal(take(1), SPURIOUS);
	assert_int_equal(take(3), SPURIOUS);
	/* The next one while it is active is nobody's until the end. */
	gicv2_pulse_spi(fx.gic, 8);
	assert_int_equal(lines(), 0);
	set_face(2, EOIR, 40);
	assert_int_equal(lines(), 0xe);
}

static void a_single_processor_needs_no_targets(void **state)
{
	(void)state;
	on(1, 32);
	set_bit(0, ISENABLER, 63);
	set_dist(0, ITARGETSR + 60, ~0u);
	assert_int_equal(dist(0, ITARGETSR + 60), 0);
	assert_int_equal(dist(0, ITARGETSR), 0);
	set_dist(0, ITARGETSR + 60, 0);
	gicv2_set_spi(fx.gic, 31, true);
	assert_int_equal(take(0), 63);
}

/* 4.3.12: of SGIs and PPIs the register takes no writes. */
static void what_is_ones_own_has_no_targets(void **state)
{
	(void)state;
	on(2, 0);
	for (unsigned id = 0; id < 32; id++)
		set_byte(0, ITARGETSR, id, 2);
	set_bit(0, ISENABLER, TIMER);
	gicv2_set_ppi(fx.gic, 0, TIMER, true);
	set_dist(1, SGIR, 0x00010000);
	assert_int_equal(lines(), 1);
	assert_int_equal(take(0), 1u << 10);
	set_face(0, EOIR, 1u << 10);
	assert_int_equal(take(0), TIMER);
}

/* The first interrupt that is no SGI, and the last of all. */
static void the_first_and_the_last_line(void **state)
{
	(void)state;
	on(1, GICV2_SPIS_MAX);
	set_bit(0, ISENABLER, 16);
	gicv2_set_ppi(fx.gic, 0, 16, true);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(take(0), 16);
		set_face(0, EOIR, 16);
		assert_int_equal(face(0, C_CTLR), 1);
	}
	gicv2_set_ppi(fx.gic, 0, 16, false);
	set_bit(0, ISENABLER, 1019);
	gicv2_set_spi(fx.gic, 1019 - 32, true);
	assert_int_equal(take(0), 1019);
}

static void targets_are_processors_that_exist(void **state)
{
	(void)state;
	on(3, 32);
	route(32, 0xff, 0);
	assert_int_equal(get_byte(0, ITARGETSR, 32), 7);
	gicv2_set_spi(fx.gic, 0, true);
	assert_int_equal(lines(), 7);
}

/* --- as Linux does it ------------------------------------------------------------------------------------------------------ */

static void linux_starts_the_distributor(unsigned cpu)
{
	unsigned ids = ((dist(cpu, TYPER) & 0x1f) + 1) * 32;
	uint32_t mask = 0;

	set_dist(cpu, CTLR, 0);
	for (unsigned i = 0; i < 32 && !mask; i += 4)
		mask = dist(cpu, ITARGETSR + i);
	mask |= mask >> 16;
	mask = ((mask | mask >> 8) & 0xff) * 0x01010101;
	for (unsigned id = 32; id < ids; id += 4)
		set_dist(cpu, ITARGETSR + id, mask);
	for (unsigned id = 32; id < ids; id += 16)
		set_dist(cpu, ICFGR + id / 4, 0);
	for (unsigned id = 32; id < ids; id += 4)
		set_dist(cpu, IPRIORITYR + id, 0xa0a0a0a0);
	for (unsigned id = 32; id < ids; id += 32) {
		set_dist(cpu, ICACTIVER + id / 8, ~0u);
		set_dist(cpu, ICENABLER + id / 8, ~0u);
	}
	set_dist(cpu, CTLR, 1);
}

static void linux_starts_a_processor(unsigned cpu)
{
	set_dist(cpu, ICACTIVER, ~0u);
	set_dist(cpu, ICENABLER, ~0u);
	for (unsigned id = 0; id < 32; id += 4)
		set_dist(cpu, IPRIORITYR + id, 0xa0a0a0a0);
	set_face(cpu, PMR, 0xf0);
	for (unsigned i = 0; i < 4; i++)
		set_face(cpu, APR + 4 * i, 0);
	set_face(cpu, C_CTLR, (face(cpu, C_CTLR) & 0x1e0) | 1);
}

/* drivers/irqchip/irq-gic.c: gic_dist_init(), gic_cpu_init(), gic_set_affinity(), gic_ipi_send_mask(), gic_handle_irq(). */
static void linux_uses_it(void **state)
{
	(void)state;
	make(4, 40);
	linux_starts_the_distributor(0);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		linux_starts_a_processor(cpu);
		set_bit(cpu, ISENABLER, TIMER);
	}
	/* A virtio device: edge, to the first processor, then moved to the third. */
	assert_int_equal(get_byte(0, ITARGETSR, 50), 1);
	make_edge(50);
	set_bit(0, ISENABLER, 50);
	struct irq irq = { .gsi = 50 - 32, .pulse = gicv2_irq_pulse, .arg = fx.gic };
	irq_pulse(&irq);
	assert_int_equal(lines(), 1);
	assert_int_equal(take(0), 50);
	set_face(0, EOIR, 50);
	assert_int_equal(take(0), SPURIOUS);
	set_byte(0, ITARGETSR, 50, 4);
	irq_pulse(&irq);
	gicv2_set_ppi(fx.gic, 2, TIMER, true);
	assert_int_equal(lines(), 4);
	/* One after the other in one go: all have one priority. */
	assert_int_equal(take(2), TIMER);
	assert_int_equal(lines(), 0);
	gicv2_set_ppi(fx.gic, 2, TIMER, false);
	set_face(2, EOIR, TIMER);
	assert_int_equal(take(2), 50);
	set_face(2, EOIR, 50);
	assert_int_equal(take(2), SPURIOUS);
	/* A reschedule to all others. */
	set_dist(2, SGIR, 0x000b0000);
	assert_int_equal(lines(), 0xb);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		assert_int_equal(take(cpu), cpu == 2 ? SPURIOUS : 2u << 10);
}

/* --- state ----------------------------------------------------------------------------------------------------------------- */

static void reset_keeps_what_comes_in(void **state)
{
	(void)state;
	on(2, 64);
	route(70, 2, 0x50);
	make_edge(71);
	route(71, 1, 0x50);
	set_bit(0, ISENABLER, TIMER);
	gicv2_set_spi(fx.gic, 70 - 32, true);
	gicv2_pulse_spi(fx.gic, 71 - 32);
	gicv2_set_ppi(fx.gic, 0, TIMER, true);
	set_dist(0, SGIR, 0x01000004);
	assert_int_equal(lines(), 3);
	gicv2_reset(fx.gic);
	assert_int_equal(lines(), 0);
	/* Edges and SGIs are gone, lines that are high still are. */
	assert_int_equal(dist(0, ISPENDR), 1u << TIMER);
	assert_int_equal(dist(1, ISPENDR), 0);
	assert_int_equal(dist(0, ISPENDR + 8), 1u << (70 - 64));
	turn_on();
	route(70, 2, 0x50);
	assert_int_equal(lines(), 2);
}

static void a_saved_state_goes_on_elsewhere(void **state)
{
	struct gicv2_state saved, again;

	(void)state;
	on(4, 988);
	make_edge(90);
	route(90, 8, 0x50);
	route(91, 8, 0x40);
	route(1019, 2, 0);
	gicv2_pulse_spi(fx.gic, 90 - 32);
	gicv2_set_spi(fx.gic, 91 - 32, true);
	gicv2_set_spi(fx.gic, 1019 - 32, true);
	assert_int_equal(take(3), 91);
	set_dist(2, SGIR, 0x00010007);
	set_face(1, BPR, 5);
	gicv2_save(fx.gic, &saved);
	make(4, 988);
	gicv2_restore(fx.gic, &saved);
	gicv2_save(fx.gic, &again);
	assert_memory_equal(&saved, &again, sizeof(saved));
	assert_int_equal(lines(), 3);
	assert_int_equal(take(0), 2u << 10 | 7);
	assert_int_equal(face(1, BPR), 5);
	assert_int_equal(face(3, RPR), 0x40);
	gicv2_set_spi(fx.gic, 91 - 32, false);
	set_face(3, EOIR, 91);
	assert_int_equal(take(3), 90);
}

/* Nobody's interrupts, and what the others have no bits for, in a state that `bytes` full of ones became. */
static void nothing_impossible_is_kept(unsigned cpus)
{
	static struct gicv2_state kept;

	gicv2_save(fx.gic, &kept);
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		const struct gicv2_cpu_state *c = &kept.cpu[cpu];
		assert_int_equal(c->own.level, 0xffff0000);
		assert_int_equal(c->own.edge, 0xffff);
		assert_int_equal(c->target[0], ~0u);
		assert_int_equal(c->target[2], 0x1fff);
		assert_int_equal(c->target[31], 0);
		assert_int_equal(c->priority_mask, 0xf8);
		assert_int_equal(c->priority[31], 0xf8);
	}
	assert_int_equal(kept.spi_priority[44], 0xf8);
	assert_int_equal(kept.spi[1].level, 0x1fff);
	assert_int_equal(kept.spi[1].edge, 0x1fff);
	assert_int_equal(kept.spi[2].enabled, 0);
}

/* No register may then hold what it can't, and no line disagree. */
static void any_bytes_can_be_restored(void **state)
{
	static struct gicv2_state bytes;

	(void)state;
	for (unsigned cpus = 1; cpus <= 8; cpus++) {
		make(cpus, 45);
		memset(&bytes, 0xff, sizeof(bytes));
		gicv2_restore(fx.gic, &bytes);
		assert_int_equal(dist(0, CTLR), 1);
		assert_int_equal(dist(0, ISPENDR + 8), 0x1fff);
		assert_int_equal(dist(0, ISENABLER + 12), 0);
		assert_int_equal(get_byte(0, ITARGETSR, 76), cpus == 1 ? 0 : (1u << cpus) - 1);
		assert_int_equal(get_byte(0, ITARGETSR, 77), 0);
		assert_int_equal(get_byte(0, CPENDSGIR, 0), (1u << cpus) - 1);
		assert_int_equal(dist(0, ICFGR), 0xaaaaaaaa);
		assert_int_equal(dist(0, ICFGR + 4), 0);
		assert_int_equal(face(0, C_CTLR), 0x201);
		assert_int_equal(dist(0, ISACTIVER + 8), 0x1fff);
		assert_int_equal(dist(0, ICFGR + 16), 0x02aaaaaa);
		assert_int_equal(get_byte(0, IPRIORITYR, 76), 0xf8);
		assert_int_equal(face(0, BPR), 7);
		assert_int_equal(face(0, 0x1c), 7);
		nothing_impossible_is_kept(cpus);
		lines();
		memset(&bytes, 0, sizeof(bytes));
		/* An SGI without anybody who sent it */
		bytes.cpu[0].own.latched = ~0u;
		gicv2_restore(fx.gic, &bytes);
		assert_int_equal(dist(0, ISENABLER), 0xffff);
		assert_int_equal(dist(0, ISPENDR), 0xffff0000);
		assert_int_equal(face(0, BPR), 2);
		assert_int_equal(face(0, 0x1c), 3);
		assert_int_equal(lines(), 0);
	}
}

/* --- threads --------------------------------------------------------------------------------------------------------------- */

#define DEVICES 4
#define EVENTS 3000

static struct {
	atomic_uint work[DEVICES]; /* events that the guest has not served */
	atomic_uint served;
} shared;

/* A device has work, and says so. */
static void *device_thread(void *arg)
{
	unsigned device = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < EVENTS; i++) {
		atomic_fetch_add(&shared.work[device], 1);
		gicv2_pulse_spi(fx.gic, device);
	}
	return NULL;
}

static void wait_for_line(unsigned cpu)
{
	pthread_mutex_lock(&fx.lock);
	while (!fx.line[cpu] && atomic_load(&shared.served) < DEVICES * EVENTS)
		pthread_cond_wait(&fx.changed, &fx.lock);
	pthread_mutex_unlock(&fx.lock);
}

/* A processor serves whatever work it finds after an interrupt; an edge that got lost would leave some behind. */
static void *cpu_thread(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;

	while (atomic_load(&shared.served) < DEVICES * EVENTS) {
		wait_for_line(cpu);
		for (uint32_t id; (id = face(cpu, IAR)) != SPURIOUS;) {
			if (id >= 32)
				atomic_fetch_add(&shared.served, atomic_exchange(&shared.work[id - 32], 0));
			set_face(cpu, EOIR, id);
		}
	}
	pthread_mutex_lock(&fx.lock);
	pthread_cond_broadcast(&fx.changed);
	pthread_mutex_unlock(&fx.lock);
	return NULL;
}

static void no_edge_gets_lost_between_threads(void **state)
{
	pthread_t device[DEVICES], cpu[2];

	(void)state;
	on(2, DEVICES);
	memset(&shared, 0, sizeof(shared));
	for (unsigned i = 0; i < DEVICES; i++) {
		make_edge(32 + i);
		route(32 + i, i < 2 ? 3 : i - 1, 0x80);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&cpu[i], NULL, cpu_thread, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(pthread_create(&device[i], NULL, device_thread, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; i < DEVICES; i++)
		pthread_join(device[i], NULL);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(cpu[i], NULL);
	assert_int_equal(shared.served, DEVICES * EVENTS);
}

static void *timer_thread(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i <= EVENTS; i++) {
		gicv2_set_ppi(fx.gic, cpu, TIMER, !(i % 2));
		set_face(cpu, PMR, i % 3 ? 0xf8 : 0);
	}
	set_face(cpu, PMR, 0xf8);
	return NULL;
}

static void *switch_thread(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i <= EVENTS; i++)
		set_dist(0, CTLR, !(i % 2));
	return NULL;
}

/* Two threads that compute a line at the same time can't leave the older level standing. */
static void the_last_level_counts(void **state)
{
	pthread_t thread[3];

	(void)state;
	on(2, 0);
	for (unsigned cpu = 0; cpu < 2; cpu++)
		set_bit(cpu, ISENABLER, TIMER);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, timer_thread, (void *)(uintptr_t)i), 0);
	assert_int_equal(pthread_create(&thread[2], NULL, switch_thread, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(lines(), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_interrupt_goes_through_its_states),
		T(the_timers_of_two_processors),
		T(every_switch_is_needed),
		T(an_spi_goes_where_it_is_sent),
		T(one_of_the_targets_gets_it),
		T(a_single_processor_needs_no_targets),
		T(what_is_ones_own_has_no_targets),
		T(the_first_and_the_last_line),
		T(targets_are_processors_that_exist),
		T(linux_uses_it),
		T(reset_keeps_what_comes_in),
		T(a_saved_state_goes_on_elsewhere),
		T(any_bytes_can_be_restored),
		T(no_edge_gets_lost_between_threads),
		T(the_last_level_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
