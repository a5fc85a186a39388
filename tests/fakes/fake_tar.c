// SPDX-License-Identifier: Apache-2.0
/* Tar archives for tests: tar(5), "POSIX ustar Archives". See fake_tar.h. */
#include "tests/fakes/fake_tar.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512u
#define SECRET "not the archive's"

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fake_tar: %s\n", what);
	abort();
}

/* --- archives ------------------------------------------------------------------------------------------------------------------------ */

/* In whole blocks, the last filled up with zeros. */
static void append(struct fake_tar *tar, const void *data, size_t len)
{
	size_t padded = (len + BLOCK - 1) / BLOCK * BLOCK;

	if (tar->blob.len + padded > tar->room) {
		tar->room = (tar->blob.len + padded) * 2;
		tar->blob.data = realloc(tar->blob.data, tar->room);
		must(tar->blob.data, "memory");
	}
	memset(tar->blob.data + tar->blob.len, 0, padded);
	if (len)
		memcpy(tar->blob.data + tar->blob.len, data, len);
	tar->blob.len += padded;
}

static void put_text(char *field, size_t room, const char *text)
{
	size_t len = strlen(text);

	memcpy(field, text, len < room ? len : room);
}

/* Octal, or, where that has too few digits, base 256. */
static void put_number(char *field, size_t room, uint64_t value)
{
	char text[32];

	if (snprintf(text, sizeof(text), "%0*llo", (int)room - 1, (unsigned long long)value) < (int)room) {
		memcpy(field, text, room);
		return;
	}
	for (size_t i = room; i > 0; i--, value >>= 8)
		field[i - 1] = (char)value;
	field[0] |= (char)0x80;
}

void fake_tar_header(struct fake_tar *tar, char type, const char *name, const char *link, uint64_t size)
{
	char header[BLOCK] = {0};
	unsigned sum = 0;

	if (strlen(name) > 100 && type != 'L') {
		fake_tar_header(tar, 'L', "././@LongLink", NULL, strlen(name) + 1);
		append(tar, name, strlen(name) + 1);
	}
	put_text(header, 100, name);
	put_number(header + 100, 8, tar->mode ? tar->mode : type == '5' ? 0755 : 0644);
	put_number(header + 108, 8, tar->uid);
	put_number(header + 116, 8, tar->gid);
	put_number(header + 124, 12, size);
	put_number(header + 136, 12, tar->mtime);
	memset(header + 148, ' ', 8);
	header[156] = type;
	put_text(header + 157, 100, link ? link : "");
	memcpy(header + 257, "ustar\00000", 8);
	for (unsigned i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	put_number(header + 148, 7, sum);
	append(tar, header, BLOCK);
}

void fake_tar_add(struct fake_tar *tar, char type, const char *name, const char *link, const void *data, size_t len)
{
	fake_tar_header(tar, type, name, link, len);
	append(tar, data, len);
}

void fake_tar_text(struct fake_tar *tar, const char *name, const char *text)
{
	fake_tar_add(tar, '0', name, NULL, text, strlen(text));
}

void fake_tar_dir(struct fake_tar *tar, const char *name)
{
	fake_tar_header(tar, '5', name, NULL, 0);
}

void fake_tar_pax(struct fake_tar *tar, const char *key, const char *value)
{
	size_t body = strlen(key) + strlen(value) + 3, len = body + 1;
	char text[4096], digits[24];

	/* The length counts its own digits. */
	while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + body != len)
		len = body + strlen(digits);
	must(len < sizeof(text), "a long pax header");
	snprintf(text, sizeof(text), "%zu %s=%s\n", len, key, value);
	fake_tar_add(tar, 'x', "pax", NULL, text, len);
}

void fake_tar_end(struct fake_tar *tar)
{
	static const char zeros[2 * BLOCK];

	append(tar, zeros, sizeof(zeros));
}

int fake_tar_file(const struct blob *blob)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, blob->data, blob->len) == (ssize_t)blob->len && !lseek(fd, 0, SEEK_SET), "a memory file");
	return fd;
}

/* --- where they go ------------------------------------------------------------------------------------------------------------------- */

static const char *path_of(const struct fake_root *root, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", root->dir, name);
	return path;
}

void fake_root_init(struct fake_root *root, const char *where)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	int fd;

	snprintf(root->dir, sizeof(root->dir), "%s/tinyvmm-root.XXXXXX", where ? where : "/tmp");
	must(mkdtemp(root->dir), "a directory");
	fd = open(path_of(root, "outside"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	must(fd >= 0 && write(fd, SECRET, strlen(SECRET)) == (ssize_t)strlen(SECRET) && !fchmod(fd, 0640) && !futimens(fd, times),
	     "a file outside");
	close(fd);
	must(!mkdir(path_of(root, "root"), 0700), "a root");
	root->fd = open(path_of(root, "root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(root->fd >= 0, "the root");
	must(!utimensat(AT_FDCWD, root->dir, times, 0), "times");
}

bool fake_root_intact(const struct fake_root *root)
{
	char text[64] = {0};
	struct stat st, dir;
	int fd = open(path_of(root, "outside"), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool same = fd >= 0 && read(fd, text, sizeof(text) - 1) == (ssize_t)strlen(SECRET) && !strcmp(text, SECRET) && !fstat(fd, &st);

	same = same && st.st_nlink == 1 && st.st_mode == (S_IFREG | 0640) && st.st_mtime == 1000 && st.st_uid == getuid();
	if (fd >= 0)
		close(fd);
	/* Nothing came or went beside it. */
	return same && !stat(root->dir, &dir) && dir.st_mtime == 1000 && (dir.st_mode & 07777) == 0700;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

void fake_root_release(struct fake_root *root)
{
	close(root->fd);
	nftw(root->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
