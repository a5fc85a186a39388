// SPDX-License-Identifier: Apache-2.0
/* Where the x86_64 machine's devices are: see map.h. */
#include "arch/x86_64/map.h"

#include <elf.h>

#include "arch/arch.h"
#include "vmm/util/log.h"

const struct arch_map arch_map = {
	.elf_machine = EM_X86_64,
	.virtio_base = MAP_VIRTIO,
	.virtio_stride_bytes = 0x1000,
	.gsi_first = GSI_VIRTIO_FIRST,
	.gsi_count = GSI_IO_APIC_PINS - GSI_VIRTIO_FIRST,
	.platform_pio = true,
	.serial_base = PORT_SERIAL,
	.serial_gsi = GSI_SERIAL,
	.pvpanic_base = PORT_PVPANIC,
	.power_base = PORT_POWER,
	.power_gsi = GSI_POWER_KEY,
	.power_key_module = "button",
	.cpus_max = 254,
	.earlycon = "earlycon=uart8250,io,0x3f8,115200",
	.serial_console = "ttyS0",
	/*
	 * There is one serial port: three more need not be looked for. No PCI either. And Linux takes a hardware-reduced machine for one
	 * with EFI, whose reset it would then call (arch/x86/kernel/reboot.c, reboot_init): ACPI it is.
	 */
	.cmdline = "8250.nr_uarts=1 pci=off reboot=a",
};

int arch_add_ram(struct mem *mem, uint64_t bytes)
{
	uint64_t low = bytes < MAP_HOLE ? bytes : MAP_HOLE;
	int err = mem_add(mem, 0, low);

	if (!err && bytes > low)
		err = mem_add(mem, MAP_4G, bytes - low);
	if (err)
		log_error("the host has no room for %llu MiB of guest memory: give less with --memory", (unsigned long long)(bytes >> 20));
	return err;
}
