// SPDX-License-Identifier: Apache-2.0
/* devices/gicv2_cpu.c: priorities, preemption, and the end of interrupts (Arm IHI 0048B.b, 3.3, 4.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/gicv2.h"
#include "tests/unit/devices/gicv2_guest.h"

/* --- priorities ------------------------------------------------------------------------------------------------------------ */

static void the_most_urgent_comes_first(void **state)
{
	static const struct {
		unsigned id, priority;
	} waiting[] = { { 70, 0x40 }, { 33, 0x88 }, { TIMER, 0x80 }, { 5, 0x90 }, { 69, 0x40 }, { 32, 0x00 } };
	static const unsigned order[] = { 32, 69, 70, TIMER, 33, 5 };

	(void)state;
	on(1, 64);
	for (size_t i = 0; i < COUNT(waiting); i++) {
		set_byte(0, IPRIORITYR, waiting[i].id, waiting[i].priority);
		set_bit(0, ISENABLER, waiting[i].id);
		if (waiting[i].id < 16)
			set_byte(0, SPENDSGIR, waiting[i].id, 1);
		else
			set_bit(0, ISPENDR, waiting[i].id);
	}
	for (size_t i = 0; i < COUNT(order); i++) {
		assert_int_equal(face(0, HPPIR), order[i]);
		assert_int_equal(take(0), order[i]);
		set_face(0, EOIR, order[i]);
	}
	assert_int_equal(take(0), SPURIOUS);
}

/* A priority that changes while the interrupt waits counts at once. */
static void priorities_can_change(void **state)
{
	(void)state;
	on(2, 32);
	route(32, 1, 0x80);
	route(33, 3, 0x90);
	gicv2_set_spi(fx.gic, 0, true);
	gicv2_set_spi(fx.gic, 1, true);
	assert_int_equal(face(0, HPPIR), 32);
	set_byte(1, IPRIORITYR, 33, 0x70);
	assert_int_equal(face(0, HPPIR), 33);
	set_face(0, PMR, 0x70);
	assert_int_equal(lines(), 2);
	set_face(0, PMR, 0x78);
	assert_int_equal(lines(), 3);
}

/* 3.3.2: equal to the mask is not enough. */
static void the_mask_masks(void **state)
{
	(void)state;
	on(1, 32);
	set_bit(0, ISENABLER, 32);
	gicv2_set_spi(fx.gic, 0, true);
	for (unsigned mask = 0; mask < 256; mask++) {
		set_face(0, PMR, mask);
		for (unsigned priority = 0; priority < 256; priority += 8) {
			set_byte(0, IPRIORITYR, 32, priority + mask % 8);
			assert_int_equal(lines(), priority < (mask & 0xf8));
			assert_int_equal(face(0, HPPIR), 32);
		}
	}
}

/* 3.3.1, 3.3.3, table 3-2: only a higher group priority preempts. */
static void group_priorities_decide_on_preemption(void **state)
{
	static const struct {
		unsigned binary_point, running, pending;
		bool preempts;
	} table[] = {
		{ 0, 0x80, 0x78, true },  { 2, 0x80, 0x78, true }, /* 2 is the least there is */
		{ 2, 0x80, 0x80, false }, { 2, 0x80, 0x88, false },
		{ 3, 0x88, 0x80, false }, { 3, 0x88, 0x78, true },
		{ 4, 0xf0, 0xe0, false }, { 4, 0xf0, 0xd8, true },
		{ 5, 0xb8, 0x80, false }, { 5, 0xb8, 0x78, true },
		{ 6, 0xf0, 0x80, false }, { 6, 0xf0, 0x78, true },
		{ 6, 0x78, 0x00, false }, { 7, 0xf0, 0x00, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		on(1, 32);
		set_face(0, BPR, table[i].binary_point);
		set_bit(0, ISENABLER, 32);
		set_bit(0, ISENABLER, 33);
		set_byte(0, IPRIORITYR, 33, table[i].running);
		set_byte(0, IPRIORITYR, 32, table[i].pending);
		gicv2_set_spi(fx.gic, 1, true);
		assert_int_equal(take(0), 33);
		gicv2_set_spi(fx.gic, 0, true);
		assert_int_equal(lines(), table[i].preempts);
		assert_int_equal(face(0, HPPIR), 32);
		assert_int_equal(take(0), table[i].preempts ? 32 : SPURIOUS);
	}
}

/* And does so at once, when the binary point makes more of a priority count. */
static void a_lower_binary_point_lets_preempt(void **state)
{
	(void)state;
	on(1, 32);
	set_face(0, BPR, 3);
	set_bit(0, ISENABLER, 32);
	set_bit(0, ISENABLER, 33);
	set_byte(0, IPRIORITYR, 32, 0x80);
	set_byte(0, IPRIORITYR, 33, 0xf0);
	gicv2_set_spi(fx.gic, 1, true);
	set_face(0, APR, 1u << (0x88 >> 3));
	gicv2_set_spi(fx.gic, 0, true);
	assert_int_equal(lines(), 0);
	set_face(0, BPR, 2);
	assert_int_equal(lines(), 1);
	assert_int_equal(take(0), 32);
}

/* Registers that are about group 1, of which there is nothing: they neither tell nor take what is pending in group 0 (4.4.9, 4.4.11). */
static void nothing_is_in_group_1(void **state)
{
	(void)state;
	on(1, 32);
	set_bit(0, ISENABLER, 32);
	gicv2_set_spi(fx.gic, 0, true);
	assert_int_equal(face(0, 0x28), SPURIOUS); /* AHPPIR */
	assert_int_equal(face(0, 0x20), SPURIOUS); /* AIAR */
	assert_int_equal(get_bit(0, ISACTIVER, 32), 0);
	assert_int_equal(take(0), 32);
}

/* What runs doesn't begin to preempt itself, or its equals, when the binary point moves. */
static void the_binary_point_may_move(void **state)
{
	(void)state;
	on(1, 32);
	for (unsigned i = 0; i < 2; i++) {
		set_byte(0, IPRIORITYR, 32 + i, 0x88);
		set_bit(0, ISENABLER, 32 + i);
		gicv2_set_spi(fx.gic, i, true);
	}
	assert_int_equal(take(0), 32);
	for (unsigned point = 0; point < 8; point++) {
		set_face(0, BPR, point);
		assert_int_equal(lines(), 0);
		assert_int_equal(face(0, RPR), 0x88);
	}
	set_face(0, EOIR, 32);
	assert_int_equal(take(0), 32);
}

static void interrupts_nest(void **state)
{
	static const unsigned priority[] = { 0xa0, 0x60, 0x40, 0x08 };

	(void)state;
	on(1, 32);
	for (unsigned i = 0; i < 4; i++) {
		set_byte(0, IPRIORITYR, 40 + i, priority[i]);
		set_bit(0, ISENABLER, 40 + i);
		gicv2_set_spi(fx.gic, 8 + i, true);
		assert_int_equal(take(0), 40 + i);
		assert_int_equal(face(0, RPR), priority[i]);
		gicv2_set_spi(fx.gic, 8 + i, false);
	}
	assert_int_equal(face(0, APR), 1u << 20 | 1u << 12 | 1u << 8 | 1u << 1);
	/* More urgent than the first two. */
	set_byte(0, IPRIORITYR, 50, 0x50);
	set_bit(0, ISENABLER, 50);
	gicv2_set_spi(fx.gic, 18, true);
	for (unsigned i = 4; i-- > 0;) {
		assert_int_equal(lines(), i < 2);
		assert_int_equal(face(0, RPR), priority[i]);
		set_face(0, EOIR, 40 + i);
	}
	assert_int_equal(face(0, RPR), 0xff);
	assert_int_equal(take(0), 50);
}

/* --- end of interrupt ------------------------------------------------------------------------------------------------------ */

/* EOImode 1: GICC_EOIR drops the priority, GICC_DIR deactivates (3.2.1). */
static void ending_in_two_steps(void **state)
{
	(void)state;
	on(2, 32);
	set_face(0, C_CTLR, 1 | EOI_MODE);
	route(32, 1, 0x80);
	route(33, 1, 0x80);
	gicv2_set_spi(fx.gic, 0, true);
	gicv2_set_spi(fx.gic, 1, true);
	assert_int_equal(take(0), 32);
	assert_int_equal(lines(), 0);
	set_face(0, EOIR, 32);
	assert_int_equal(face(0, RPR), 0xff);
	assert_int_equal(get_bit(0, ISACTIVER, 32), 1);
	/* Others of the same priority may come, itself not. */
	assert_int_equal(take(0), 33);
	gicv2_set_spi(fx.gic, 1, false);
	set_face(0, EOIR, 33);
	assert_int_equal(lines(), 0);
	set_face(0, DIR, 32);
	assert_int_equal(lines(), 1);
	/* From another processor too; in the other mode the register does nothing. */
	set_face(1, DIR, 33);
	assert_int_equal(get_bit(0, ISACTIVER, 33), 1);
	set_face(1, C_CTLR, 1 | EOI_MODE);
	set_face(1, DIR, 33);
	assert_int_equal(get_bit(0, ISACTIVER, 33), 0);
}

/* Both registers take the sender's number with an SGI's, as GICC_IAR gave it. */
static void an_sgi_ends_in_two_steps(void **state)
{
	const uint32_t value = 3u << 10 | 5;

	(void)state;
	on(4, 0);
	set_face(0, C_CTLR, 1 | EOI_MODE);
	set_dist(3, SGIR, 0x00010005);
	assert_int_equal(take(0), value);
	set_face(0, EOIR, value);
	assert_int_equal(face(0, RPR), 0xff);
	assert_int_equal(get_bit(0, ISACTIVER, 5), 1);
	set_face(0, DIR, value);
	assert_int_equal(get_bit(0, ISACTIVER, 5), 0);
}

static void wrong_ends_do_no_harm(void **state)
{
	static const uint32_t wrong[] = { 1020, 1022, 1023, 64, 500, 0xfffffc00 + 1023, 1019 };

	(void)state;
	on(2, 32);
	set_byte(0, IPRIORITYR, TIMER, 0x80);
	set_bit(0, ISENABLER, TIMER);
	gicv2_set_ppi(fx.gic, 0, TIMER, true);
	assert_int_equal(take(0), TIMER);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		set_face(0, EOIR, wrong[i]);
		set_face(0, DIR, wrong[i]);
		assert_int_equal(face(0, RPR), 0x80);
		assert_int_equal(get_bit(0, ISACTIVER, TIMER), 1);
	}
	set_face(0, EOIR, TIMER);
	for (unsigned i = 0; i < 40; i++)
		set_face(0, EOIR, i);
	assert_int_equal(face(0, RPR), 0xff);
	assert_int_equal(take(0), TIMER);
	/* The other's timer is another interrupt. */
	set_face(1, EOIR, TIMER);
	assert_int_equal(get_bit(0, ISACTIVER, TIMER), 1);
}

/* Linux writes zero to them when a processor starts: what an earlier kernel left active must not block it. */
static void active_priorities_can_be_dropped(void **state)
{
	(void)state;
	on(1, 32);
	set_bit(0, ISENABLER, 32);
	gicv2_set_spi(fx.gic, 0, true);
	set_face(0, APR, 1);
	assert_int_equal(face(0, RPR), 0);
	assert_int_equal(lines(), 0);
	set_face(0, APR, 0);
	assert_int_equal(lines(), 1);
	set_face(0, APR, 0x80000000);
	assert_int_equal(face(0, RPR), 0xf8);
	assert_int_equal(take(0), 32);
	assert_int_equal(face(0, APR), 0x80000001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_most_urgent_comes_first),
		T(priorities_can_change),
		T(the_mask_masks),
		T(group_priorities_decide_on_preemption),
		T(a_lower_binary_point_lets_preempt),
		T(nothing_is_in_group_1),
		T(the_binary_point_may_move),
		T(interrupts_nest),
		T(ending_in_two_steps),
		T(an_sgi_ends_in_two_steps),
		T(wrong_ends_do_no_harm),
		T(active_priorities_can_be_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
