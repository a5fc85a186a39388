// SPDX-License-Identifier: Apache-2.0
/* What the readers of kernel formats share: checked reading, recognition by magic numbers, the release. See kernel_format.h. */
#include "vmm/kernel_format.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/util/decompress.h"
#include "vmm/util/io.h"

int kernel_refuse(struct kernel_file *file, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(file->why, sizeof(file->why), fmt, args);
	va_end(args);
	return err;
}

int kernel_holds(struct kernel_file *file, const char *what, uint64_t offset, uint64_t len)
{
	uint64_t end;

	if (__builtin_add_overflow(offset, len, &end))
		return kernel_refuse(file, -ENOEXEC, "its header is damaged: %s would end past 2^64", what);
	if (end > file->size)
		return kernel_refuse(file, -ENOEXEC, "it is truncated: %s ends at byte %lu, %lu bytes past the end of the file", what, end,
				     end - file->size);
	return 0;
}

int kernel_read(struct kernel_file *file, void *buf, size_t len, uint64_t offset)
{
	int err = kernel_holds(file, "its header", offset, len);

	if (err)
		return err;
	if (file->data) {
		memcpy(buf, file->data + offset, len);
		return 0;
	}
	err = pread_full(file->fd, buf, len, file->base + offset);
	if (err == -ENODATA)
		return kernel_refuse(file, -ENOEXEC, "it became shorter while it was read");
	return err ? kernel_refuse(file, err, "cannot read it: %s", strerror(-err)) : 0;
}

static bool has(const uint8_t *head, size_t len, size_t at, const char *magic, size_t magic_len)
{
	return at + magic_len <= len && !memcmp(head + at, magic, magic_len);
}

enum kernel_kind kernel_recognise(const uint8_t *head, size_t len)
{
	if (has(head, len, 0, ELFMAG, SELFMAG))
		return KERNEL_ELF;
	if (has(head, len, 0x1fe, "\x55\xaa", 2) && has(head, len, 0x202, "HdrS", 4))
		return KERNEL_BZIMAGE;
	if (has(head, len, 0, "MZ", 2) && has(head, len, 4, "zimg", 4))
		return KERNEL_ZBOOT;
	if (has(head, len, 56, "ARM\x64", 4))
		return KERNEL_ARM64;
	return compression_detect(head, len) == COMPRESSION_NONE ? KERNEL_UNKNOWN : KERNEL_PACKED;
}

static bool is_text(const uint8_t *head, size_t len)
{
	if (len > 512)
		len = 512;
	for (size_t i = 0; i < len; i++) {
		if (head[i] < ' ' && head[i] != '\n' && head[i] != '\t' && head[i] != '\r')
			return false;
	}
	return true;
}

const char *kernel_guess(const uint8_t *head, size_t len)
{
	static const struct {
		size_t at;
		uint8_t len;
		char magic[9];
		const char *what;
	} known[] = {
		{0, 6, "070701", "a cpio archive (an initrd?)"},
		{0, 6, "070702", "a cpio archive (an initrd?)"},
		{0, 8, "!<arch>\n", "an ar archive or a Debian package"},
		{0, 4, "\xed\xab\xee\xdb", "an RPM package"},
		{257, 5, "ustar", "a tar archive"},
		{0, 4, "PK\x03\x04", "a zip archive"},
		{0, 4, "QFI\xfb", "a qcow2 disk image"},
		{0, 4, "hsqs", "a squashfs image"},
		{0, 4, "XFSB", "an XFS image"},
		{0x438, 2, "\x53\xef", "an ext2, ext3 or ext4 image"},
		{0x8001, 5, "CD001", "an ISO 9660 image"},
		{512, 8, "EFI PART", "a partitioned disk image"},
		{0, 4, "\x27\x05\x19\x56", "a U-Boot image"},
		{0, 4, "\xd0\x0d\xfe\xed", "a device tree or a U-Boot FIT image"},
		{0, 2, "MZ", "an EFI program"},
		{0x1fe, 2, "\x55\xaa", "a disk image or boot sector"},
		{0, 2, "#!", "a script"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (has(head, len, known[i].at, known[i].magic, known[i].len))
			return known[i].what;
	}
	if (!len)
		return "empty";
	return is_text(head, len) ? "a text file" : "in no format known here";
}

const char *kernel_machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "aarch64";
	case EM_386:
		return "i386";
	case EM_ARM:
		return "32-bit Arm";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	default:
		return "an unknown machine";
	}
}

/* --- holes ------------------------------------------------------------------------------------------------------------------- */

/* A smaller gap is not worth a segment. */
#define HOLE_BYTES_MIN (256u << 10)

/* The next stretch of data in [from, to): false when only zeros are left. A file system that can't tell holes has one stretch. */
static bool next_data(int fd, uint64_t from, uint64_t to, uint64_t *start, uint64_t *end)
{
	off_t data = lseek(fd, (off_t)from, SEEK_DATA);

	if (data < 0 && errno == ENXIO)
		return false;
	off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	*start = data < 0 ? from : (uint64_t)data;
	*end = hole < 0 || (uint64_t)hole > to ? to : (uint64_t)hole;
	return *start < to;
}

/* Appends the pieces of `whole` to `image`, leaving room for `reserve` more segments. */
static void split_segment(struct kernel_image *image, int fd, struct image_segment whole, unsigned reserve)
{
	struct image_segment *piece = &image->segment[image->segment_count++];
	uint64_t end = whole.file_offset + whole.file_bytes;
	uint64_t data_start, data_end = whole.file_offset;

	*piece = whole;
	piece->file_bytes = 0;
	while (data_end < end && next_data(fd, data_end, end, &data_start, &data_end)) {
		uint64_t used = data_start - piece->file_offset;
		if (data_start - (piece->file_offset + piece->file_bytes) >= HOLE_BYTES_MIN &&
		    image->segment_count + reserve < IMAGE_SEGMENTS_MAX) {
			struct image_segment rest = {piece->gpa + used, data_start, 0, piece->mem_bytes - used};
			piece->mem_bytes = used;
			piece = &image->segment[image->segment_count++];
			*piece = rest;
		}
		piece->file_bytes = data_end - piece->file_offset;
	}
}

void kernel_skip_holes(struct kernel_image *image)
{
	struct image_segment whole[IMAGE_SEGMENTS_MAX];
	unsigned count = image->segment_count;

	memcpy(whole, image->segment, sizeof(whole));
	image->segment_count = 0;
	for (unsigned i = 0; i < count; i++)
		split_segment(image, image->fd, whole[i], count - 1 - i);
}

/* --- release ----------------------------------------------------------------------------------------------------------------- */

#define SEARCH_BYTES (256u << 10)

void kernel_set_release(struct kernel_image *image, const char *text, size_t len)
{
	size_t n = 0;

	/* It will be part of a path: nothing unprintable, no slash. */
	while (n < len && n < IMAGE_RELEASE_MAX && text[n] > ' ' && text[n] < 127 && text[n] != '/')
		n++;
	bool ends = n < len && n < IMAGE_RELEASE_MAX && (text[n] == ' ' || text[n] == '\n' || text[n] == '\0');
	if (!ends || text[0] < '0' || text[0] > '9')
		return;
	memcpy(image->release, text, n);
	image->release[n] = '\0';
}

/*
 * linux_banner (init/version.c) is the one place where a digit follows; others have a format there. Going from one 'v', the letter
 * seldomest in kernels, to the next is three times as fast as memmem().
 */
static bool find_banner(struct kernel_image *image, const char *buf, size_t len)
{
	static const char banner[] = "Linux version ";
	const size_t before_v = 6, after_v = sizeof(banner) - 1 - before_v;
	const char *end = buf + len;

	for (const char *v = buf; (v = memchr(v, 'v', (size_t)(end - v))); v++) {
		if ((size_t)(v - buf) < before_v || (size_t)(end - v) < after_v || memcmp(v - before_v, banner, sizeof(banner) - 1))
			continue;
		kernel_set_release(image, v + after_v, (size_t)(end - v) - after_v);
		if (image->release[0])
			return true;
	}
	return false;
}

void kernel_find_release(struct kernel_image *image)
{
	const uint64_t step = SEARCH_BYTES - 2 * IMAGE_RELEASE_MAX; /* pieces overlap by more than a banner */
	char *buf = image->release[0] ? NULL : malloc(SEARCH_BYTES);

	if (!buf)
		return;
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segment[i];
		for (uint64_t at = 0; at < s->file_bytes; at += step) {
			size_t n = s->file_bytes - at < SEARCH_BYTES ? s->file_bytes - at : SEARCH_BYTES;
			if (pread_full(image->fd, buf, n, s->file_offset + at) || find_banner(image, buf, n))
				goto out;
		}
	}
out:
	free(buf);
}
