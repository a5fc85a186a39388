// SPDX-License-Identifier: Apache-2.0
/*
 * bzImage (Documentation/arch/x86/boot.rst): the set-up header, the protected-mode kernel behind it, and the compressed kernel in that.
 *
 * The 64-bit boot protocol is the only one used, so kernels before 2.12 (Linux 3.8) and 32-bit ones are refused.
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "vmm/kernel_format.h"

/* "The Real-Mode Kernel Header": offsets in the file. */
#define SETUP_SECTS 0x1f1
#define SETUP_SYSSIZE 0x1f4
#define SETUP_HEADER 0x202
#define SETUP_JUMP_OFFSET 0x201
#define SETUP_VERSION 0x206
#define SETUP_KERNEL_VERSION 0x20e
#define SETUP_LOADFLAGS 0x211
#define SETUP_XLOADFLAGS 0x236
#define SETUP_PAYLOAD_OFFSET 0x248
#define SETUP_PAYLOAD_LENGTH 0x24c
#define SETUP_INIT_SIZE 0x260
#define SETUP_BYTES_MIN 0x268 /* up to handover_offset, protocol 2.12 */

#define VERSION_2_12 0x020c
#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x0001
#define ENTRY_64 0x200

static uint16_t get16(const uint8_t *setup, size_t at)
{
	uint16_t v;

	memcpy(&v, setup + at, sizeof(v));
	return le16toh(v);
}

static uint32_t get32(const uint8_t *setup, size_t at)
{
	uint32_t v;

	memcpy(&v, setup + at, sizeof(v));
	return le32toh(v);
}

/* The header's end is told by its own first jump: boot.rst, "64-bit Boot Protocol". */
static int read_setup(struct kernel_image *image, struct kernel_file *file)
{
	uint8_t *setup = image->setup;
	int err = kernel_read(file, setup, SETUP_BYTES_MIN, 0);

	if (err)
		return err;
	if (get16(setup, SETUP_VERSION) < VERSION_2_12)
		return kernel_refuse(file, -ENOEXEC, "it speaks boot protocol %u.%02u; 2.12 (Linux 3.8) or later is needed",
				     setup[SETUP_VERSION + 1], setup[SETUP_VERSION]);
	if (!(get16(setup, SETUP_XLOADFLAGS) & XLF_KERNEL_64) || !(setup[SETUP_LOADFLAGS] & LOADED_HIGH))
		return kernel_refuse(file, -ENOEXEC, "it is a 32-bit x86 kernel; a 64-bit one is needed");
	image->setup_bytes = SETUP_HEADER + setup[SETUP_JUMP_OFFSET];
	if (image->setup_bytes < SETUP_BYTES_MIN)
		return kernel_refuse(file, -ENOEXEC, "its set-up header ends at 0x%x, too early for protocol 2.12", image->setup_bytes);
	_Static_assert(SETUP_HEADER + 0xff <= IMAGE_SETUP_MAX, "the longest header fits");
	return kernel_read(file, setup, image->setup_bytes, 0);
}

/* "6.1.0-56-amd64 (builder@host) #1 SMP ...": its first word is what uname -r says. */
static void read_release(struct kernel_image *image, struct kernel_file *file)
{
	char text[IMAGE_RELEASE_MAX];
	uint64_t at = get16(image->setup, SETUP_KERNEL_VERSION);

	if (at && !kernel_read(file, text, sizeof(text), at + 0x200))
		kernel_set_release(image, text, sizeof(text));
}

int kernel_read_bzimage(struct kernel_image *image, struct kernel_file *file, uint16_t machine, struct kernel_payload *payload)
{
	const uint8_t *setup = image->setup;
	int err;

	if (machine != EM_X86_64)
		return kernel_refuse(file, -ENOEXEC, "it is for %s; this is %s", kernel_machine_name(EM_X86_64),
				     kernel_machine_name(machine));
	err = read_setup(image, file);
	if (err)
		return err;

	/* 0 stands for 4, as in the oldest kernels; the boot sector comes first. */
	uint64_t start = (uint64_t)((setup[SETUP_SECTS] ? setup[SETUP_SECTS] : 4) + 1) * 512;
	uint64_t bytes = (uint64_t)get32(setup, SETUP_SYSSIZE) * 16;
	/* syssize is rounded up to 16 bytes, and some kernels are not padded to it. */
	err = kernel_holds(file, "the kernel", start, bytes > 15 ? bytes - 15 : bytes);
	if (err)
		return err;
	if (bytes <= ENTRY_64)
		return kernel_refuse(file, -ENOEXEC, "its set-up header tells of a kernel of %lu bytes", bytes);
	if (bytes > file->size - start)
		bytes = file->size - start;

	*payload = (struct kernel_payload){start + get32(setup, SETUP_PAYLOAD_OFFSET), get32(setup, SETUP_PAYLOAD_LENGTH)};
	if (!payload->bytes)
		payload->offset = 0;
	err = kernel_holds(file, "the compressed kernel", payload->offset, payload->bytes);
	if (err)
		return err;

	uint32_t init_size = get32(setup, SETUP_INIT_SIZE);
	image->format = IMAGE_BZIMAGE;
	image->machine = EM_X86_64;
	image->entry = ENTRY_64;
	image->segment_count = 1;
	image->segment[0] = (struct image_segment){0, file->base + start, bytes, init_size > bytes ? init_size : bytes};
	read_release(image, file);
	return 0;
}
