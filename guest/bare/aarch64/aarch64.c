// SPDX-License-Identifier: Apache-2.0
/* AArch64 start-up of the test guest, its serial port and its clock. */
#include "guest/bare/aarch64/aarch64.h"

#include "guest/bare/main.h"

/* Needed before the tree is read. The case "tree" checks that it names the same. */
#define SERIAL_BASE 0x01000000
#define SERIAL_LSR 5
#define LSR_THR_EMPTY 0x20

struct fdt_facts fdt;
struct boot_registers boot_registers;

const uint64_t arch_hole = 0x30000000;
const uint64_t arch_ram = 0x40000000;
const uint64_t arch_virtio_bytes = 0x10000;

void arch_putc(char c)
{
	while (!(arch_io_read(SERIAL_BASE + SERIAL_LSR, 1) & LSR_THR_EMPTY))
		arch_relax();
	arch_io_write(SERIAL_BASE, 1, (uint8_t)c);
}

uint64_t arch_now_us(void)
{
	uint64_t now = timer_now(), second = read_register("CNTFRQ_EL0");

	return now / second * 1000000 + now % second * 1000000 / second;
}

unsigned cpu_number(void)
{
	return (unsigned)read_register("TPIDR_EL1");
}

/* From entry.S. */
void aarch64_main(const struct boot_registers *at_boot);
void aarch64_main(const struct boot_registers *at_boot)
{
	static struct machine machine;

	boot_registers = *at_boot;
	write_register("TPIDR_EL1", 0);
	fdt_read(&fdt, &machine, boot_registers.x[0]);
	if (!fdt.structure_sound || !fdt.gic_version)
		give_up("x0 leads to a device tree that can be walked, and that has an interrupt controller");
	gic_init();
	gic_init_cpu();
	interrupts_on();
	bare_main(&machine);
}
