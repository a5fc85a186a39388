// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel, the initramfs and the device tree, put into guest memory: arm64/booting.rst.
 *
 * The kernel goes to the beginning of RAM, where all kernels may be; the tree to the next 2 MiB behind it, since old kernels map no more
 * of it than one such block; the initramfs to the end of RAM.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "arch/aarch64/fdt.h"
#include "arch/aarch64/vm.h"
#include "arch/arch.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define BLOCK_BYTES (2ull << 20)
#define PAGE_BYTES_MAX 0x10000ull
/* The initramfs lies in the same naturally aligned 32 GiB as the kernel. */
#define WINDOW_BYTES (32ull << 30)

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

int arch_place_kernel(struct vm *vm, struct arch_boot *boot, void *to[IMAGE_SEGMENTS_MAX])
{
	const struct image_segment *s = &boot->image->segment[0];
	gpa_t gpa = MAP_RAM + boot->image->text_offset;

	to[0] = mem_at(&vm->mem, gpa, s->mem_bytes);
	if (!to[0]) {
		log_error("the kernel wants %llu MiB of memory, which this machine does not have: give it more with --memory",
			  (unsigned long long)((boot->image->text_offset + s->mem_bytes) >> 20));
		return -ENOMEM;
	}
	boot->kernel_gpa = gpa;
	boot->kernel_bytes = s->mem_bytes;
	boot->entry = gpa + boot->image->entry;
	return 0;
}

static gpa_t tree_gpa(const struct arch_boot *boot)
{
	return round_up(boot->kernel_gpa + boot->kernel_bytes, BLOCK_BYTES);
}

static int load_initrd(struct vm *vm, struct arch_boot *boot)
{
	const struct mem_region *ram = &vm->mem.region[0];
	uint64_t room = round_up(boot->initrd_bytes, PAGE_BYTES_MAX);
	gpa_t top = ram->gpa + ram->size_bytes, bottom = tree_gpa(boot) + FDT_BYTES_MAX;

	if (boot->initrd_fd < 0)
		return 0;
	if (top > WINDOW_BYTES)
		top = WINDOW_BYTES;
	if (bottom > top || boot->initrd_bytes > top - bottom || room > top - bottom) {
		log_error("the initramfs (%llu MiB) does not fit beside the kernel: give the machine more with --memory",
			  (unsigned long long)(boot->initrd_bytes >> 20));
		return -ENOMEM;
	}
	boot->initrd_gpa = (top - room) & ~(PAGE_BYTES_MAX - 1);
	int err = pread_full(boot->initrd_fd, mem_at(&vm->mem, boot->initrd_gpa, room), boot->initrd_bytes, 0);
	if (err)
		log_error("the initramfs can't be read: %s", strerror(-err));
	return err;
}

/* For the guest's first random numbers and its kernel's address. Fails on no Linux that has KVM. */
static void draw_seeds(struct fdt_machine *machine)
{
	if (getrandom(machine->seed, sizeof(machine->seed), 0) != sizeof(machine->seed) ||
	    getrandom(&machine->kaslr_seed, sizeof(machine->kaslr_seed), 0) != sizeof(machine->kaslr_seed))
		log_warn("the host gives no random numbers: the guest starts without");
}

static int write_tree(struct vm *vm, struct arch_boot *boot)
{
	struct fdt_machine machine = {
		.mem = &vm->mem,
		.cpus = boot->cpus,
		.mpidr = vm->arch->mpidr,
		.gic = vm->arch->gic.kind,
		.pmu = vm->arch->pmu,
		.devices = boot->devices,
		.cmdline = boot->cmdline,
		.initrd_gpa = boot->initrd_gpa,
		.initrd_bytes = boot->initrd_fd >= 0 ? boot->initrd_bytes : 0,
	};
	gpa_t gpa = tree_gpa(boot);
	void *to = mem_at(&vm->mem, gpa, FDT_BYTES_MAX);

	if (!to) {
		log_error("there is no room for the device tree behind the kernel: give the machine more with --memory");
		return -ENOMEM;
	}
	draw_seeds(&machine);
	int bytes = fdt_build(to, FDT_BYTES_MAX, &machine);
	if (bytes < 0) {
		log_error("the machine's description does not fit its place: shorten --append");
		return bytes;
	}
	boot->boot_info = gpa;
	boot->boot_info_bytes = (uint64_t)bytes;
	return 0;
}

/* COMMAND_LINE_SIZE of arm64 (arch/arm64/include/uapi/asm/setup.h): a longer one would be cut, silently. */
#define CMDLINE_BYTES_MAX 2048

static int check_cmdline(const struct arch_boot *boot)
{
	size_t bytes = strlen(boot->cmdline) + 1;

	if (bytes <= CMDLINE_BYTES_MAX)
		return 0;
	log_error("the kernel's command line has %zu bytes, and this kernel takes %u: shorten --append", bytes - 1, CMDLINE_BYTES_MAX - 1);
	return -E2BIG;
}

int arch_load_rest(struct vm *vm, struct arch_boot *boot)
{
	int err = check_cmdline(boot);

	if (!err)
		err = load_initrd(vm, boot);
	return err ? err : write_tree(vm, boot);
}
