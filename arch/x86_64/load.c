// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel, its command line, the initramfs and the tables, put into guest memory.
 *
 * Two ways in: a kernel with a PVH note starts at its 32-bit entry with a start info (Xen, docs/misc/pvh.pandoc and
 * public/arch-x86/hvm/start_info.h); all others, and a bzImage that unpacks itself, at the 64-bit entry with a zero page (x86/boot.rst,
 * "64-bit Boot Protocol"; x86/zero-page.rst).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/map.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/zero_page.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define PAGE_BYTES 4096ull
#define BZIMAGE_GPA 0x1000000ull

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* --- the kernel's place ----------------------------------------------------------------------------------------------------------- */

static int place_segment(struct vm *vm, const struct image_segment *s, void **to)
{
	*to = mem_at(&vm->mem, s->gpa, s->mem_bytes);
	if (s->gpa < MAP_HIGH_RAM) {
		log_error("the kernel wants to be at 0x%llx, but the first MiB is for tables: this is no kernel for a PC",
			  (unsigned long long)s->gpa);
		return -ENOEXEC;
	}
	if (!*to) {
		log_error("the kernel wants %llu MiB of memory at 0x%llx, which this machine does not have: give it more with --memory",
			  (unsigned long long)(s->mem_bytes >> 20), (unsigned long long)s->gpa);
		return -ENOMEM;
	}
	return 0;
}

static void extend_kernel(struct arch_boot *boot, gpa_t gpa, uint64_t bytes)
{
	gpa_t end = boot->kernel_gpa + boot->kernel_bytes;

	if (!boot->kernel_bytes || gpa < boot->kernel_gpa)
		boot->kernel_gpa = gpa;
	if (!boot->kernel_bytes || gpa + bytes > end)
		end = gpa + bytes;
	boot->kernel_bytes = end - boot->kernel_gpa;
}

static int place_elf(struct vm *vm, struct arch_boot *boot, void **to)
{
	const struct kernel_image *image = boot->image;

	for (unsigned i = 0; i < image->segment_count; i++) {
		int err = place_segment(vm, &image->segment[i], &to[i]);
		if (err)
			return err;
		extend_kernel(boot, image->segment[i].gpa, image->segment[i].mem_bytes);
	}
	boot->pvh = image->has_pvh;
	boot->entry = image->has_pvh ? image->pvh_entry : image->entry;
	return 0;
}

/* The in-guest path: the protected-mode part as it is, started 0x200 behind its beginning (x86/boot.rst, "64-bit Boot Protocol"). */
static int place_bzimage(struct vm *vm, struct arch_boot *boot, void **to)
{
	const struct kernel_image *image = boot->image;
	struct image_segment segment = image->segment[0];
	struct setup_header header;

	zero_page_read_header(&header, image->setup, image->setup_bytes);
	segment.gpa = header.pref_address ? header.pref_address : BZIMAGE_GPA;
	if (header.init_size > segment.mem_bytes)
		segment.mem_bytes = header.init_size;
	int err = place_segment(vm, &segment, to);
	if (err)
		return err;
	extend_kernel(boot, segment.gpa, segment.mem_bytes);
	boot->pvh = false;
	boot->entry = segment.gpa + 0x200;
	return 0;
}

/* --- initramfs and command line ----------------------------------------------------------------------------------------------------- */

static int load_initrd(struct vm *vm, struct arch_boot *boot)
{
	const struct mem_region *low = &vm->mem.region[0];
	uint64_t top = low->size_bytes;
	uint64_t room = round_up(boot->initrd_bytes, PAGE_BYTES);

	if (boot->initrd_fd < 0)
		return 0;
	/* Kernels before 2.03 of the protocol apart, all can reach below 2 GiB (initrd_addr_max). */
	if (top > 0x7ffff000)
		top = 0x7ffff000;
	uint64_t kernel_end = boot->kernel_gpa + boot->kernel_bytes;
	if (boot->initrd_bytes > top || room > top || top - room < kernel_end) {
		log_error("the initramfs (%llu MiB) does not fit beside the kernel: give the machine more with --memory",
			  (unsigned long long)(boot->initrd_bytes >> 20));
		return -ENOMEM;
	}
	boot->initrd_gpa = (top - room) & ~(PAGE_BYTES - 1);
	int err = pread_full(boot->initrd_fd, mem_at(&vm->mem, boot->initrd_gpa, room), boot->initrd_bytes, 0);
	if (err)
		log_error("the initramfs can't be read: %s", strerror(-err));
	return err;
}

static int load_cmdline(struct vm *vm, const struct arch_boot *boot)
{
	size_t bytes = strlen(boot->cmdline) + 1;
	size_t limit = 2048; /* COMMAND_LINE_SIZE of every x86 kernel since 2.6.24 */
	struct setup_header header;

	/* The header tells how much the kernel takes, the last NUL apart. */
	if (zero_page_read_header(&header, boot->image->setup, boot->image->setup_bytes) && header.cmdline_size)
		limit = (size_t)header.cmdline_size + 1;
	if (limit > MAP_CMDLINE_BYTES)
		limit = MAP_CMDLINE_BYTES;
	if (bytes > limit) {
		log_error("the kernel's command line has %zu bytes, and this kernel takes %zu: shorten --append", bytes - 1, limit - 1);
		return -E2BIG;
	}
	return mem_write(&vm->mem, MAP_CMDLINE, boot->cmdline, bytes);
}

/* --- the two kinds of boot information ------------------------------------------------------------------------------------------------ */

struct ram_map {
	unsigned count;
	struct {
		uint64_t gpa, bytes;
		bool reserved;
	} entry[MEM_REGIONS_MAX + 2];
};

static void add_ram(struct ram_map *map, uint64_t gpa, uint64_t bytes, bool reserved)
{
	map->entry[map->count].gpa = gpa;
	map->entry[map->count].bytes = bytes;
	map->entry[map->count++].reserved = reserved;
}

static void ram_map(struct ram_map *map, const struct vm *vm)
{
	map->count = 0;
	add_ram(map, 0, MAP_LOW_RAM_END, false);
	add_ram(map, MAP_LOW_RAM_END, MAP_HIGH_RAM - MAP_LOW_RAM_END, true);
	add_ram(map, MAP_HIGH_RAM, vm->mem.region[0].size_bytes - MAP_HIGH_RAM, false);
	for (unsigned i = 1; i < vm->mem.region_count; i++)
		add_ram(map, vm->mem.region[i].gpa, vm->mem.region[i].size_bytes, false);
}

/* Xen's public/arch-x86/hvm/start_info.h, version 1. */
struct pvh_start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules_gpa, cmdline_gpa, rsdp_gpa, memmap_gpa;
	uint32_t memmap_count, reserved;
};

struct pvh_module {
	uint64_t gpa, bytes, cmdline_gpa, reserved;
};

struct pvh_memmap {
	uint64_t gpa, bytes;
	uint32_t type, reserved;
};

struct pvh_boot_info {
	struct pvh_start_info start;
	struct pvh_module initrd;
	struct pvh_memmap memmap[MEM_REGIONS_MAX + 2];
};

#define PVH_MAGIC 0x336ec578
#define E820_RAM 1
#define E820_RESERVED 2

static int write_pvh(struct vm *vm, const struct arch_boot *boot, const struct ram_map *map)
{
	struct pvh_boot_info info = {
		.start = {
			.magic = PVH_MAGIC,
			.version = 1,
			.module_count = boot->initrd_fd >= 0,
			.modules_gpa = MAP_BOOT_INFO + offsetof(struct pvh_boot_info, initrd),
			.cmdline_gpa = MAP_CMDLINE,
			.rsdp_gpa = MAP_ACPI,
			.memmap_gpa = MAP_BOOT_INFO + offsetof(struct pvh_boot_info, memmap),
			.memmap_count = map->count,
		},
		.initrd = { .gpa = boot->initrd_gpa, .bytes = boot->initrd_bytes },
	};

	for (unsigned i = 0; i < map->count; i++)
		info.memmap[i] = (struct pvh_memmap){
			.gpa = map->entry[i].gpa,
			.bytes = map->entry[i].bytes,
			.type = map->entry[i].reserved ? E820_RESERVED : E820_RAM,
		};
	return mem_write(&vm->mem, MAP_BOOT_INFO, &info, sizeof(info));
}

static int write_zero_page(struct vm *vm, const struct arch_boot *boot, const struct ram_map *map)
{
	uint8_t page[ZERO_PAGE_BYTES];
	struct zero_page_boot what = {
		.cmdline_gpa = MAP_CMDLINE,
		.rsdp_gpa = MAP_ACPI,
		.initrd_gpa = boot->initrd_gpa,
		.initrd_bytes = boot->initrd_fd >= 0 ? boot->initrd_bytes : 0,
	};

	zero_page_init(page, boot->image->setup, boot->image->setup_bytes, &what);
	for (unsigned i = 0; i < map->count; i++)
		zero_page_add_e820(page, map->entry[i].gpa, map->entry[i].bytes,
				   map->entry[i].reserved ? E820_RESERVED : E820_RAM);
	return mem_write(&vm->mem, MAP_BOOT_INFO, page, sizeof(page));
}

/* The first 4 GiB mapped to themselves by 2 MiB pages: what the 64-bit entry is promised, and more than it needs. */
static int write_page_tables(struct vm *vm)
{
	uint64_t *table = mem_at(&vm->mem, MAP_PAGE_TABLES, 6 * PAGE_BYTES);

	if (!table)
		return -EFAULT;
	memset(table, 0, 6 * PAGE_BYTES);
	table[0] = (MAP_PAGE_TABLES + PAGE_BYTES) | PTE_PRESENT | PTE_WRITE;
	for (uint64_t i = 0; i < 4; i++)
		table[512 + i] = (MAP_PAGE_TABLES + (2 + i) * PAGE_BYTES) | PTE_PRESENT | PTE_WRITE;
	for (uint64_t i = 0; i < 4 * 512; i++)
		table[1024 + i] = i << 21 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	return 0;
}

/* Selectors 0x10 and 0x18 are what the boot protocol asks for; a task segment completes what a processor needs to enter. */
static int write_gdt(struct vm *vm, bool long_mode)
{
	const uint64_t gdt[5] = {
		0, 0, long_mode ? 0x00af9b000000ffff : 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00008b0000000067,
	};

	return mem_write(&vm->mem, MAP_GDT, gdt, sizeof(gdt));
}

int arch_place_kernel(struct vm *vm, struct arch_boot *boot, void *to[IMAGE_SEGMENTS_MAX])
{
	boot->kernel_bytes = 0;
	return boot->image->format == IMAGE_BZIMAGE ? place_bzimage(vm, boot, to) : place_elf(vm, boot, to);
}

int arch_load_rest(struct vm *vm, struct arch_boot *boot)
{
	struct ram_map map;
	int err = load_initrd(vm, boot);

	boot->boot_info = MAP_BOOT_INFO;
	if (!err)
		err = load_cmdline(vm, boot);
	if (err)
		return err;
	ram_map(&map, vm);
	err = boot->pvh ? write_pvh(vm, boot, &map) : write_zero_page(vm, boot, &map);
	if (!err)
		err = write_page_tables(vm);
	if (!err)
		err = write_gdt(vm, !boot->pvh);
	if (!err)
		err = acpi_write(vm, boot->devices, boot->cpus);
	return err;
}
