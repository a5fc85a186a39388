// SPDX-License-Identifier: Apache-2.0
/* ACPI sleep and reset registers: see power.h. */
#include "devices/power.h"

#include <string.h>

#define SLEEP_ENABLE (1u << 5)
#define SLEEP_TYPE(value) ((value) >> 2 & 7)

void power_read(void *power, uint64_t offset, void *data, unsigned len)
{
	(void)power;
	(void)offset;
	memset(data, 0, len);
}

void power_write(void *dev, uint64_t offset, const void *data, unsigned len)
{
	const struct power *power = dev;
	uint8_t value = *(const uint8_t *)data;

	if (len != 1)
		return;
	if (offset == POWER_SLEEP_CONTROL && (value & SLEEP_ENABLE) && SLEEP_TYPE(value) == POWER_SLEEP_TYPE_OFF)
		power->off(power->arg);
	else if (offset == POWER_RESET && value == POWER_RESET_VALUE)
		power->reset(power->arg);
}
