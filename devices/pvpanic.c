// SPDX-License-Identifier: Apache-2.0
/* The pvpanic device: see pvpanic.h. */
#include "devices/pvpanic.h"

#include <string.h>

#include "vmm/util/log.h"

void pvpanic_read(void *pvpanic, uint64_t offset, void *data, unsigned len)
{
	(void)pvpanic;
	(void)offset;
	memset(data, 0, len);
	*(uint8_t *)data = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED; /* the events we understand */
}

void pvpanic_write(void *dev, uint64_t offset, const void *data, unsigned len)
{
	struct pvpanic *pvpanic = dev;
	uint8_t value = *(const uint8_t *)data;

	(void)offset;
	(void)len;
	/* With a crash kernel loaded the guest goes on, to write its dump. */
	if (value & PVPANIC_CRASH_LOADED) {
		if (!atomic_exchange(&pvpanic->crash_logged, true))
			log_warn("the guest's kernel panicked and starts its crash kernel");
	} else if (value & PVPANIC_PANICKED) {
		pvpanic->panicked(pvpanic->arg);
	}
}
