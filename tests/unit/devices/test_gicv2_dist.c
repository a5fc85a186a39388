// SPDX-License-Identifier: Apache-2.0
/* devices/gicv2_dist.c: the distributor's registers and the SGIs that go through one of them (Arm IHI 0048B.b, 4.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/gicv2.h"
#include "tests/unit/devices/gicv2_guest.h"

/* --- registers ------------------------------------------------------------------------------------------------------------- */

static void the_type_register_tells_the_size(void **state)
{
	static const struct {
		unsigned cpus, spis;
		uint32_t type;
	} table[] = {
		{ 1, 0, 0 },
		{ 1, 1, 1 },
		{ 2, 32, 0x21 },
		{ 4, 33, 0x62 },
		{ 4, 64, 0x62 },
		{ 8, 987, 0xff },
		{ 8, 988, 0xff },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		make(table[i].cpus, table[i].spis);
		assert_int_equal(dist(0, TYPER), table[i].type);
	}
}

/* 4.3.18, 4.4.14; and what Linux's gic_check_gicv2() compares. */
static void identification_says_gicv2(void **state)
{
	(void)state;
	make(2, 32);
	assert_int_equal(dist(0, 0xfe8) >> 4 & 0xf, 2);
	assert_int_equal(dist(0, 0xff0) | dist(0, 0xff4) << 8 | dist(0, 0xff8) << 16 | dist(0, 0xffc) << 24, 0xb105f00d);
	assert_int_equal(face(1, 0xfc) & 0xff0fff, 0x2043b);
	assert_int_equal(dist(1, 0x008) & 0xfff, 0x43b);
}

/* What is read after reset, and what after all ones and then zeroes were written. Two processors, 40 SPIs. */
static void registers_keep_their_bits(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t reset, ones, zeroes;
	} of_dist[] = {
		{ CTLR, 0, 1, 0 },
		{ TYPER, 0x22, 0x22, 0x22 },
		{ 0x020, 0, 0, 0 }, /* the implementer's own */
		{ 0x080, 0, 0, 0 }, /* IGROUPR: no groups */
		{ 0x084, 0, 0, 0 },
		{ ISENABLER, 0xffff, ~0u, ~0u }, /* SGIs can't be disabled */
		{ ICENABLER, ~0u, 0xffff, 0xffff },
		{ ISENABLER + 4, 0, ~0u, ~0u },
		{ ICENABLER + 4, ~0u, 0, 0 },
		{ ISENABLER + 8, 0, 0xff, 0xff }, /* IDs 64 to 71 */
		{ ISENABLER + 12, 0, 0, 0 },
		{ ISENABLER + 0x7c, 0, 0, 0 },
		{ ISPENDR, 0, 0xffff0000, 0xffff0000 }, /* not for SGIs */
		{ ICPENDR, 0xffff0000, 0, 0 },
		{ ISPENDR + 8, 0, 0xff, 0xff },
		{ ICPENDR + 8, 0xff, 0, 0 },
		{ ISACTIVER, 0, ~0u, ~0u },
		{ ICACTIVER, ~0u, 0, 0 },
		{ ISACTIVER + 8, 0, 0xff, 0xff },
		{ ICACTIVER + 8, 0xff, 0, 0 },
		{ IPRIORITYR, 0, 0xf8f8f8f8, 0 },
		{ IPRIORITYR + 68, 0, 0xf8f8f8f8, 0 },
		{ IPRIORITYR + 72, 0, 0, 0 },
		{ IPRIORITYR + 1020, 0, 0, 0 },
		{ ITARGETSR, 0x01010101, 0x01010101, 0x01010101 },
		{ ITARGETSR + 68, 0, 0x03030303, 0 },
		{ ITARGETSR + 72, 0, 0, 0 },
		{ ITARGETSR + 1020, 0, 0, 0 },
		{ ICFGR, 0xaaaaaaaa, 0xaaaaaaaa, 0xaaaaaaaa }, /* SGIs: edge */
		{ ICFGR + 4, 0, 0, 0 }, /* PPIs: level */
		{ ICFGR + 8, 0, 0xaaaaaaaa, 0 },
		{ ICFGR + 16, 0, 0x0000aaaa, 0 },
		{ ICFGR + 20, 0, 0, 0 },
		{ ICFGR + 0xfc, 0, 0, 0 },
		{ 0xe00, 0, 0, 0 }, /* NSACR */
		{ SPENDSGIR, 0, 0x03030303, 0x03030303 },
		{ CPENDSGIR, 0x03030303, 0, 0 },
		{ 0xfe8, 0x20, 0x20, 0x20 },
	}, of_face[] = {
		{ C_CTLR, 0, 0x201, 0 },
		{ PMR, 0, 0xf8, 0 },
		{ BPR, 2, 7, 2 },
		{ 0x1c, 3, 7, 3 }, /* ABPR */
		{ IAR, 1023, 1023, 1023 },
		{ RPR, 0xff, 0xff, 0xff },
		{ HPPIR, 1023, 1023, 1023 },
		{ 0x20, 1023, 1023, 1023 }, /* AIAR */
		{ 0x28, 1023, 1023, 1023 }, /* AHPPIR */
		{ APR, 0, ~0u, 0 },
		{ APR + 4, 0, 0, 0 },
		{ APR + 12, 0, 0, 0 },
		{ 0xe0, 0, 0, 0 }, /* NSAPR */
		{ EOIR, 0, 0, 0 },
		{ DIR, 0, 0, 0 },
		{ 0x1ffc, 0, 0, 0 },
	};

	(void)state;
	make(2, 40);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(of_dist); i++) {
			assert_int_equal(dist(0, of_dist[i].offset), of_dist[i].reset);
			set_dist(0, of_dist[i].offset, ~0u);
			assert_int_equal(dist(0, of_dist[i].offset), of_dist[i].ones);
			set_dist(0, of_dist[i].offset, 0);
			assert_int_equal(dist(0, of_dist[i].offset), of_dist[i].zeroes);
		}
		for (size_t i = 0; i < COUNT(of_face); i++) {
			assert_int_equal(face(0, of_face[i].offset), of_face[i].reset);
			set_face(0, of_face[i].offset, ~0u);
			assert_int_equal(face(0, of_face[i].offset), of_face[i].ones);
			set_face(0, of_face[i].offset, 0);
			assert_int_equal(face(0, of_face[i].offset), of_face[i].zeroes);
		}
		gicv2_reset(fx.gic);
	}
}

/* 4.1.4. All others read as zero, and don't write. */
static void only_the_widths_that_the_architecture_has(void **state)
{
	static const struct {
		unsigned offset, len;
		uint64_t value;
	} table[] = {
		{ ISENABLER + 4, 4, 0xffffffff },
		{ ISENABLER + 4, 1, 0 },
		{ ISENABLER + 4, 2, 0 },
		{ ISENABLER + 4, 8, 0 },
		{ ISENABLER + 2, 4, 0 },
		{ IPRIORITYR + 32, 4, 0xf8f8f8f8 },
		{ IPRIORITYR + 33, 1, 0xf8 },
		{ IPRIORITYR + 32, 2, 0 },
		{ IPRIORITYR + 32, 8, 0 },
		{ IPRIORITYR + 33, 4, 0 },
		{ ITARGETSR + 35, 1, 3 },
		{ ITARGETSR + 34, 2, 0 },
		{ SPENDSGIR + 15, 1, 3 },
		{ SPENDSGIR + 14, 2, 0 },
		{ ICFGR + 8, 1, 0 },
		{ CTLR, 1, 0 },
		{ CTLR, 8, 0 },
		{ GICV2_DIST_BYTES, 4, 0 },
		{ 0xffc, 8, 0 },
	};
	const uint64_t ones = ~0ull;

	(void)state;
	make(2, 32);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct gicv2_port *port = gicv2_port(fx.gic, 0);
		uint64_t value = 0;
		gicv2_reset(fx.gic);
		gicv2_dist_write(port, table[i].offset, &ones, table[i].len);
		gicv2_dist_read(port, table[i].offset, &value, table[i].len);
		assert_int_equal(value, table[i].value);
	}
	turn_on();
	set_bit(0, ISENABLER, TIMER);
	gicv2_set_ppi(fx.gic, 0, TIMER, true);
	for (unsigned len = 1; len <= 8; len *= 2) {
		uint64_t value = 0;
		gicv2_cpu_read(gicv2_port(fx.gic, 0), IAR, &value, len);
		assert_int_equal(value, len == 4 ? TIMER : 0);
		gicv2_cpu_write(gicv2_port(fx.gic, 0), EOIR, &value, len);
		assert_int_equal(lines(), 1);
		value = 0x80;
		gicv2_cpu_write(gicv2_port(fx.gic, 0), PMR, &value, len);
		assert_int_equal(face(0, PMR), len == 4 ? 0x80 : 0xf8);
		set_face(0, PMR, 0xf8);
	}
}

/* 37 SPIs: of the last word's four bytes one is there, and what is written to it counts at once. */
static void the_last_word_may_be_there_in_part(void **state)
{
	(void)state;
	on(2, 37);
	set_bit(0, ISENABLER, 68);
	gicv2_set_spi(fx.gic, 36, true);
	set_dist(0, ITARGETSR + 68, ~0u);
	assert_int_equal(dist(0, ITARGETSR + 68), 3);
	assert_int_equal(lines(), 3);
	set_dist(0, IPRIORITYR + 68, ~0u);
	assert_int_equal(dist(0, IPRIORITYR + 68), 0xf8);
	assert_int_equal(lines(), 0);
}

/* A write to one register of an array is about its own interrupts, and of those about the ones that it names. */
static void neighbours_stay_as_they_are(void **state)
{
	static const unsigned arrays[][2] = { { ISENABLER, ICENABLER }, { ISPENDR, ICPENDR }, { ISACTIVER, ICACTIVER } };

	(void)state;
	make(2, 64);
	for (size_t i = 0; i < COUNT(arrays); i++) {
		set_bit(0, arrays[i][0], 40);
		set_bit(0, arrays[i][0], 41);
		set_bit(0, arrays[i][0], 73);
		assert_int_equal(dist(0, arrays[i][0] + 4), 3u << 8);
		set_bit(0, arrays[i][1], 41);
		assert_int_equal(dist(0, arrays[i][0] + 4), 1u << 8);
		assert_int_equal(dist(0, arrays[i][0] + 8), 1u << 9);
	}
	set_dist(0, ICFGR + 8, 0x80000002);
	set_dist(0, ICFGR + 12, 0x20000008);
	assert_int_equal(dist(0, ICFGR + 8), 0x80000002);
	assert_int_equal(dist(0, ICFGR + 12), 0x20000008);
	assert_int_equal(dist(0, ICFGR + 16), 0);
	set_byte(0, ITARGETSR, 41, 3);
	assert_int_equal(dist(0, ITARGETSR + 40), 0x0300);
	set_byte(0, IPRIORITYR, 42, 0x48);
	assert_int_equal(dist(0, IPRIORITYR + 40), 0x480000);
}

static void sgis_and_ppis_are_banked(void **state)
{
	static const unsigned arrays[] = { ISENABLER, ISPENDR, ISACTIVER };

	(void)state;
	make(3, 32);
	for (size_t i = 0; i < COUNT(arrays); i++) {
		set_bit(1, arrays[i], TIMER);
		set_bit(2, arrays[i], 40);
		for (unsigned cpu = 0; cpu < 3; cpu++) {
			assert_int_equal(get_bit(cpu, arrays[i], TIMER), cpu == 1);
			assert_int_equal(get_bit(cpu, arrays[i], 40), 1);
		}
	}
	set_byte(1, IPRIORITYR, TIMER, 0x50);
	set_byte(1, IPRIORITYR, 3, 0x60);
	set_byte(1, IPRIORITYR, 40, 0x70);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		assert_int_equal(get_byte(cpu, IPRIORITYR, TIMER), cpu == 1 ? 0x50 : 0);
		assert_int_equal(get_byte(cpu, IPRIORITYR, 3), cpu == 1 ? 0x60 : 0);
		assert_int_equal(get_byte(cpu, IPRIORITYR, 40), 0x70);
		assert_int_equal(get_byte(cpu, ITARGETSR, 0), 1u << cpu);
		assert_int_equal(dist(cpu, ITARGETSR + 28), 0x01010101u << cpu);
	}
	set_face(2, PMR, 0x80);
	assert_int_equal(face(1, PMR), 0);
}

/* --- software-generated interrupts ----------------------------------------------------------------------------------------- */

/* 4.3.15. Processor 1 of four sends. */
static void sgis_reach_whom_they_are_for(void **state)
{
	static const struct {
		uint32_t value;
		unsigned lines;
	} table[] = {
		{ 0x00000000, 0 },
		{ 0x00010000, 0x1 },
		{ 0x000a0000, 0xa },
		{ 0x00ff0000, 0xf },
		{ 0x00f00000, 0 },
		{ 0x01000000, 0xd },
		{ 0x01ff0000, 0xd },
		{ 0x02000000, 0x2 },
		{ 0x020d0000, 0x2 },
		{ 0x030f0000, 0 },
		{ 0x00018000, 0x1 }, /* NSATT */
		{ 0xfc017ff0, 0x1 }, /* bits that mean nothing */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table) * 16; i++) {
		unsigned id = (unsigned)i % 16, expected = table[i / 16].lines;
		on(4, 32);
		set_dist(1, SGIR, table[i / 16].value | id);
		assert_int_equal(lines(), expected);
		assert_int_equal(dist(1, SGIR), 0);
		for (unsigned cpu = 0; cpu < 4; cpu++) {
			uint32_t value = expected >> cpu & 1 ? 1u << 10 | id : SPURIOUS;
			assert_int_equal(get_bit(cpu, ISPENDR, id), expected >> cpu & 1);
			assert_int_equal(take(cpu), value);
			set_face(cpu, EOIR, value);
			assert_int_equal(take(cpu), SPURIOUS);
		}
	}
}

/* One SGI from several processors is as many interrupts, one after the other, each with its source. */
static void every_source_counts(void **state)
{
	(void)state;
	on(8, 0);
	for (unsigned from = 0; from < 8; from++) {
		set_dist(from, SGIR, 0x00040003);
		set_dist(from, SGIR, 0x00040003); /* twice from one is once */
	}
	assert_int_equal(get_byte(2, CPENDSGIR, 3), 0xff);
	assert_int_equal(get_byte(1, CPENDSGIR, 3), 0);
	for (unsigned from = 0; from < 8; from++) {
		assert_int_equal(lines(), 4);
		assert_int_equal(take(2), from << 10 | 3);
		assert_int_equal(lines(), 0);
		assert_int_equal(get_bit(2, ISPENDR, 3), from < 7);
		set_face(2, EOIR, from << 10 | 3);
	}
	assert_int_equal(lines(), 0);
}

/* 4.3.16, 4.3.17 */
static void sgis_by_their_pending_registers(void **state)
{
	(void)state;
	on(4, 0);
	set_byte(1, SPENDSGIR, 15, 0xff);
	assert_int_equal(get_byte(1, SPENDSGIR, 15), 0xf);
	assert_int_equal(lines(), 2);
	set_byte(1, CPENDSGIR, 15, 0x5);
	assert_int_equal(get_byte(1, CPENDSGIR, 15), 0xa);
	assert_int_equal(take(1), 1u << 10 | 15);
	set_face(1, EOIR, 1u << 10 | 15);
	set_dist(1, CPENDSGIR + 12, 0x08000000);
	assert_int_equal(get_bit(1, ISPENDR, 15), 0);
	assert_int_equal(lines(), 0);
	/* The ordinary registers can't. */
	set_dist(1, ISPENDR, 0x8000);
	assert_int_equal(lines(), 0);
	set_byte(1, SPENDSGIR, 15, 1);
	set_dist(1, ICPENDR, ~0u);
	assert_int_equal(lines(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_type_register_tells_the_size),
		T(identification_says_gicv2),
		T(registers_keep_their_bits),
		T(only_the_widths_that_the_architecture_has),
		T(the_last_word_may_be_there_in_part),
		T(neighbours_stay_as_they_are),
		T(sgis_and_ppis_are_banked),
		T(sgis_reach_whom_they_are_for),
		T(every_source_counts),
		T(sgis_by_their_pending_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
