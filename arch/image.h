// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel that has been recognised and is ready to be put into guest memory: what vmm/kernel.c finds out and an architecture's loader
 * needs.
 *
 * Checked for the loader: every file_offset + file_bytes lies in the file, file_bytes <= mem_bytes, gpa + mem_bytes does not wrap, segments
 * ascend by gpa and do not overlap, an ELF's entries lie in a segment. Left to the loader: whether all of it is RAM.
 */
#ifndef ARCH_IMAGE_H
#define ARCH_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define IMAGE_SEGMENTS_MAX 16
#define IMAGE_RELEASE_MAX 128
#define IMAGE_SETUP_MAX 0x400

enum image_format {
	IMAGE_ELF,     /* vmlinux: segments, started at `entry` */
	IMAGE_BZIMAGE, /* x86: one segment that unpacks itself in the guest, with its set-up header */
	IMAGE_ARM64,   /* arm64 Image: one segment */
};

struct image_segment {
	uint64_t gpa;	      /* physical address it is linked for (ELF), or 0: the loader's choice */
	uint64_t file_offset; /* in `fd` */
	uint64_t file_bytes;  /* may be 0 */
	uint64_t mem_bytes;   /* at least file_bytes; the rest is zero */
};

struct kernel_image {
	enum image_format format;
	uint16_t machine; /* EM_X86_64 or EM_AARCH64 */
	int fd;		  /* what the segments are read from: the file itself, the cached unpacked one, or a memfd. Owned */

	/* ELF: physical address of the 64-bit entry. bzImage, arm64: offset of the entry in the segment, 0x200 and 0. */
	uint64_t entry;
	bool has_pvh;
	uint32_t pvh_entry; /* ELF: from XEN_ELFNOTE_PHYS32_ENTRY, a physical address */

	unsigned segment_count;
	struct image_segment segment[IMAGE_SEGMENTS_MAX];

	/*
	 * bzImage: the file's first bytes up to the end of the set-up header (x86/boot.rst), at least 0x268 of them; also kept for an ELF
	 * that came out of one, 0 otherwise. The fields that place the kernel (pref_address 0x258, init_size 0x260, kernel_alignment
	 * 0x230) are the file's own and unchecked.
	 */
	uint32_t setup_bytes;
	uint8_t setup[IMAGE_SETUP_MAX];

	/*
	 * arm64 (arm64/booting.rst): the segment goes text_offset past a 2 MiB boundary; anywhere in RAM if arm64_anywhere, else near its
	 * start.
	 */
	uint64_t text_offset;
	bool arm64_anywhere;

	char release[IMAGE_RELEASE_MAX]; /* "6.1.0-56-amd64"; empty when it can't be told */
};

#endif
