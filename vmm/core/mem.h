// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory with checked access.
 *
 * A guest address is a gpa_t and is never dereferenced: mem_at() turns it into a host pointer, and only if every byte of the range is
 * RAM. What the pointer shows is hostile and changes while it is read: copy once, then check the copy.
 *
 * The regions are made before the first vCPU runs and never change after that, so look-ups take no lock and any thread may make
 * them.
 */
#ifndef VMM_CORE_MEM_H
#define VMM_CORE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t;

struct mem_region {
	gpa_t gpa;
	uint64_t size_bytes;
	uint8_t *host;
};

#define MEM_REGIONS_MAX 4

struct mem {
	struct mem_region region[MEM_REGIONS_MAX]; /* ascending, never touching */
	unsigned region_count;
};

/*
 * Adds `size_bytes` of zeroed anonymous private memory at `gpa`, with transparent huge pages asked for. Both must be multiples of the
 * host's page size, and regions are added in ascending order. -ENOMEM when the host has not that much address space.
 */
int mem_add(struct mem *mem, gpa_t gpa, uint64_t size_bytes);
void mem_release(struct mem *mem);

/* Gives all RAM back to the host: it reads as zero again. No vCPU may run meanwhile. */
int mem_clear(struct mem *mem);

/* A pointer to `len` bytes at `gpa`; NULL unless all of them lie in one region. len 0 gives NULL. */
void *mem_at(const struct mem *mem, gpa_t gpa, uint64_t len);

/* Copies in and out; -EFAULT, nothing copied, unless the whole range is RAM. */
int mem_read(const struct mem *mem, gpa_t gpa, void *dst, size_t len);
int mem_write(const struct mem *mem, gpa_t gpa, const void *src, size_t len);

#endif
