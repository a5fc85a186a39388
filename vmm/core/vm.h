// SPDX-License-Identifier: Apache-2.0
/*
 * A virtual machine and its processors, as KVM and an architecture see them: no devices, no files. vmm/machine.h puts the
 * rest around it.
 */
#ifndef VMM_CORE_VM_H
#define VMM_CORE_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/bus.h"
#include "vmm/core/irqchip.h"
#include "vmm/core/kvm.h"
#include "vmm/core/mem.h"

/* Why a machine stops running. The first reason given is the one that counts. */
enum vm_event {
	VM_RUNNING = 0,
	VM_POWEROFF,
	VM_RESET,
	VM_PANIC,
	VM_TIMEOUT,
	VM_QUIT,  /* the user, or a signal */
	VM_FAULT, /* KVM or we failed; it has been logged */
};

struct arch_vm; /* an architecture's own part of a VM */

struct vm {
	struct kvm kvm;
	struct mem mem;
	struct bus mmio, pio;
	unsigned cpus;
	bool accelerated; /* the host's processor runs guests by itself; else KVM emulates instructions, as far as it can */
	const char *irqchip_name; /* which interrupt controller was asked for (arch_map.irqchips); NULL: whatever KVM has */
	struct arch_vm *arch;	  /* made by arch_vm_init(); NULL where none is needed */
	bool irqchip_wanted;	  /* arch_vm_init() found that KVM has no interrupt controller, or not the one asked for */
	struct irqchip *irqchip;  /* then the machine's own; else NULL */
	/* Asks the machine to stop. Any thread. */
	void (*stop)(struct vm *vm, enum vm_event event);
};

struct vcpu_state; /* an architecture's registers, saved */

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
	struct vcpu_state *initial; /* the state before the first instruction, to go back to at a reset; arch's own */
};

#endif
