// SPDX-License-Identifier: Apache-2.0
/*
 * The threads that run the guest: one a vCPU.
 *
 * They start held, before the first instruction; vcpus_run() lets them go, vcpus_hold() brings all of them back out of the guest,
 * wherever they are. While held, the main thread may touch the vCPUs' state and all of guest memory.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "vmm/core/vm.h"

struct vcpus;

/*
 * Makes vm->cpus vCPUs (arch_vcpu_init) and their threads. `enter` is called first thing on each thread (the sandbox); when it fails,
 * vcpus_new does. Logged.
 */
int vcpus_new(struct vcpus **vcpus, struct vm *vm);
int vcpus_start_threads(struct vcpus *vcpus, int (*enter)(void *arg), void *arg);
/* Ends the threads and closes the vCPUs. Accepts NULL and half-built ones. */
void vcpus_free(struct vcpus *vcpus);

struct vcpu *vcpus_get(struct vcpus *vcpus, unsigned index);

void vcpus_run(struct vcpus *vcpus);
/* From any thread, without waiting: the vCPUs leave the guest as soon as they can. The one that calls it does so by itself. */
void vcpus_stop(struct vcpus *vcpus);
/* Main thread: stops all and waits until they are held. */
void vcpus_hold(struct vcpus *vcpus);

#endif
