// SPDX-License-Identifier: Apache-2.0
/* Modules and archives for tests: see fake_modules.h. */
#include "tests/fakes/fake_modules.h"

#include <assert.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/util/io.h"

#define INFO_MAX 8

/* --- directories ----------------------------------------------------------------------------------------------------------------- */

void fake_tree_init(struct fake_tree *tree)
{
	snprintf(tree->dir, sizeof(tree->dir), "/tmp/tinyvmm-modules.XXXXXX");
	assert(mkdtemp(tree->dir));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void fake_tree_release(struct fake_tree *tree)
{
	assert(nftw(tree->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

const char *fake_tree_path(const struct fake_tree *tree, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", tree->dir, name);
	return path;
}

void fake_tree_file(const struct fake_tree *tree, const char *name, const void *data, size_t len)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", fake_tree_path(tree, name));
	*strrchr(dir, '/') = '\0';
	assert(make_dirs(dir) == 0);
	assert(write_file_atomic(fake_tree_path(tree, name), data, len, 0644) == 0);
}

void fake_tree_text(const struct fake_tree *tree, const char *name, const char *text)
{
	fake_tree_file(tree, name, text, strlen(text));
}

/* --- modules --------------------------------------------------------------------------------------------------------------------- */

struct blob fake_module(const char *const *info)
{
	static const char names[] = "\0.modinfo\0.shstrtab";
	char modinfo[1024];
	size_t len = 0;

	for (; *info; info++) {
		memcpy(modinfo + len, *info, strlen(*info) + 1);
		len += strlen(*info) + 1;
	}
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3,
		.e_shstrndx = 2,
	};
	const size_t info_at = sizeof(header) + 3 * sizeof(Elf64_Shdr);
	const Elf64_Shdr sections[3] = {
		{ .sh_type = SHT_NULL },
		{ .sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_offset = info_at, .sh_size = len },
		{ .sh_name = 10, .sh_type = SHT_STRTAB, .sh_offset = info_at + len, .sh_size = sizeof(names) },
	};
	struct blob blob = { .len = info_at + len + sizeof(names) };

	blob.data = malloc(blob.len);
	assert(blob.data);
	memcpy(blob.data, &header, sizeof(header));
	memcpy(blob.data + sizeof(header), sections, sizeof(sections));
	memcpy(blob.data + info_at, modinfo, len);
	memcpy(blob.data + info_at + len, names, sizeof(names));
	return blob;
}

static enum compression compression_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return !strcmp(dot, ".gz")    ? COMPRESSION_GZIP
	       : !strcmp(dot, ".xz")  ? COMPRESSION_XZ
	       : !strcmp(dot, ".zst") ? COMPRESSION_ZSTD
				      : COMPRESSION_NONE;
}

void fake_tree_module(const struct fake_tree *tree, const char *name, ...)
{
	const char *info[INFO_MAX + 1] = { NULL };
	va_list args;

	va_start(args, name);
	for (unsigned i = 0; i < INFO_MAX && (info[i] = va_arg(args, const char *)); i++)
		;
	va_end(args);
	struct blob module = fake_module(info);
	if (compression_of(name) != COMPRESSION_NONE) {
		struct blob packed = fake_pack(compression_of(name), &module);
		blob_free(&module);
		module = packed;
	}
	fake_tree_file(tree, name, module.data, module.len);
	blob_free(&module);
}

/* --- archives -------------------------------------------------------------------------------------------------------------------- */

static uint32_t field(const char *header, unsigned i)
{
	char digits[9] = { 0 }, *end;

	memcpy(digits, header + 6 + (size_t)8 * i, 8);
	uint32_t value = (uint32_t)strtoul(digits, &end, 16);
	assert(end - digits == 8);
	return value;
}

/* Takes one member at `at`; returns where the next begins. */
static size_t read_member(struct archive *archive, size_t at, struct archive_member *m)
{
	assert(at % 4 == 0);
	assert(at + 110 <= archive->len);
	const char *header = archive->bytes + at;
	assert(!memcmp(header, "070701", 6));
	uint32_t name_len = field(header, 11);
	*m = (struct archive_member){ .inode = field(header, 0),
				      .mode = field(header, 1),
				      .major = field(header, 9),
				      .minor = field(header, 10),
				      .len = field(header, 6),
				      .name = header + 110 };
	size_t data_at = (at + 110 + name_len + 3) & ~(size_t)3;
	assert(data_at + m->len <= archive->len);
	assert(m->name[name_len - 1] == '\0');
	assert(strlen(m->name) + 1 == name_len);
	m->data = archive->bytes + data_at;
	return (data_at + m->len + 3) & ~(size_t)3;
}

void archive_read(struct archive *archive, int fd, uint64_t bytes)
{
	*archive = (struct archive){ .len = (size_t)bytes, .bytes = malloc(bytes + 1) };
	assert(archive->bytes);
	assert(pread_full(fd, archive->bytes, archive->len, 0) == 0);
	for (size_t at = 0;;) {
		struct archive_member m;
		at = read_member(archive, at, &m);
		if (!strcmp(m.name, "TRAILER!!!")) {
			assert(at == archive->len);
			return;
		}
		assert(archive->count < ARCHIVE_MEMBERS_MAX);
		/* The kernel takes equal numbers for links to one file. */
		for (unsigned i = 0; i < archive->count; i++)
			assert(archive->member[i].inode != m.inode);
		archive->member[archive->count++] = m;
	}
}

void archive_release(struct archive *archive)
{
	free(archive->bytes);
}

const struct archive_member *archive_find(const struct archive *archive, const char *name)
{
	for (unsigned i = 0; i < archive->count; i++) {
		if (!strcmp(archive->member[i].name, name))
			return &archive->member[i];
	}
	return NULL;
}
