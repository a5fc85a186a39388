// SPDX-License-Identifier: Apache-2.0
/* ctr/archive/pack.c: a root into an archive, and by archive_unpack() back to the same. Owners and capabilities are root's tests. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/archive/archive.h"
#include "ctr/archive/pack.h"
#include "ctr/store/tree.h"
#include "tests/fakes/capture.h"
#include "vmm/util/process.h"

struct fixture {
	char path[64];
	int fd, from, to, archive;
	char said[4096];
};

static int set_up(void **state)
{
	static struct fixture f;

	snprintf(f.path, sizeof(f.path), "/tmp/test_pack.XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	umask(0);
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(f.fd, "from", 0755) || mkdirat(f.fd, "to", 0755))
		return -1;
	f.from = openat(f.fd, "from", O_PATH | O_DIRECTORY | O_CLOEXEC);
	f.to = openat(f.fd, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f.archive = memfd_create("archive", MFD_CLOEXEC);
	*state = &f;
	return f.from < 0 || f.to < 0 || f.archive < 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->archive);
	close(f->from);
	close(f->to);
	close(f->fd);
	return directory_remove(AT_FDCWD, f->path);
}

static int pack(struct fixture *f, enum pack_compression compression)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = archive_pack(f->from, "root.tar", f->archive, compression);

	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	return err;
}

static void there_and_back(struct fixture *f, enum pack_compression compression)
{
	const struct archive_options options = {.set_owners = !geteuid()};

	assert_int_equal(pack(f, compression), 0);
	assert_string_equal(f->said, "");
	assert_int_equal(lseek(f->archive, 0, SEEK_SET), 0);
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = archive_unpack(f->archive, "root.tar", f->to, &options, NULL);
	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	if (err)
		fail_msg("%s", f->said);
}

static void put(int dir, const char *path, const char *text, mode_t mode)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static struct stat stat_of(int dir, const char *path)
{
	struct stat st;

	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW))
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static void same(const struct fixture *f, const char *path)
{
	struct stat a = stat_of(f->from, path), b = stat_of(f->to, path);

	assert_int_equal(a.st_mode, b.st_mode);
	assert_int_equal(a.st_uid, b.st_uid);
	assert_int_equal(a.st_gid, b.st_gid);
	assert_int_equal(a.st_nlink, b.st_nlink);
	if (!S_ISDIR(a.st_mode))
		assert_int_equal(a.st_size, b.st_size);
	assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
}

static void mark(const struct fixture *f, const char *path, unsigned number)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1100000000 + number, 987654321}};

	/* Beyond what the first form of tar has room for. */
	if (!geteuid())
		assert_int_equal(fchownat(f->from, path, 3000000 + number, 4000000 + number, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(f->from, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void fill(const struct fixture *f)
{
	put(f->from, "file", "text", 0640);
	/* Closed, where that does not keep us out */
	assert_int_equal(mkdirat(f->from, "dir", geteuid() ? 0500 : 0), 0);
	assert_int_equal(mkdirat(f->from, "full", 0755), 0);
	assert_int_equal(linkat(f->from, "file", f->from, "full/same", 0), 0);
	assert_int_equal(symlinkat("../no where", f->from, "full/link"), 0);
	assert_int_equal(linkat(f->from, "full/link", f->from, "link", 0), 0);
	assert_int_equal(mkfifoat(f->from, "fifo", 0611), 0);
	mark(f, "file", 1);
	mark(f, "dir", 2);
	mark(f, "link", 3);
	mark(f, "fifo", 4);
	assert_int_equal(fchmodat(f->from, "file", 06750, 0), 0);
	mark(f, "full", 5);
	mark(f, ".", 6);
	assert_int_equal(fchmodat(f->from, ".", 01771, 0), 0);
}

static const char *const filled[] = {".", "file", "dir", "full", "full/same", "full/link", "link", "fifo"};

static void compressions(void **state)
{
	static const struct {
		enum pack_compression compression;
		const char *magic;
	} kinds[] = {{PACK_PLAIN, ""}, {PACK_GZIP, "\x1f\x8b"}, {PACK_XZ, "\xfd\x37zXZ"}, {PACK_ZSTD, "\x28\xb5\x2f\xfd"}};
	struct fixture *f = *state;
	char start[8];

	fill(f);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		assert_int_equal(ftruncate(f->archive, 0), 0);
		assert_int_equal(lseek(f->archive, 0, SEEK_SET), 0);
		there_and_back(f, kinds[i].compression);
		assert_int_equal(pread(f->archive, start, sizeof(start), 0), sizeof(start));
		assert_memory_equal(start, kinds[i].magic, strlen(kinds[i].magic));
		for (unsigned k = 0; k < sizeof(filled) / sizeof(*filled); k++)
			same(f, filled[k]);
		assert_int_equal(stat_of(f->to, "file").st_ino, stat_of(f->to, "full/same").st_ino);
		assert_int_equal(stat_of(f->to, "link").st_ino, stat_of(f->to, "full/link").st_ino);
		close(f->to);
		assert_int_equal(directory_remove(f->fd, "to"), 0);
		assert_int_equal(mkdirat(f->fd, "to", 0755), 0);
		f->to = openat(f->fd, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
}

static void names(void **state)
{
	static const char *const odd[] = {"with space", "new\nline", "\xc3\xbc ber", "latin-\xfc", "-dash", "\xe2\x82\xac", "back\\slash"};
	struct fixture *f = *state;
	char name[NAME_MAX + 1], target[1024];

	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	put(f->from, name, "x", 0600);
	assert_int_equal(symlinkat(target, f->from, "far"), 0);
	assert_int_equal(symlinkat("\xfc/latin", f->from, "latin"), 0);
	for (unsigned i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		put(f->from, odd[i], "x", 0600);
	there_and_back(f, PACK_PLAIN);
	same(f, name);
	for (unsigned i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		same(f, odd[i]);
	char got[2048] = "";
	assert_int_equal(readlinkat(f->to, "far", got, sizeof(got)), strlen(target));
	assert_memory_equal(got, target, strlen(target));
	assert_int_equal(readlinkat(f->to, "latin", got, sizeof(got)), 7);
	assert_memory_equal(got, "\xfc/latin", 7);
}

/* --- attributes --------------------------------------------------------------------------------------------------------------------------
 */

static void set_attribute(const struct fixture *f, const char *name, const char *attribute, const void *value, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/from/%s", f->path, name);
	assert_int_equal(lsetxattr(path, attribute, value, len, 0), 0);
}

static void attribute_is(const struct fixture *f, const char *name, const char *attribute, const void *value, ssize_t len)
{
	char path[128], got[256];

	snprintf(path, sizeof(path), "%s/to/%s", f->path, name);
	assert_int_equal(lgetxattr(path, attribute, got, sizeof(got)), len);
	if (len > 0)
		assert_memory_equal(got, value, (size_t)len);
}

static void attributes(void **state)
{
	static const uint32_t capability[5] = {0x02000001, 1u << 10, 0, 0, 0};
	struct fixture *f = *state;

	put(f->from, "file", "x", 0755);
	assert_int_equal(mkdirat(f->from, "dir", 0755), 0);
	set_attribute(f, "file", "user.note", "with\0a zero", 11);
	set_attribute(f, "dir", "user.dir", "d", 1);
	set_attribute(f, "dir", "user.overlay.opaque", "y", 1);
	if (!geteuid()) {
		set_attribute(f, "file", "security.capability", capability, sizeof(capability));
		set_attribute(f, "file", "trusted.note", "t", 1);
	}
	there_and_back(f, PACK_PLAIN);
	attribute_is(f, "file", "user.note", "with\0a zero", 11);
	attribute_is(f, "dir", "user.dir", "d", 1);
	attribute_is(f, "dir", "user.overlay.opaque", NULL, -1);
	if (!geteuid()) {
		attribute_is(f, "file", "security.capability", capability, sizeof(capability));
		attribute_is(f, "file", "trusted.note", NULL, -1);
	}
}

/* Access control lists (linux/posix_acl_xattr.h): a version, then tag, permissions and number of each. */
struct rule {
	uint16_t tag, perm;
	uint32_t id;
};

struct list {
	uint32_t version;
	struct rule rule[7];
};

static void access_control_lists(void **state)
{
	const struct list file = {2, {{1, 7, -1u}, {2, 5, 7}, {2, 0, 300000}, {4, 1, -1u}, {8, 6, 8}, {16, 6, -1u}, {32, 4, -1u}}};
	const struct list given = {2, {{1, 7, -1u}, {2, 7, 9}, {4, 5, -1u}, {8, 7, 10}, {8, 2, 11}, {16, 7, -1u}, {32, 0, -1u}}};
	struct fixture *f = *state;
	char path[128];

	if (geteuid())
		skip(); /* whoever has no owners to set, has none to let in either */
	put(f->from, "file", "x", 0750);
	assert_int_equal(mkdirat(f->from, "dir", 0755), 0);
	snprintf(path, sizeof(path), "%s/from/dir", f->path);
	if (lsetxattr(path, "system.posix_acl_default", &given, sizeof(given), 0) && errno == EOPNOTSUPP)
		skip();
	/* What is made in there has it from the directory, and loses it here. */
	put(f->from, "dir/plain", "x", 0604);
	snprintf(path, sizeof(path), "%s/from/dir/plain", f->path);
	assert_int_equal(lremovexattr(path, "system.posix_acl_access"), 0);
	assert_int_equal(fchmodat(f->from, "dir/plain", 0604, 0), 0);
	set_attribute(f, "file", "system.posix_acl_access", &file, sizeof(file));
	set_attribute(f, "dir", "system.posix_acl_access", &file, sizeof(file));
	there_and_back(f, PACK_PLAIN);
	attribute_is(f, "file", "system.posix_acl_access", &file, sizeof(file));
	attribute_is(f, "dir", "system.posix_acl_access", &file, sizeof(file));
	attribute_is(f, "dir", "system.posix_acl_default", &given, sizeof(given));
	attribute_is(f, "dir/plain", "system.posix_acl_access", NULL, -1);
	same(f, "file");
	same(f, "dir");
	same(f, "dir/plain");
}

/* --- data --------------------------------------------------------------------------------------------------------------------------------
 */

#define HOLE ((off_t)1 << 32)

static void make_sparse(const struct fixture *f, const char *name, bool begin, bool middle, off_t size)
{
	int fd = openat(f->from, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	if (begin)
		assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
	if (middle)
		assert_int_equal(pwrite(fd, "middle", 6, HOLE), 6);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void holes(void **state)
{
	static const char *const names[] = {"both", "late", "void", "early"};
	struct fixture *f = *state;
	char text[8] = "";

	make_sparse(f, "both", true, true, 2 * HOLE);
	make_sparse(f, "late", false, true, HOLE + 6);
	make_sparse(f, "void", false, false, HOLE);
	make_sparse(f, "early", true, false, HOLE);
	there_and_back(f, PACK_PLAIN);
	assert_true(lseek(f->archive, 0, SEEK_END) < 1 << 20);
	for (unsigned i = 0; i < 4; i++) {
		same(f, names[i]);
		assert_true(stat_of(f->to, names[i]).st_blocks < 1000);
	}
	int fd = openat(f->to, "both", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, text, 5, 0), 5);
	assert_string_equal(text, "begin");
	assert_int_equal(pread(fd, text, 6, HOLE), 6);
	assert_string_equal(text, "middle");
	close(fd);
}

/* Longer than the disk is large, and nearly all of it a hole: it fits. */
static void long_holes(void **state)
{
	struct fixture *f = *state;
	int fd = openat(f->from, "long", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	off_t size = (off_t)1 << 43;

	assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
	if (ftruncate(fd, size))
		skip();
	close(fd);
	there_and_back(f, PACK_PLAIN);
	same(f, "long");
}

static void much_data(void **state)
{
	struct fixture *f = *state;
	size_t len = (3u << 20) + 12345;
	char *data = malloc(len), *got = malloc(len);
	int fd = openat(f->from, "much", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 2654435761u >> 7);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
	there_and_back(f, PACK_ZSTD);
	fd = openat(f->to, "much", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, got, len), len);
	close(fd);
	assert_memory_equal(data, got, len);
	free(data);
	free(got);
}

/* --- what does not go in
 * ------------------------------------------------------------------------------------------------------------------- */

static void sockets_are_passed_over(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mknodat(f->from, "socket", S_IFSOCK | 0600, 0), 0);
	put(f->from, "file", "x", 0600);
	there_and_back(f, PACK_PLAIN);
	same(f, "file");
	assert_int_equal(faccessat(f->to, "socket", F_OK, 0), -1);
}

static void links_are_not_followed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->fd, "elsewhere", 0755), 0);
	int elsewhere = openat(f->fd, "elsewhere", O_PATH | O_DIRECTORY | O_CLOEXEC);
	put(elsewhere, "secret", "x", 0600);
	close(elsewhere);
	assert_int_equal(symlinkat("../elsewhere", f->from, "dir"), 0);
	there_and_back(f, PACK_PLAIN);
	assert_true(S_ISLNK(stat_of(f->to, "dir").st_mode));
}

/* No reader could make it. */
static void too_deep(void **state)
{
	struct fixture *f = *state;
	char name[NAME_MAX + 1];
	int fd = openat(f->from, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	memset(name, 'd', NAME_MAX);
	name[NAME_MAX] = '\0';
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		int next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(pack(f, PACK_PLAIN), -ENAMETOOLONG);
	assert_non_null(strstr(f->said, "root.tar: '"));
	assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
}

static int said_job(void *arg)
{
	struct fixture *f = arg;

	return archive_pack(f->from, "root.tar", f->archive, PACK_PLAIN);
}

/* In a worker, where the program's are, too: libarchive (3.6) forgets some memory when it could not write. */
static void nobody_reads_it(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	fill(f);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	close(f->archive);
	f->archive = ends[1];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = worker_run("pack", said_job, f);
	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	assert_int_equal(err, -EPIPE);
	assert_non_null(strstr(f->said, "root.tar: "));
	assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(compressions),
		TEST(names),
		TEST(attributes),
		TEST(access_control_lists),
		TEST(holes),
		TEST(long_holes),
		TEST(much_data),
		TEST(sockets_are_passed_over),
		TEST(links_are_not_followed),
		TEST(too_deep),
		TEST(nobody_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
