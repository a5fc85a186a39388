// SPDX-License-Identifier: Apache-2.0
/* Kernel files made for tests: small, right in every field that is looked at, and patched by a test where it wants them wrong. */
#ifndef TESTS_FAKES_FAKE_KERNEL_H
#define TESTS_FAKES_FAKE_KERNEL_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/util/decompress.h"

struct blob {
	uint8_t *data; /* malloc'ed */
	size_t len;
};

void blob_free(struct blob *blob);

#define FAKE_RELEASE "6.1.0-56-fake"
#define FAKE_TEXT_GPA 0x1000000ull
#define FAKE_TEXT_VIRTUAL 0xffffffff81000000ull
#define FAKE_PVH_ENTRY 0x1000040ull
#define FAKE_DATA_GPA 0x1400000ull
#define FAKE_DATA_ZEROS (1u << 20)

/*
 * An ELF kernel like x86's vmlinux. Program headers: 0 text (with the banner, at a physical entry), 1 data (4 KiB, a megabyte of zeros in
 * the file,
 * 4 KiB, then 64 KiB that is in memory only), 2 notes, the second of which is XEN_ELFNOTE_PHYS32_ENTRY.
 */
struct blob fake_vmlinux(void);
Elf64_Ehdr *fake_elf_header(struct blob *elf);
Elf64_Phdr *fake_elf_segment(struct blob *elf, unsigned i);

/* Packs as the kernel's build does: by the library's own compressor, with the unpacked size appended for all but gzip. */
struct blob fake_pack(enum compression compression, const struct blob *plain);

/* A bzImage whose payload is `payload` as it stands; its version string is "6.1.0-56-setup (fake) #1". */
#define FAKE_SETUP_RELEASE "6.1.0-56-setup"
struct blob fake_bzimage(const struct blob *payload);

/* An arm64 Image with a banner, and a PE header that knows its length. */
struct blob fake_arm64(void);
/* An EFI zboot file that holds it. */
struct blob fake_zboot(const struct blob *payload);

void fake_put16(struct blob *blob, size_t at, uint16_t value);
void fake_put32(struct blob *blob, size_t at, uint32_t value);
void fake_put64(struct blob *blob, size_t at, uint64_t value);

#endif
