// SPDX-License-Identifier: Apache-2.0
/*
 * The formats of kernel files, for vmm/kernel.c alone: one reader a format, from a checked file to a struct kernel_image.
 *
 * Nothing here logs: whoever refuses a file says why in `why`, and kernel_open() logs it with the path, or at level info when there is
 * another way.
 */
#ifndef VMM_KERNEL_FORMAT_H
#define VMM_KERNEL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "arch/image.h"

#define KERNEL_WHY_MAX 256
/* What kernel_recognise() and kernel_guess() look at: past the first 32 KiB there is nothing to tell formats by. */
#define KERNEL_HEAD_BYTES 36864

/*
 * `size` bytes from `base` on in fd, which may change while they are read: so they are copied first and checked then. A worker has
 * copied all of them to `data`.
 */
struct kernel_file {
	int fd;
	uint64_t base, size;
	const uint8_t *data; /* NULL: read from fd */
	char why[KERNEL_WHY_MAX];
};

/* Part of a kernel file that holds a compressed kernel. */
struct kernel_payload {
	uint64_t offset, bytes;
};

enum kernel_kind {
	KERNEL_UNKNOWN,
	KERNEL_ELF,
	KERNEL_BZIMAGE,
	KERNEL_ARM64,
	KERNEL_ZBOOT,
	KERNEL_PACKED, /* a compressed file: what comes out of it is recognised again */
};

/* Sets file->why and returns `err`. */
__attribute__((format(printf, 3, 4))) int kernel_refuse(struct kernel_file *file, int err, const char *fmt, ...);
/* -ENOEXEC, with the number of bytes missing in file->why, when the file ends before offset + len. */
int kernel_read(struct kernel_file *file, void *buf, size_t len, uint64_t offset);
/* Checks that the file holds offset + len bytes, and says how many are missing. */
int kernel_holds(struct kernel_file *file, const char *what, uint64_t offset, uint64_t len);

enum kernel_kind kernel_recognise(const uint8_t *head, size_t len);
/* What a file that is no kernel looks like, for "is ..."; never NULL. */
const char *kernel_guess(const uint8_t *head, size_t len);
/* "x86_64" for EM_X86_64, and so on; "an unknown machine" otherwise. */
const char *kernel_machine_name(uint16_t machine);

/*
 * These fill *image, whose fd they leave alone; segment offsets count from the beginning of fd, not from file->base. -ENOEXEC with
 * file->why set, or what reading failed with. `machine` as in kernel_options.
 */
int kernel_read_elf(struct kernel_image *image, struct kernel_file *file, uint16_t machine);
int kernel_read_arm64(struct kernel_image *image, struct kernel_file *file, uint16_t machine);
/* The image that unpacks itself in the guest; *payload (bytes 0: none told) is what it would unpack. */
int kernel_read_bzimage(struct kernel_image *image, struct kernel_file *file, uint16_t machine, struct kernel_payload *payload);
int kernel_read_zboot(struct kernel_file *file, uint16_t machine, struct kernel_payload *payload);

/* Splits ELF segments at holes of the file, so that a loader copies no zeros; the result describes the same memory. */
void kernel_skip_holes(struct kernel_image *image);
/* Fills image->release from "Linux version ..." in its segments, if it is empty. */
void kernel_find_release(struct kernel_image *image);
/* Copies the first word of `text`, at most `len` bytes, if it looks like a release. */
void kernel_set_release(struct kernel_image *image, const char *text, size_t len);

#endif
