// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel files: recognised, unpacked on the host, described. Every byte of them is hostile.
 *
 * bzImage (x86/boot.rst), ELF (with or without a PVH note), arm64 Image (arm64/booting.rst), EFI zboot, and any of these in a gzip, xz,
 * lzma, zstd, lz4 or bzip2 file. A compressed kernel is unpacked to a cache file, found again by the content of the kernel file
 * (kernel_cache.h), and the kernel proper is started directly.
 */
#ifndef VMM_KERNEL_H
#define VMM_KERNEL_H

#include "arch/image.h"

struct kernel_seal;

struct kernel_options {
	const char *path;
	uint16_t machine;     /* EM_X86_64 or EM_AARCH64: anything else in the file is refused by name */
	bool unpack_in_guest; /* start a bzImage at its own 64-bit entry, not at the kernel in its payload */
	bool no_cache;	      /* unpack to a memfd, read and write no cache */
	/*
	 * Where the caller checks what it loads (kernel_cache.h); zeroed, closed after kernel_open() if there is something to check. NULL:
	 * kernel_open() checks. If it does not hold, kernel_open() without a seal makes the cached kernel anew.
	 */
	struct kernel_seal *seal;
};

/*
 * Fills *image; its fd is the caller's, until kernel_close(). A payload that can't be unpacked here (lzo, a library that is missing)
 * falls back to the guest's own decompressor, with a line at log level info; one that is damaged is refused. Every failure is logged with
 * the path and the reason: no such file, not a kernel (what it looks like instead), truncated (by how much), for another architecture.
 * -ENOENT, -EACCES, -EISDIR, -ENOEXEC, or what reading failed with.
 *
 * Unpacking happens in a worker (util/process.h): no decompressor is ever loaded into the calling process. One thread only.
 */
int kernel_open(struct kernel_image *image, const struct kernel_options *options);
/*
 * The release alone, when the head of the file tells it, as a bzImage's does: sooner than kernel_open(), which may unpack. False when only
 * that can tell, or the file is none; nothing is logged.
 */
bool kernel_peek(const char *path, char release[IMAGE_RELEASE_MAX]);
void kernel_close(struct kernel_image *image);

#endif
