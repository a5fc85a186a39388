// SPDX-License-Identifier: Apache-2.0
/*
 * A device as data, for whoever describes the machine to the guest (ACPI, device tree) or to the user (--dry-run): address, size, line,
 * kind. So the code that writes tables includes no device.
 */
#ifndef ARCH_DEV_DESC_H
#define ARCH_DEV_DESC_H

#include <stdbool.h>
#include <stdint.h>

enum dev_kind {
	DEV_VIRTIO_MMIO, /* MMIO, one line */
	DEV_SERIAL,	 /* 16550; ports on x86, memory elsewhere */
	DEV_PVPANIC,	 /* one byte */
	DEV_POWER,	 /* x86: ACPI sleep and reset registers; the line is the power key's */
	DEV_RTC,	 /* PL031 */
	DEV_GPIO,	 /* PL061, with the power key at GPIO_POWER_KEY_PIN */
};

struct dev_desc {
	enum dev_kind kind;
	char name[16];	 /* "disk0" */
	bool pio;
	uint64_t base, size_bytes;
	unsigned gsi;	 /* 0: no line */
};

#define DEV_DESC_MAX 48
#define GPIO_POWER_KEY_PIN 3

struct dev_list {
	struct dev_desc dev[DEV_DESC_MAX];
	unsigned count;
};

#endif
