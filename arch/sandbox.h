// SPDX-License-Identifier: Apache-2.0
/* The ioctls with which this architecture restores a machine's first state: for the main thread's list of vmm/sandbox.c. */
#ifndef ARCH_SANDBOX_H
#define ARCH_SANDBOX_H

/* Ends with 0. */
extern const unsigned long arch_restore_ioctls[];

#endif
