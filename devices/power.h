// SPDX-License-Identifier: Apache-2.0
/*
 * Power-off and reset as ACPI's hardware-reduced machines have them: a sleep control and a sleep status register (ACPI 6.5, 4.8.3.7), and
 * a reset register (4.8.3.6) behind them. Three bytes. And the power key, which has no register at all: its line tells of a press (5.6.9).
 */
#ifndef DEVICES_POWER_H
#define DEVICES_POWER_H

#include <stdint.h>

#include "vmm/core/irq.h"

#define POWER_SLEEP_CONTROL 0
#define POWER_SLEEP_STATUS 1
#define POWER_RESET 2
#define POWER_BYTES 3

#define POWER_SLEEP_TYPE_OFF 5 /* what the DSDT's _S5 says */
#define POWER_RESET_VALUE 1

/* The calls are made on a vCPU's thread; pressing the key is a pulse of its line. */
struct power {
	void (*off)(void *arg);
	void (*reset)(void *arg);
	void *arg;
	struct irq *key; /* NULL: none */
};

/* For struct bus_range, with `dev` the struct power; no lock needed. */
void power_read(void *power, uint64_t offset, void *data, unsigned len);
void power_write(void *power, uint64_t offset, const void *data, unsigned len);

#endif
