// SPDX-License-Identifier: Apache-2.0
/* The ioctls by which this architecture does its part once the guest runs: for the lists of vmm/sandbox.c. Each list ends with 0. */
#ifndef ARCH_SANDBOX_H
#define ARCH_SANDBOX_H

/* The main thread restores a machine's first state: arch_vcpu_restore(), arch_vcpu_boot() and arch_vm_restore(). */
extern const unsigned long arch_restore_ioctls[];
/* A vCPU's thread, besides KVM_RUN: arch_vcpu_exit() and arch_vcpu_explain(). */
extern const unsigned long arch_vcpu_ioctls[];

#endif
