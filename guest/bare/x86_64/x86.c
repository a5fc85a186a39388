// SPDX-License-Identifier: Apache-2.0
/*
 * x86_64 start-up of the test guest: boot information of both kinds (PVH: Xen, public/arch-x86/hvm/start_info.h; the zero page:
 * x86/zero-page.rst), the clock, the serial port, the ways to end.
 */
#include "guest/bare/x86_64/x86.h"

#include "guest/bare/main.h"

/* --- the serial port, and time -------------------------------------------------------------------------------------------- */

/* Needed before the tables are read. The case "acpi" checks that they name the same. */
#define SERIAL_PORT 0x3f8
#define SERIAL_LSR 5
#define LSR_THR_EMPTY 0x20

struct acpi_facts acpi;
bool booted_by_zero_page;
uint64_t boot_rsdp;
uint64_t tsc_per_us = 1000;

const uint64_t arch_hole = 0xf0000000;
const uint64_t arch_ram = 0x100000;
const uint64_t arch_virtio_bytes = 0x1000;

void arch_putc(char c)
{
	while (!(in8(SERIAL_PORT + SERIAL_LSR) & LSR_THR_EMPTY))
		arch_relax();
	out8(SERIAL_PORT, (uint8_t)c);
}

uint64_t arch_now_us(void)
{
	return read_tsc() / tsc_per_us;
}

/* The hypervisor's frequency leaf, in kHz. */
static void init_clock(void)
{
	uint32_t khz = cpuid(0x40000000, 0).eax >= 0x40000010 ? cpuid(0x40000010, 0).eax : 0;

	if (khz >= 1000)
		tsc_per_us = khz / 1000;
}

/* --- the ways to end ------------------------------------------------------------------------------------------------------ */

#define SLEEP_ENABLE 0x20
#define PVPANIC_PANICKED 1

void arch_power_off(void)
{
	if (acpi.sleep_control)
		out8(acpi.sleep_control, (uint8_t)(acpi.s5 << 2 | SLEEP_ENABLE));
}

void arch_reset(void)
{
	if (acpi.reset)
		out8(acpi.reset, acpi.reset_value);
}

void arch_panic(void)
{
	if (acpi.pvpanic)
		out8(acpi.pvpanic, PVPANIC_PANICKED);
}

/* --- boot information ----------------------------------------------------------------------------------------------------- */

#define E820_RAM 1

struct e820_entry {
	uint64_t base, bytes;
	uint32_t type;
} __attribute__((packed));

static void add_memory(struct machine *m, uint64_t base, uint64_t bytes, uint32_t type)
{
	if (m->memory_count < MEMORY_MAX)
		m->memory[m->memory_count++] = (struct memory_range){ base, bytes, type == E820_RAM };
}

struct pvh_start_info {
	uint32_t magic, version, flags, modules;
	uint64_t modules_at, cmdline_at, rsdp_at, memory_at;
	uint32_t memory_count, reserved;
};

struct pvh_module {
	uint64_t base, bytes, cmdline_at, reserved;
};

struct pvh_memory {
	uint64_t base, bytes;
	uint32_t type, reserved;
};

#define PVH_MAGIC 0x336ec578u

static void read_pvh(struct machine *m, uint64_t at)
{
	const struct pvh_start_info *info = (const struct pvh_start_info *)at;
	const struct pvh_module *module = (const struct pvh_module *)info->modules_at;
	const struct pvh_memory *memory = (const struct pvh_memory *)info->memory_at;

	if (info->magic != PVH_MAGIC || info->version < 1)
		give_up("the PVH start info has its magic number and version (0x%x, %u)", info->magic, info->version);
	m->cmdline = (const char *)info->cmdline_at;
	boot_rsdp = info->rsdp_at;
	if (info->modules) {
		m->initrd = (const uint8_t *)module->base;
		m->initrd_bytes = module->bytes;
	}
	for (unsigned i = 0; i < info->memory_count; i++)
		add_memory(m, memory[i].base, memory[i].bytes, memory[i].type);
}

static uint64_t field(const uint8_t *page, unsigned offset, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, page + offset, bytes);
	return value;
}

static void read_zero_page(struct machine *m, uint64_t at)
{
	const uint8_t *page = (const uint8_t *)at;
	const struct e820_entry *memory = (const struct e820_entry *)(page + 0x2d0);

	if (field(page, 0x1fe, 2) != 0xaa55 || field(page, 0x202, 4) != 0x53726448)
		give_up("the zero page has a set-up header");
	m->cmdline = (const char *)(field(page, 0x0c8, 4) << 32 | field(page, 0x228, 4));
	m->initrd = (const uint8_t *)(field(page, 0x0c0, 4) << 32 | field(page, 0x218, 4));
	m->initrd_bytes = field(page, 0x0c4, 4) << 32 | field(page, 0x21c, 4);
	boot_rsdp = field(page, 0x070, 8);
	for (unsigned i = 0; i < page[0x1e8]; i++)
		add_memory(m, memory[i].base, memory[i].bytes, memory[i].type);
}

/* From entry.S. */
void x86_main(uint64_t boot_info, int zero_page);
void x86_main(uint64_t boot_info, int zero_page)
{
	static struct machine machine;

	init_clock();
	booted_by_zero_page = zero_page;
	if (zero_page)
		read_zero_page(&machine, boot_info);
	else
		read_pvh(&machine, boot_info);
	acpi_read(&acpi, &machine, boot_rsdp);
	apic_init();
	bare_main(&machine);
}
