// SPDX-License-Identifier: Apache-2.0
/*
 * ELF kernels: the gABI's program headers, the entry, and the PVH note (xen/include/public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY).
 *
 * Section headers are not looked at: a stripped kernel has none, and nothing in them is needed.
 */
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/kernel_format.h"

#define ELF_PROGRAM_HEADERS_MAX 64
#define ELF_NOTES_MAX 16384
#define XEN_ELFNOTE_PHYS32_ENTRY 18

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr segment[ELF_PROGRAM_HEADERS_MAX];
};

static bool overlap(const struct image_segment *a, const struct image_segment *b)
{
	return a->gpa < b->gpa + b->mem_bytes && b->gpa < a->gpa + a->mem_bytes;
}

static int check_header(struct kernel_file *file, const Elf64_Ehdr *h, uint16_t machine)
{
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return kernel_refuse(file, -ENOEXEC, "it is a 32-bit ELF file; a 64-bit kernel is needed");
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return kernel_refuse(file, -ENOEXEC, "it is a big-endian ELF file; a little-endian kernel is needed");
	if (h->e_type == ET_REL)
		return kernel_refuse(file, -ENOEXEC, "it is an ELF object file (a kernel module?), not a kernel");
	if (h->e_type == ET_CORE)
		return kernel_refuse(file, -ENOEXEC, "it is an ELF core dump, not a kernel");
	if (h->e_machine != machine)
		return kernel_refuse(file, -ENOEXEC, "it is for %s; this is %s", kernel_machine_name(h->e_machine),
				     kernel_machine_name(machine));
	if (machine == EM_AARCH64)
		return kernel_refuse(file, -ENOEXEC, "it is an ELF file; on aarch64 kernels are started from their Image file");
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > ELF_PROGRAM_HEADERS_MAX)
		return kernel_refuse(file, -ENOEXEC, "its ELF header has %u program headers of %u bytes; 1 to %u of %zu can be loaded",
				     h->e_phnum, h->e_phentsize, ELF_PROGRAM_HEADERS_MAX, sizeof(Elf64_Phdr));
	return 0;
}

/* Keeps the segments ascending, wherever the program headers have them. */
static int add_segment(struct kernel_image *image, struct kernel_file *file, const Elf64_Phdr *p)
{
	struct image_segment add = {p->p_paddr, file->base + p->p_offset, p->p_filesz, p->p_memsz};
	uint64_t end;
	unsigned at;
	int err;

	if (p->p_filesz > p->p_memsz)
		return kernel_refuse(file, -ENOEXEC, "its segment at 0x%lx is longer in the file than in memory", p->p_paddr);
	if (__builtin_add_overflow(p->p_paddr, p->p_memsz, &end))
		return kernel_refuse(file, -ENOEXEC, "its segment at 0x%lx wraps around the end of the address space", p->p_paddr);
	err = kernel_holds(file, "a segment", p->p_offset, p->p_filesz);
	if (err)
		return err;
	if (image->segment_count == IMAGE_SEGMENTS_MAX)
		return kernel_refuse(file, -ENOEXEC, "it has more than %u segments", IMAGE_SEGMENTS_MAX);
	for (unsigned i = 0; i < image->segment_count; i++) {
		if (overlap(&image->segment[i], &add))
			return kernel_refuse(file, -ENOEXEC, "its segments at 0x%lx and 0x%lx overlap", image->segment[i].gpa, add.gpa);
	}
	for (at = image->segment_count; at > 0 && image->segment[at - 1].gpa > add.gpa; at--)
		image->segment[at] = image->segment[at - 1];
	image->segment[at] = add;
	image->segment_count++;
	return 0;
}

static bool is_loaded(const struct kernel_image *image, uint64_t gpa)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		if (gpa >= image->segment[i].gpa && gpa - image->segment[i].gpa < image->segment[i].file_bytes)
			return true;
	}
	return false;
}

/* e_entry is a physical address in kernels linked as x86's is (vmlinux.lds.S, phys_startup_64), and a virtual one in others. */
static int find_entry(struct kernel_image *image, struct kernel_file *file, const struct elf *elf)
{
	uint64_t entry = elf->header.e_entry;

	image->entry = entry;
	if (is_loaded(image, entry))
		return 0;
	for (unsigned i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *p = &elf->segment[i];
		if (p->p_type == PT_LOAD && entry >= p->p_vaddr && entry - p->p_vaddr < p->p_filesz) {
			image->entry = p->p_paddr + (entry - p->p_vaddr);
			/* A header of no memory was not taken as a segment. */
			if (is_loaded(image, image->entry))
				return 0;
		}
	}
	return kernel_refuse(file, -ENOEXEC, "its entry 0x%lx lies in none of its segments", entry);
}

/* Walks notes (gABI, "Note Section"; 4-byte alignment) in a buffer that nobody else can change. */
static void find_pvh_note(struct kernel_image *image, const uint8_t *notes, size_t len)
{
	Elf64_Nhdr n;

	for (size_t at = 0; len - at >= sizeof(n);) {
		memcpy(&n, notes + at, sizeof(n));
		at += sizeof(n);
		uint64_t name_bytes = ((uint64_t)n.n_namesz + 3) & ~3ull;
		uint64_t desc_bytes = ((uint64_t)n.n_descsz + 3) & ~3ull;
		if (name_bytes > len - at || n.n_descsz > len - at - name_bytes)
			return;
		if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == 4 && !memcmp(notes + at, "Xen", 4) && n.n_descsz >= 4) {
			/* 4 or 8 bytes, as the kernel's word is; the entry is below 4 GiB in either */
			memcpy(&image->pvh_entry, notes + at + name_bytes, sizeof(image->pvh_entry));
			image->has_pvh = is_loaded(image, image->pvh_entry);
		}
		if (desc_bytes > len - at - name_bytes)
			return;
		at += name_bytes + desc_bytes;
	}
}

static int read_notes(struct kernel_image *image, struct kernel_file *file, const Elf64_Phdr *p)
{
	uint8_t notes[ELF_NOTES_MAX];
	size_t len = p->p_filesz < sizeof(notes) ? p->p_filesz : sizeof(notes);
	int err = kernel_read(file, notes, len, p->p_offset);

	if (!err)
		find_pvh_note(image, notes, len);
	return err;
}

/* What the dynamic linker or a C library needs, no kernel without a PVH note has: else a static program would be "booted". */
static int check_no_program(struct kernel_file *file, const struct elf *elf)
{
	for (unsigned i = 0; i < elf->header.e_phnum; i++) {
		switch (elf->segment[i].p_type) {
		case PT_INTERP:
			return kernel_refuse(file, -ENOEXEC, "it is an ELF program (dynamically linked), not a kernel");
		case PT_TLS:
		case PT_GNU_RELRO:
			return kernel_refuse(file, -ENOEXEC, "it is an ELF program, not a kernel");
		}
	}
	return 0;
}

int kernel_read_elf(struct kernel_image *image, struct kernel_file *file, uint16_t machine)
{
	struct elf elf;
	int err = kernel_read(file, &elf.header, sizeof(elf.header), 0);

	if (!err)
		err = check_header(file, &elf.header, machine);
	if (!err)
		err = kernel_read(file, elf.segment, elf.header.e_phnum * sizeof(*elf.segment), elf.header.e_phoff);
	for (unsigned i = 0; !err && i < elf.header.e_phnum; i++) {
		if (elf.segment[i].p_type == PT_LOAD && elf.segment[i].p_memsz)
			err = add_segment(image, file, &elf.segment[i]);
	}
	if (!err)
		err = find_entry(image, file, &elf);
	for (unsigned i = 0; !err && i < elf.header.e_phnum; i++) {
		if (elf.segment[i].p_type == PT_NOTE && !image->has_pvh)
			err = read_notes(image, file, &elf.segment[i]);
	}
	if (!err && !image->has_pvh)
		err = check_no_program(file, &elf);
	image->format = IMAGE_ELF;
	image->machine = elf.header.e_machine;
	return err;
}
