// SPDX-License-Identifier: Apache-2.0
/* The devices of a machine: opened, put on the bus, told to KVM, reset and released together. Main thread only. */
#ifndef VMM_MACHINE_DEVICES_H
#define VMM_MACHINE_DEVICES_H

#include <stdint.h>

#include "vmm/core/loop.h"
#include "vmm/core/vm.h"
#include "vmm/guest_io.h"
#include "vmm/plan.h"
#include "vmm/sandbox.h"

struct machine_devices;

/* Where the devices are put; all of it outlives them. */
struct machine_devices_site {
	struct vm *vm;
	const struct config *config;
	const struct plan *plan;
	struct guest_io *io;
	struct loop *loop;
	const struct sandbox *sandbox;
};

int machine_devices_new(struct machine_devices **devices, const struct machine_devices_site *site);
void machine_devices_free(struct machine_devices *devices); /* accepts NULL */

/* As at power-on. No vCPU runs. */
void machine_devices_reset(struct machine_devices *devices);
/*
 * No vCPU runs any more: hands what the guest has written to its consoles and ports to whom it is for, without waiting. False while
 * something is left that the host has no room for: the loop goes on with it.
 */
bool machine_devices_finish(struct machine_devices *devices);

/* Sends text to guest/init. False when the guest has no room for it now. */
bool machine_devices_tell_init(struct machine_devices *devices, const char *text);

void machine_devices_resize(struct machine_devices *devices, uint16_t columns, uint16_t rows);
/* Presses the power key: the guest decides what comes of it. Any thread, and under a device's lock. */
void machine_devices_press_power_key(struct machine_devices *devices);
/* A break on the serial port. */
void machine_devices_break(struct machine_devices *devices);

#endif
