// SPDX-License-Identifier: Apache-2.0
/* What this architecture asks of KVM once the guest runs: see arch/sandbox.h. */
#include "arch/sandbox.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

const unsigned long arch_restore_ioctls[] = {
	KVM_SET_MP_STATE, KVM_GET_SREGS,    KVM_SET_SREGS, KVM_SET_REGS,	KVM_SET_LAPIC, KVM_SET_XCRS, KVM_SET_XSAVE,
	KVM_SET_DEBUGREGS, KVM_SET_VCPU_EVENTS, KVM_SET_MSRS, KVM_SET_IRQCHIP, 0,
};

const unsigned long arch_vcpu_ioctls[] = { KVM_GET_REGS, KVM_GET_SREGS, KVM_TRANSLATE, 0 };
