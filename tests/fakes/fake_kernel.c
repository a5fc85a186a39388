// SPDX-License-Identifier: Apache-2.0
/* Kernel files made for tests: see fake_kernel.h. */
#include "tests/fakes/fake_kernel.h"

#include <bzlib.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "vmm/util/lib.h"

#define TEXT_OFFSET 0x1000
#define TEXT_BYTES 0x1000
#define DATA_OFFSET 0x2000
#define DATA_BYTES (0x2000 + FAKE_DATA_ZEROS)
#define NOTES_OFFSET 0x1800
#define BANNER_OFFSET 0x1400

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fake kernel: %s failed\n", what);
	abort();
}

static struct blob blob_new(size_t len)
{
	struct blob blob = {calloc(1, len), len};

	must(blob.data != NULL, "calloc");
	return blob;
}

void blob_free(struct blob *blob)
{
	free(blob->data);
	*blob = (struct blob){NULL, 0};
}

void fake_put16(struct blob *blob, size_t at, uint16_t value)
{
	memcpy(blob->data + at, &value, sizeof(value));
}

void fake_put32(struct blob *blob, size_t at, uint32_t value)
{
	memcpy(blob->data + at, &value, sizeof(value));
}

void fake_put64(struct blob *blob, size_t at, uint64_t value)
{
	memcpy(blob->data + at, &value, sizeof(value));
}

/* Bytes that are not zero and do not repeat soon. */
static void fill(uint8_t *p, size_t len)
{
	uint32_t v = 12345;

	for (size_t i = 0; i < len; i++) {
		v = v * 1103515245 + 12345;
		p[i] = (uint8_t)(1 + (v >> 16) % 250);
	}
}

/* --- ELF --------------------------------------------------------------------------------------------------------------------- */

Elf64_Ehdr *fake_elf_header(struct blob *elf)
{
	return (Elf64_Ehdr *)elf->data;
}

Elf64_Phdr *fake_elf_segment(struct blob *elf, unsigned i)
{
	return (Elf64_Phdr *)(elf->data + sizeof(Elf64_Ehdr)) + i;
}

static size_t put_note(uint8_t *at, uint32_t type, const void *desc, uint32_t len)
{
	const Elf64_Nhdr note = {4, len, type};

	memcpy(at, &note, sizeof(note));
	memcpy(at + sizeof(note), "Xen", 4);
	memcpy(at + sizeof(note) + 4, desc, len);
	return sizeof(note) + 4 + ((len + 3) & ~3u);
}

struct blob fake_vmlinux(void)
{
	struct blob elf = blob_new(DATA_OFFSET + DATA_BYTES);
	const uint64_t pvh_entry = FAKE_PVH_ENTRY;

	*fake_elf_header(&elf) = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = FAKE_TEXT_GPA,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	fill(elf.data + TEXT_OFFSET, TEXT_BYTES);
	fill(elf.data + DATA_OFFSET, 0x1000);
	fill(elf.data + DATA_OFFSET + 0x1000 + FAKE_DATA_ZEROS, 0x1000);
	/* First a format that is no banner. */
	snprintf((char *)elf.data + BANNER_OFFSET - 64, 32, "Linux version %%s");
	snprintf((char *)elf.data + BANNER_OFFSET, 64, "Linux version " FAKE_RELEASE " (fake@host) #1");
	size_t notes = put_note(elf.data + NOTES_OFFSET, 6, "linux", 6);
	notes += put_note(elf.data + NOTES_OFFSET + notes, 18, &pvh_entry, 8);

	*fake_elf_segment(&elf, 0) =
		(Elf64_Phdr){PT_LOAD, PF_R | PF_X, TEXT_OFFSET, FAKE_TEXT_VIRTUAL, FAKE_TEXT_GPA, TEXT_BYTES, TEXT_BYTES, 0x1000};
	*fake_elf_segment(&elf, 1) = (Elf64_Phdr){PT_LOAD,       PF_R | PF_W, DATA_OFFSET,          FAKE_TEXT_VIRTUAL + 0x400000,
						  FAKE_DATA_GPA, DATA_BYTES,  DATA_BYTES + 0x10000, 0x1000};
	*fake_elf_segment(&elf, 2) =
		(Elf64_Phdr){PT_NOTE, 0, NOTES_OFFSET, FAKE_TEXT_VIRTUAL + 0x800, FAKE_TEXT_GPA + 0x800, notes, notes, 4};
	return elf;
}

/* --- packing ----------------------------------------------------------------------------------------------------------------- */

#define DEFLATE_CALLS(X) X(deflateInit2_) X(deflate) X(deflateEnd)
#define LZMA_CALLS(X) X(lzma_easy_buffer_encode) X(lzma_lzma_preset) X(lzma_alone_encoder) X(lzma_code) X(lzma_end)
#define ZSTD_CALLS(X) X(ZSTD_compress) X(ZSTD_isError)
#define LZ4_CALLS(X) X(LZ4_compress_HC)
#define BZIP2_CALLS(X) X(BZ2_bzBuffToBuffCompress)
LIB_STRUCT(deflate_lib, DEFLATE_CALLS);
LIB_STRUCT(lzma_encoder_lib, LZMA_CALLS);
LIB_STRUCT(zstd_encoder_lib, ZSTD_CALLS);
LIB_STRUCT(lz4_encoder_lib, LZ4_CALLS);
LIB_STRUCT(bzip2_encoder_lib, BZIP2_CALLS);

static size_t pack_gzip(const struct blob *in, uint8_t *out, size_t room)
{
	struct deflate_lib lib;
	z_stream z = {.next_in = in->data, .avail_in = (uInt)in->len, .next_out = out, .avail_out = (uInt)room};

	must(!LIB_OPEN(&lib, "libz.so.1", "zlib1g", DEFLATE_CALLS), "zlib");
	must(lib.deflateInit2_(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, (int)sizeof(z)) == Z_OK,
	     "deflateInit2");
	must(lib.deflate(&z, Z_FINISH) == Z_STREAM_END, "deflate");
	lib.deflateEnd(&z);
	return room - z.avail_out;
}

static size_t pack_lzma(const struct blob *in, uint8_t *out, size_t room, int xz)
{
	struct lzma_encoder_lib lib;
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_options_lzma options;
	size_t len = 0;

	must(!LIB_OPEN(&lib, "liblzma.so.5", "liblzma5", LZMA_CALLS), "liblzma");
	if (xz) {
		must(lib.lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, in->data, in->len, out, &len, room) == LZMA_OK, "xz");
		return len;
	}
	must(!lib.lzma_lzma_preset(&options, 1), "lzma preset");
	must(lib.lzma_alone_encoder(&z, &options) == LZMA_OK, "lzma encoder");
	z.next_in = in->data;
	z.avail_in = in->len;
	z.next_out = out;
	z.avail_out = room;
	must(lib.lzma_code(&z, LZMA_FINISH) == LZMA_STREAM_END, "lzma");
	lib.lzma_end(&z);
	return room - z.avail_out;
}

static size_t pack_zstd(const struct blob *in, uint8_t *out, size_t room)
{
	struct zstd_encoder_lib lib;

	must(!LIB_OPEN(&lib, "libzstd.so.1", "libzstd1", ZSTD_CALLS), "libzstd");
	size_t len = lib.ZSTD_compress(out, room, in->data, in->len, 3);
	must(!lib.ZSTD_isError(len), "zstd");
	return len;
}

/* lz4_Frame_format.md, "Legacy frame": a magic number, then blocks of 8 MiB each after its packed size. */
static size_t pack_lz4(const struct blob *in, uint8_t *out, size_t room)
{
	const size_t step = 8u << 20;
	struct lz4_encoder_lib lib;
	size_t len = 4;

	must(!LIB_OPEN(&lib, "liblz4.so.1", "liblz4-1", LZ4_CALLS), "liblz4");
	memcpy(out, "\x02\x21\x4c\x18", 4);
	for (size_t at = 0; at < in->len; at += step) {
		size_t n = in->len - at < step ? in->len - at : step;
		int packed = lib.LZ4_compress_HC((const char *)in->data + at, (char *)out + len + 4, (int)n, (int)(room - len - 4), 3);
		must(packed > 0, "lz4");
		memcpy(out + len, &packed, 4);
		len += 4 + (size_t)packed;
	}
	return len;
}

static size_t pack_bzip2(const struct blob *in, uint8_t *out, size_t room)
{
	struct bzip2_encoder_lib lib;
	unsigned len = (unsigned)room;

	must(!LIB_OPEN(&lib, "libbz2.so.1.0", "libbz2-1.0", BZIP2_CALLS), "libbz2");
	must(lib.BZ2_bzBuffToBuffCompress((char *)out, &len, (char *)in->data, (unsigned)in->len, 9, 0, 0) == BZ_OK, "bzip2");
	return len;
}

struct blob fake_pack(enum compression compression, const struct blob *plain)
{
	size_t room = plain->len + plain->len / 8 + 65536;
	struct blob out = blob_new(room);
	uint32_t size = (uint32_t)plain->len;

	switch (compression) {
	case COMPRESSION_GZIP:
		out.len = pack_gzip(plain, out.data, room);
		return out;
	case COMPRESSION_XZ:
	case COMPRESSION_LZMA:
		out.len = pack_lzma(plain, out.data, room, compression == COMPRESSION_XZ);
		break;
	case COMPRESSION_ZSTD:
		out.len = pack_zstd(plain, out.data, room);
		break;
	case COMPRESSION_LZ4:
		out.len = pack_lz4(plain, out.data, room);
		break;
	case COMPRESSION_BZIP2:
		out.len = pack_bzip2(plain, out.data, room);
		break;
	case COMPRESSION_LZO:
	case COMPRESSION_NONE:
		/* nothing that unpacks it: only the magic matters */
		memcpy(out.data, "\x89LZO\0\r\n\x1a\n", 9);
		out.len = 64;
		break;
	}
	memcpy(out.data + out.len, &size, sizeof(size));
	out.len += sizeof(size);
	return out;
}

/* --- boot files -------------------------------------------------------------------------------------------------------------- */

/* x86/boot.rst, "The Real-Mode Kernel Header", as Linux 6.1 has it, with one sector of set-up code. */
struct blob fake_bzimage(const struct blob *payload)
{
	const size_t start = 2 * 512, code = 0x400;
	size_t bytes = (code + payload->len + 15) & ~(size_t)15;
	struct blob file = blob_new(start + bytes);

	fake_put16(&file, 0, 0x5a4d);
	file.data[0x1f1] = 1;
	fake_put32(&file, 0x1f4, (uint32_t)(bytes / 16));
	fake_put16(&file, 0x1fe, 0xaa55);
	fake_put16(&file, 0x200, 0x6aeb);
	memcpy(file.data + 0x202, "HdrS", 4);
	fake_put16(&file, 0x206, 0x020f);
	fake_put16(&file, 0x20e, 0x300 - 0x200);
	file.data[0x211] = 0x01;
	fake_put16(&file, 0x236, 0x7f);
	fake_put32(&file, 0x230, 0x200000);
	fake_put32(&file, 0x248, (uint32_t)code);
	fake_put32(&file, 0x24c, (uint32_t)payload->len);
	fake_put64(&file, 0x258, FAKE_TEXT_GPA);
	fake_put32(&file, 0x260, 0x1000000);
	snprintf((char *)file.data + 0x300, 64, FAKE_SETUP_RELEASE " (fake) #1");
	fill(file.data + start, code);
	memcpy(file.data + start + code, payload->data, payload->len);
	return file;
}

/* arm64/booting.rst, "Call the kernel image": 64 KiB in the file, 128 KiB in memory, anywhere. */
struct blob fake_arm64(void)
{
	struct blob file = blob_new(0x10000);

	fill(file.data, file.len);
	fake_put64(&file, 8, 0);
	fake_put64(&file, 16, 0x20000);
	fake_put64(&file, 24, 0xa);
	memset(file.data + 32, 0, 24);
	memcpy(file.data + 56, "ARM\x64", 4);
	/* PE/COFF: header, no optional header, one section that reaches to the end of the file */
	fake_put32(&file, 60, 64);
	memset(file.data + 64, 0, 24 + 40);
	memcpy(file.data + 64, "PE\0\0", 4);
	fake_put16(&file, 68, 0xaa64);
	fake_put16(&file, 70, 1);
	fake_put32(&file, 64 + 24 + 16, 0x10000 - 0x1000);
	fake_put32(&file, 64 + 24 + 20, 0x1000);
	snprintf((char *)file.data + 0x8000, 64, "Linux version " FAKE_RELEASE " (fake@host) #1");
	return file;
}

/* drivers/firmware/efi/libstub/zboot-header.S, with a PE header behind it. */
struct blob fake_zboot(const struct blob *payload)
{
	const size_t start = 0x1000;
	struct blob file = blob_new(start + payload->len);

	memcpy(file.data, "MZ\0\0zimg", 8);
	fake_put32(&file, 8, (uint32_t)start);
	fake_put32(&file, 12, (uint32_t)payload->len);
	memcpy(file.data + 24, "gzip", 5);
	fake_put32(&file, 56, 0x818223cd);
	fake_put32(&file, 60, 64);
	memcpy(file.data + 64, "PE\0\0", 4);
	fake_put16(&file, 68, 0xaa64);
	memcpy(file.data + start, payload->data, payload->len);
	return file;
}
