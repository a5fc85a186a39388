// SPDX-License-Identifier: Apache-2.0
/*
 * arm64 Image (Documentation/arch/arm64/booting.rst, "Call the kernel image") and the EFI zboot file that holds one compressed
 * (drivers/firmware/efi/libstub/zboot-header.S).
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "vmm/kernel_format.h"

struct arm64_header {
	uint32_t code0, code1;
	uint64_t text_offset;
	uint64_t image_size;
	uint64_t flags;
	uint64_t reserved[3];
	uint32_t magic;
	uint32_t pe_offset;
};

struct zboot_header {
	uint32_t mz;
	char type[4]; /* "zimg" */
	uint32_t payload_offset, payload_bytes;
	uint32_t reserved[2];
	char compression[32];
	uint32_t pe_magic;
	uint32_t pe_offset;
};

/* PE/COFF Specification, 3.3 (behind the signature) and 4. */
struct pe_header {
	char signature[4];
	uint16_t machine, section_count;
	uint32_t unused[3];
	uint16_t optional_bytes, characteristics;
};

struct pe_section {
	char name[8];
	uint32_t memory_bytes, address;
	uint32_t file_bytes, file_offset;
	uint32_t unused[4];
};

#define PE_MACHINE_ARM64 0xaa64
/* Kernels have two to four. */
#define PE_SECTIONS_MAX 16

#define FLAG_BIG_ENDIAN (1ull << 0)
#define FLAG_ANYWHERE (1ull << 3)
/* booting.rst: image_size 0 comes from kernels before 3.17, whose text_offset was always this. */
#define OLD_TEXT_OFFSET 0x80000
#define OFFSET_ALIGN (2ull << 20)
/* Far more than any kernel: keeps the loader's sums small. */
#define IMAGE_BYTES_MAX (1ull << 30)

/*
 * An Image says how much memory it needs, not how long its file is: whether that was cut only the PE header tells, which is there for EFI.
 * Without one the file is taken as it is.
 */
static int check_sections(struct kernel_file *file, uint64_t pe_offset)
{
	struct pe_header pe;
	struct pe_section section;

	if (!pe_offset || pe_offset + sizeof(pe) > file->size)
		return 0;
	int err = kernel_read(file, &pe, sizeof(pe), pe_offset);
	if (err || memcmp(pe.signature, "PE\0", sizeof(pe.signature)))
		return err;
	uint64_t at = pe_offset + sizeof(pe) + le16toh(pe.optional_bytes);
	for (unsigned i = 0; !err && i < le16toh(pe.section_count) && i < PE_SECTIONS_MAX; i++) {
		err = kernel_read(file, &section, sizeof(section), at + i * sizeof(section));
		if (!err)
			err = kernel_holds(file, "the kernel", le32toh(section.file_offset), le32toh(section.file_bytes));
	}
	return err;
}

int kernel_read_arm64(struct kernel_image *image, struct kernel_file *file, uint16_t machine)
{
	struct arm64_header h;
	int err = kernel_read(file, &h, sizeof(h), 0);

	if (err)
		return err;
	if (machine != EM_AARCH64)
		return kernel_refuse(file, -ENOEXEC, "it is for %s; this is %s", kernel_machine_name(EM_AARCH64),
				     kernel_machine_name(machine));
	err = check_sections(file, le32toh(h.pe_offset));
	if (err)
		return err;
	if (le64toh(h.flags) & FLAG_BIG_ENDIAN)
		return kernel_refuse(file, -ENOEXEC, "it is a big-endian arm64 kernel; a little-endian one is needed");

	uint64_t bytes = le64toh(h.image_size);
	uint64_t file_bytes = bytes && bytes < file->size ? bytes : file->size;
	image->text_offset = bytes ? le64toh(h.text_offset) : OLD_TEXT_OFFSET;
	if (bytes > IMAGE_BYTES_MAX || file_bytes > IMAGE_BYTES_MAX || image->text_offset >= OFFSET_ALIGN)
		return kernel_refuse(file, -ENOEXEC, "its header asks for 0x%lx bytes at offset 0x%lx", bytes, image->text_offset);
	image->format = IMAGE_ARM64;
	image->machine = EM_AARCH64;
	image->arm64_anywhere = le64toh(h.flags) & FLAG_ANYWHERE;
	image->entry = 0;
	image->segment_count = 1;
	image->segment[0] = (struct image_segment){0, file->base, file_bytes, bytes > file_bytes ? bytes : file_bytes};
	return 0;
}

int kernel_read_zboot(struct kernel_file *file, uint16_t machine, struct kernel_payload *payload)
{
	struct zboot_header h;
	struct pe_header pe;
	int err = kernel_read(file, &h, sizeof(h), 0);

	if (!err)
		err = kernel_read(file, &pe, sizeof(pe), le32toh(h.pe_offset));
	if (err)
		return err;
	if (le16toh(pe.machine) != PE_MACHINE_ARM64)
		return kernel_refuse(file, -ENOEXEC, "it is an EFI zboot kernel for PE machine 0x%x, not for aarch64", le16toh(pe.machine));
	if (machine != EM_AARCH64)
		return kernel_refuse(file, -ENOEXEC, "it is for %s; this is %s", kernel_machine_name(EM_AARCH64),
				     kernel_machine_name(machine));
	payload->offset = le32toh(h.payload_offset);
	payload->bytes = le32toh(h.payload_bytes);
	return kernel_holds(file, "the compressed kernel", payload->offset, payload->bytes);
}
