// SPDX-License-Identifier: Apache-2.0
/* The machine on paper: see plan.h. */
#include "vmm/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/virtio/mmio.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

/* --- devices -------------------------------------------------------------------------------------------------------------------- */

static void add_platform(struct plan *plan, enum dev_kind kind, const char *name, uint64_t base, uint64_t bytes, unsigned gsi)
{
	struct dev_desc *d = &plan->devices.dev[plan->devices.count++];

	*d = (struct dev_desc){ .kind = kind, .pio = arch_map.platform_pio, .base = base, .size_bytes = bytes, .gsi = gsi };
	snprintf(d->name, sizeof(d->name), "%s", name);
}

/* Devices beyond the last line share the lines from the first on: all are edges, and each device tells for itself. */
static void add_virtio(struct plan *plan, unsigned *slot, const char *name, int index)
{
	struct dev_desc *d = &plan->devices.dev[plan->devices.count++];

	*d = (struct dev_desc){
		.kind = DEV_VIRTIO_MMIO,
		.base = arch_map.virtio_base + *slot * arch_map.virtio_stride_bytes,
		.size_bytes = VIRTIO_MMIO_BYTES,
		.gsi = arch_map.gsi_first + *slot % arch_map.gsi_count,
	};
	if (index < 0)
		snprintf(d->name, sizeof(d->name), "%s", name);
	else
		snprintf(d->name, sizeof(d->name), "%s%d", name, index);
	(*slot)++;
}

/* The one list of devices, in the guest's order. */
void plan_devices(struct plan *plan, const struct config *config)
{
	unsigned slot = 0;

	memset(plan, 0, sizeof(*plan));
	add_platform(plan, DEV_SERIAL, "serial", arch_map.serial_base, SERIAL_REGISTERS, arch_map.serial_gsi);
	add_platform(plan, DEV_PVPANIC, "pvpanic", arch_map.pvpanic_base, PVPANIC_BYTES, 0);
	if (arch_map.power_base)
		add_platform(plan, DEV_POWER, "power", arch_map.power_base, POWER_BYTES, arch_map.power_gsi);
	if (arch_map.rtc_base)
		add_platform(plan, DEV_RTC, "rtc", arch_map.rtc_base, PL031_BYTES, 0);
	if (arch_map.gpio_base)
		add_platform(plan, DEV_GPIO, "gpio", arch_map.gpio_base, PL061_BYTES, arch_map.gpio_gsi);
	add_virtio(plan, &slot, "console", -1);
	for (unsigned i = 0; i < config->disk_count; i++)
		add_virtio(plan, &slot, "disk", (int)i);
	for (unsigned i = 0; i < config->net_count; i++)
		add_virtio(plan, &slot, "net", (int)i);
	if (config->rng)
		add_virtio(plan, &slot, "rng", -1);
}

const struct dev_desc *plan_find(const struct plan *plan, const char *name)
{
	for (unsigned i = 0; i < plan->devices.count; i++) {
		if (!strcmp(plan->devices.dev[i].name, name))
			return &plan->devices.dev[i];
	}
	return NULL;
}

/* --- the command line ------------------------------------------------------------------------------------------------------------- */

/*
 * With our own initramfs the kernel stays quiet on the slow serial port, on which only what is worse than an error appears before the
 * virtio console does (that a PC has no PCI is an error to Linux); guest/init then sets the level that "quiet" means, or, for
 * --console-log, has everything printed there.
 */
static void console_arguments(const struct prepared *prepared, const struct guest_io *io, char *buf, size_t room)
{
	if (io->serial_console && !io->command)
		snprintf(buf, room, "console=%s", arch_map.serial_console);
	else if (prepared->own_initramfs)
		snprintf(buf, room, "quiet loglevel=3 console=hvc0 %s", arch_map.earlycon);
	else
		snprintf(buf, room, "console=hvc0 %s", arch_map.earlycon);
}

int plan_cmdline(struct plan *plan, const struct config *config, const struct prepared *prepared, const struct guest_io *io)
{
	char console[128], root[64] = "";
	bool read_only = config->disk_count && config->disk[0].block.read_only;

	if (prepared->root[0])
		snprintf(root, sizeof(root), " root=%s %s", prepared->root, read_only ? "ro" : "rw");
	console_arguments(prepared, io, console, sizeof(console));
	int n = asprintf(&plan->cmdline, "%s panic=-1 %s%s%s%s", console, arch_map.cmdline, root, config->append ? " " : "",
			 config->append ? config->append : "");
	if (n >= 0)
		return 0;
	plan->cmdline = NULL;
	return -ENOMEM;
}

void plan_release(struct plan *plan)
{
	free(plan->cmdline);
	plan->cmdline = NULL;
}

/* --- on paper ----------------------------------------------------------------------------------------------------------------------- */

static const char *start_of_kernel(const struct kernel_image *image)
{
	switch (image->format) {
	case IMAGE_BZIMAGE:
		return "unpacks itself in the guest";
	case IMAGE_ARM64:
		return "started at its first instruction";
	case IMAGE_ELF:
		break;
	}
	return image->has_pvh ? "started at its PVH entry" : "started at its 64-bit entry";
}

static void print_kernel(const struct config *config, const struct prepared *prepared)
{
	const struct kernel_image *image = &prepared->image;

	printf("kernel     %s (%s; %s)\n", config->kernel_path, image->release[0] ? image->release : "version not known",
	       start_of_kernel(image));
	for (unsigned i = 0; i < image->segment_count; i++)
		printf("           segment 0x%09llx, %llu KiB of file, %llu KiB of memory\n", (unsigned long long)image->segment[i].gpa,
		       (unsigned long long)image->segment[i].file_bytes >> 10, (unsigned long long)image->segment[i].mem_bytes >> 10);
	printf("initramfs  %s, %llu KiB\n", config->initrd_path ? config->initrd_path : "tinyvmm's own",
	       (unsigned long long)prepared->initrd_bytes >> 10);
	if (prepared->root[0])
		printf("root       %s%s%s\n", prepared->root, prepared->fstype[0] ? ", " : "", prepared->fstype);
}

static void print_memory(uint64_t bytes)
{
	struct mem mem = { 0 };
	char size[PARSE_SIZE_MAX];

	if (arch_add_ram(&mem, bytes))
		return;
	for (unsigned i = 0; i < mem.region_count; i++)
		printf("memory     0x%09llx to 0x%09llx, %s\n", (unsigned long long)mem.region[i].gpa,
		       (unsigned long long)(mem.region[i].gpa + mem.region[i].size_bytes - 1), format_size(mem.region[i].size_bytes, size));
	mem_release(&mem);
}

void plan_print(const struct plan *plan, const struct config *config, const struct prepared *prepared)
{
	printf("name       %s\ncpus       %u\n", config->name, config->cpus);
	print_memory(config->memory_bytes);
	print_kernel(config, prepared);
	for (unsigned i = 0; i < plan->devices.count; i++) {
		const struct dev_desc *d = &plan->devices.dev[i];
		printf("device     %-8s %s 0x%09llx, %llu bytes", d->name, d->pio ? "port  " : "memory", (unsigned long long)d->base,
		       (unsigned long long)d->size_bytes);
		if (d->gsi)
			printf(", line %u", d->gsi);
		putchar('\n');
	}
	for (unsigned i = 0; i < config->disk_count; i++)
		printf("disk%-6u %s%s%s\n", i, config->disk[i].block.path, config->disk[i].block.read_only ? ", read-only" : "",
		       config->disk[i].block.cow ? ", copy on write" : "");
	printf("cmdline    %s\n", plan->cmdline);
}
