// SPDX-License-Identifier: Apache-2.0
/*
 * hold-vm: keeps a virtual machine whose one processor never runs, until it is killed. nested/init starts it.
 *
 * A KVM that has a machine, or a local APIC that is switched off, patches branches into code that all processors run (preempt notifiers in
 * the scheduler, apic_sw_disabled), and patches them out with the last one. QEMU's TCG before 8.1, with a thread for each processor, can
 * miss such a change while another processor's thread translates the same page, and from then on runs what was there before: the int3 of
 * Linux' text_poke_bp(), for ever. As long as there is this machine nothing is patched when others come and go.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) || ioctl(vm, KVM_CREATE_VCPU, 0) < 0) {
		perror("hold-vm");
		return 1;
	}
	for (;;)
		pause();
}
