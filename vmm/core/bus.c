// SPDX-License-Identifier: Apache-2.0
/* The address bus: see bus.h. */
#include "vmm/core/bus.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int bus_add(struct bus *bus, const struct bus_range *range)
{
	unsigned at = bus->count;

	assert(!bus->frozen && range->size_bytes && range->base + (range->size_bytes - 1) >= range->base);
	if (bus->count == BUS_RANGES_MAX)
		return -ENOSPC;
	while (at > 0 && bus->range[at - 1].base > range->base)
		at--;
	if (at > 0 && range->base - bus->range[at - 1].base < bus->range[at - 1].size_bytes)
		return -EEXIST;
	if (at < bus->count && bus->range[at].base - range->base < range->size_bytes)
		return -EEXIST;
	memmove(&bus->range[at + 1], &bus->range[at], (bus->count - at) * sizeof(*range));
	bus->range[at] = *range;
	bus->count++;
	return 0;
}

void bus_freeze(struct bus *bus)
{
	bus->frozen = true;
}

static const struct bus_range *bus_find(const struct bus *bus, uint64_t addr, unsigned len)
{
	unsigned low = 0, high = bus->count;

	assert(bus->frozen);
	/* An unaligned access across a page reaches us from KVM in two pieces of any width. */
	if (len != 1 && len != 2 && len != 4 && len != 8)
		return NULL;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct bus_range *r = &bus->range[middle];
		if (addr < r->base)
			high = middle;
		else if (addr - r->base >= r->size_bytes)
			low = middle + 1;
		else
			return len <= r->size_bytes - (addr - r->base) ? r : NULL;
	}
	return NULL;
}

bool bus_read(const struct bus *bus, uint64_t addr, void *data, unsigned len)
{
	const struct bus_range *r = bus_find(bus, addr, len);

	if (!r) {
		memset(data, 0xff, len);
		return false;
	}
	if (r->lock)
		pthread_mutex_lock(r->lock);
	r->read(r->dev, addr - r->base, data, len);
	if (r->lock)
		pthread_mutex_unlock(r->lock);
	return true;
}

bool bus_write(const struct bus *bus, uint64_t addr, const void *data, unsigned len)
{
	const struct bus_range *r = bus_find(bus, addr, len);

	if (!r)
		return false;
	if (r->lock)
		pthread_mutex_lock(r->lock);
	r->write(r->dev, addr - r->base, data, len);
	if (r->lock)
		pthread_mutex_unlock(r->lock);
	return true;
}
