// SPDX-License-Identifier: Apache-2.0
/*
 * A processor of an x86_64 machine: CPUID, the registers it starts with, its state saved for a reset, and its own exits.
 *
 * CPUID is set before any MSR is read or written: Linux 6.13 and later check MSRs against it. Some entries of KVM's own MSR list
 * cannot be read, and some that can be read cannot be written back; neither is an error.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/arch.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/map.h"
#include "arch/x86_64/paging.h"
#include "vmm/util/log.h"

#define MSR_IA32_TSC 0x10
#define MSR_IA32_MISC_ENABLE 0x1a0
#define MISC_ENABLE_FAST_STRINGS 1u
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE (1u << 11)
#define MTRR_WRITE_BACK 6u
#define MSRS_MAX 512

static int fail(const struct vcpu *vcpu, const char *what)
{
	int err = -errno;

	log_error("vCPU %u: KVM refuses %s: %s", vcpu->index, what, strerror(-err));
	return err;
}

static int set_cpuid(struct vcpu *vcpu)
{
	const struct kvm *kvm = &vcpu->vm->kvm;
	struct cpuid_table *table = calloc(1, sizeof(*table));
	int err = 0;

	if (!table)
		return -ENOMEM;
	table->head.nent = CPUID_ENTRIES_MAX;
	if (ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, table)) {
		err = fail(vcpu, "to tell its CPUID");
	} else {
		int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
		struct cpuid_machine machine = {
			.cpus = vcpu->vm->cpus,
			.tsc_deadline = kvm_capability(kvm, KVM_CAP_TSC_DEADLINE_TIMER),
			.tsc_khz = khz > 0 ? (unsigned)khz : 0,
		};
		cpuid_adjust(table, &machine, vcpu->index);
		if (ioctl(vcpu->fd, KVM_SET_CPUID2, table))
			err = fail(vcpu, "the CPUID");
	}
	free(table);
	return err;
}

/* One MSR; false when this KVM has none such. */
static bool set_msr(const struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return ioctl(vcpu->fd, KVM_SET_MSRS, &msrs) == 1;
}

int arch_vcpu_init(struct vcpu *vcpu)
{
	int err = set_cpuid(vcpu);

	if (err)
		return err;
	if (!set_msr(vcpu, MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRINGS) ||
	    !set_msr(vcpu, MSR_MTRR_DEF_TYPE, MTRR_ENABLE | MTRR_WRITE_BACK))
		log_debug("vCPU %u: this KVM keeps no MISC_ENABLE or MTRR", vcpu->index);
	return 0;
}

static struct kvm_segment flat_segment(uint16_t selector, bool code, bool long_mode)
{
	return (struct kvm_segment){
		.base = 0,
		.limit = 0xffffffff,
		.selector = selector,
		.type = code ? 0xb : 0x3, /* execute-read or read-write, accessed */
		.present = 1,
		.s = 1,
		.db = !long_mode,
		.l = long_mode,
		.g = 1,
	};
}

/* x86/boot.rst, "64-bit Boot Protocol"; for PVH, Xen's docs/misc/pvh.pandoc: 32-bit, paging off. */
static void boot_segments(struct kvm_sregs *sregs, bool long_mode)
{
	struct kvm_segment data = flat_segment(0x18, false, false);

	sregs->cs = flat_segment(0x10, true, long_mode);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){ .limit = 0x67, .selector = 0x20, .type = 0xb, .present = 1 };
	sregs->ldt = (struct kvm_segment){ .unusable = 1 };
	sregs->gdt.base = MAP_GDT;
	sregs->gdt.limit = 5 * 8 - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
	sregs->cr0 = CR0_PE | CR0_ET | (long_mode ? CR0_PG : 0);
	sregs->cr3 = long_mode ? MAP_PAGE_TABLES : 0;
	sregs->cr4 = long_mode ? CR4_PAE : 0;
	sregs->efer = long_mode ? EFER_LME | EFER_LMA : 0;
}

int arch_vcpu_boot(struct vcpu *vcpu, const struct arch_boot *boot)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rflags = 2, .rip = boot->entry };

	/* All others wait for the first one's INIT and SIPI, which the kernel's local APIC carries out. */
	if (vcpu->index > 0)
		return 0;
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return fail(vcpu, "to tell its segment registers");
	boot_segments(&sregs, !boot->pvh);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs))
		return fail(vcpu, "its segment registers");
	if (boot->pvh)
		regs.rbx = boot->boot_info;
	else
		regs.rsi = boot->boot_info;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return fail(vcpu, "its registers");
	return 0;
}

/* --- the state before the first instruction ------------------------------------------------------------------------------------ */

struct vcpu_state {
	struct kvm_mp_state mp_state;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_xcrs xcrs;
	struct kvm_xsave *xsave;
	uint32_t msr_count;
	struct kvm_msr_entry msr[MSRS_MAX];
};

/* As many as KVM takes of them at once: a call each would be the longest part of saving a vCPU. */
struct msr_batch {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[MSRS_MAX];
};

/*
 * KVM stops at the first MSR that it can't read or write and says how many came before it: so many are in the batch. The caller goes on
 * behind that one.
 */
static uint32_t transfer_msrs(const struct vcpu *vcpu, unsigned long request, struct msr_batch *batch, const struct kvm_msr_entry *msr,
			      uint32_t count)
{
	batch->head = (struct kvm_msrs){ .nmsrs = count };
	memcpy(batch->entry, msr, count * sizeof(*msr));
	int n = ioctl(vcpu->fd, request, batch);
	return n < 0 ? 0 : (uint32_t)n < count ? (uint32_t)n : count;
}

static int save_msrs(const struct vcpu *vcpu, struct vcpu_state *s)
{
	struct {
		struct kvm_msr_list head;
		uint32_t index[MSRS_MAX];
	} list = { .head.nmsrs = MSRS_MAX };
	struct {
		struct msr_batch batch;
		struct kvm_msr_entry wanted[MSRS_MAX];
	} *work;
	uint32_t count = 0;

	if (ioctl(vcpu->vm->kvm.fd, KVM_GET_MSR_INDEX_LIST, &list))
		return 0;
	work = calloc(1, sizeof(*work));
	if (!work)
		return -ENOMEM;
	for (uint32_t i = 0; i < list.head.nmsrs; i++) {
		/* Time goes on over a reset. */
		if (list.index[i] != MSR_IA32_TSC)
			work->wanted[count++].index = list.index[i];
	}
	for (uint32_t first = 0; first < count; first++) {
		uint32_t n = transfer_msrs(vcpu, KVM_GET_MSRS, &work->batch, work->wanted + first, count - first);
		memcpy(s->msr + s->msr_count, work->batch.entry, n * sizeof(*s->msr));
		s->msr_count += n;
		first += n;
	}
	free(work);
	return 0;
}

static int restore_msrs(struct vcpu *vcpu, const struct vcpu_state *s)
{
	struct msr_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return -ENOMEM;
	for (uint32_t first = 0; first < s->msr_count; first++) {
		first += transfer_msrs(vcpu, KVM_SET_MSRS, batch, s->msr + first, s->msr_count - first);
		if (first < s->msr_count)
			log_debug("vCPU %u: MSR 0x%x is not written back", vcpu->index, s->msr[first].index);
	}
	free(batch);
	return 0;
}

static struct kvm_xsave *xsave_alloc(const struct vcpu *vcpu)
{
	int bytes = kvm_capability(&vcpu->vm->kvm, KVM_CAP_XSAVE2);

	return calloc(1, bytes > (int)sizeof(struct kvm_xsave) ? (size_t)bytes : sizeof(struct kvm_xsave));
}

int arch_vcpu_save(struct vcpu *vcpu)
{
	struct vcpu_state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	vcpu->initial = s;
	s->xsave = xsave_alloc(vcpu);
	if (!s->xsave)
		return -ENOMEM;
	bool big = kvm_capability(&vcpu->vm->kvm, KVM_CAP_XSAVE2) > 0;
	if (ioctl(vcpu->fd, KVM_GET_MP_STATE, &s->mp_state) || ioctl(vcpu->fd, KVM_GET_SREGS, &s->sregs) ||
	    ioctl(vcpu->fd, KVM_GET_REGS, &s->regs) || ioctl(vcpu->fd, KVM_GET_LAPIC, &s->lapic) ||
	    ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &s->events) || ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &s->debugregs) ||
	    ioctl(vcpu->fd, KVM_GET_XCRS, &s->xcrs) || ioctl(vcpu->fd, big ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, s->xsave))
		return fail(vcpu, "to tell its state");
	return save_msrs(vcpu, s);
}

int arch_vcpu_restore(struct vcpu *vcpu)
{
	struct vcpu_state *s = vcpu->initial;

	/* The APIC's mode comes with sregs, so the local APIC's registers follow it. */
	if (ioctl(vcpu->fd, KVM_SET_MP_STATE, &s->mp_state) || ioctl(vcpu->fd, KVM_SET_SREGS, &s->sregs) ||
	    ioctl(vcpu->fd, KVM_SET_REGS, &s->regs) || ioctl(vcpu->fd, KVM_SET_LAPIC, &s->lapic) ||
	    ioctl(vcpu->fd, KVM_SET_XCRS, &s->xcrs) || ioctl(vcpu->fd, KVM_SET_XSAVE, s->xsave) ||
	    ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &s->debugregs) || ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &s->events))
		return fail(vcpu, "to be reset");
	return restore_msrs(vcpu, s);
}

void arch_vcpu_release(struct vcpu *vcpu)
{
	if (vcpu->initial)
		free(vcpu->initial->xsave);
	free(vcpu->initial);
	vcpu->initial = NULL;
}

/* --- exits ------------------------------------------------------------------------------------------------------------------------ */

static void port_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	/* A string instruction gives `count` items at once. */
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(&vcpu->vm->pio, run->io.port, data, run->io.size);
		else
			bus_read(&vcpu->vm->pio, run->io.port, data, run->io.size);
	}
}

void arch_vcpu_ran(struct vcpu *vcpu)
{
	(void)vcpu;
}

/* KVM has no such event here. */
bool arch_reset_is_panic(const struct vcpu *vcpu)
{
	(void)vcpu;
	return false;
}

/* The last of the ways in which Linux reboots; or a fault where nothing could handle it, and then this is all there is to see. */
static void log_triple_fault(struct vcpu *vcpu)
{
	struct kvm_sregs sregs = { 0 };
	struct kvm_regs regs = { 0 };

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	log_debug("vCPU %u: triple fault at 0x%llx (cr0 0x%llx, cr2 0x%llx, cr3 0x%llx, cr4 0x%llx)", vcpu->index, regs.rip, sregs.cr0, sregs.cr2,
		  sregs.cr3, sregs.cr4);
}

bool arch_vcpu_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		port_io(vcpu);
		return true;
	case KVM_EXIT_SHUTDOWN:
		log_triple_fault(vcpu);
		vcpu->vm->stop(vcpu->vm, VM_RESET);
		return true;
	default:
		return false;
	}
}

static void format_bytes(char *text, size_t room, const uint8_t *bytes, unsigned count)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (unsigned i = 0; i < count && used + 4 <= room; i++) {
		if (i)
			text[used++] = ' ';
		text[used++] = digits[bytes[i] >> 4];
		text[used++] = digits[bytes[i] & 15];
	}
	text[used] = '\0';
}

/* The instruction that KVM could not emulate: from the exit itself where the kernel tells it, else from the guest's memory. */
static unsigned failed_instruction(struct vcpu *vcpu, uint64_t rip, uint8_t bytes[15])
{
	const struct kvm_run *run = vcpu->run;

	if (run->emulation_failure.ndata >= 3 && (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		unsigned count = run->emulation_failure.insn_size;
		count = count > 15 ? 15 : count;
		memcpy(bytes, run->emulation_failure.insn_bytes, count);
		return count;
	}
	struct kvm_translation where = { .linear_address = rip };
	if (ioctl(vcpu->fd, KVM_TRANSLATE, &where) || !where.valid)
		return 0;
	uint64_t left = 0x1000 - (where.physical_address & 0xfff);
	unsigned count = left < 15 ? (unsigned)left : 15;
	return mem_read(&vcpu->vm->mem, where.physical_address, bytes, count) ? 0 : count;
}

void arch_vcpu_explain(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = { 0 };
	uint8_t bytes[15];
	char text[64];

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
		log_error("vCPU %u: the processor refused to enter the guest (hardware reason 0x%llx) at 0x%llx", vcpu->index,
			  run->fail_entry.hardware_entry_failure_reason, regs.rip);
		return;
	}
	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
		log_error("vCPU %u: KVM internal error %u at 0x%llx", vcpu->index, run->internal.suberror, regs.rip);
		return;
	}
	format_bytes(text, sizeof(text), bytes, failed_instruction(vcpu, regs.rip, bytes));
	log_error("vCPU %u: KVM could not emulate the instruction at 0x%llx: %s", vcpu->index, regs.rip, text[0] ? text : "(not readable)");
	if (!vcpu->vm->accelerated)
		log_error("this host's KVM has no hardware behind it and emulates instructions in software, which a stock kernel is too "
			  "much for: run on a host with VT-x or AMD-V, or with nested virtualization enabled ('tinyvmm check')");
	else
		log_error("the guest ran into memory that is no code, or touched a device with an instruction that KVM does not know");
}
