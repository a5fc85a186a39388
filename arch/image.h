// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel that has been recognised and is ready to be put into guest memory: what vmm/kernel.c finds out and an architecture's loader needs.
 */
#ifndef ARCH_IMAGE_H
#define ARCH_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define IMAGE_SEGMENTS_MAX 16
#define IMAGE_RELEASE_MAX 128
#define IMAGE_SETUP_MAX 0x1000

enum image_format {
	IMAGE_ELF,     /* vmlinux: segments, started at `entry` */
	IMAGE_BZIMAGE, /* x86: one segment that unpacks itself in the guest, with its set-up header */
	IMAGE_ARM64,   /* arm64 Image: one segment */
};

struct image_segment {
	uint64_t gpa;	      /* physical address it is linked for (ELF), or 0: the loader's choice */
	uint64_t file_offset; /* in `fd`; file_offset + file_bytes was checked against the file's size */
	uint64_t file_bytes;
	uint64_t mem_bytes;   /* at least file_bytes; the rest is zero */
};

struct kernel_image {
	enum image_format format;
	uint16_t machine;     /* EM_X86_64 or EM_AARCH64 */
	int fd;		      /* what the segments are read from: the file itself, the cached unpacked one, or a memfd. Owned */
	uint64_t entry;	      /* ELF: physical address of the 64-bit entry */
	bool has_pvh;
	uint32_t pvh_entry;   /* ELF: from XEN_ELFNOTE_PHYS32_ENTRY, a physical address */
	unsigned segment_count;
	struct image_segment segment[IMAGE_SEGMENTS_MAX];
	uint32_t setup_bytes;	/* bzImage: the set-up header's bytes from file offset 0 on, also kept for an ELF that came out of one */
	uint8_t setup[IMAGE_SETUP_MAX];
	char release[IMAGE_RELEASE_MAX]; /* "6.1.0-56-amd64"; empty when it can't be told */
};

#endif
