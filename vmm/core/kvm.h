// SPDX-License-Identifier: Apache-2.0
/*
 * Thin wrappers of the KVM ioctls (Documentation/virt/kvm/api.rst). Each returns 0, or what it says, or a negative errno; none logs but
 * kvm_open().
 */
#ifndef VMM_CORE_KVM_H
#define VMM_CORE_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/mem.h"

struct kvm {
	int fd;	      /* /dev/kvm */
	int vm_fd;
	unsigned next_slot;
};

/* Opens /dev/kvm and makes a VM of the given type (0 unless an architecture says otherwise). Logs what is wrong and what to do about it. */
int kvm_open(struct kvm *kvm);
int kvm_create_vm(struct kvm *kvm, unsigned long type);
void kvm_release(struct kvm *kvm);

/* A capability's value, 0 when absent. Asked of the VM once there is one. */
int kvm_capability(const struct kvm *kvm, unsigned capability);
int kvm_enable(const struct kvm *kvm, unsigned capability, uint64_t arg0);

int kvm_add_memory(struct kvm *kvm, gpa_t gpa, void *host, uint64_t size_bytes, bool read_only);
/* A device in the kernel of one of KVM_DEV_TYPE_*: its descriptor, or a negative errno (-ENODEV: this KVM has none such). */
int kvm_create_device(const struct kvm *kvm, uint32_t type);
/* Whether that would be possible. */
bool kvm_has_device(const struct kvm *kvm, uint32_t type);
/* An attribute of a device or a vCPU; `value` is 4 or 8 bytes, whichever the attribute takes, or NULL. */
int kvm_set_attr(int fd, uint32_t group, uint64_t attr, const void *value);

/* Writes of `value`, `len` bytes long, at the guest address `addr` signal `fd` and never leave the kernel; with `off`, they do again. */
struct kvm_notify {
	gpa_t addr;
	unsigned len;
	uint64_t value;
	int fd;
	bool off;
};
int kvm_ioeventfd(const struct kvm *kvm, const struct kvm_notify *notify);

#endif
