// SPDX-License-Identifier: Apache-2.0
/* The VM's own set-up on x86_64: interrupt controllers in the kernel, no PIT, x2APIC identifiers. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/arch.h"
#include "arch/x86_64/map.h"
#include "vmm/util/log.h"

#define PICS 2

/*
 * The tables tell of no 8259s, so no guest initialises them: as KVM makes them they are open, and pass each line below 16 on, as an
 * exception's number, to a local APIC whose LINT0 is as at reset. A guest that uses them all the same opens what it wants.
 */
static int close_pics(struct vm *vm)
{
	for (uint32_t i = 0; i < PICS; i++) {
		struct kvm_irqchip pic = { .chip_id = i };
		if (ioctl(vm->kvm.vm_fd, KVM_GET_IRQCHIP, &pic))
			return -errno;
		pic.chip.pic.imr = 0xff;
		if (ioctl(vm->kvm.vm_fd, KVM_SET_IRQCHIP, &pic))
			return -errno;
	}
	return 0;
}

int arch_vm_type(const struct kvm *kvm, uint64_t memory_bytes, unsigned long *type)
{
	(void)kvm;
	(void)memory_bytes;
	*type = 0;
	return 0;
}

int arch_vm_init(struct vm *vm)
{
	uint64_t identity = MAP_KVM_IDENTITY;

	/* Both are for Intel hosts that can't run real mode natively; others accept and ignore them. */
	if (ioctl(vm->kvm.vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) || ioctl(vm->kvm.vm_fd, KVM_SET_TSS_ADDR, MAP_KVM_TSS)) {
		log_error("KVM refuses its own pages' addresses: %s", strerror(errno));
		return -errno;
	}
	/* APIC identifiers above 254 and their broadcast need this; harmless otherwise, and absent only on old kernels. */
	kvm_enable(&vm->kvm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
	if (ioctl(vm->kvm.vm_fd, KVM_CREATE_IRQCHIP, 0)) {
		log_error("KVM gives no interrupt controllers: %s", strerror(errno));
		return -errno;
	}
	int err = close_pics(vm);
	if (err)
		log_error("KVM keeps its 8259s open: %s", strerror(-err));
	return err;
}

int arch_vm_init_late(struct vm *vm)
{
	(void)vm;
	return 0;
}

void arch_vm_release(struct vm *vm)
{
	(void)vm;
}

/*
 * KVM_IRQ_LINE delivers in the calling thread, and the guest goes on meanwhile. An irqfd would first have to wake one of the host's kernel
 * threads to do the same: KVM does it at once for message-signalled interrupts only.
 */
static void pulse(struct irq *irq)
{
	static pthread_mutex_t one_edge = PTHREAD_MUTEX_INITIALIZER;
	const struct vm *vm = irq->arg;
	struct kvm_irq_level line = { .irq = irq->gsi, .level = 1 };

	/* A rise while the line is still up from another thread's is no edge, and would be lost. The line is one that KVM has: no errors. */
	pthread_mutex_lock(&one_edge);
	ioctl(vm->kvm.vm_fd, KVM_IRQ_LINE, &line);
	line.level = 0;
	ioctl(vm->kvm.vm_fd, KVM_IRQ_LINE, &line);
	pthread_mutex_unlock(&one_edge);
}

void arch_irq_init(struct vm *vm, struct irq *irq)
{
	irq->pulse = pulse;
	irq->arg = vm;
}

/* Interrupt controllers are always KVM's own. */
void arch_vcpu_line(struct vm *vm, unsigned cpu, bool level)
{
	(void)vm;
	(void)cpu;
	(void)level;
}

/* The I/O APIC keeps its routing over a reset of the processors; the two PICs, which no guest of ours uses, too. */
#define CHIPS 3

struct vm_state {
	struct kvm_irqchip chip[CHIPS];
};

int arch_vm_save(struct vm *vm, struct vm_state **state)
{
	struct vm_state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	for (unsigned i = 0; i < CHIPS; i++) {
		s->chip[i].chip_id = i;
		if (ioctl(vm->kvm.vm_fd, KVM_GET_IRQCHIP, &s->chip[i])) {
			int err = -errno;
			log_error("KVM does not tell the state of interrupt controller %u: %s", i, strerror(errno));
			free(s);
			return err;
		}
	}
	*state = s;
	return 0;
}

int arch_vm_restore(struct vm *vm, const struct vm_state *state)
{
	for (unsigned i = 0; i < CHIPS; i++) {
		struct kvm_irqchip chip = state->chip[i];
		if (ioctl(vm->kvm.vm_fd, KVM_SET_IRQCHIP, &chip)) {
			log_error("KVM does not reset interrupt controller %u: %s", i, strerror(errno));
			return -errno;
		}
	}
	return 0;
}
