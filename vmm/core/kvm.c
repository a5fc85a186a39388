// SPDX-License-Identifier: Apache-2.0
/* KVM ioctls: see kvm.h. */
#include "vmm/core/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define KVM_DEVICE "/dev/kvm"

static int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int n = ioctl(fd, request, arg);

	return n < 0 ? -errno : n;
}

static void explain_open_failure(int err)
{
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		log_error(KVM_DEVICE ": %s: load KVM's module, enable virtualization in the firmware, or, inside a virtual machine, nested "
				     "virtualization on its host ('tinyvmm check' tells which)",
			  strerror(err));
		break;
	case EACCES:
	case EPERM:
		log_error(KVM_DEVICE ": %s: join the group that owns it (sudo usermod -aG kvm $USER, then log in again)", strerror(err));
		break;
	default:
		log_error(KVM_DEVICE ": %s", strerror(err));
	}
}

int kvm_open(struct kvm *kvm)
{
	kvm->vm_fd = -1;
	kvm->next_slot = 0;
	kvm->fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (kvm->fd < 0) {
		int err = -errno;
		explain_open_failure(-err);
		return err;
	}
	int version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		log_error(KVM_DEVICE ": its interface has version %d, not %d: this is no usable KVM", version, KVM_API_VERSION);
		close_fd(&kvm->fd);
		return -ENOTSUP;
	}
	return 0;
}

int kvm_create_vm(struct kvm *kvm, unsigned long type)
{
	/* A signal may interrupt it on some kernels (the mmu notifier's registration). */
	do
		kvm->vm_fd = ioctl(kvm->fd, KVM_CREATE_VM, type);
	while (kvm->vm_fd < 0 && errno == EINTR);
	return kvm->vm_fd < 0 ? -errno : 0;
}

void kvm_release(struct kvm *kvm)
{
	close_fd(&kvm->vm_fd);
	close_fd(&kvm->fd);
}

int kvm_capability(const struct kvm *kvm, unsigned capability)
{
	int fd = kvm->vm_fd >= 0 ? kvm->vm_fd : kvm->fd;
	int n = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)capability);

	return n > 0 ? n : 0;
}

int kvm_enable(const struct kvm *kvm, unsigned capability, uint64_t arg0)
{
	struct kvm_enable_cap cap = { .cap = capability, .args = { arg0 } };

	return kvm_ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap);
}

int kvm_add_memory(struct kvm *kvm, gpa_t gpa, void *host, uint64_t size_bytes, bool read_only)
{
	struct kvm_userspace_memory_region region = {
		.slot = kvm->next_slot,
		.flags = read_only ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = size_bytes,
		.userspace_addr = (uintptr_t)host,
	};
	int err = kvm_ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region);

	if (!err)
		kvm->next_slot++;
	return err;
}

int kvm_create_device(const struct kvm *kvm, uint32_t type)
{
	struct kvm_create_device create = { .type = type };
	int err = kvm_ioctl(kvm->vm_fd, KVM_CREATE_DEVICE, &create);

	return err ? err : (int)create.fd;
}

bool kvm_has_device(const struct kvm *kvm, uint32_t type)
{
	struct kvm_create_device create = { .type = type, .flags = KVM_CREATE_DEVICE_TEST };

	return !kvm_ioctl(kvm->vm_fd, KVM_CREATE_DEVICE, &create);
}

int kvm_set_attr(int fd, uint32_t group, uint64_t attr, const void *value)
{
	struct kvm_device_attr set = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	return kvm_ioctl(fd, KVM_SET_DEVICE_ATTR, &set);
}

int kvm_ioeventfd(const struct kvm *kvm, const struct kvm_notify *notify)
{
	struct kvm_ioeventfd io = {
		.addr = notify->addr,
		.len = notify->len,
		.fd = notify->fd,
		.datamatch = notify->value,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH | (notify->off ? KVM_IOEVENTFD_FLAG_DEASSIGN : 0),
	};

	return kvm_ioctl(kvm->vm_fd, KVM_IOEVENTFD, &io);
}
