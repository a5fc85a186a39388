// SPDX-License-Identifier: Apache-2.0
/*
 * Stores that guests read as device memory.
 *
 * A guest maps a device's register page as Device-nGnRE, and where that page is really RAM of the host, its reads go past the caches:
 * of both stages' attributes the stricter counts, unless the processor has FEAT_S2FWB (Arm ARM DDI 0487, "Combining stage 1 and stage 2
 * memory type attributes"). So a line that was written here is cleaned to the point of coherency. Linux lets user space do that
 * (SCTLR_EL1.UCI).
 */
#ifndef ARCH_AARCH64_CACHE_H
#define ARCH_AARCH64_CACHE_H

static inline void cache_clean_word(const void *word)
{
	/* The barrier completes it before whatever tells the guest to look. */
	__asm__ volatile("dc cvac, %0\n\tdsb sy" : : "r"(word) : "memory");
}

#endif
