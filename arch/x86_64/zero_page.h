// SPDX-License-Identifier: Apache-2.0
/* The zero page, struct boot_params of Linux: x86/zero-page.rst and x86/boot.rst, "The Real-Mode Kernel Header". */
#ifndef ARCH_X86_64_ZERO_PAGE_H
#define ARCH_X86_64_ZERO_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZERO_PAGE_BYTES 4096

/* What we read of a bzImage's set-up header. */
struct setup_header {
	uint64_t pref_address;
	uint32_t init_size;
	uint32_t cmdline_size;
};

/* False, and *header zero, when `setup` is no set-up header of protocol 2.10 or later (the first with pref_address). */
bool zero_page_read_header(struct setup_header *header, const uint8_t *setup, uint32_t setup_bytes);

struct zero_page_boot {
	uint64_t cmdline_gpa, rsdp_gpa;
	uint64_t initrd_gpa, initrd_bytes; /* no initramfs: 0 bytes */
};

/* `setup` is the kernel file from offset 0 on, or empty: then a header that says the least is made up. */
void zero_page_init(uint8_t page[ZERO_PAGE_BYTES], const uint8_t *setup, uint32_t setup_bytes, const struct zero_page_boot *boot);
void zero_page_add_e820(uint8_t page[ZERO_PAGE_BYTES], uint64_t gpa, uint64_t bytes, uint32_t type);

#endif
