// SPDX-License-Identifier: Apache-2.0
/* What this architecture asks of KVM once the guest runs: see arch/sandbox.h. */
#include "arch/sandbox.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

const unsigned long arch_restore_ioctls[] = {
	KVM_ARM_VCPU_INIT, KVM_SET_ONE_REG, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR, 0,
};

const unsigned long arch_vcpu_ioctls[] = { KVM_GET_ONE_REG, KVM_SET_VCPU_EVENTS, 0 };
