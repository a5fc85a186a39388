// SPDX-License-Identifier: Apache-2.0
/* The pvpanic device: one byte by which a guest tells that it panicked (QEMU's docs/specs/pvpanic). */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include <stdatomic.h>
#include <stdint.h>

#define PVPANIC_BYTES 1
#define PVPANIC_PANICKED 1u
#define PVPANIC_CRASH_LOADED 2u

/* The call is made on a vCPU's thread. */
struct pvpanic {
	void (*panicked)(void *arg);
	void *arg;
	atomic_bool crash_logged;
};

/* For struct bus_range, with `dev` the struct pvpanic; no lock needed. */
void pvpanic_read(void *pvpanic, uint64_t offset, void *data, unsigned len);
void pvpanic_write(void *pvpanic, uint64_t offset, const void *data, unsigned len);

#endif
