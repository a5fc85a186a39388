// SPDX-License-Identifier: Apache-2.0
/* vmm/kernel*.c on crafted files: what is loaded from each format, and what each bad file is called. The cache has a test of its own. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_kernel.h"
#include "vmm/kernel.h"
#include "vmm/kernel_unpack.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

struct fixture {
	char dir[64], path[96], said[4096];
	struct kernel_image image;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_kernel.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/kernel", f->dir);
	f->image.fd = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_set_level(LOG_WARN);
	kernel_close(&f->image);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void write_kernel(struct fixture *f, const void *data, size_t len)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, data, len), 0);
	close(fd);
}

/* kernel_open(), with what it writes to standard error kept in f->said. */
static int open_with(struct fixture *f, const struct kernel_options *options)
{
	int saved = dup(STDERR_FILENO), fd = memfd_create("stderr", MFD_CLOEXEC);

	kernel_close(&f->image);
	dup2(fd, STDERR_FILENO);
	int err = kernel_open(&f->image, options);
	dup2(saved, STDERR_FILENO);
	ssize_t n = pread(fd, f->said, sizeof(f->said) - 1, 0);
	f->said[n > 0 ? n : 0] = '\0';
	close(saved);
	close(fd);
	return err;
}

static int open_kernel(struct fixture *f, const struct blob *kernel, uint16_t machine)
{
	const struct kernel_options options = {.path = f->path, .machine = machine, .no_cache = true};

	write_kernel(f, kernel->data, kernel->len);
	return open_with(f, &options);
}

static void assert_said(const struct fixture *f, const char *what)
{
	if (!strstr(f->said, what))
		fail_msg("wanted \"%s\", got \"%s\"", what, f->said);
}

/* One message, with the path, and this in it. */
static void assert_refused(struct fixture *f, const struct blob *kernel, uint16_t machine, const char *why)
{
	assert_int_equal(open_kernel(f, kernel, machine), -ENOEXEC);
	assert_int_equal(f->image.fd, -1);
	assert_said(f, f->path);
	assert_said(f, why);
	assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
}

/* What a loader would make of the image: `bytes` of guest memory from `gpa` on. */
static uint8_t *load(const struct kernel_image *image, uint64_t gpa, size_t bytes)
{
	uint8_t *ram = calloc(1, bytes);

	assert_non_null(ram);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segment[i];
		assert_true(s->file_bytes <= s->mem_bytes);
		assert_true(s->gpa >= gpa && s->gpa - gpa + s->mem_bytes <= bytes);
		assert_int_equal(pread_full(image->fd, ram + (s->gpa - gpa), s->file_bytes, s->file_offset), 0);
	}
	return ram;
}

/* The image, however it came here, is fake_vmlinux(). */
static void assert_is_vmlinux(const struct kernel_image *image, const char *release)
{
	const size_t data = FAKE_DATA_GPA - FAKE_TEXT_GPA, data_bytes = 0x2000 + FAKE_DATA_ZEROS, bytes = data + data_bytes + 0x10000;
	struct blob elf = fake_vmlinux();
	uint8_t *ram = load(image, FAKE_TEXT_GPA, bytes);

	assert_int_equal(image->format, IMAGE_ELF);
	assert_int_equal(image->machine, EM_X86_64);
	assert_int_equal(image->entry, FAKE_TEXT_GPA);
	assert_true(image->has_pvh);
	assert_int_equal(image->pvh_entry, FAKE_PVH_ENTRY);
	assert_string_equal(image->release, release);
	assert_memory_equal(ram, elf.data + fake_elf_segment(&elf, 0)->p_offset, 0x1000);
	assert_memory_equal(ram + data, elf.data + fake_elf_segment(&elf, 1)->p_offset, data_bytes);
	const struct image_segment *last = &image->segment[image->segment_count - 1];
	assert_int_equal(last->gpa + last->mem_bytes, FAKE_TEXT_GPA + bytes);
	free(ram);
	blob_free(&elf);
}

/* --- what is loaded ---------------------------------------------------------------------------------------------------------- */

static void elf(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux();

	assert_int_equal(open_kernel(f, &kernel, EM_X86_64), 0);
	assert_is_vmlinux(&f->image, FAKE_RELEASE);
	assert_int_equal(f->image.setup_bytes, 0);
	assert_string_equal(f->said, "");
	blob_free(&kernel);
}

/* A vmlinux whose entry is virtual, segments are out of order, and which has no note. */
static void elf_of_another_shape(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux();
	Elf64_Phdr text = *fake_elf_segment(&kernel, 0);

	fake_elf_header(&kernel)->e_entry = FAKE_TEXT_VIRTUAL + 0x123;
	*fake_elf_segment(&kernel, 0) = *fake_elf_segment(&kernel, 1);
	*fake_elf_segment(&kernel, 1) = text;
	fake_elf_segment(&kernel, 2)->p_type = PT_NULL;
	assert_int_equal(open_kernel(f, &kernel, EM_X86_64), 0);
	assert_int_equal(f->image.entry, FAKE_TEXT_GPA + 0x123);
	assert_false(f->image.has_pvh);
	assert_int_equal(f->image.segment_count, 2);
	assert_int_equal(f->image.segment[0].gpa, FAKE_TEXT_GPA);
	assert_int_equal(f->image.segment[1].gpa, FAKE_DATA_GPA);
	/* Thread-local storage is a program's, unless a PVH note says that it is meant to be booted. */
	*fake_elf_segment(&kernel, 3) = (Elf64_Phdr){.p_type = PT_TLS};
	fake_elf_header(&kernel)->e_phnum = 4;
	assert_refused(f, &kernel, EM_X86_64, "an ELF program");
	fake_elf_segment(&kernel, 2)->p_type = PT_NOTE;
	assert_int_equal(open_kernel(f, &kernel, EM_X86_64), 0);
	blob_free(&kernel);
}

static void packed_elf(void **state)
{
	static const enum compression outer[] = {COMPRESSION_GZIP, COMPRESSION_XZ, COMPRESSION_ZSTD};
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux();

	for (unsigned i = 0; i < 3; i++) {
		struct blob packed = fake_pack(outer[i], &kernel);
		assert_int_equal(open_kernel(f, &packed, EM_X86_64), 0);
		assert_is_vmlinux(&f->image, FAKE_RELEASE);
		blob_free(&packed);
	}
	blob_free(&kernel);
}

static void bzimage_of_every_compression(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux();

	for (enum compression c = COMPRESSION_GZIP; c <= COMPRESSION_BZIP2; c++) {
		struct blob payload = fake_pack(c, &kernel), file = fake_bzimage(&payload);
		assert_int_equal(open_kernel(f, &file, EM_X86_64), 0);
		assert_is_vmlinux(&f->image, FAKE_SETUP_RELEASE);
		assert_int_equal(f->image.setup_bytes, 0x26c);
		assert_memory_equal(f->image.setup, file.data, 0x26c);
		assert_string_equal(f->said, "");
		/* The zeros are not in the segments. */
		assert_int_equal(f->image.segment_count, 3);
		assert_true(f->image.segment[1].file_bytes < FAKE_DATA_ZEROS / 2);
		blob_free(&payload);
		blob_free(&file);
	}
	blob_free(&kernel);
}

static void gzip_of_a_bzimage(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux(), payload = fake_pack(COMPRESSION_XZ, &kernel);
	struct blob file = fake_bzimage(&payload), packed = fake_pack(COMPRESSION_GZIP, &file);

	assert_int_equal(open_kernel(f, &packed, EM_X86_64), 0);
	assert_is_vmlinux(&f->image, FAKE_SETUP_RELEASE);
	blob_free(&kernel);
	blob_free(&payload);
	blob_free(&file);
	blob_free(&packed);
}

static void assert_unpacks_itself(const struct kernel_image *image, const struct blob *file)
{
	assert_int_equal(image->format, IMAGE_BZIMAGE);
	assert_int_equal(image->entry, 0x200);
	assert_false(image->has_pvh);
	assert_string_equal(image->release, FAKE_SETUP_RELEASE);
	assert_int_equal(image->segment_count, 1);
	assert_int_equal(image->segment[0].file_bytes, file->len - 1024);
	assert_int_equal(image->segment[0].mem_bytes, 0x1000000);
	uint8_t *ram = load(image, 0, 0x1000000);
	assert_memory_equal(ram, file->data + 1024, file->len - 1024);
	free(ram);
}

/* lzo, an ELF inside that can't be used, nothing told of a payload: the guest does it, and an info line says why. */
static void falls_back_to_the_guest(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux(), lzo = fake_pack(COMPRESSION_LZO, &kernel), lzo_file = fake_bzimage(&lzo);
	struct blob lzo_packed = fake_pack(COMPRESSION_GZIP, &lzo_file);

	log_set_level(LOG_INFO);
	assert_int_equal(open_kernel(f, &lzo_file, EM_X86_64), 0);
	assert_unpacks_itself(&f->image, &lzo_file);
	assert_said(f, "lzo");
	assert_int_equal(open_kernel(f, &lzo_packed, EM_X86_64), 0);
	assert_unpacks_itself(&f->image, &lzo_file);

	fake_elf_header(&kernel)->e_ident[EI_CLASS] = ELFCLASS32;
	struct blob payload = fake_pack(COMPRESSION_GZIP, &kernel), file = fake_bzimage(&payload);
	assert_int_equal(open_kernel(f, &file, EM_X86_64), 0);
	assert_unpacks_itself(&f->image, &file);
	assert_said(f, "32-bit");

	fake_put32(&file, 0x24c, 0);
	assert_int_equal(open_kernel(f, &file, EM_X86_64), 0);
	assert_unpacks_itself(&f->image, &file);
	blob_free(&kernel);
	blob_free(&lzo);
	blob_free(&lzo_file);
	blob_free(&lzo_packed);
	blob_free(&payload);
	blob_free(&file);
}

static void unpacks_in_the_guest_when_asked(void **state)
{
	struct fixture *f = *state;
	const struct kernel_options options = {.path = f->path, .machine = EM_X86_64, .unpack_in_guest = true};
	struct blob kernel = fake_vmlinux(), payload = fake_pack(COMPRESSION_XZ, &kernel);
	struct blob file = fake_bzimage(&payload), packed = fake_pack(COMPRESSION_GZIP, &file);

	write_kernel(f, file.data, file.len);
	assert_int_equal(open_with(f, &options), 0);
	assert_unpacks_itself(&f->image, &file);
	write_kernel(f, packed.data, packed.len);
	assert_int_equal(open_with(f, &options), 0);
	assert_unpacks_itself(&f->image, &file);
	blob_free(&kernel);
	blob_free(&payload);
	blob_free(&file);
	blob_free(&packed);
}

static void assert_is_arm64(const struct kernel_image *image)
{
	struct blob plain = fake_arm64();

	assert_int_equal(image->format, IMAGE_ARM64);
	assert_int_equal(image->machine, EM_AARCH64);
	assert_int_equal(image->text_offset, 0);
	assert_true(image->arm64_anywhere);
	assert_string_equal(image->release, FAKE_RELEASE);
	assert_int_equal(image->segment_count, 1);
	assert_int_equal(image->segment[0].mem_bytes, 0x20000);
	uint8_t *ram = load(image, 0, 0x20000);
	assert_memory_equal(ram, plain.data, plain.len);
	free(ram);
	blob_free(&plain);
}

static void arm64(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_arm64(), gzipped = fake_pack(COMPRESSION_GZIP, &kernel);
	struct blob payload = fake_pack(COMPRESSION_ZSTD, &kernel), zboot = fake_zboot(&payload),
		    twice = fake_pack(COMPRESSION_GZIP, &zboot);

	assert_int_equal(open_kernel(f, &kernel, EM_AARCH64), 0);
	assert_is_arm64(&f->image);
	assert_int_equal(open_kernel(f, &gzipped, EM_AARCH64), 0);
	assert_is_arm64(&f->image);
	assert_int_equal(open_kernel(f, &zboot, EM_AARCH64), 0);
	assert_is_arm64(&f->image);
	assert_int_equal(open_kernel(f, &twice, EM_AARCH64), 0);
	assert_is_arm64(&f->image);

	/* Before Linux 3.17 the header told no size. */
	fake_put64(&kernel, 8, 0x1234);
	fake_put64(&kernel, 16, 0);
	fake_put64(&kernel, 24, 0);
	assert_int_equal(open_kernel(f, &kernel, EM_AARCH64), 0);
	assert_int_equal(f->image.text_offset, 0x80000);
	assert_int_equal(f->image.segment[0].mem_bytes, kernel.len);
	assert_false(f->image.arm64_anywhere);
	blob_free(&kernel);
	blob_free(&gzipped);
	blob_free(&payload);
	blob_free(&zboot);
	blob_free(&twice);
}

/* --- what is refused --------------------------------------------------------------------------------------------------------- */

static void not_a_file(void **state)
{
	struct fixture *f = *state;
	struct kernel_options options = {.path = f->path, .machine = EM_X86_64};

	assert_int_equal(open_with(f, &options), -ENOENT);
	assert_said(f, f->path);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(open_with(f, &options), -ENOEXEC);
	assert_said(f, "pipe");
	assert_int_equal(unlink(f->path), 0);
	options.path = f->dir;
	assert_int_equal(open_with(f, &options), -EISDIR);
	assert_said(f, "directory");
	options.path = "/dev/null";
	assert_int_equal(open_with(f, &options), -ENOEXEC);
	assert_said(f, "device");
	options.path = f->path;
	write_kernel(f, "", 0);
	assert_int_equal(open_with(f, &options), -ENOEXEC);
	assert_said(f, "empty");
	if (geteuid() != 0) {
		assert_int_equal(chmod(f->path, 0), 0);
		assert_int_equal(open_with(f, &options), -EACCES);
		assert_said(f, f->path);
	}
}

static void looks_like_something_else(void **state)
{
	static const struct {
		size_t at;
		const char *magic, *what;
	} files[] = {
		{0, "070701", "cpio"},
		{257, "ustar", "tar archive"},
		{0x438, "\x53\xef", "ext4"},
		{0, "QFI\xfb", "qcow2"},
		{0, "hsqs", "squashfs"},
		{0x8001, "CD001", "ISO 9660"},
		{0x1fe, "\x55\xaa", "disk"},
		{0, "MZ", "EFI program"},
		{0, "!<arch>\n", "Debian package"},
		{0, "\1\2\3", "no format known"},
	};
	struct fixture *f = *state;
	struct blob text = {(uint8_t *)strdup("hello, world\n"), 13};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct blob file = {calloc(1, 40000), 40000};
		memcpy(file.data + files[i].at, files[i].magic, strlen(files[i].magic));
		struct blob packed = fake_pack(COMPRESSION_GZIP, &file);
		assert_refused(f, &file, EM_X86_64, files[i].what);
		assert_refused(f, &packed, EM_X86_64, files[i].what);
		blob_free(&file);
		blob_free(&packed);
	}
	assert_refused(f, &text, EM_X86_64, "text file");
	blob_free(&text);
}

static void wrong_machine(void **state)
{
	struct fixture *f = *state;
	struct blob x86 = fake_vmlinux(), arm = fake_arm64(), payload = fake_pack(COMPRESSION_GZIP, &x86), bzimage = fake_bzimage(&payload);
	struct blob arm_packed = fake_pack(COMPRESSION_GZIP, &arm), zboot = fake_zboot(&arm_packed);

	assert_refused(f, &x86, EM_AARCH64, "for x86_64; this is aarch64");
	assert_refused(f, &bzimage, EM_AARCH64, "for x86_64; this is aarch64");
	assert_refused(f, &arm, EM_X86_64, "for aarch64; this is x86_64");
	assert_refused(f, &arm_packed, EM_X86_64, "for aarch64; this is x86_64");
	assert_refused(f, &zboot, EM_X86_64, "for aarch64; this is x86_64");
	fake_elf_header(&x86)->e_machine = EM_RISCV;
	assert_refused(f, &x86, EM_X86_64, "for RISC-V; this is x86_64");
	fake_elf_header(&x86)->e_machine = EM_AARCH64;
	assert_refused(f, &x86, EM_AARCH64, "Image");
	fake_put16(&zboot, 68, 0x5064);
	assert_refused(f, &zboot, EM_AARCH64, "0x5064");
	fake_put64(&arm, 24, 1);
	assert_refused(f, &arm, EM_AARCH64, "big-endian");
	blob_free(&x86);
	blob_free(&arm);
	blob_free(&payload);
	blob_free(&bzimage);
	blob_free(&arm_packed);
	blob_free(&zboot);
}

/* One field each, written over a kernel that is right. */
struct spoil {
	size_t at, bytes;
	uint64_t value;
	const char *why;
};

#define HEADER(field, value, why)                                                         \
	{                                                                                 \
		offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field), value, why \
	}
#define SEGMENT(i, field, value, why)                                                                                                     \
	{                                                                                                                                 \
		sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field), sizeof(((Elf64_Phdr *)0)->field), value, why \
	}

static void hostile_elf(void **state)
{
	static const struct spoil spoils[] = {
		{EI_CLASS, 1, ELFCLASS32, "32-bit"},
		{EI_DATA, 1, ELFDATA2MSB, "big-endian"},
		HEADER(e_type, ET_REL, "kernel module"),
		HEADER(e_type, ET_CORE, "core dump"),
		SEGMENT(2, p_type, PT_INTERP, "dynamically linked"),
		SEGMENT(2, p_type, PT_TLS, "an ELF program"),
		HEADER(e_phnum, 0, "program headers"),
		HEADER(e_phnum, PN_XNUM, "program headers"),
		HEADER(e_phentsize, 8, "program headers"),
		HEADER(e_phoff, UINT64_MAX - 8, "damaged"),
		HEADER(e_phoff, 1u << 30, "truncated"),
		SEGMENT(1, p_paddr, FAKE_TEXT_GPA + 0xfff, "overlap"),
		SEGMENT(1, p_paddr, FAKE_TEXT_GPA, "overlap"),
		SEGMENT(1, p_paddr, UINT64_MAX - 4096, "wraps"),
		SEGMENT(0, p_memsz, UINT64_MAX - FAKE_TEXT_GPA, "overlap"),
		SEGMENT(1, p_filesz, 1ull << 40, "longer in the file"),
		SEGMENT(1, p_offset, 0x200a, "10 bytes past the end of the file"),
		SEGMENT(1, p_offset, 1ull << 40, "truncated"),
		SEGMENT(1, p_offset, UINT64_MAX - 100, "damaged"),
		SEGMENT(2, p_offset, 1u << 30, "truncated"),
		SEGMENT(0, p_memsz, 0, "entry"), /* found by fuzzing: not loaded, but entered */
		HEADER(e_entry, 0x123, "entry"),
		HEADER(e_entry, FAKE_TEXT_GPA + 0x1000, "entry"),
		HEADER(e_entry, FAKE_TEXT_VIRTUAL + 0x400000 + 0x2000 + FAKE_DATA_ZEROS, "entry"),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(spoils) / sizeof(*spoils); i++) {
		struct blob kernel = fake_vmlinux();
		memcpy(kernel.data + spoils[i].at, &spoils[i].value, spoils[i].bytes);
		assert_refused(f, &kernel, EM_X86_64, spoils[i].why);
		blob_free(&kernel);
	}
}

/* More segments than an image has room for, each a byte. */
static void too_many_segments(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux();

	for (unsigned i = 0; i <= IMAGE_SEGMENTS_MAX; i++)
		*fake_elf_segment(&kernel, i) = (Elf64_Phdr){PT_LOAD, 0, 0x1000, 0, FAKE_TEXT_GPA + i, 1, 1, 1};
	fake_elf_header(&kernel)->e_phnum = IMAGE_SEGMENTS_MAX;
	assert_int_equal(open_kernel(f, &kernel, EM_X86_64), 0);
	assert_int_equal(f->image.segment_count, IMAGE_SEGMENTS_MAX);
	fake_elf_header(&kernel)->e_phnum++;
	assert_refused(f, &kernel, EM_X86_64, "more than 16 segments");
	blob_free(&kernel);
}

/* Notes that lie about their lengths, or whose entry is in no segment, are as good as none. */
static void hostile_notes(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} lies[] = {
		{0, 0xffffffff},      {0, 0xfffffffd},       {0, 28},          {4, 0xffffffff},      {4, 0xfffffffd}, {4, 40},
		{24 + 0, 0xffffffff}, {24 + 0, 5},           {24 + 4, 3},      {24 + 4, 0},          {24 + 4, 9},     {24 + 4, 0xffffffff},
		{24 + 8, 17},         {24 + 12, 0x656e6558}, {24 + 16, 0x123}, {24 + 16, 0x1001000},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct blob kernel = fake_vmlinux();
		fake_put32(&kernel, fake_elf_segment(&kernel, 2)->p_offset + lies[i].at, lies[i].value);
		assert_int_equal(open_kernel(f, &kernel, EM_X86_64), 0);
		if (f->image.has_pvh)
			fail_msg("a note with 0x%x at %zu was believed", lies[i].value, lies[i].at);
		blob_free(&kernel);
	}
}

static void hostile_bzimage(void **state)
{
	static const struct spoil spoils[] = {
		{0x206, 2, 0x0206, "boot protocol 2.06"},
		{0x236, 2, 0, "32-bit"},
		{0x211, 1, 0, "32-bit"},
		{0x201, 1, 0x10, "set-up header"},
		{0x1f1, 1, 0xff, "truncated"},
		{0x1f4, 4, 0xffffffff, "truncated"},
		{0x1f4, 4, 0, "0 bytes"},
		{0x248, 4, 0xffffffff, "the compressed kernel ends"},
		{0x24c, 4, 0xffffffff, "the compressed kernel ends"},
	};
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux(), payload = fake_pack(COMPRESSION_GZIP, &kernel);

	for (size_t i = 0; i < sizeof(spoils) / sizeof(*spoils); i++) {
		struct blob file = fake_bzimage(&payload);
		memcpy(file.data + spoils[i].at, &spoils[i].value, spoils[i].bytes);
		assert_refused(f, &file, EM_X86_64, spoils[i].why);
		blob_free(&file);
	}
	/* A payload that is damaged would only stop the guest later. */
	struct blob file = fake_bzimage(&payload);
	file.data[file.len - 100] ^= 0xff;
	assert_refused(f, &file, EM_X86_64, "damaged");
	/* A version string that leads out of the file, or is no file name, is none. */
	fake_put16(&file, 0x20e, 0xffff);
	file.data[file.len - 100] ^= 0xff;
	assert_int_equal(open_kernel(f, &file, EM_X86_64), 0);
	assert_string_equal(f->image.release, FAKE_RELEASE);
	fake_put16(&file, 0x20e, 0x100);
	memcpy(file.data + 0x300, "6/../x ", 7);
	assert_int_equal(open_kernel(f, &file, EM_X86_64), 0);
	assert_string_equal(f->image.release, FAKE_RELEASE);
	blob_free(&kernel);
	blob_free(&payload);
	blob_free(&file);
}

static void hostile_arm64(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_arm64(), payload = fake_pack(COMPRESSION_GZIP, &kernel), zboot = fake_zboot(&payload);

	kernel.len -= 100;
	assert_refused(f, &kernel, EM_AARCH64, "100 bytes past the end of the file");
	kernel.len += 100;
	fake_put16(&kernel, 70, 0xffff);
	assert_int_not_equal(open_kernel(f, &kernel, EM_AARCH64), 0);
	fake_put16(&kernel, 70, 1);
	fake_put64(&kernel, 16, UINT64_MAX);
	assert_refused(f, &kernel, EM_AARCH64, "asks for");
	fake_put64(&kernel, 16, 0x20000);
	fake_put64(&kernel, 8, 0x400000);
	assert_refused(f, &kernel, EM_AARCH64, "asks for");
	fake_put32(&zboot, 8, 0xfffffff0);
	assert_refused(f, &zboot, EM_AARCH64, "the compressed kernel ends");
	fake_put32(&zboot, 8, 0x1000);
	fake_put32(&zboot, 60, 0xfffffff0);
	assert_refused(f, &zboot, EM_AARCH64, "truncated");
	fake_put32(&zboot, 60, 64);
	zboot.data[0x1000] ^= 1;
	assert_refused(f, &zboot, EM_AARCH64, "unknown");
	blob_free(&kernel);
	blob_free(&payload);
	blob_free(&zboot);
}

/* More than a gigabyte of zeros in a few megabytes, the blocks of one LZ4 frame repeated: the limit holds, and says so. */
static void bomb(void **state)
{
	struct fixture *f = *state;
	struct blob plain = {calloc(1, 64 << 20), 64 << 20}, lz4 = fake_pack(COMPRESSION_LZ4, &plain), file = {NULL, 0};

	file.data = calloc(20, lz4.len);
	for (unsigned i = 0; i < 20; i++) {
		memcpy(file.data + file.len, lz4.data, lz4.len - 4);
		file.len += lz4.len - 4;
	}
	assert_refused(f, &file, EM_X86_64, "more than 512 MiB");
	blob_free(&plain);
	blob_free(&lz4);
	blob_free(&file);
}

/* --- cut anywhere ------------------------------------------------------------------------------------------------------------ */

/* What the worker does, here, where thousands of times cost little. */
static int unpack_cut(const struct blob *file, size_t len, uint16_t machine, struct unpack_result *result)
{
	struct unpack_job job = {.machine = machine, .result = result, .out_fd = memfd_create("out", MFD_CLOEXEC)};

	memset(result, 0, sizeof(*result));
	job.file = (struct kernel_file){.fd = memfd_create("in", MFD_CLOEXEC), .size = len};
	assert_int_equal(pwrite_full(job.file.fd, file->data, len, 0), 0);
	int err = kernel_unpack(&job);
	close(job.file.fd);
	close(job.out_fd);
	return err;
}

static void assert_cuts_refused(const struct blob *file, size_t whole, uint16_t machine)
{
	struct unpack_result result;

	for (size_t len = 1; len < whole; len += len < 0x300 || whole - len < 64 ? 1 : 89) {
		int err = unpack_cut(file, len, machine, &result);
		if (err != -ENOEXEC || !result.why[0] || result.fallback)
			fail_msg("cut to %zu of %zu bytes: %d %s", len, whole, err, result.why);
	}
	assert_int_equal(unpack_cut(file, whole, machine, &result), 0);
}

static void cut_anywhere(void **state)
{
	struct blob kernel = fake_vmlinux(), payload = fake_pack(COMPRESSION_XZ, &kernel), bzimage = fake_bzimage(&payload);
	struct blob packed = fake_pack(COMPRESSION_GZIP, &bzimage), arm = fake_arm64(), arm_packed = fake_pack(COMPRESSION_GZIP, &arm);
	struct blob zboot = fake_zboot(&arm_packed);

	(void)state;
	assert_cuts_refused(&bzimage, 1024 + 0x400 + payload.len, EM_X86_64);
	assert_cuts_refused(&packed, packed.len, EM_X86_64);
	assert_cuts_refused(&zboot, zboot.len, EM_AARCH64);
	blob_free(&kernel);
	blob_free(&payload);
	blob_free(&bzimage);
	blob_free(&packed);
	blob_free(&arm);
	blob_free(&arm_packed);
	blob_free(&zboot);
}

static void elf_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	struct blob kernel = fake_vmlinux();
	size_t whole = kernel.len;

	for (kernel.len = 1; kernel.len < whole; kernel.len += kernel.len < 0x200 || whole - kernel.len < 32 ? 1 : 3989) {
		assert_int_equal(open_kernel(f, &kernel, EM_X86_64), -ENOEXEC);
		assert_said(f, f->path);
		if (kernel.len >= 0x1000)
			assert_said(f, "truncated");
	}
	blob_free(&kernel);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(elf),
		TEST(elf_of_another_shape),
		TEST(packed_elf),
		TEST(bzimage_of_every_compression),
		TEST(gzip_of_a_bzimage),
		TEST(falls_back_to_the_guest),
		TEST(arm64),
		TEST(unpacks_in_the_guest_when_asked),
		TEST(not_a_file),
		TEST(looks_like_something_else),
		TEST(wrong_machine),
		TEST(hostile_elf),
		TEST(too_many_segments),
		TEST(hostile_notes),
		TEST(hostile_bzimage),
		TEST(hostile_arm64),
		TEST(bomb),
		TEST(cut_anywhere),
		TEST(elf_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
