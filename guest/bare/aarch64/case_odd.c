// SPDX-License-Identifier: Apache-2.0
/*
 * Accesses that no driver makes, to everything that is no virtio device: of other widths, across registers, where there are none. What must
 * come of it: nothing that a driver could notice once it has set up the device again.
 */
#include "guest/bare/aarch64/aarch64.h"
#include "guest/bare/virtio.h"

#define PAGE_BYTES 0x1000
#define STEP 0x7c /* comes by registers of every kind */

static uint64_t read_all;

static void misuse(uint64_t base, uint64_t bytes, uint64_t value)
{
	for (uint64_t offset = 0; offset < bytes; offset += STEP) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			for (unsigned odd = 0; odd < 2; odd++) {
				arch_io_write(base + offset + odd, width, value);
				read_all ^= arch_io_read(base + offset + odd, width);
			}
		}
	}
}

/* Everything off and nothing pending, as it was. */
static void clear_distributor(void)
{
	for (unsigned intid = INTID_SPI; intid < 128; intid++) {
		gic_enable(intid, false);
		gic_set_pending(intid, false);
	}
	gic_init();
	gic_init_cpu();
}

static void misuse_gic(bool in_kvm)
{
	static const uint64_t values[] = { UINT64_MAX, 0 };
	bool v3 = fdt.gic_version == 3;

	for (unsigned i = 0; i < COUNT(values); i++) {
		misuse(fdt.gic_dist, PAGE_BYTES, values[i]);
		/* KVM shows the host's own CPU interface to a guest with a GICv2: hardware, which may fault. */
		if (v3 || !in_kvm)
			misuse(fdt.gic_second, PAGE_BYTES, values[i]);
		if (v3)
			misuse(fdt.gic_second + 0x10000, PAGE_BYTES, values[i]);
	}
	/* What is behind the last register, and behind that. */
	misuse(fdt.gic_dist + fdt.gic_dist_bytes - 8, 16, UINT64_MAX);
}

static bool device_interrupts(const struct machine *m)
{
	static struct virtio rng;

	if (!virtio_find(&rng, m, ID_RNG, 0) || !virtio_open(&rng, 0))
		return false;
	unsigned before = arch_line_count(rng.line);
	return rng_works(&rng) && wait_until(arch_line_count(rng.line) != before);
}

static void check_clock(void)
{
	uint32_t before = io_read32(fdt.rtc);

	for (uint64_t offset = 0; offset < PAGE_BYTES; offset += 4) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			if (width != 4)
				arch_io_write(fdt.rtc + offset, width, 0);
			arch_io_write(fdt.rtc + offset + 1, width, 0);
		}
	}
	check(io_read32(fdt.rtc) >= before, "nor the clock");
}

/* Past its transmit register, and its line control, which would silence it. */
static void check_serial(void)
{
	static const unsigned offsets[] = { 6, 7, 8, 9, 0xff8 };

	for (unsigned i = 0; i < COUNT(offsets); i++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			arch_io_write(fdt.serial + offsets[i], width, UINT64_MAX);
			read_all ^= arch_io_read(fdt.serial + offsets[i], width);
		}
	}
	check(true, "nor the serial port, which tells it");
}

/* kvm=0|1: whose interrupt controller it is */
void case_odd(const struct machine *m)
{
	arch_hold();
	misuse_gic(parameter(m, "kvm"));
	clear_distributor();
	interrupts_on();
	unsigned before = arch_timer_count();
	arch_timer_start(1000);
	check(wait_until(arch_timer_count() == before + 1), "odd accesses do not break the interrupt controller: the timer interrupts");
	check(device_interrupts(m), "and so does a device");
	check_clock();
	check_serial();
	for (unsigned width = 1; width <= 8; width *= 2) {
		arch_io_write(fdt.pvpanic + 1, width, 0);
		arch_io_write(fdt.pvpanic, width, 0);
	}
	check(arch_io_read(fdt.pvpanic, 1) & 1, "nor the panic device, which knows of panics");
}

/* --- what no hypervisor can carry out --------------------------------------------------------------------------------------- */

#define BEYOND 0xc0000000 /* behind RAM, and mapped as if it were some */

/*
 * Accesses of which the processor does not tell what was to be read or written (Arm ARM DDI 0487, D19.2.37, ISV): pairs of registers, and
 * an address that moves on. Where a device is and where none is, the guest alone is to suffer from them.
 */
void case_aborts(const struct machine *m)
{
	const uint64_t places[] = { arch_hole, m->virtio[0].base, fdt.gic_dist };
	uint64_t a, b;

	aborts_expected = true;
	for (unsigned i = 0; i < COUNT(places); i++) {
		uint64_t at = places[i];
		unsigned before = aborts;
		__asm__ volatile("stp xzr, xzr, [%0]" ::"r"(at) : "memory");
		__asm__ volatile("str wzr, [%0], #4" : "+r"(at)::"memory");
		check(aborts == before + 2, "writes at 0x%lx that can't be carried out are aborts", places[i]);
	}
	unsigned before = aborts;
	__asm__ volatile("ldp %0, %1, [%2]" : "=&r"(a), "=r"(b) : "r"(arch_hole) : "memory");
	check(aborts == before + 1, "so is a read");
	aborts_expected = false;
	check(!call_address(BEYOND), "so is a call of code where nothing is");
	check(io_read32(BEYOND) == UINT32_MAX, "which reads as all ones");
	check(device_interrupts(m), "a device works all the same");
}
