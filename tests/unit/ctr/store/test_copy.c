// SPDX-License-Identifier: Apache-2.0
/* ctr/store/copy.c and ctr/walk.c: copies of what containers leave, and of what they might. What only root can make is left out for others.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/store/copy.h"
#include "ctr/store/tree.h"
#include "ctr/walk.h"
#include "tests/fakes/capture.h"

#define DEPTH 6000
#define DEEP_NAME "a-name-of-some-length"

struct fixture {
	char path[64];
	int fd;
	char said[4096];
};

static int set_up(void **state)
{
	static struct fixture f;

	snprintf(f.path, sizeof(f.path), "/tmp/test_copy.XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	umask(0);
	*state = &f;
	return f.fd < 0 || mkdirat(f.fd, "from", 0755);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int err = directory_remove(AT_FDCWD, f->path);

	close(f->fd);
	return err;
}

static int copy(struct fixture *f)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = directory_copy(f->fd, "from", f->fd, "to");

	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	return err;
}

static struct stat stat_of(const struct fixture *f, const char *path)
{
	struct stat st;

	if (fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW))
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static bool exists(const struct fixture *f, const char *path)
{
	return !faccessat(f->fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void put_file(const struct fixture *f, const char *path, const char *text, mode_t mode)
{
	int fd = openat(f->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void text_is(const struct fixture *f, const char *path, const char *expected)
{
	char text[256];
	int fd = openat(f->fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	assert_string_equal(text, expected);
}

/* All that stat(2) tells but for its number and when that changed. */
static void same_nature(const struct fixture *f, const char *name)
{
	char from[128], to[128];

	snprintf(from, sizeof(from), "from%s", name);
	snprintf(to, sizeof(to), "to%s", name);
	struct stat a = stat_of(f, from), b = stat_of(f, to);
	assert_int_equal(a.st_mode, b.st_mode);
	assert_int_equal(a.st_uid, b.st_uid);
	assert_int_equal(a.st_gid, b.st_gid);
	assert_int_equal(a.st_rdev, b.st_rdev);
	assert_int_equal(a.st_nlink, b.st_nlink);
	if (!S_ISDIR(a.st_mode))
		assert_int_equal(a.st_size, b.st_size);
	assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
}

/* The time too is one that nobody gets by chance. */
static void mark(const struct fixture *f, const char *path, unsigned number)
{
	const struct timespec times[2] = {{1000000000 + number, 123456789}, {1100000000 + number, 987654321}};

	if (!geteuid())
		assert_int_equal(fchownat(f->fd, path, 1000 + number, 2000 + number, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(f->fd, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void kinds(void **state)
{
	struct fixture *f = *state;

	put_file(f, "from/file", "text", 0600);
	put_file(f, "from/closed", "", 0);
	assert_int_equal(symlinkat("nowhere/at/all", f->fd, "from/link"), 0);
	assert_int_equal(mkfifoat(f->fd, "from/fifo", 0642), 0);
	assert_int_equal(mknodat(f->fd, "from/socket", S_IFSOCK | 0600, 0), 0);
	assert_int_equal(mknodat(f->fd, "from/whiteout", S_IFCHR, makedev(0, 0)), 0);
	assert_int_equal(mkdirat(f->fd, "from/dir", 0), 0);
	mark(f, "from/file", 1);
	mark(f, "from/link", 2);
	mark(f, "from/fifo", 3);
	mark(f, "from/whiteout", 4);
	mark(f, "from/dir", 5);
	/* Who changes the owner loses these bits. */
	assert_int_equal(fchmodat(f->fd, "from/file", 06751, 0), 0);
	mark(f, "from", 6);
	assert_int_equal(fchmodat(f->fd, "from", 01711, 0), 0);
	assert_int_equal(copy(f), 0);
	assert_string_equal(f->said, "");
	const char *const names[] = {"", "/file", "/closed", "/link", "/fifo", "/socket", "/whiteout", "/dir"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		same_nature(f, names[i]);
	assert_int_equal(stat_of(f, "to/file").st_mode, S_IFREG | 06751);
	/* Before anybody read the copy. */
	assert_int_equal(stat_of(f, "to/link").st_atim.tv_sec, 1000000002);
	text_is(f, "to/file", "text");
	char target[32] = "";
	assert_int_equal(readlinkat(f->fd, "to/link", target, sizeof(target)), strlen("nowhere/at/all"));
	assert_string_equal(target, "nowhere/at/all");
}

static void nodes(void **state)
{
	struct fixture *f = *state;

	if (geteuid())
		skip();
	assert_int_equal(mknodat(f->fd, "from/null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(copy(f), 0);
	same_nature(f, "/null");
}

/* --- attributes ------------------------------------------------------------------------------------------------------------------------
 */

static void path_of(const struct fixture *f, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", f->path, name);
}

static void set_attribute(const struct fixture *f, const char *name, const char *attribute, const void *value, size_t len)
{
	char path[128];

	path_of(f, name, path);
	assert_int_equal(lsetxattr(path, attribute, value, len, 0), 0);
}

static void attribute_is(const struct fixture *f, const char *name, const char *attribute, const void *value, size_t len)
{
	char path[128], got[256];

	path_of(f, name, path);
	assert_int_equal(lgetxattr(path, attribute, got, sizeof(got)), len);
	assert_memory_equal(got, value, len);
}

/* vfs_cap_data, revision 2: CAP_NET_BIND_SERVICE, effective (capabilities(7)). */
static const uint32_t capability[5] = {0x02000001, 1u << 10, 0, 0, 0};
/* posix_acl_xattr: a user that may read, the mask, and the three of the mode. */
static uint32_t acl[] = {2,          0x00070001, 0xffffffff, 0x00040002, 1000,      0x00050004,
			 0xffffffff, 0x00050010, 0xffffffff, 0x00050020, 0xffffffff};

static void attributes(void **state)
{
	struct fixture *f = *state;

	put_file(f, "from/file", "x", 0600);
	assert_int_equal(mkdirat(f->fd, "from/dir", 0755), 0);
	set_attribute(f, "from/file", "user.note", "of the user's", 13);
	set_attribute(f, "from/file", "user.empty", "", 0);
	set_attribute(f, "from/dir", "user.overlay.opaque", "y", 1);
	set_attribute(f, "from", "user.overlay.impure", "y", 1);
	if (!geteuid()) {
		set_attribute(f, "from/file", "security.capability", capability, sizeof(capability));
		set_attribute(f, "from/dir", "trusted.overlay.opaque", "y", 1);
		assert_int_equal(mknodat(f->fd, "from/node", S_IFCHR, makedev(0, 0)), 0);
		set_attribute(f, "from/node", "trusted.note", "node", 4);
		assert_int_equal(symlinkat("file", f->fd, "from/link"), 0);
		set_attribute(f, "from/link", "trusted.note", "link", 4);
	}
	assert_int_equal(copy(f), 0);
	attribute_is(f, "to/file", "user.note", "of the user's", 13);
	attribute_is(f, "to/file", "user.empty", "", 0);
	attribute_is(f, "to/dir", "user.overlay.opaque", "y", 1);
	attribute_is(f, "to", "user.overlay.impure", "y", 1);
	if (!geteuid()) {
		attribute_is(f, "to/file", "security.capability", capability, sizeof(capability));
		attribute_is(f, "to/dir", "trusted.overlay.opaque", "y", 1);
		attribute_is(f, "to/node", "trusted.note", "node", 4);
		attribute_is(f, "to/link", "trusted.note", "link", 4);
	}
}

/* A directory's default list would be given to what is made in it. */
static void access_lists(void **state)
{
	struct fixture *f = *state;
	char path[128];

	/* One whom every map has */
	acl[4] = geteuid();
	assert_int_equal(mkdirat(f->fd, "from/dir", 0700), 0);
	put_file(f, "from/dir/before", "x", 0600);
	put_file(f, "from/listed", "x", 0600);
	path_of(f, "from/dir", path);
	if (lsetxattr(path, "system.posix_acl_default", acl, sizeof(acl), 0) && errno == EOPNOTSUPP)
		skip();
	set_attribute(f, "from/listed", "system.posix_acl_access", acl, sizeof(acl));
	assert_int_equal(copy(f), 0);
	attribute_is(f, "to/dir", "system.posix_acl_default", acl, sizeof(acl));
	attribute_is(f, "to/listed", "system.posix_acl_access", acl, sizeof(acl));
	path_of(f, "to/dir/before", path);
	assert_int_equal(lgetxattr(path, "system.posix_acl_access", NULL, 0), -1);
	same_nature(f, "/dir/before");
	same_nature(f, "/listed");
}

/* --- links and holes ---------------------------------------------------------------------------------------------------------------------
 */

static void hard_links(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->fd, "from/a", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "from/a/b", 0755), 0);
	put_file(f, "from/a/one", "shared", 0644);
	assert_int_equal(linkat(f->fd, "from/a/one", f->fd, "from/a/b/two", 0), 0);
	assert_int_equal(linkat(f->fd, "from/a/one", f->fd, "from/three", 0), 0);
	assert_int_equal(mknodat(f->fd, "from/w1", S_IFCHR, makedev(0, 0)), 0);
	assert_int_equal(linkat(f->fd, "from/w1", f->fd, "from/a/w2", 0), 0);
	/* One of its names is elsewhere. */
	put_file(f, "from/out", "out", 0644);
	assert_int_equal(linkat(f->fd, "from/out", f->fd, "outside", 0), 0);
	assert_int_equal(copy(f), 0);
	struct stat one = stat_of(f, "to/a/one");
	assert_int_equal(one.st_nlink, 3);
	assert_int_equal(stat_of(f, "to/a/b/two").st_ino, one.st_ino);
	assert_int_equal(stat_of(f, "to/three").st_ino, one.st_ino);
	assert_int_not_equal(stat_of(f, "from/three").st_ino, one.st_ino);
	assert_int_equal(stat_of(f, "to/w1").st_ino, stat_of(f, "to/a/w2").st_ino);
	assert_int_equal(stat_of(f, "to/w1").st_nlink, 2);
	assert_int_equal(stat_of(f, "to/out").st_nlink, 1);
	/* And the table of them is gone: "from", "to", "outside". */
	assert_int_equal(stat_of(f, ".").st_nlink, 4);
}

#define HOLE ((off_t)1 << 32)

static void put_at(int fd, const char *text, off_t at)
{
	assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
}

static void holes(void **state)
{
	struct fixture *f = *state;
	char text[8] = "";
	int fd = openat(f->fd, "from/sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	put_at(fd, "begin", 0);
	put_at(fd, "middle", HOLE);
	assert_int_equal(ftruncate(fd, 2 * HOLE), 0);
	close(fd);
	fd = openat(f->fd, "from/void", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, HOLE), 0);
	close(fd);
	assert_int_equal(copy(f), 0);
	same_nature(f, "/sparse");
	same_nature(f, "/void");
	assert_true(stat_of(f, "to/sparse").st_blocks < 1000);
	assert_true(stat_of(f, "to/void").st_blocks < 1000);
	fd = openat(f->fd, "to/sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, text, 6, HOLE), 6);
	assert_string_equal(text, "middle");
	assert_int_equal(pread(fd, text, 5, 0), 5);
	assert_memory_equal(text, "begin", 5);
	close(fd);
}

/* More than one buffer, and not a whole number of them. */
static void much_data(void **state)
{
	struct fixture *f = *state;
	size_t len = (3u << 20) + 12345;
	char *data = malloc(len), *got = malloc(len);
	int fd = openat(f->fd, "from/much", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 2654435761u >> 7);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
	assert_int_equal(copy(f), 0);
	fd = openat(f->fd, "to/much", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, got, len), len);
	close(fd);
	assert_memory_equal(data, got, len);
	free(data);
	free(got);
}

/* --- what a stranger would do ------------------------------------------------------------------------------------------------------------
 */

/* Descends, and says how far it went; the last has a file. */
static unsigned depth_of(const struct fixture *f, const char *name)
{
	int fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned depth = 0;

	for (;; depth++) {
		int next = openat(fd, DEEP_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			break;
		close(fd);
		fd = next;
	}
	assert_int_equal(faccessat(fd, "bottom", F_OK, 0), 0);
	close(fd);
	return depth;
}

/* Far beyond PATH_MAX, and with a dozen descriptors. */
static void deep(void **state)
{
	struct fixture *f = *state;
	struct rlimit files, few;
	int fd = openat(f->fd, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdirat(fd, DEEP_NAME, 0755), 0);
		int next = openat(fd, DEEP_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	assert_int_equal(mknodat(fd, "bottom", S_IFREG | 0600, 0), 0);
	assert_int_equal(linkat(fd, "bottom", f->fd, "from/top", 0), 0);
	close(fd);
	getrlimit(RLIMIT_NOFILE, &files);
	few = (struct rlimit){.rlim_cur = 24, .rlim_max = files.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	int err = copy(f);
	setrlimit(RLIMIT_NOFILE, &files);
	assert_int_equal(err, 0);
	assert_int_equal(depth_of(f, "to"), DEPTH);
	assert_int_equal(stat_of(f, "to/top").st_nlink, 2);
}

static void links_are_not_followed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->fd, "elsewhere", 0755), 0);
	put_file(f, "elsewhere/secret", "x", 0600);
	assert_int_equal(symlinkat("../elsewhere", f->fd, "from/dir"), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->fd, "from/file"), 0);
	assert_int_equal(copy(f), 0);
	assert_true(S_ISLNK(stat_of(f, "to/dir").st_mode));
	assert_true(S_ISLNK(stat_of(f, "to/file").st_mode));
	assert_int_equal(directory_remove(f->fd, "to"), 0);
	assert_int_equal(directory_remove(f->fd, "from"), 0);
	assert_int_equal(symlinkat("elsewhere", f->fd, "from"), 0);
	assert_true(copy(f) < 0);
	assert_false(exists(f, "to"));
	assert_int_equal(unlinkat(f->fd, "from", 0), 0);
}

static void mounts_are_not_entered(void **state)
{
	struct fixture *f = *state;
	char path[128];

	if (geteuid() || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		skip();
	/* The directory as it is in this namespace. */
	close(f->fd);
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->fd, "from/mounted", 0755), 0);
	put_file(f, "from/zzz", "x", 0600);
	path_of(f, "from/mounted", path);
	assert_int_equal(mount("tmpfs", path, "tmpfs", 0, NULL), 0);
	put_file(f, "from/mounted/inside", "x", 0600);
	int err = copy(f);
	assert_int_equal(umount(path), 0);
	assert_int_equal(err, 0);
	assert_true(S_ISDIR(stat_of(f, "to/mounted").st_mode));
	assert_false(exists(f, "to/mounted/inside"));
	assert_true(exists(f, "to/zzz"));
}

/* --- failures ----------------------------------------------------------------------------------------------------------------------------
 */

static void taken_names_stay(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->fd, "to", 0755), 0);
	put_file(f, "to/mine", "x", 0600);
	assert_int_equal(copy(f), -EEXIST);
	assert_true(exists(f, "to/mine"));
	assert_non_null(strstr(f->said, "to: "));
}

static void nothing_to_copy(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(unlinkat(f->fd, "from", AT_REMOVEDIR), 0);
	assert_int_equal(copy(f), -ENOENT);
	assert_non_null(strstr(f->said, strerror(ENOENT)));
	assert_false(exists(f, "to"));
}

/* As when the disk is full, which takes a disk. */
static void halves_are_removed(void **state)
{
	struct fixture *f = *state;
	struct rlimit size, small;
	char text[8192];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(mkdirat(f->fd, "from/some", 0755), 0);
	put_file(f, "from/some/small", "x", 0600);
	put_file(f, "from/some/large", text, 0600);
	assert_int_equal(linkat(f->fd, "from/some/small", f->fd, "from/another", 0), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &size);
	small = (struct rlimit){.rlim_cur = 4096, .rlim_max = size.rlim_max};
	setrlimit(RLIMIT_FSIZE, &small);
	int err = copy(f);
	setrlimit(RLIMIT_FSIZE, &size);
	assert_int_equal(err, -EFBIG);
	assert_non_null(strstr(f->said, "some/large: "));
	assert_non_null(strstr(f->said, strerror(EFBIG)));
	assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
	/* Only "from" is left. */
	assert_int_equal(stat_of(f, ".").st_nlink, 3);
}

/* --- the walk by itself
 * -------------------------------------------------------------------------------------------------------------------- */

static void every_entry_once(void **state)
{
	struct fixture *f = *state;
	unsigned files = 0, entered = 0, left = 0;
	struct walk walk;
	int err;

	assert_int_equal(mkdirat(f->fd, "from/a", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "from/a/b", 0755), 0);
	put_file(f, "from/a/b/c", "", 0600);
	put_file(f, "from/d", "", 0600);
	assert_int_equal(walk_open(&walk, f->fd, "from"), 0);
	while ((err = walk_next(&walk)) > 0) {
		files += walk.what == WALK_FILE;
		entered += walk.what == WALK_ENTER;
		left += walk.what == WALK_LEAVE;
		if (walk.what == WALK_FILE && !strcmp(walk.name, "c"))
			assert_string_equal(walk.path, "a/b/c");
		if (walk.what == WALK_FILE && !strcmp(walk.name, "d"))
			assert_string_equal(walk.path, "d");
		if (walk.what == WALK_LEAVE && !walk.depth)
			assert_string_equal(walk.path, "");
	}
	assert_int_equal(err, 0);
	assert_int_equal(files, 2);
	assert_int_equal(entered, 3);
	assert_int_equal(left, 3);
	walk_close(&walk);
}

/* Who moves a directory while the walk is in it does not lead it out of the tree. */
static void moved_away(void **state)
{
	struct fixture *f = *state;
	struct walk walk;
	int err;

	assert_int_equal(mkdirat(f->fd, "from/a", 0755), 0);
	assert_int_equal(walk_open(&walk, f->fd, "from"), 0);
	while ((err = walk_next(&walk)) > 0) {
		if (walk.what == WALK_ENTER && walk.depth)
			assert_int_equal(renameat(f->fd, "from/a", f->fd, "outside"), 0);
	}
	assert_int_equal(err, -ESTALE);
	walk_close(&walk);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(kinds),
		TEST(nodes),
		TEST(attributes),
		TEST(access_lists),
		TEST(hard_links),
		TEST(holes),
		TEST(much_data),
		TEST(deep),
		TEST(links_are_not_followed),
		TEST(mounts_are_not_entered),
		TEST(taken_names_stay),
		TEST(nothing_to_copy),
		TEST(halves_are_removed),
		TEST(every_entry_once),
		TEST(moved_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
