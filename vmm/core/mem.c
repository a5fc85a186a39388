// SPDX-License-Identifier: Apache-2.0
/* Guest memory: see mem.h. */
#include "vmm/core/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Huge pages on the host need host and guest addresses that agree modulo this. */
#define HUGE_PAGE_BYTES (2ull << 20)

int mem_add(struct mem *mem, gpa_t gpa, uint64_t size_bytes)
{
	const struct mem_region *last = mem->region_count ? &mem->region[mem->region_count - 1] : NULL;
	uint64_t room;

	assert(mem->region_count < MEM_REGIONS_MAX && size_bytes && gpa + (size_bytes - 1) >= gpa);
	assert(!last || gpa > last->gpa + last->size_bytes);
	if (__builtin_add_overflow(size_bytes, HUGE_PAGE_BYTES, &room) || room > SIZE_MAX)
		return -ENOMEM;
	/* PROT_NONE first: the part that alignment cuts off is given back before anything counts as committed. */
	uint8_t *host = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host == MAP_FAILED)
		return -ENOMEM;
	uint64_t lead = (gpa - (uintptr_t)host) & (HUGE_PAGE_BYTES - 1);
	if (lead)
		munmap(host, lead);
	host += lead;
	munmap(host + size_bytes, HUGE_PAGE_BYTES - lead); /* never nothing: lead is less */
	if (mprotect(host, size_bytes, PROT_READ | PROT_WRITE)) {
		munmap(host, size_bytes);
		return -ENOMEM;
	}
	/* Both are wishes: a host without huge pages runs the guest as well, and core dumps are only smaller for the second. */
	madvise(host, size_bytes, MADV_HUGEPAGE);
	madvise(host, size_bytes, MADV_DONTDUMP);
	mem->region[mem->region_count++] = (struct mem_region){ .gpa = gpa, .size_bytes = size_bytes, .host = host };
	return 0;
}

void mem_release(struct mem *mem)
{
	for (unsigned i = 0; i < mem->region_count; i++)
		munmap(mem->region[i].host, mem->region[i].size_bytes);
	mem->region_count = 0;
}

int mem_clear(struct mem *mem)
{
	for (unsigned i = 0; i < mem->region_count; i++) {
		if (madvise(mem->region[i].host, mem->region[i].size_bytes, MADV_DONTNEED))
			return -errno;
	}
	return 0;
}

void *mem_at(const struct mem *mem, gpa_t gpa, uint64_t len)
{
	if (!len)
		return NULL;
	for (unsigned i = 0; i < mem->region_count; i++) {
		const struct mem_region *r = &mem->region[i];
		/* gpa below the region wraps to a huge offset and fails the first test. */
		uint64_t offset = gpa - r->gpa;
		if (offset < r->size_bytes && len <= r->size_bytes - offset)
			return r->host + offset;
	}
	return NULL;
}

int mem_read(const struct mem *mem, gpa_t gpa, void *dst, size_t len)
{
	const void *src = mem_at(mem, gpa, len);

	if (!src)
		return -EFAULT;
	memcpy(dst, src, len);
	return 0;
}

int mem_write(const struct mem *mem, gpa_t gpa, const void *src, size_t len)
{
	void *dst = mem_at(mem, gpa, len);

	if (!dst)
		return -EFAULT;
	memcpy(dst, src, len);
	return 0;
}
