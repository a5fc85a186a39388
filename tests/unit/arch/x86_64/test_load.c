// SPDX-License-Identifier: Apache-2.0
/*
 * arch/x86_64/load.c: what a guest finds in its memory before the first instruction. The machine is memory alone, without KVM; kernels are
 * patterns in memory files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "arch/x86_64/map.h"
#include "tests/fakes/capture.h"
#include "vmm/kernel_load.h"

#define MIB (1ull << 20)

struct machine {
	struct vm vm;
	struct kernel_image image;
	struct dev_list devices;
	struct arch_boot boot;
	char said[4096];
};

static int load_all(struct vm *vm, struct arch_boot *boot)
{
	const struct kernel_seal open = { 0 };
	struct kernel_load load = { .image = boot->image, .seal = &open };
	int err = arch_place_kernel(vm, boot, load.to);

	if (!err)
		err = arch_load_rest(vm, boot);
	return err ? err : kernel_load_here(&load);
}

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
}

static void fill(int fd, uint64_t offset, uint64_t bytes)
{
	uint8_t *data = malloc(bytes);

	for (uint64_t i = 0; i < bytes; i++)
		data[i] = pattern(i);
	assert_int_equal(pwrite(fd, data, bytes, (off_t)offset), bytes);
	free(data);
}

/* A kernel of two segments at 16 MiB, whose file has a hole, and an initramfs of 3 pages and a byte. */
static struct machine *machine(uint64_t memory_bytes)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_int_equal(arch_add_ram(&m->vm.mem, memory_bytes), 0);
	m->vm.cpus = 2;
	m->image.fd = memfd_create("kernel", MFD_CLOEXEC);
	m->image.format = IMAGE_ELF;
	m->image.machine = EM_X86_64;
	m->image.entry = 0x1000100;
	m->image.segment_count = 2;
	m->image.segment[0] = (struct image_segment){ .gpa = 0x1000000, .file_offset = 0x1000, .file_bytes = 0x5000, .mem_bytes = 0x5000 };
	m->image.segment[1] =
		(struct image_segment){ .gpa = 0x1400000, .file_offset = 0x10000, .file_bytes = 0x8000, .mem_bytes = 0x20000 };
	fill(m->image.fd, 0x1000, 0x5000);
	fill(m->image.fd, 0x10000, 0x2000);
	/* From 0x12000 on a hole, up to the end. */
	assert_int_equal(ftruncate(m->image.fd, 0x18000), 0);
	m->devices.count = 1;
	m->devices.dev[0] = (struct dev_desc){ .kind = DEV_POWER, .name = "power", .pio = true, .base = PORT_POWER, .size_bytes = 3 };
	m->boot = (struct arch_boot){
		.image = &m->image,
		.initrd_fd = memfd_create("initramfs", MFD_CLOEXEC),
		.initrd_bytes = 3 * 4096 + 1,
		.cmdline = "console=hvc0 quiet",
		.devices = &m->devices,
		.cpus = 2,
	};
	fill(m->boot.initrd_fd, 0, m->boot.initrd_bytes);
	return m;
}

static void end(struct machine *m)
{
	close(m->image.fd);
	close(m->boot.initrd_fd);
	mem_release(&m->vm.mem);
	free(m);
}

static int load(struct machine *m)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = load_all(&m->vm, &m->boot);

	capture_end(STDERR_FILENO, saved, memory, m->said, sizeof(m->said));
	return err;
}

/* Refused with this code, and these words among what is said. */
static void refused(struct machine *m, int code, const char *words)
{
	assert_int_equal(load(m), code);
	if (!strstr(m->said, words))
		fail_msg("said '%s', not '%s'", m->said, words);
}

static const uint8_t *at(const struct machine *m, uint64_t gpa, uint64_t bytes)
{
	const uint8_t *p = mem_at(&m->vm.mem, gpa, bytes);

	assert_non_null(p);
	return p;
}

static uint64_t get(const struct machine *m, uint64_t gpa, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, at(m, gpa, bytes), bytes);
	return v;
}

static void is_pattern(const struct machine *m, uint64_t gpa, uint64_t bytes)
{
	const uint8_t *p = at(m, gpa, bytes);

	for (uint64_t i = 0; i < bytes; i++)
		assert_int_equal(p[i], pattern(i));
}

static void is_zero(const struct machine *m, uint64_t gpa, uint64_t bytes)
{
	const uint8_t *p = at(m, gpa, bytes);

	for (uint64_t i = 0; i < bytes; i++)
		assert_int_equal(p[i], 0);
}

/* --- the kernel ------------------------------------------------------------------------------------------------------- */

static void segments_are_where_they_belong(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	assert_int_equal(load(m), 0);
	is_pattern(m, 0x1000000, 0x5000);
	is_zero(m, 0x1005000, 0x1000);
	is_pattern(m, 0x1400000, 0x2000);
	is_zero(m, 0x1402000, 0x20000);
	assert_int_equal(m->boot.kernel_gpa, 0x1000000);
	assert_int_equal(m->boot.kernel_bytes, 0x420000);
	assert_false(m->boot.pvh);
	assert_int_equal(m->boot.entry, 0x1000100);
	end(m);
}

/* A machine that restarts loads again; the sums do not grow. */
static void loading_twice_is_loading_once(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	assert_int_equal(load(m), 0);
	struct arch_boot first = m->boot;
	assert_int_equal(mem_clear(&m->vm.mem), 0);
	assert_int_equal(load(m), 0);
	assert_memory_equal(&first, &m->boot, sizeof(first));
	is_pattern(m, 0x1400000, 0x2000);
	is_zero(m, 0x1402000, 0x20000);
	end(m);
}

/* All of it is RAM, or it is refused: past the end, in the hole, around the address space's end. */
static void segments_outside_of_memory(void **state)
{
	static const struct {
		uint64_t gpa, mem_bytes;
	} bad[] = {
		{ 64 * MIB, 0x1000 }, { 64 * MIB - 0x1000, 0x1001 },
		{ 0x1000000, 64 * MIB }, { 0x1000000, UINT64_MAX - 0x1000000 },
		{ MAP_HOLE, 0x1000 }, { MAP_VIRTIO, 0x1000 },
		{ MAP_4G, 0x1000 }, { UINT64_MAX - 0xfff, 0x1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct machine *m = machine(64 * MIB);
		m->image.segment_count = 1;
		m->image.segment[0].gpa = bad[i].gpa;
		m->image.segment[0].mem_bytes = bad[i].mem_bytes;
		m->image.segment[0].file_bytes = 0x1000;
		refused(m, -ENOMEM, "the kernel wants");
		end(m);
	}
}

/* More memory is no help against a kernel that is linked below 1 MiB. */
static void segments_over_the_low_tables(void **state)
{
	static const uint64_t bad[] = { 0, MAP_BOOT_INFO, 0x10000, MAP_LOW_RAM_END, MAP_ACPI, MAP_HIGH_RAM - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct machine *m = machine(64 * MIB);
		m->image.segment[0].gpa = bad[i];
		refused(m, -ENOEXEC, "the first MiB");
		assert_null(strstr(m->said, "--memory"));
		end(m);
	}
}

static void a_kernel_above_4_gib(void **state)
{
	struct machine *m = machine(MAP_HOLE + 64 * MIB);

	(void)state;
	m->image.segment[1].gpa = MAP_4G + 16 * MIB;
	/* The initramfs has to be below. */
	m->image.segment_count = 2;
	close(m->boot.initrd_fd);
	m->boot.initrd_fd = -1;
	assert_int_equal(load(m), 0);
	is_pattern(m, MAP_4G + 16 * MIB, 0x2000);
	end(m);
}

/* A kernel file that became shorter since it was recognised. */
static void a_kernel_cut_short(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	/* What is missing is no hole, to be taken for zeros. */
	assert_int_equal(ftruncate(m->image.fd, 0x17000), 0);
	refused(m, -ENODATA, "the kernel can't be read");
	end(m);
}

/* --- bzImage ---------------------------------------------------------------------------------------------------------- */

static void put_setup(struct machine *m, size_t at, uint64_t value, size_t bytes)
{
	memcpy(m->image.setup + at, &value, bytes);
}

static struct machine *bzimage(void)
{
	struct machine *m = machine(128 * MIB);

	m->image.format = IMAGE_BZIMAGE;
	m->image.segment_count = 1;
	m->image.segment[0].gpa = 0;
	m->image.entry = 0x200;
	m->image.setup_bytes = 0x26c;
	put_setup(m, 0x1fe, 0xaa55, 2);
	put_setup(m, 0x201, 0x6a, 1);
	memcpy(m->image.setup + 0x202, "HdrS", 4);
	put_setup(m, 0x206, 0x20f, 2);
	put_setup(m, 0x230, 0x200000, 4);
	put_setup(m, 0x238, 2047, 4);
	put_setup(m, 0x258, 0x1800000, 8);
	put_setup(m, 0x260, 0x2000000, 4);
	return m;
}

/* boot.rst: at pref_address, with init_size bytes of memory for its own unpacking, entered 0x200 behind its beginning. */
static void a_bzimage_where_it_prefers(void **state)
{
	struct machine *m = bzimage();

	(void)state;
	assert_int_equal(load(m), 0);
	is_pattern(m, 0x1800000, 0x5000);
	assert_int_equal(m->boot.entry, 0x1800200);
	assert_int_equal(m->boot.kernel_gpa, 0x1800000);
	assert_int_equal(m->boot.kernel_bytes, 0x2000000);
	assert_int_equal(get(m, m->boot.boot_info + 0x260, 4), 0x2000000);
	assert_int_equal(get(m, m->boot.boot_info + 0x230, 4), 0x200000);
	end(m);
}

static void a_bzimage_that_wants_too_much(void **state)
{
	static const struct {
		uint64_t pref_address;
		uint32_t init_size;
	} bad[] = { { 0x1800000, 0xffffffff }, { UINT64_MAX - 0xfff, 0x2000 }, { MAP_VIRTIO, 0x1000 }, { 128 * MIB, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct machine *m = bzimage();
		put_setup(m, 0x258, bad[i].pref_address, 8);
		put_setup(m, 0x260, bad[i].init_size, 4);
		refused(m, -ENOMEM, "the kernel wants");
		end(m);
	}
}

/* --- initramfs -------------------------------------------------------------------------------------------------------- */

static void the_initramfs_is_at_the_top(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	assert_int_equal(load(m), 0);
	assert_int_equal(m->boot.initrd_gpa, 64 * MIB - 4 * 4096);
	is_pattern(m, m->boot.initrd_gpa, 3 * 4096 + 1);
	end(m);
}

/* initrd_addr_max of every x86 kernel is below 2 GiB. */
static void the_initramfs_is_below_2_gib(void **state)
{
	static const uint64_t sizes[] = { 2048 * MIB, 3072 * MIB, 5120 * MIB };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct machine *m = machine(sizes[i]);
		assert_int_equal(load(m), 0);
		assert_true(m->boot.initrd_gpa + m->boot.initrd_bytes <= 0x7fffffff);
		assert_int_equal(m->boot.initrd_gpa % 4096, 0);
		is_pattern(m, m->boot.initrd_gpa, 3 * 4096 + 1);
		end(m);
	}
}

/* It ends where the kernel begins to be in its way: the last size that fits, and the first that does not. */
static void an_initramfs_beside_the_kernel(void **state)
{
	uint64_t room = 64 * MIB - 0x1420000;
	const uint64_t sizes[] = { room, room + 1, 64 * MIB, 1ull << 40, INT64_MAX, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct machine *m = machine(64 * MIB);
		m->boot.initrd_bytes = sizes[i];
		if (sizes[i] == room) {
			assert_int_equal(ftruncate(m->boot.initrd_fd, (off_t)room), 0);
			assert_int_equal(load(m), 0);
			assert_int_equal(m->boot.initrd_gpa, 0x1420000);
		} else {
			refused(m, -ENOMEM, "does not fit beside the kernel");
		}
		end(m);
	}
}

static void an_initramfs_cut_short(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	assert_int_equal(ftruncate(m->boot.initrd_fd, 4096), 0);
	refused(m, -ENODATA, "the initramfs can't be read");
	end(m);
}

/* --- the command line ------------------------------------------------------------------------------------------------- */

static char *words(size_t len)
{
	char *text = malloc(len + 1);

	memset(text, 'x', len);
	text[len] = '\0';
	return text;
}

/* What is cut off, or lies behind the kernel's buffer, would be lost without a word. */
static void a_command_line_too_long(void **state)
{
	/*
	 * The length that the kernel's header tells, and what becomes of it: no header, so 2047; less; more than there is room for;
	 * any.
	 */
	static const struct {
		int64_t header;
		size_t longest;
	} limits[] = {
		{ -1, 2047 }, { 2047, 2047 }, { 255, 255 }, { 0x20000, MAP_CMDLINE_BYTES - 1 }, { 0xffffffff, MAP_CMDLINE_BYTES - 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct machine *m = limits[i].header < 0 ? machine(64 * MIB) : bzimage();
		if (limits[i].header >= 0)
			put_setup(m, 0x238, (uint64_t)limits[i].header, 4);
		char *good = words(limits[i].longest), *bad = words(limits[i].longest + 1);
		m->boot.cmdline = good;
		assert_int_equal(load(m), 0);
		assert_string_equal((const char *)at(m, MAP_CMDLINE, MAP_CMDLINE_BYTES), good);
		m->boot.cmdline = bad;
		refused(m, -E2BIG, "shorten --append");
		free(good);
		free(bad);
		end(m);
	}
}

/* --- boot information ------------------------------------------------------------------------------------------------- */

struct range {
	uint64_t gpa, bytes;
	uint32_t type;
};

static void the_map_is(const struct range *got, unsigned count, uint64_t memory_bytes)
{
	uint64_t ram = 0, last = 0;

	for (unsigned i = 0; i < count; i++) {
		assert_true(got[i].bytes > 0);
		assert_true(got[i].gpa >= last);
		last = got[i].gpa + got[i].bytes;
		if (got[i].type != 1)
			continue;
		ram += got[i].bytes;
		/* No RAM where the tables and the devices are. */
		assert_true(last <= MAP_ACPI || got[i].gpa >= MAP_ACPI + MAP_ACPI_BYTES);
		assert_true(last <= MAP_HOLE || got[i].gpa >= MAP_4G);
	}
	assert_int_equal(ram, memory_bytes - (MAP_HIGH_RAM - MAP_LOW_RAM_END));
}

static const uint64_t map_sizes[] = { 64 * MIB, 3072 * MIB, 3073 * MIB, 8192 * MIB };

static void the_zero_page(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(map_sizes) / sizeof(*map_sizes); s++) {
		struct machine *m = machine(map_sizes[s]);
		struct range map[128];
		assert_int_equal(load(m), 0);
		uint64_t page = m->boot.boot_info;
		assert_int_equal(get(m, page + 0x228, 4), MAP_CMDLINE);
		assert_string_equal((const char *)at(m, MAP_CMDLINE, 64), "console=hvc0 quiet");
		assert_int_equal(get(m, page + 0x218, 4), m->boot.initrd_gpa);
		assert_int_equal(get(m, page + 0x21c, 4), m->boot.initrd_bytes);
		assert_memory_equal(at(m, get(m, page + 0x070, 8), 8), "RSD PTR ", 8);
		unsigned count = (unsigned)get(m, page + 0x1e8, 1);
		for (unsigned i = 0; i < count; i++)
			map[i] = (struct range){ get(m, page + 0x2d0 + i * 20, 8), get(m, page + 0x2d8 + i * 20, 8),
						 (uint32_t)get(m, page + 0x2e0 + i * 20, 4) };
		the_map_is(map, count, map_sizes[s]);
		end(m);
	}
}

/* Xen's public/arch-x86/hvm/start_info.h: offsets of version 1. */
static void the_pvh_start_info(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(map_sizes) / sizeof(*map_sizes); s++) {
		struct machine *m = machine(map_sizes[s]);
		struct range map[128];
		m->image.has_pvh = true;
		m->image.pvh_entry = 0x1000040;
		assert_int_equal(load(m), 0);
		assert_true(m->boot.pvh);
		assert_int_equal(m->boot.entry, 0x1000040);
		uint64_t info = m->boot.boot_info;
		assert_int_equal(get(m, info, 4), 0x336ec578);
		assert_int_equal(get(m, info + 4, 4), 1);
		assert_int_equal(get(m, info + 8, 4), 0);
		assert_int_equal(get(m, info + 12, 4), 1);
		uint64_t module = get(m, info + 16, 8);
		assert_int_equal(get(m, module, 8), m->boot.initrd_gpa);
		assert_int_equal(get(m, module + 8, 8), m->boot.initrd_bytes);
		assert_string_equal((const char *)at(m, get(m, info + 24, 8), 64), "console=hvc0 quiet");
		assert_memory_equal(at(m, get(m, info + 32, 8), 8), "RSD PTR ", 8);
		uint64_t table = get(m, info + 40, 8);
		unsigned count = (unsigned)get(m, info + 48, 4);
		for (unsigned i = 0; i < count; i++)
			map[i] = (struct range){ get(m, table + i * 24, 8), get(m, table + i * 24 + 8, 8),
						 (uint32_t)get(m, table + i * 24 + 16, 4) };
		the_map_is(map, count, map_sizes[s]);
		/* All of it is below the page tables. */
		assert_true(table + count * 24 <= MAP_PAGE_TABLES);
		end(m);
	}
}

static void pvh_without_an_initramfs(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	close(m->boot.initrd_fd);
	m->boot.initrd_fd = -1;
	m->image.has_pvh = true;
	m->image.pvh_entry = 0x1000040;
	assert_int_equal(load(m), 0);
	assert_int_equal(get(m, m->boot.boot_info + 12, 4), 0);
	end(m);
}

static void a_zero_page_without_an_initramfs(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	close(m->boot.initrd_fd);
	m->boot.initrd_fd = -1;
	assert_int_equal(load(m), 0);
	assert_int_equal(get(m, m->boot.boot_info + 0x21c, 4), 0);
	end(m);
}

/* --- the processor's tables ------------------------------------------------------------------------------------------- */

/* Walks as a processor does (Intel SDM volume 3A, 4.5). */
static uint64_t walk(const struct machine *m, uint64_t address)
{
	uint64_t pml4e = get(m, MAP_PAGE_TABLES + (address >> 39 & 511) * 8, 8);
	assert_true(pml4e & 1);
	uint64_t pdpte = get(m, (pml4e & ~0xfffull) + (address >> 30 & 511) * 8, 8);
	assert_true(pdpte & 1);
	uint64_t pde = get(m, (pdpte & ~0xfffull) + (address >> 21 & 511) * 8, 8);
	assert_int_equal(pde & 0x83, 0x83); /* present, writable, 2 MiB */
	return (pde & ~0x1fffffull) + (address & 0x1fffff);
}

static void the_first_4_gib_are_mapped_to_themselves(void **state)
{
	struct machine *m = machine(64 * MIB);

	(void)state;
	assert_int_equal(load(m), 0);
	for (uint64_t address = 0; address < MAP_4G; address += 0x1fffff)
		assert_int_equal(walk(m, address), address);
	assert_int_equal(walk(m, MAP_4G - 1), MAP_4G - 1);
	end(m);
}

/* Selectors 0x10 and 0x18: boot.rst, "64-bit Boot Protocol"; the code segment is 64-bit there and 32-bit for PVH. */
static void the_gdt(void **state)
{
	(void)state;
	for (int pvh = 0; pvh < 2; pvh++) {
		struct machine *m = machine(64 * MIB);
		m->image.has_pvh = pvh;
		m->image.pvh_entry = 0x1000040;
		assert_int_equal(load(m), 0);
		uint64_t code = get(m, MAP_GDT + 0x10, 8), data = get(m, MAP_GDT + 0x18, 8), task = get(m, MAP_GDT + 0x20, 8);
		assert_int_equal(get(m, MAP_GDT, 8), 0);
		assert_int_equal(code >> 40 & 0x9a, 0x9a); /* present, code, readable */
		assert_int_equal(code >> 53 & 1, !pvh);	   /* L */
		assert_int_equal(code >> 54 & 1, pvh);	   /* D */
		assert_int_equal(data >> 40 & 0x9a, 0x92);
		assert_int_equal(task >> 40 & 0xff, 0x8b);
		end(m);
	}
}

/* Nothing that is loaded lies on anything else. */
static void the_low_tables_do_not_overlap(void **state)
{
	const struct range low[] = {
		{ MAP_GDT, 40, 0 },		   { MAP_BOOT_INFO, 4096, 0 }, { MAP_PAGE_TABLES, 6 * 4096, 0 },
		{ MAP_CMDLINE, MAP_CMDLINE_BYTES, 0 }, { MAP_ACPI, MAP_ACPI_BYTES, 0 },
	};

	(void)state;
	for (size_t i = 1; i < sizeof(low) / sizeof(*low); i++)
		assert_true(low[i - 1].gpa + low[i - 1].bytes <= low[i].gpa);
	assert_true(MAP_CMDLINE + MAP_CMDLINE_BYTES <= MAP_LOW_RAM_END);
	assert_true(MAP_ACPI + MAP_ACPI_BYTES <= MAP_HIGH_RAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_where_they_belong),
		cmocka_unit_test(loading_twice_is_loading_once),
		cmocka_unit_test(segments_outside_of_memory),
		cmocka_unit_test(segments_over_the_low_tables),
		cmocka_unit_test(a_kernel_above_4_gib),
		cmocka_unit_test(a_kernel_cut_short),
		cmocka_unit_test(a_bzimage_where_it_prefers),
		cmocka_unit_test(a_bzimage_that_wants_too_much),
		cmocka_unit_test(the_initramfs_is_at_the_top),
		cmocka_unit_test(the_initramfs_is_below_2_gib),
		cmocka_unit_test(an_initramfs_beside_the_kernel),
		cmocka_unit_test(an_initramfs_cut_short),
		cmocka_unit_test(a_command_line_too_long),
		cmocka_unit_test(the_zero_page),
		cmocka_unit_test(the_pvh_start_info),
		cmocka_unit_test(pvh_without_an_initramfs),
		cmocka_unit_test(a_zero_page_without_an_initramfs),
		cmocka_unit_test(the_first_4_gib_are_mapped_to_themselves),
		cmocka_unit_test(the_gdt),
		cmocka_unit_test(the_low_tables_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
