// SPDX-License-Identifier: Apache-2.0
/*
 * arch/aarch64/load.c: what a guest finds in its memory before the first instruction (arm64/booting.rst). The machine is memory alone,
 * without KVM; kernels are patterns in memory files. Plain C, so it is tested on every host.
 */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/aarch64/fdt.h"
#include "arch/aarch64/vm.h"
#include "arch/arch.h"
#include "tests/fakes/capture.h"
#include "vmm/kernel_load.h"

#define MIB (1ull << 20)
#define KERNEL_BYTES 0x12345
#define INITRD_BYTES (3 * 4096 + 1)

struct machine {
	struct vm vm;
	struct arch_vm arch;
	struct kernel_image image;
	struct dev_list devices;
	struct arch_boot boot;
	char said[4096];
};

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
}

static int file_of(uint64_t offset, uint64_t bytes)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	uint8_t *data = malloc(bytes);

	for (uint64_t i = 0; i < bytes; i++)
		data[i] = pattern(i);
	assert_int_equal(pwrite(fd, data, bytes, (off_t)offset), bytes);
	free(data);
	return fd;
}

static bool is_pattern(const struct machine *m, gpa_t gpa, uint64_t bytes)
{
	const uint8_t *data = mem_at(&m->vm.mem, gpa, bytes);

	assert_non_null(data);
	for (uint64_t i = 0; i < bytes; i++) {
		if (data[i] != pattern(i))
			return false;
	}
	return true;
}

/* A kernel that takes more memory than its file has, and an initramfs of 3 pages and a byte. */
static struct machine *machine(uint64_t memory_bytes)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_int_equal(mem_add(&m->vm.mem, MAP_RAM, memory_bytes), 0);
	m->vm.cpus = 2;
	m->vm.arch = &m->arch;
	m->arch.gic.kind = GIC_V2;
	m->arch.mpidr[1] = 1;
	m->image = (struct kernel_image){
		.format = IMAGE_ARM64,
		.fd = file_of(0x1000, KERNEL_BYTES),
		.segment_count = 1,
		.segment = { { .file_offset = 0x1000, .file_bytes = KERNEL_BYTES, .mem_bytes = 5 * MIB + 0x100 } },
	};
	m->boot = (struct arch_boot){
		.image = &m->image,
		.initrd_fd = file_of(0, INITRD_BYTES),
		.initrd_bytes = INITRD_BYTES,
		.cmdline = "quiet",
		.devices = &m->devices,
		.cpus = 2,
	};
	return m;
}

static void discard(struct machine *m)
{
	close(m->image.fd);
	if (m->boot.initrd_fd >= 0)
		close(m->boot.initrd_fd);
	mem_release(&m->vm.mem);
	free(m);
}

static int load_all(struct machine *m)
{
	const struct kernel_seal open = { 0 };
	struct kernel_load load = { .image = m->boot.image, .seal = &open };
	int err = arch_place_kernel(&m->vm, &m->boot, load.to);

	if (!err)
		err = arch_load_rest(&m->vm, &m->boot);
	return err ? err : kernel_load_here(&load);
}

/* Loads, and keeps what is said. */
static int load(struct machine *m)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = load_all(m);

	capture_end(STDERR_FILENO, saved, memory, m->said, sizeof(m->said));
	return err;
}

static const void *chosen(const struct machine *m, const char *name)
{
	const void *tree = mem_at(&m->vm.mem, m->boot.boot_info, m->boot.boot_info_bytes);

	assert_non_null(tree);
	assert_int_equal(fdt_check_full(tree, m->boot.boot_info_bytes), 0);
	return fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), name, NULL);
}

static uint64_t chosen_address(const struct machine *m, const char *name)
{
	const void *value = chosen(m, name);
	fdt64_t address;

	assert_non_null(value);
	memcpy(&address, value, sizeof(address));
	return fdt64_to_cpu(address);
}

/* --- where things are --------------------------------------------------------------------------------------------- */

static void kernel_and_tree(void **state)
{
	struct machine *m = machine(128 * MIB);

	(void)state;
	assert_int_equal(load(m), 0);
	assert_int_equal(m->boot.entry, MAP_RAM);
	assert_true(is_pattern(m, MAP_RAM, KERNEL_BYTES));
	/* Its own data is behind its file, and zero; the tree is behind that. */
	const uint8_t *bss = mem_at(&m->vm.mem, MAP_RAM + KERNEL_BYTES, 5 * MIB + 0x100 - KERNEL_BYTES);
	for (uint64_t i = 0; i < 5 * MIB + 0x100 - KERNEL_BYTES; i++)
		assert_int_equal(bss[i], 0);
	assert_true(m->boot.boot_info >= MAP_RAM + 5 * MIB + 0x100);
	/* booting.rst: at most 2 MiB, and for old kernels within one block of that size. */
	assert_int_equal(m->boot.boot_info % (2 * MIB), 0);
	assert_true(m->boot.boot_info_bytes <= 2 * MIB);
	assert_string_equal(chosen(m, "bootargs"), "quiet");
	discard(m);
}

/* Kernels before 5.10 want to be somewhere past a 2 MiB boundary. */
static void text_offset(void **state)
{
	struct machine *m = machine(128 * MIB);

	(void)state;
	m->image.text_offset = 0x80000;
	assert_int_equal(load(m), 0);
	assert_int_equal(m->boot.entry, MAP_RAM + 0x80000);
	assert_true(is_pattern(m, MAP_RAM + 0x80000, KERNEL_BYTES));
	discard(m);
}

static void initrd(void **state)
{
	struct machine *m = machine(128 * MIB);

	(void)state;
	assert_int_equal(load(m), 0);
	uint64_t start = chosen_address(m, "linux,initrd-start");
	assert_int_equal(chosen_address(m, "linux,initrd-end"), start + INITRD_BYTES);
	assert_true(is_pattern(m, start, INITRD_BYTES));
	/* Guests with pages of any size free what it took. */
	assert_int_equal(start % 0x10000, 0);
	assert_true(start >= m->boot.boot_info + m->boot.boot_info_bytes);
	discard(m);
}

static void no_initrd(void **state)
{
	struct machine *m = machine(128 * MIB);

	(void)state;
	close(m->boot.initrd_fd);
	m->boot.initrd_fd = -1;
	assert_int_equal(load(m), 0);
	assert_null(chosen(m, "linux,initrd-start"));
	discard(m);
}

/* booting.rst: within the 32 GiB in which the kernel is. */
static void much_memory(void **state)
{
	struct mem room = { 0 };

	(void)state;
	if (mem_add(&room, MAP_RAM, 64ull << 30)) {
		print_message("skip: the host gives no 64 GiB of address space\n");
		skip();
	}
	mem_release(&room);
	struct machine *m = machine(64ull << 30);
	assert_int_equal(load(m), 0);
	assert_true(chosen_address(m, "linux,initrd-end") <= 32ull << 30);
	assert_true(is_pattern(m, chosen_address(m, "linux,initrd-start"), INITRD_BYTES));
	discard(m);
}

static void seeds(void **state)
{
	struct machine *m = machine(128 * MIB);
	uint8_t first[FDT_SEED_BYTES];

	(void)state;
	assert_int_equal(load(m), 0);
	uint64_t kaslr = chosen_address(m, "kaslr-seed");
	memcpy(first, chosen(m, "rng-seed"), sizeof(first));
	/* A restart, too, begins with numbers of its own. */
	assert_int_equal(load(m), 0);
	assert_memory_not_equal(first, chosen(m, "rng-seed"), sizeof(first));
	assert_true(kaslr != chosen_address(m, "kaslr-seed"));
	discard(m);
}

/* --- what does not fit -------------------------------------------------------------------------------------------- */

static void refused(struct machine *m, int err, const char *said)
{
	assert_int_equal(load(m), err);
	if (!strstr(m->said, said))
		fail_msg("'%s' is not said in: %s", said, m->said);
	discard(m);
}

static void kernel_too_big(void **state)
{
	(void)state;
	refused(machine(4 * MIB), -ENOMEM, "the kernel wants 5 MiB");
}

static void kernel_beyond_all_memory(void **state)
{
	struct machine *m = machine(128 * MIB);

	(void)state;
	m->image.segment[0].mem_bytes = UINT64_MAX;
	refused(m, -ENOMEM, "--memory");
}

static void tree_beyond_memory(void **state)
{
	struct machine *m = machine(6 * MIB);

	(void)state;
	close(m->boot.initrd_fd);
	m->boot.initrd_fd = -1;
	refused(m, -ENOMEM, "no room for the device tree");
}

static void initrd_too_big(void **state)
{
	static const uint64_t sizes[] = { 130 * MIB, 121 * MIB, UINT64_MAX, UINT64_MAX - 0x1000, 1ull << 63 };

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct machine *m = machine(128 * MIB);
		m->boot.initrd_bytes = sizes[i];
		refused(m, -ENOMEM, "the initramfs");
	}
}

static void initrd_cut_short(void **state)
{
	struct machine *m = machine(128 * MIB);

	(void)state;
	m->boot.initrd_bytes = INITRD_BYTES + 1;
	assert_true(load(m) < 0);
	assert_non_null(strstr(m->said, "the initramfs can't be read"));
	discard(m);
}

static void long_command_line(void **state)
{
	char text[2049];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[2047] = '\0';
	struct machine *m = machine(128 * MIB);
	m->boot.cmdline = text;
	assert_int_equal(load(m), 0);
	discard(m);
	text[2047] = 'a';
	text[2048] = '\0';
	m = machine(128 * MIB);
	m->boot.cmdline = text;
	refused(m, -E2BIG, "shorten --append");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_and_tree),
		cmocka_unit_test(text_offset),
		cmocka_unit_test(initrd),
		cmocka_unit_test(no_initrd),
		cmocka_unit_test(much_memory),
		cmocka_unit_test(seeds),
		cmocka_unit_test(kernel_too_big),
		cmocka_unit_test(kernel_beyond_all_memory),
		cmocka_unit_test(tree_beyond_memory),
		cmocka_unit_test(initrd_too_big),
		cmocka_unit_test(initrd_cut_short),
		cmocka_unit_test(long_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
