// SPDX-License-Identifier: Apache-2.0
/*
 * The interrupt controller, GICv2 or GICv3, in KVM or not: what any of them does for a guest (Arm IHI 0048B.b, IHI 0069H), and the timer's
 * line, which is of a level.
 *
 * That something does not come is looked at for NONE_MS. A machine that is late would hide a fault, but never show one that is not there.
 */
#include "guest/bare/aarch64/aarch64.h"
#include "guest/bare/blk.h"

#define NONE_MS 5

/* Two shared interrupts that no device has, and a more urgent priority for the one, a less urgent one for the other. */
#define INTID_A 120
#define INTID_B 121
#define PRIORITY_URGENT 0x40

static unsigned count_of(unsigned intid)
{
	return interrupt_count(0, intid);
}

static bool comes(unsigned intid, unsigned count)
{
	return wait_until(count_of(intid) == count);
}

static bool stays(unsigned intid, unsigned count)
{
	return !wait_until_for(NONE_MS, count_of(intid) != count);
}

/* --- which one --------------------------------------------------------------------------------------------------------------- */

enum { DIST_TYPER = 0x004, DIST_IIDR = 0x008, DIST_ISENABLER = 0x100, DIST_ISPENDR = 0x200, V3_DIST_PIDR2 = 0xffe8 };
enum { CPU_IIDR = 0x0fc };

#define LINES_LEAST 128
#define PRODUCT_KVM 0x4b

static bool distributor_is_empty(void)
{
	for (unsigned at = 4; at < LINES_LEAST / 8; at += 4) {
		if (io_read32(fdt.gic_dist + DIST_ISENABLER + at) || io_read32(fdt.gic_dist + DIST_ISPENDR + at))
			return false;
	}
	return true;
}

/* Each version tells it where the other has nothing. */
static unsigned implemented_version(void)
{
	if (fdt.gic_version == 3)
		return read_register("ICC_SRE_EL1") & 1 ? io_read32(fdt.gic_dist + V3_DIST_PIDR2) >> 4 & 0xf : 0;
	return io_read32(fdt.gic_second + CPU_IIDR) >> 16 & 0xf;
}

/* gic=2|3 kvm=0|1 */
void case_gic(const struct machine *m)
{
	unsigned version = (unsigned)parameter(m, "gic");
	uint32_t typer = io_read32(fdt.gic_dist + DIST_TYPER);

	check(fdt.gic_version == version && implemented_version() == version, "the interrupt controller is a GICv%u", version);
	check((io_read32(fdt.gic_dist + DIST_IIDR) >> 24 == PRODUCT_KVM) == parameter(m, "kvm"), "it is %s",
	      parameter(m, "kvm") ? "KVM's" : "not KVM's");
	check(((typer & 0x1f) + 1) * 32 >= LINES_LEAST, "it has %u interrupts", ((typer & 0x1f) + 1) * 32);
	check(version == 3 || (typer >> 5 & 7) + 1 == m->cpus, "and knows of %u processors", m->cpus);
	check(distributor_is_empty(), "none of its lines is enabled or pending");
}

/* --- at a reset -------------------------------------------------------------------------------------------------------------- */

enum { DIST_IGROUPR = 0x080, DIST_ICENABLER = 0x180, DIST_ISACTIVER = 0x300, DIST_IPRIORITYR = 0x400, DIST_ICFGR = 0xc00 };

/* Of the shared interrupt A, and of an SGI, which is elsewhere in a GICv3: bits that a write, here or there, turns over. */
static const struct {
	unsigned reg, write;
	uint32_t bits;
	bool v2_alone;
} soiled[] = {
	{ DIST_IGROUPR + INTID_A / 32 * 4, DIST_IGROUPR + INTID_A / 32 * 4, UINT32_MAX, true }, /* a GICv3's the start has set */
	{ DIST_ISENABLER, DIST_ICENABLER, 1u << 3, true },
	{ DIST_ISENABLER + INTID_A / 32 * 4, DIST_ISENABLER + INTID_A / 32 * 4, 1u << INTID_A % 32, false },
	{ DIST_ISACTIVER + INTID_A / 32 * 4, DIST_ISACTIVER + INTID_A / 32 * 4, 1u << INTID_A % 32, false },
	{ DIST_IPRIORITYR + INTID_A, DIST_IPRIORITYR + INTID_A, 0x40404040, false },
	{ DIST_ICFGR + INTID_A / 16 * 4, DIST_ICFGR + INTID_A / 16 * 4, 2u << INTID_A % 16 * 2, false },
};

static uint32_t find_soiled(unsigned i)
{
	return fdt.gic_version == 2 || !soiled[i].v2_alone ? io_read32(fdt.gic_dist + soiled[i].reg) : 0;
}

/* Runs twice: the second time finds what the first one did, not what it left. Sector 0 of the disk tells. kvm=0|1 */
void case_gic_reset(const struct machine *m)
{
	static struct virtio blk;
	static uint32_t sector[SECTOR_BYTES / 4], found[COUNT(soiled)];

	for (unsigned i = 0; i < COUNT(soiled); i++)
		found[i] = find_soiled(i);
	if (!virtio_find(&blk, m, ID_BLK, 0) || !virtio_open(&blk, 0) || blk_do(&blk, 0, BLK_IN, 0, sector, SECTOR_BYTES) != BLK_OK)
		give_up("there is a disk");
	for (unsigned i = 0; i < COUNT(soiled) && sector[0]; i++)
		check(found[i] == sector[1 + i], "register 0x%x is what it was at power-on", soiled[i].reg);
	if (sector[0]++)
		return;
	memcpy(&sector[1], found, sizeof(found));
	check(blk_do(&blk, 0, BLK_OUT, 0, sector, SECTOR_BYTES) == BLK_OK, "the first run is counted");
	for (unsigned i = 0; i < COUNT(soiled); i++) {
		if (fdt.gic_version == 3 && soiled[i].v2_alone)
			continue;
		io_write32(fdt.gic_dist + soiled[i].write, soiled[i].write == soiled[i].reg ? found[i] ^ soiled[i].bits : soiled[i].bits);
		/* Ours has no groups, and no SGI that can be disabled */
		if (parameter(m, "kvm") || !soiled[i].v2_alone)
			check(find_soiled(i) == (found[i] ^ soiled[i].bits), "register 0x%x can be changed", soiled[i].reg);
	}
	report_end();
	arch_reset();
	give_up("the machine resets");
}

/* --- interrupts between processors ------------------------------------------------------------------------------------------- */

#define SGI_CPUS_MAX 8 /* each sends the interrupt of its own number */
#define SGI_BALL 9
#define SGI_ALL 10
#define BALLS 25

static volatile unsigned started, received, wrong_source;

/* A GICv2 tells who sent it. */
static void note_source(uint32_t acknowledged, unsigned intid)
{
	if (fdt.gic_version == 2 && intid < SGI_CPUS_MAX && (acknowledged >> 10 & 7) != intid)
		__atomic_fetch_add(&wrong_source, 1, __ATOMIC_SEQ_CST);
	gic_end(acknowledged);
}

static bool has_all(unsigned number)
{
	for (unsigned from = 0; from < fdt.cpus; from++) {
		if (!interrupt_count(number, from))
			return false;
	}
	return true;
}

static void exchange(unsigned number)
{
	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	wait_until(started == fdt.cpus);
	for (unsigned to = 0; to < fdt.cpus; to++)
		gic_send(to, number);
	if (wait_until(has_all(number)))
		__atomic_fetch_add(&received, 1, __ATOMIC_SEQ_CST);
}

static bool each_came_once(const struct machine *m)
{
	for (unsigned to = 0; to < m->cpus; to++) {
		for (unsigned from = 0; from < m->cpus; from++) {
			if (interrupt_count(to, from) != 1)
				return false;
		}
	}
	return true;
}

static bool send_many(unsigned to)
{
	for (unsigned i = 1; i <= BALLS; i++) {
		gic_send(to, SGI_BALL);
		if (!wait_until(interrupt_count(to, SGI_BALL) == i))
			return false;
	}
	return true;
}

void case_sgi(const struct machine *m)
{
	bool good = true;

	if (m->cpus > SGI_CPUS_MAX)
		give_up("there are at most %u processors", SGI_CPUS_MAX);
	interrupt_hook = note_source;
	arch_start_cpus(m, exchange);
	exchange(0);
	check(wait_until(received == m->cpus), "each of %u processors interrupts each", m->cpus);
	check(each_came_once(m) && !wrong_source, "once, and each knows who it was");
	for (unsigned to = 0; to < m->cpus; to++)
		good = send_many(to) && good;
	check(good, "none of %u in a row to each is lost", BALLS);
	gic_send_to_others(SGI_ALL);
	for (unsigned to = 1; to < m->cpus; to++)
		good = wait_until(interrupt_count(to, SGI_ALL) == 1) && good;
	check(good && stays(SGI_ALL, 0), "one is sent to all but the sender");
}

/* --- shared interrupts ------------------------------------------------------------------------------------------------------- */

static void prepare(unsigned intid, uint8_t priority, bool edge)
{
	gic_enable(intid, false);
	gic_set_edge(intid, edge);
	gic_set_priority(intid, priority);
	gic_route(intid, 0);
	gic_enable(intid, true);
}

static void check_pending(void)
{
	unsigned before = count_of(INTID_A);

	gic_set_pending(INTID_A, true);
	check(comes(INTID_A, before + 1) && stays(INTID_A, before + 1), "one that is made pending comes, once");
	check(!gic_is_pending(INTID_A) && !gic_is_active(INTID_A), "and is over then");
	gic_enable(INTID_A, false);
	gic_set_pending(INTID_A, true);
	check(stays(INTID_A, before + 1) && gic_is_pending(INTID_A), "one that is disabled stays pending");
	gic_enable(INTID_A, true);
	check(comes(INTID_A, before + 2), "and comes when it is enabled");
	gic_enable(INTID_A, false);
	gic_set_pending(INTID_A, true);
	gic_set_pending(INTID_A, false);
	gic_enable(INTID_A, true);
	check(stays(INTID_A, before + 2), "one that is no longer pending does not");
	gic_set_mask(PRIORITY_USUAL);
	gic_set_pending(INTID_A, true);
	check(stays(INTID_A, before + 2) && gic_is_pending(INTID_A), "nor does one that is not more urgent than the mask");
	gic_set_mask(UINT8_MAX);
	check(comes(INTID_A, before + 3), "until the mask lets it through");
}

static unsigned order[4];
static volatile unsigned order_count;

static void note_order(uint32_t acknowledged, unsigned intid)
{
	if (order_count < COUNT(order))
		order[order_count] = intid;
	order_count++;
	gic_end(acknowledged);
}

static void check_order(void)
{
	interrupt_hook = note_order;
	arch_hold();
	gic_set_pending(INTID_A, true);
	gic_set_pending(INTID_B, true);
	interrupts_on();
	check(wait_until(order_count == 2) && order[0] == INTID_B && order[1] == INTID_A, "of two the more urgent one comes first");
	interrupt_hook = NULL;
}

static volatile bool nested, waited, ended_first;
static volatile uint8_t running;

/* While A is handled B comes, and not the other way round. */
static void nest(uint32_t acknowledged, unsigned intid)
{
	unsigned other = intid == INTID_A ? INTID_B : INTID_A, before = count_of(other);

	if (nested || waited) {
		gic_end(acknowledged);
		return;
	}
	bool urgent = other == INTID_B;
	nested = urgent;
	waited = !urgent;
	running = gic_running_priority();
	gic_set_pending(other, true);
	interrupts_on();
	ended_first = urgent ? wait_until(count_of(other) != before) : stays(other, before);
	interrupts_off();
	gic_end(acknowledged);
}

static void check_nesting(void)
{
	unsigned before = count_of(INTID_A);

	interrupt_hook = nest;
	gic_set_pending(INTID_A, true);
	check(wait_until(nested && ended_first), "a more urgent one interrupts the handling of another");
	check(running == PRIORITY_USUAL && gic_running_priority() == UINT8_MAX, "the running priority tells of it");
	wait_until(count_of(INTID_A) == before + 1);
	nested = ended_first = false;
	gic_set_pending(INTID_B, true);
	check(wait_until(waited && ended_first), "a less urgent one does not");
	check(comes(INTID_A, before + 2), "and comes behind it");
	waited = false;
	interrupt_hook = NULL;
}

static volatile unsigned again;

/* It comes once more while it is handled. */
static void repeat(uint32_t acknowledged, unsigned intid)
{
	if (!again++)
		gic_set_pending(intid, true);
	gic_end(acknowledged);
}

static volatile unsigned dropped;
static volatile bool held_back;

/* EOI lets other interrupts in again; this one only when it is deactivated. */
static void split(uint32_t acknowledged, unsigned intid)
{
	unsigned before = count_of(intid);

	if (!dropped++) {
		gic_end(acknowledged);
		gic_set_pending(intid, true);
		interrupts_on();
		held_back = stays(intid, before) && gic_is_active(intid) && gic_running_priority() == UINT8_MAX;
		interrupts_off();
	} else {
		gic_end(acknowledged);
	}
	gic_deactivate(acknowledged);
}

static void check_ends(void)
{
	unsigned before = count_of(INTID_A);

	interrupt_hook = repeat;
	gic_set_pending(INTID_A, true);
	check(comes(INTID_A, before + 2) && stays(INTID_A, before + 2), "one that comes again while it is handled comes again");
	interrupt_hook = split;
	gic_set_split_eoi(true);
	gic_set_pending(INTID_A, true);
	check(comes(INTID_A, before + 4), "with priority drop and deactivation apart too");
	check(held_back, "but not before it is deactivated");
	interrupt_hook = NULL;
	gic_set_split_eoi(false);
}

/* A device's edge is kept while its line is disabled. */
static void check_device(const struct machine *m)
{
	static struct virtio rng;

	if (!virtio_find(&rng, m, ID_RNG, 0) || !virtio_open(&rng, 0))
		give_up("there is an entropy device");
	unsigned intid = INTID_SPI + rng.line, before = count_of(intid);
	check(rng_works(&rng) && comes(intid, before + 1), "a device interrupts");
	virtio_write(&rng, REG_INTERRUPT_ACK, INTERRUPT_USED);
	gic_enable(intid, false);
	check(rng_works(&rng) && stays(intid, before + 1), "not while its line is disabled");
	gic_enable(intid, true);
	check(comes(intid, before + 2), "but when it is enabled again");
}

static volatile bool up;

static void wait_for_interrupts(unsigned number)
{
	(void)number;
	up = true;
}

void case_spi(const struct machine *m)
{
	prepare(INTID_A, PRIORITY_USUAL, true);
	prepare(INTID_B, PRIORITY_URGENT, true);
	check_pending();
	check_order();
	check_nesting();
	check_ends();
	check_device(m);
	unsigned before = count_of(INTID_A);
	prepare(INTID_A, PRIORITY_USUAL, false);
	gic_set_pending(INTID_A, true);
	check(comes(INTID_A, before + 1) && stays(INTID_A, before + 1), "one of a level that is made pending comes once");
	arch_start_cpus(m, wait_for_interrupts);
	gic_route(INTID_A, m->cpus - 1);
	wait_until(up);
	gic_set_pending(INTID_A, true);
	check(wait_until(interrupt_count(m->cpus - 1, INTID_A) == 1) && stays(INTID_A, before + 1),
	      "it goes to the processor it is routed to");
	check(!spurious_count(), "none was spurious");
}

/* --- the timer's level ------------------------------------------------------------------------------------------------------- */

#define REPEATS 3
#define TIMER_MASKED 3u /* enabled, and its interrupt masked */
#define TIMER_UNMASKED 1u
#define TIMER_FIRES 4u

/* Only the last of them stops the timer. */
static void leave_high(uint32_t acknowledged, unsigned intid)
{
	if (intid == fdt.timer_intid && arch_timer_count() == REPEATS)
		timer_stop();
	gic_end(acknowledged);
}

static bool fires(void)
{
	return read_register("CNTV_CTL_EL0") & TIMER_FIRES;
}

void case_timer_level(const struct machine *m)
{
	unsigned intid = fdt.timer_intid;

	(void)m;
	interrupt_hook = leave_high;
	timer_set(timer_now());
	check(comes(intid, REPEATS) && stays(intid, REPEATS), "a level that stays high interrupts again, until it is low");
	interrupt_hook = NULL;

	write_register("CNTV_CVAL_EL0", timer_now());
	write_register("CNTV_CTL_EL0", TIMER_MASKED);
	check(wait_until(fires()) && stays(intid, REPEATS), "a timer that is masked does not");
	write_register("CNTV_CTL_EL0", TIMER_UNMASKED);
	check(comes(intid, REPEATS + 1), "until it is no longer");

	arch_hold();
	timer_set(timer_now());
	check(wait_until(fires() && gic_is_pending(intid)), "one that fires is pending");
	timer_stop();
	/*
	 * Looked at before interrupts are let in: KVM learns of it at the next exit, and until then the processor's copy of the interrupt
	 * stays pending.
	 */
	check(wait_until(!gic_is_pending(intid)), "one that is stopped is no longer");
	interrupts_on();
	check(stays(intid, REPEATS + 1), "and does not interrupt");

	gic_enable(intid, false);
	timer_set(timer_now());
	check(wait_until(gic_is_pending(intid)) && stays(intid, REPEATS + 1), "a level is pending while the interrupt is disabled");
	gic_enable(intid, true);
	check(comes(intid, REPEATS + 2), "and interrupts when it is enabled");
	timer_set(timer_now() + timer_ticks(3600 * 1000000ull));
	check(stays(intid, REPEATS + 2) && !gic_is_pending(intid), "an hour is longer than this");
	timer_stop();
}

#define TICKS 10
#define TICK_US 1000

static volatile unsigned ticked;

static void tick(unsigned number)
{
	bool good = true;

	for (unsigned i = 1; i <= TICKS && good; i++) {
		timer_set(timer_now() + timer_ticks(TICK_US));
		good = wait_until(interrupt_count(number, fdt.timer_intid) == i);
	}
	if (good)
		__atomic_fetch_add(&ticked, 1, __ATOMIC_SEQ_CST);
}

void case_timer_cpus(const struct machine *m)
{
	bool good = true;

	arch_start_cpus(m, tick);
	tick(0);
	check(wait_until(ticked == m->cpus), "each of %u processors has a timer that interrupts it", m->cpus);
	for (unsigned i = 0; i < m->cpus; i++)
		good = good && interrupt_count(i, fdt.timer_intid) == TICKS;
	check(good, "%u times, as often as it was set", TICKS);
}
