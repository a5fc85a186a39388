// SPDX-License-Identifier: Apache-2.0
/* Where the AArch64 machine's devices are: see map.h. */
#include "arch/aarch64/map.h"

#include <elf.h>

#include "arch/aarch64/cache.h"
#include "arch/aarch64/gic.h"
#include "arch/arch.h"
#include "vmm/util/log.h"

const struct arch_map arch_map = {
	.elf_machine = EM_AARCH64,
	.virtio_base = MAP_VIRTIO,
	.virtio_stride_bytes = MAP_VIRTIO_STRIDE,
	.gsi_first = SPI_VIRTIO_FIRST,
	.gsi_count = SPI_COUNT - SPI_VIRTIO_FIRST,
	.platform_pio = false,
	.serial_base = MAP_SERIAL,
	.serial_gsi = SPI_SERIAL,
	.pvpanic_base = MAP_PVPANIC,
	.power_base = 0, /* PSCI, which KVM answers */
	.rtc_base = MAP_RTC,
	.gpio_base = MAP_GPIO,
	.gpio_gsi = SPI_GPIO,
	.power_key_module = "gpio_keys",
	.cpus_max = CPUS_MAX,
	.irqchips = gic_names,
	.gicd_base = MAP_GICD,
	.gicc_base = MAP_GICC,
	.device_tree = true,
	.publish = cache_clean_word,
	.earlycon = "earlycon=uart8250,mmio,0x1000000,115200",
	.serial_console = "ttyS0",
	/*
	 * There is one serial port: three more need not be looked for. Few arm64 kernels have a driver for pvpanic: a panic's reset is told
	 * from another by its kind (arch_reset_is_panic()).
	 */
	.cmdline = "8250.nr_uarts=1 reboot=panic_warm",
};

int arch_add_ram(struct mem *mem, uint64_t bytes)
{
	int err = mem_add(mem, MAP_RAM, bytes);

	if (err)
		log_error("the host has no room for %llu MiB of guest memory: give less with --memory", (unsigned long long)(bytes >> 20));
	return err;
}
