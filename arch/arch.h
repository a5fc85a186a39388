// SPDX-License-Identifier: Apache-2.0
/*
 * What an architecture gives: the hooks between KVM and the machine, in the order in which a machine's life calls them.
 *
 * arch/x86_64 and arch/aarch64 each implement all of it, under the same file names: map.c (addresses), vm.c (before and after the vCPUs),
 * vcpu.c (registers, exits), load.c (kernel and tables into memory). What one of them has no use for does nothing there. All return 0 or
 * a negative errno, and log what they fail at. Main thread only, but for arch_vcpu_exit(), arch_vcpu_ran(), arch_vcpu_line(), and an
 * irq's pulse().
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include "arch/dev_desc.h"
#include "arch/image.h"
#include "vmm/core/irq.h"
#include "vmm/core/vm.h"

/* Where this architecture's machine has its devices. */
struct arch_map {
	uint16_t elf_machine; /* EM_X86_64, EM_AARCH64 */
	uint64_t virtio_base, virtio_stride_bytes;
	unsigned gsi_first, gsi_count; /* lines for virtio devices; shared when there are more devices */
	bool platform_pio;	       /* the next ones are ports */
	uint64_t serial_base, pvpanic_base;
	uint64_t power_base; /* ACPI's registers; 0: power is not a device's business here */
	unsigned power_gsi;  /* ACPI's power key; 0: it is on a GPIO pin */
	uint64_t gpio_base;  /* a PL061; 0: none */
	unsigned gpio_gsi;
	const char *power_key_module; /* the power key's driver */
	uint64_t rtc_base;   /* a PL031; 0: guests have a clock of another kind */
	unsigned serial_gsi;
	unsigned cpus_max;
	const char *const *irqchips; /* what --gic takes, ends with NULL; NULL: there is nothing to choose */
	uint64_t gicd_base, gicc_base; /* where a GICv2 is that the machine itself has (vm->irqchip_wanted) */
	bool device_tree;	     /* boot_info is one (--dump-dtb) */
	/*
	 * Where guests may read a device's register page past the host's cache: called with each 32-bit word of it that was stored. NULL
	 * where a store is seen by itself.
	 */
	void (*publish)(const void *word);
	const char *earlycon; /* kernel parameter for the serial port before any driver */
	const char *serial_console; /* "ttyS0" */
	const char *cmdline; /* parameters that suit this machine */
};
extern const struct arch_map arch_map;

/* Whether machines of this architecture may have ARM's devices: GICv2, PL031, PL061. A constant, so that programs of another don't carry them. */
#ifdef __aarch64__
#define ARCH_ARM_DEVICES true
#else
#define ARCH_ARM_DEVICES false
#endif

/* Adds guest RAM around the holes of the address map. -ENOMEM, logged. */
int arch_add_ram(struct mem *mem, uint64_t bytes);

/*
 * What KVM_CREATE_VM is to be told for a guest with so much memory, more than arch_add_ram() would take included. -E2BIG, logged, when the
 * host's KVM has not that much address space for a guest.
 */
int arch_vm_type(const struct kvm *kvm, uint64_t memory_bytes, unsigned long *type);

/* Before the vCPUs: the VM's own set-up (interrupt controllers that come first, time, limits). */
int arch_vm_init(struct vm *vm);
int arch_vcpu_init(struct vcpu *vcpu);
/* After the last vCPU (interrupt controllers that need them). */
int arch_vm_init_late(struct vm *vm);
/* Frees vm->arch. Accepts a VM that was never set up. */
void arch_vm_release(struct vm *vm);

/* Gives a line (vmm/core/irq.h), whose gsi is set, its pulse(). After arch_vm_init_late(). */
void arch_irq_init(struct vm *vm, struct irq *irq);
/* Sets the interrupt input of a processor, for an interrupt controller outside KVM (vm->irqchip). Any thread. */
void arch_vcpu_line(struct vm *vm, unsigned cpu, bool level);

/* Everything that goes into guest memory before the first instruction. */
struct arch_boot {
	const struct kernel_image *image;
	int initrd_fd; /* -1: none */
	uint64_t initrd_bytes;
	const char *cmdline;
	const struct dev_list *devices;
	unsigned cpus;

	/* Filled in by the two loaders, for arch_vcpu_boot(). */
	bool pvh;	  /* x86: 32-bit PVH entry, else the 64-bit one */
	gpa_t entry;	  /* first instruction */
	gpa_t boot_info;  /* zero page, PVH start info or device tree */
	uint64_t boot_info_bytes;
	gpa_t initrd_gpa;
	gpa_t kernel_gpa;
	uint64_t kernel_bytes;
};
/*
 * Where the kernel goes, if it fits: each segment of the image to to[i], which has room for its mem_bytes. Needs nothing but guest memory,
 * and copies nothing.
 */
int arch_place_kernel(struct vm *vm, struct arch_boot *boot, void *to[IMAGE_SEGMENTS_MAX]);
/* After it: initramfs, command line, boot information, tables. The kernel's bytes need not be there yet. */
int arch_load_rest(struct vm *vm, struct arch_boot *boot);

/* The registers with which a vCPU starts; also what a reset goes back to. Frees nothing; arch_vcpu_release() does. */
int arch_vcpu_boot(struct vcpu *vcpu, const struct arch_boot *boot);
/* Remembers the state of a vCPU that has not run yet, boot registers aside; then takes it back. */
int arch_vcpu_save(struct vcpu *vcpu);
int arch_vcpu_restore(struct vcpu *vcpu);
void arch_vcpu_release(struct vcpu *vcpu);
/* The same for what belongs to the VM (interrupt controllers). */
struct vm_state;
int arch_vm_save(struct vm *vm, struct vm_state **state);
int arch_vm_restore(struct vm *vm, const struct vm_state *state);

/* After each return from KVM_RUN, before the exit is looked at. On the vCPU's thread. */
void arch_vcpu_ran(struct vcpu *vcpu);
/* The guest asked for a reset (KVM_SYSTEM_EVENT_RESET): whether it did because its kernel panicked. */
bool arch_reset_is_panic(const struct vcpu *vcpu);
/*
 * Handles an exit that is not the same everywhere. On the vCPU's thread. False when it knows no such exit either.
 */
bool arch_vcpu_exit(struct vcpu *vcpu);
/* KVM gave up (KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_FAIL_ENTRY): logs what is known and what it means. */
void arch_vcpu_explain(struct vcpu *vcpu);

#endif
