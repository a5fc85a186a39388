// SPDX-License-Identifier: Apache-2.0
/* The zero page: see zero_page.h. Offsets are the documentation's, so they stand here as numbers with their names. */
#include "arch/x86_64/zero_page.h"

#include <string.h>

#define ACPI_RSDP_ADDR 0x070
#define EXT_RAMDISK_IMAGE 0x0c0
#define EXT_RAMDISK_SIZE 0x0c4
#define EXT_CMD_LINE_PTR 0x0c8
#define E820_ENTRIES 0x1e8
#define SETUP_HEADER 0x1f1
#define VID_MODE 0x1fa
#define BOOT_FLAG 0x1fe
#define JUMP_OFFSET 0x201 /* the header ends at 0x202 + this byte */
#define HEADER_MAGIC 0x202
#define PROTOCOL 0x206
#define TYPE_OF_LOADER 0x210
#define LOADFLAGS 0x211
#define RAMDISK_IMAGE 0x218
#define RAMDISK_SIZE 0x21c
#define CMD_LINE_PTR 0x228
#define INITRD_ADDR_MAX 0x22c
#define CMDLINE_SIZE 0x238
#define PREF_ADDRESS 0x258
#define INIT_SIZE 0x260
#define HEADER_READ_END 0x264 /* behind the last field that is read here; protocol 2.10 has it */
#define HEADER_END_MAX 0x290
#define E820_TABLE 0x2d0
#define E820_ENTRY_BYTES 20

static void put(uint8_t *page, size_t offset, uint64_t value, size_t bytes)
{
	memcpy(page + offset, &value, bytes); /* x86 only: little-endian */
}

static uint64_t get(const uint8_t *page, size_t offset, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, page + offset, bytes);
	return value;
}

static bool has_header(const uint8_t *setup, uint32_t setup_bytes)
{
	return setup_bytes >= HEADER_READ_END && !memcmp(setup + HEADER_MAGIC, "HdrS", 4) && get(setup, PROTOCOL, 2) >= 0x20a;
}

bool zero_page_read_header(struct setup_header *header, const uint8_t *setup, uint32_t setup_bytes)
{
	*header = (struct setup_header){ 0 };
	if (!has_header(setup, setup_bytes))
		return false;
	header->pref_address = get(setup, PREF_ADDRESS, 8);
	header->init_size = (uint32_t)get(setup, INIT_SIZE, 4);
	header->cmdline_size = (uint32_t)get(setup, CMDLINE_SIZE, 4);
	return true;
}

void zero_page_init(uint8_t page[ZERO_PAGE_BYTES], const uint8_t *setup, uint32_t setup_bytes, const struct zero_page_boot *boot)
{
	memset(page, 0, ZERO_PAGE_BYTES);
	if (has_header(setup, setup_bytes)) {
		size_t end = HEADER_MAGIC + (size_t)setup[JUMP_OFFSET];
		if (end > HEADER_END_MAX)
			end = HEADER_END_MAX;
		if (end > setup_bytes)
			end = setup_bytes;
		memcpy(page + SETUP_HEADER, setup + SETUP_HEADER, end - SETUP_HEADER);
	} else {
		put(page, BOOT_FLAG, 0xaa55, 2);
		memcpy(page + HEADER_MAGIC, "HdrS", 4);
		put(page, PROTOCOL, 0x20c, 2);
		put(page, INITRD_ADDR_MAX, 0x7fffffff, 4);
		put(page, CMDLINE_SIZE, 2047, 4);
	}
	put(page, TYPE_OF_LOADER, 0xff, 1); /* no loader of the known ones */
	put(page, LOADFLAGS, get(page, LOADFLAGS, 1) | 1, 1); /* LOADED_HIGH */
	put(page, VID_MODE, 0xffff, 2);	      /* "normal" */
	put(page, ACPI_RSDP_ADDR, boot->rsdp_gpa, 8);
	put(page, CMD_LINE_PTR, boot->cmdline_gpa, 4);
	put(page, EXT_CMD_LINE_PTR, boot->cmdline_gpa >> 32, 4);
	put(page, RAMDISK_IMAGE, boot->initrd_gpa, 4);
	put(page, EXT_RAMDISK_IMAGE, boot->initrd_gpa >> 32, 4);
	put(page, RAMDISK_SIZE, boot->initrd_bytes, 4);
	put(page, EXT_RAMDISK_SIZE, boot->initrd_bytes >> 32, 4);
}

void zero_page_add_e820(uint8_t page[ZERO_PAGE_BYTES], uint64_t gpa, uint64_t bytes, uint32_t type)
{
	size_t at = E820_TABLE + (size_t)page[E820_ENTRIES]++ * E820_ENTRY_BYTES;

	put(page, at, gpa, 8);
	put(page, at + 8, bytes, 8);
	put(page, at + 16, type, 4);
}
