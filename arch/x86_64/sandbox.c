// SPDX-License-Identifier: Apache-2.0
/* What arch_vcpu_restore(), arch_vcpu_boot() and arch_vm_restore() ask of KVM. */
#include "arch/sandbox.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

const unsigned long arch_restore_ioctls[] = {
	KVM_SET_MP_STATE, KVM_GET_SREGS,    KVM_SET_SREGS, KVM_SET_REGS,	KVM_SET_LAPIC, KVM_SET_XCRS, KVM_SET_XSAVE,
	KVM_SET_DEBUGREGS, KVM_SET_VCPU_EVENTS, KVM_SET_MSRS, KVM_SET_IRQCHIP, 0,
};
