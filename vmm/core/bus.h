// SPDX-License-Identifier: Apache-2.0
/*
 * An address bus: which device answers an access that left the guest (MMIO or port I/O; a machine has one bus of each).
 *
 * Ranges are added while the machine is built, then frozen; look-ups after that take no lock of the bus. A range names its device's
 * lock, which the bus holds around the handlers: device code takes none. vCPU threads call bus_read() and bus_write().
 */
#ifndef VMM_CORE_BUS_H
#define VMM_CORE_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct bus_range {
	const char *name; /* for messages; lives as long as the bus */
	uint64_t base, size_bytes;
	void *dev;
	/*
	 * `len` is 1, 2, 4 or 8 and offset + len never passes the range's end. `data` is little-endian guest order and not
	 * aligned. read() fills all len bytes.
	 */
	void (*read)(void *dev, uint64_t offset, void *data, unsigned len);
	void (*write)(void *dev, uint64_t offset, const void *data, unsigned len);
	pthread_mutex_t *lock; /* NULL: the handlers need none */
};

#define BUS_RANGES_MAX 64

struct bus {
	struct bus_range range[BUS_RANGES_MAX]; /* sorted by base once frozen */
	unsigned count;
	bool frozen;
};

/* -EEXIST when it overlaps another range, -ENOSPC when the bus is full. */
int bus_add(struct bus *bus, const struct bus_range *range);
void bus_freeze(struct bus *bus);

/*
 * False when no device is there: reads then give all ones, as on a real bus, and writes go nowhere. An access that crosses
 * out of a range, or has a width other than 1, 2, 4 or 8, is nobody's.
 */
bool bus_read(const struct bus *bus, uint64_t addr, void *data, unsigned len);
bool bus_write(const struct bus *bus, uint64_t addr, const void *data, unsigned len);

#endif
