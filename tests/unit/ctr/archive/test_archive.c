// SPDX-License-Identifier: Apache-2.0
/* ctr/archive/archive.c, archive_tree.c, archive_entry.c, archive_tar.c: root file systems from tars, good ones and a stranger's. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/archive/archive.h"
#include "tests/fakes/capture.h"
#include "tests/fakes/fake_tar.h"

struct fixture {
	struct fake_root root;
	struct fake_tar tar;
	char said[4096]; /* what the last unpacking logged */
};

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.tar.mtime = 0};
	fake_root_init(&f.root, NULL);
	*state = &f;
	return 0;
}

/* Whatever a test did: nothing outside changed. */
static int tear_down(void **state)
{
	struct fixture *f = *state;
	bool intact = fake_root_intact(&f->root);

	fake_root_release(&f->root);
	blob_free(&f->tar.blob);
	return intact ? 0 : -1;
}

static int unpack_fd(struct fixture *f, int fd, bool owners)
{
	const struct archive_options options = {.set_owners = owners};
	struct archive_config config;
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = archive_unpack(fd, "root.tar", f->root.fd, &options, &config);

	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	assert_null(config.env);
	assert_null(config.user);
	archive_config_release(&config);
	return err;
}

static int unpack_blob(struct fixture *f, const struct blob *blob)
{
	int fd = fake_tar_file(blob);
	int err = unpack_fd(f, fd, false);

	close(fd);
	return err;
}

static int unpack(struct fixture *f)
{
	fake_tar_end(&f->tar);
	return unpack_blob(f, &f->tar.blob);
}

/* Each failure is logged once, by name, in one line. */
static void refused(struct fixture *f, int err)
{
	assert_int_equal(unpack(f), err);
	assert_non_null(strstr(f->said, "root.tar"));
	assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
}

static mode_t mode_of(const struct fixture *f, const char *path)
{
	struct stat st;

	return fstatat(f->root.fd, path, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_mode;
}

static struct stat stat_of(const struct fixture *f, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(f->root.fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void text_is(const struct fixture *f, const char *path, const char *expected)
{
	char text[256];
	int fd = openat(f->root.fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void link_is(const struct fixture *f, const char *path, const char *expected)
{
	char text[256];
	ssize_t n = readlinkat(f->root.fd, path, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

/* --- what is good -------------------------------------------------------------------------------------------------------------------- */

static void add_small_root(struct fixture *f)
{
	f->tar.mtime = 1234567;
	f->tar.mode = 0711;
	fake_tar_dir(&f->tar, "./");
	f->tar.mode = 0555;
	fake_tar_dir(&f->tar, "./bin/");
	f->tar.mode = 04755;
	fake_tar_text(&f->tar, "./bin/su", "#!/bin/sh\n");
	f->tar.mode = 01777;
	fake_tar_dir(&f->tar, "./tmp");
	f->tar.mode = 0;
	fake_tar_add(&f->tar, '1', "./bin/sudo", "./bin/su", NULL, 0);
	fake_tar_add(&f->tar, '2', "./bin/sh", "/nowhere/../outside", NULL, 0);
	f->tar.mode = 0620;
	fake_tar_add(&f->tar, '6', "./fifo", NULL, NULL, 0);
	f->tar.mode = 0;
	fake_tar_text(&f->tar, "./empty", "");
}

static void kinds_modes_and_times(void **state)
{
	struct fixture *f = *state;
	mode_t mask = umask(077);

	add_small_root(f);
	assert_int_equal(unpack(f), 0);
	umask(mask);
	assert_string_equal(f->said, "");
	assert_int_equal(mode_of(f, "."), S_IFDIR | 0711);
	assert_int_equal(mode_of(f, "bin"), S_IFDIR | 0555);
	assert_int_equal(mode_of(f, "tmp"), S_IFDIR | 01777);
	assert_int_equal(mode_of(f, "bin/su"), S_IFREG | 04755);
	assert_int_equal(mode_of(f, "fifo"), S_IFIFO | 0620);
	assert_int_equal(mode_of(f, "empty"), S_IFREG | 0644);
	text_is(f, "bin/su", "#!/bin/sh\n");
	link_is(f, "bin/sh", "/nowhere/../outside");
	assert_int_equal(stat_of(f, "bin/su").st_ino, stat_of(f, "bin/sudo").st_ino);
	static const char *const all[] = {".", "bin", "tmp", "bin/su", "bin/sh", "fifo", "empty"};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		assert_int_equal(stat_of(f, all[i]).st_mtime, 1234567);
}

/* Directories that no entry names are for all to pass, the root too. */
static void unsaid_directories(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "a/b/c", "x");
	assert_int_equal(unpack(f), 0);
	assert_int_equal(mode_of(f, "."), S_IFDIR | 0755);
	assert_int_equal(mode_of(f, "a"), S_IFDIR | 0755);
	assert_int_equal(mode_of(f, "a/b"), S_IFDIR | 0755);
	text_is(f, "a/b/c", "x");
}

static void compressions(void **state)
{
	static const enum compression kinds[] = {COMPRESSION_GZIP, COMPRESSION_XZ, COMPRESSION_ZSTD, COMPRESSION_BZIP2};
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "file", "packed");
	fake_tar_end(&f->tar);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct blob packed = fake_pack(kinds[i], &f->tar.blob);
		/* Kernels have the unpacked length behind it. */
		packed.len -= kinds[i] == COMPRESSION_GZIP ? 0 : 4;
		assert_int_equal(unpack_blob(f, &packed), 0);
		blob_free(&packed);
		text_is(f, "file", "packed");
		assert_int_equal(unlinkat(f->root.fd, "file", 0), 0);
	}
}

/* One layer of compression is a format; more are a bomb. */
static void twice_compressed(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "file", "packed");
	fake_tar_end(&f->tar);
	struct blob once = fake_pack(COMPRESSION_GZIP, &f->tar.blob), twice = fake_pack(COMPRESSION_GZIP, &once);
	assert_int_equal(unpack_blob(f, &twice), -EBADMSG);
	blob_free(&once);
	blob_free(&twice);
}

static void from_a_pipe(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	fake_tar_text(&f->tar, "file", "piped");
	fake_tar_end(&f->tar);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], f->tar.blob.data, f->tar.blob.len), f->tar.blob.len);
	close(ends[1]);
	assert_int_equal(unpack_fd(f, ends[0], false), 0);
	close(ends[0]);
	text_is(f, "file", "piped");
}

/* GNU's sparse format 1.0: the map is in front of the data. */
static void holes_stay_holes(void **state)
{
	struct fixture *f = *state;
	char data[1024] = "1\n1048576\n4\n";

	memcpy(data + 512, "tail", 4);
	static const char pax[] =
		"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.name=holey\n31 GNU.sparse.realsize=8388608\n";
	fake_tar_add(&f->tar, 'x', "pax", NULL, pax, strlen(pax));
	fake_tar_add(&f->tar, '0', "GNUSparseFile.0/holey", NULL, data, 516);
	assert_int_equal(unpack(f), 0);
	struct stat st = stat_of(f, "holey");
	assert_int_equal(st.st_size, 8 << 20);
	assert_true(st.st_blocks < 64);
	char at[5] = "";
	int fd = openat(f->root.fd, "holey", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, at, 4, 1 << 20), 4);
	close(fd);
	assert_string_equal(at, "tail");
}

static void attributes(void **state)
{
	struct fixture *f = *state;
	char value[64];

	static const char pax[] = "31 SCHILY.xattr.user.note=good\n37 SCHILY.xattr.user.overlay.opaque=y\n"
				  "37 SCHILY.xattr.trusted.overlay.x=abc\n";
	fake_tar_add(&f->tar, 'x', "pax", NULL, pax, strlen(pax));
	fake_tar_text(&f->tar, "file", "x");
	/* A capability, version 2: CAP_NET_RAW, effective. */
	static const char cap[] = "54 SCHILY.xattr.security.capability=\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	char padded[64] = {0};
	size_t head = strlen("58 SCHILY.xattr.security.capability=");
	memcpy(padded, "57", 2);
	memcpy(padded + 2, cap + 2, head - 2 + 20);
	padded[head + 20] = '\n';
	fake_tar_add(&f->tar, 'x', "pax", NULL, padded, head + 21);
	fake_tar_text(&f->tar, "ping", "x");
	assert_int_equal(unpack(f), 0);
	int fd = openat(f->root.fd, "file", O_RDONLY | O_CLOEXEC), ping = openat(f->root.fd, "ping", O_RDONLY | O_CLOEXEC);
	ssize_t n = fgetxattr(fd, "user.note", value, sizeof(value));
	bool refused_here = n < 0, root = !geteuid();
	if (!refused_here) {
		assert_int_equal(n, 4);
		assert_memory_equal(value, "good", 4);
	}
	/* file systems that have none say so once, and it is no failure */
	assert_int_equal(strstr(f->said, "extended attributes were refused") != NULL, refused_here || !root);
	assert_true(fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) < 0);
	assert_true(fgetxattr(fd, "trusted.overlay.x", value, sizeof(value)) < 0);
	if (root && !refused_here)
		assert_int_equal(fgetxattr(ping, "security.capability", value, sizeof(value)), 20);
	close(fd);
	close(ping);
}

/* Others than ours wrote them: names beside the numbers, spaces, and what can't be had. */
static void access_control_lists(void **state)
{
	static const char pax[] = "81 SCHILY.acl.access=user::rwx,user:lisa:r-x:502,group::r--,mask::r-x,other::--x\n";
	static const char nobody[] = "66 SCHILY.acl.access=user::rwx,user:lisa:r-x,group::r--,mask::r-x\n";
	const uint32_t list[] = {2, 7 << 16 | 1, -1u, 5 << 16 | 2, 502, 4 << 16 | 4, -1u, 5 << 16 | 16, -1u, 1 << 16 | 32, -1u};
	struct fixture *f = *state;
	char value[64];

	fake_tar_add(&f->tar, 'x', "pax", NULL, pax, strlen(pax));
	fake_tar_text(&f->tar, "file", "x");
	fake_tar_add(&f->tar, 'x', "pax", NULL, nobody, strlen(nobody));
	fake_tar_text(&f->tar, "other", "x");
	/* Where all files are one user's there are no others. */
	assert_int_equal(unpack(f), 0);
	assert_null(strstr(f->said, "refused"));
	if (geteuid())
		return;
	int archive = fake_tar_file(&f->tar.blob);
	assert_int_equal(unpack_fd(f, archive, true), 0);
	close(archive);
	int fd = openat(f->root.fd, "file", O_RDONLY | O_CLOEXEC);
	ssize_t n = fgetxattr(fd, "system.posix_acl_access", value, sizeof(value));
	if (n >= 0 || errno != EOPNOTSUPP) {
		assert_int_equal(n, sizeof(list));
		assert_memory_equal(value, list, sizeof(list));
		assert_int_equal(stat_of(f, "file").st_mode & 0777, 0751);
		assert_non_null(strstr(f->said, "1 extended attributes were refused"));
	}
	close(fd);
}

static void owners(void **state)
{
	struct fixture *f = *state;

	f->tar.uid = 1234;
	f->tar.gid = 4321;
	f->tar.mode = 06755;
	fake_tar_text(&f->tar, "file", "x");
	f->tar.mode = 0;
	fake_tar_dir(&f->tar, "dir");
	fake_tar_add(&f->tar, '2', "link", "../outside", NULL, 0);
	fake_tar_add(&f->tar, '6', "fifo", NULL, NULL, 0);
	assert_int_equal(unpack(f), 0);
	static const char *const all[] = {"file", "dir", "link", "fifo"};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(stat_of(f, all[i]).st_uid, geteuid());
	if (geteuid())
		return;
	int fd = fake_tar_file(&f->tar.blob);
	assert_int_equal(unpack_fd(f, fd, true), 0);
	close(fd);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(stat_of(f, all[i]).st_uid, 1234);
		assert_int_equal(stat_of(f, all[i]).st_gid, 4321);
	}
	/* chown takes these away */
	assert_int_equal(mode_of(f, "file"), S_IFREG | 06755);
}

/* As nobody in particular, with no capability left: directories that are read-only to their owner must not be in the way. */
static void unprivileged(void **state)
{
	struct fixture *f = *state;
	int status;

	f->tar.uid = 5;
	f->tar.mode = 0555;
	fake_tar_dir(&f->tar, "closed");
	f->tar.mode = 0100;
	fake_tar_dir(&f->tar, "closed/shut");
	f->tar.mode = 04444;
	fake_tar_text(&f->tar, "closed/shut/file", "x");
	fake_tar_add(&f->tar, '3', "closed/null", NULL, NULL, 0);
	fake_tar_end(&f->tar);
	assert_int_equal(fchown(f->root.fd, geteuid() ? -1 : 65534, -1), 0);
	assert_int_equal(chmod(f->root.dir, 0711), 0);
	pid_t pid = fork();
	if (!pid) {
		if (!geteuid() && (setgid(65534) || setuid(65534)))
			_exit(100);
		_exit(-unpack_blob(f, &f->tar.blob));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(chmod(f->root.dir, 0700), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(mode_of(f, "closed"), S_IFDIR | 0555);
	assert_int_equal(mode_of(f, "closed/shut"), S_IFDIR | 0100);
	if (!geteuid())
		assert_int_equal(mode_of(f, "closed/shut/file"), S_IFREG | 04444);
}

static void names_that_are_not_ascii(void **state)
{
	struct fixture *f = *state;

	fake_tar_pax(&f->tar, "path", "gr\303\274n");
	fake_tar_text(&f->tar, "x", "umlaut");
	fake_tar_text(&f->tar, "raw\377", "no text at all");
	fake_tar_pax(&f->tar, "linkpath", "gr\303\274n");
	fake_tar_add(&f->tar, '2', "link", "x", NULL, 0);
	assert_int_equal(unpack(f), 0);
	text_is(f, "gr\303\274n", "umlaut");
	text_is(f, "raw\377", "no text at all");
	link_is(f, "link", "gr\303\274n");
}

static void odd_but_inside(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "/etc/passwd", "absolute is below the root");
	fake_tar_text(&f->tar, ".//a/././b", "slashes");
	fake_tar_text(&f->tar, "two\nlines\033[2J", "x");
	fake_tar_text(&f->tar, "...", "three dots");
	fake_tar_text(&f->tar, ".wh.file", "no layer: a name like others");
	fake_tar_add(&f->tar, '1', "/etc/shadow", "/etc/passwd", NULL, 0);
	assert_int_equal(unpack(f), 0);
	text_is(f, "etc/passwd", "absolute is below the root");
	text_is(f, "etc/shadow", "absolute is below the root");
	text_is(f, "a/b", "slashes");
	text_is(f, "two\nlines\033[2J", "x");
	text_is(f, "...", "three dots");
	text_is(f, ".wh.file", "no layer: a name like others");
}

/* --- one name, several entries ---------------------------------------------------------------------------------------------------------
 */

static void later_entries_replace(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "a", "1");
	fake_tar_dir(&f->tar, "a");
	fake_tar_text(&f->tar, "a/in/side", "2");
	fake_tar_add(&f->tar, '2', "a", "../outside", NULL, 0);
	fake_tar_text(&f->tar, "a", "written to the name, not through the link");
	fake_tar_text(&f->tar, "b", "first");
	fake_tar_add(&f->tar, '1', "c", "b", NULL, 0);
	fake_tar_text(&f->tar, "b", "second");
	fake_tar_add(&f->tar, '2', "d", "..", NULL, 0);
	f->tar.mode = 0700;
	fake_tar_dir(&f->tar, "d");
	f->tar.mode = 0750;
	fake_tar_dir(&f->tar, "d");
	f->tar.mode = 0;
	fake_tar_text(&f->tar, "e", "file");
	fake_tar_add(&f->tar, '6', "e", NULL, NULL, 0);
	fake_tar_text(&f->tar, "n", "node");
	fake_tar_add(&f->tar, '3', "n", NULL, NULL, 0);
	assert_int_equal(unpack(f), 0);
	text_is(f, "a", "written to the name, not through the link");
	text_is(f, "b", "second");
	/* the other name of what was there */
	text_is(f, "c", "first");
	assert_int_equal(mode_of(f, "d"), S_IFDIR | 0750);
	assert_int_equal(mode_of(f, "e"), S_IFIFO | 0644);
	assert_int_equal(mode_of(f, "n"), 0);
}

static void directories_keep_their_contents(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "d/file", "stays");
	f->tar.mode = 0700;
	fake_tar_dir(&f->tar, "d");
	assert_int_equal(unpack(f), 0);
	text_is(f, "d/file", "stays");
	assert_int_equal(mode_of(f, "d"), S_IFDIR | 0700);
}

/* What was put off for a directory must not reach what took its place. */
static void no_mode_for_a_successor(void **state)
{
	struct fixture *f = *state;

	f->tar.mode = 07777;
	fake_tar_dir(&f->tar, "d");
	f->tar.mode = 0;
	fake_tar_add(&f->tar, '2', "d", "..", NULL, 0);
	assert_int_equal(unpack(f), 0);
	assert_int_equal(mode_of(f, "d") & S_IFMT, S_IFLNK);
}

static void hard_links(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "a", "1");
	fake_tar_add(&f->tar, '1', "a", "a", NULL, 0);
	fake_tar_add(&f->tar, '2', "s", "../outside", NULL, 0);
	/* another name of the link, not of what it points to; and writing to it is not writing through it */
	fake_tar_add(&f->tar, '1', "t", "s", NULL, 0);
	fake_tar_text(&f->tar, "t", "mine");
	assert_int_equal(unpack(f), 0);
	text_is(f, "a", "1");
	link_is(f, "s", "../outside");
	text_is(f, "t", "mine");
}

/* --- what is a stranger's --------------------------------------------------------------------------------------------------------------
 */

static void dots(void **state)
{
	static const char *const names[] = {"..", "../outside", "a/../../outside", "a/..", "/../outside", "./.."};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		blob_free(&f->tar.blob);
		f->tar = (struct fake_tar){.mode = 0};
		fake_tar_text(&f->tar, names[i], "x");
		refused(f, -EPERM);
	}
}

static void through_links(void **state)
{
	static const char types[] = {'0', '5', '2', '6', '1', '3'};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(types); i++) {
		blob_free(&f->tar.blob);
		f->tar = (struct fake_tar){.mode = 0};
		fake_tar_text(&f->tar, "b", "x");
		fake_tar_add(&f->tar, '2', "up", "..", NULL, 0);
		fake_tar_header(&f->tar, types[i], "up/new", "b", 0);
		refused(f, -EPERM);
		assert_non_null(strstr(f->said, "up/new"));
	}
}

static void through_links_to_directories(void **state)
{
	struct fixture *f = *state;

	/* also where it would stay inside: nothing follows */
	fake_tar_dir(&f->tar, "usr/lib");
	fake_tar_add(&f->tar, '2', "lib", "usr/lib", NULL, 0);
	fake_tar_text(&f->tar, "lib/x/y", "x");
	refused(f, -EPERM);
}

static void through_a_file(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "file", "x");
	fake_tar_text(&f->tar, "file/y", "x");
	refused(f, -EBADMSG);
}

static void hard_links_out(void **state)
{
	static const struct {
		const char *target;
		int err;
	} cases[] = {
		{"../outside", -EPERM}, {"up/outside", -EPERM}, {"/etc/passwd", -EPERM},       {"gone", -EBADMSG},
		{"dir", -EBADMSG},      {"/", -EPERM},          {"dir/../../outside", -EPERM},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		blob_free(&f->tar.blob);
		f->tar = (struct fake_tar){.mode = 0};
		fake_tar_dir(&f->tar, "dir");
		fake_tar_add(&f->tar, '2', "up", "..", NULL, 0);
		fake_tar_add(&f->tar, '1', "h", cases[i].target, NULL, 0);
		refused(f, cases[i].err);
		assert_int_equal(mode_of(f, "h"), 0);
	}
}

static void the_root_stays_a_directory(void **state)
{
	static const char types[] = {'0', '2', '1', '6', '3'};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(types); i++) {
		blob_free(&f->tar.blob);
		f->tar = (struct fake_tar){.mode = 0};
		fake_tar_text(&f->tar, "b", "x");
		fake_tar_header(&f->tar, types[i], "./", "b", 0);
		/* a slash at the end makes a directory of what says it is a file */
		if (types[i] == '0')
			assert_int_equal(unpack(f), 0);
		else
			refused(f, -EPERM);
	}
}

static void devices_are_counted(void **state)
{
	struct fixture *f = *state;

	fake_tar_add(&f->tar, '3', "dev/null", NULL, NULL, 0);
	fake_tar_add(&f->tar, '4', "dev/sda", NULL, NULL, 0);
	assert_int_equal(unpack(f), 0);
	assert_int_equal(mode_of(f, "dev/null"), 0);
	assert_int_equal(mode_of(f, "dev/sda"), 0);
	assert_non_null(strstr(f->said, "2 device nodes"));
	assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
}

static void more_than_there_is_room(void **state)
{
	struct fixture *f = *state;
	struct statfs fs;
	char pax[256], map[512] = "0\n";

	assert_int_equal(fstatfs(f->root.fd, &fs), 0);
	uint64_t bytes = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize * 2;
	fake_tar_header(&f->tar, '0', "huge", NULL, bytes);
	refused(f, -ENOSPC);
	assert_non_null(strstr(f->said, fs.f_type == TMPFS_MAGIC ? "in memory" : "(in /")); /* which one is full */
	assert_int_equal(mode_of(f, "huge"), 0);
	/* The same as one hole. */
	blob_free(&f->tar.blob);
	f->tar = (struct fake_tar){.mode = 0};
	char size[64];
	snprintf(size, sizeof(size), "GNU.sparse.realsize=%llu\n", (unsigned long long)bytes);
	snprintf(pax, sizeof(pax), "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n24 GNU.sparse.name=bomb\n%zu %s", strlen(size) + 3, size);
	fake_tar_add(&f->tar, 'x', "pax", NULL, pax, strlen(pax));
	fake_tar_add(&f->tar, '0', "GNUSparseFile.0/bomb", NULL, map, sizeof(map));
	refused(f, -ENOSPC);
	assert_int_equal(mode_of(f, "bomb"), 0);
}

static void deep(void **state)
{
	struct fixture *f = *state;
	char name[4600] = "";

	for (size_t i = 0; i < 1900; i++)
		memcpy(name + i * 2, "d/", 3);
	fake_tar_text(&f->tar, strcat(name, "f"), "x");
	/* and away with it, without a descriptor for each level */
	fake_tar_text(&f->tar, "d", "flat");
	assert_int_equal(unpack(f), 0);
	text_is(f, "d", "flat");
	blob_free(&f->tar.blob);
	f->tar = (struct fake_tar){.mode = 0};
	for (size_t i = 0; i < 2200; i++)
		memcpy(name + i * 2, "d/", 3);
	fake_tar_text(&f->tar, strcat(name, "f"), "x");
	refused(f, -ENAMETOOLONG);
	blob_free(&f->tar.blob);
	f->tar = (struct fake_tar){.mode = 0};
	memset(name, 'n', 300);
	name[300] = '\0';
	fake_tar_text(&f->tar, name, "x");
	refused(f, -ENAMETOOLONG);
}

static void messages_are_harmless(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "two\nlines\033[2J/..", "x");
	refused(f, -EPERM);
	assert_null(strchr(f->said, '\033'));
	assert_non_null(strstr(f->said, "two\\012lines\\033[2J"));
}

static void no_archives(void **state)
{
	struct fixture *f = *state;
	uint8_t noise[4096];
	struct blob blob = {noise, 0};

	assert_int_equal(unpack_blob(f, &blob), -EBADMSG);
	for (uint32_t i = 0, x = 1; i < sizeof(noise); i++, x = x * 1664525 + 1013904223)
		noise[i] = (uint8_t)(x >> 24);
	for (size_t len = 1; len <= sizeof(noise); len = len * 2 + 1) {
		blob.len = len;
		assert_int_equal(unpack_blob(f, &blob), -EBADMSG);
		assert_non_null(strstr(f->said, "root.tar"));
	}
	/* two blocks of zeros are a tar, but no root */
	memset(noise, 0, sizeof(noise));
	blob.len = 1024;
	assert_int_equal(unpack_blob(f, &blob), -EBADMSG);
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(unpack_fd(f, fd, false) < 0);
	close(fd);
}

static void cut_off(void **state)
{
	struct fixture *f = *state;
	uint8_t noise[5000];

	for (uint32_t i = 0, x = 1; i < sizeof(noise); i++, x = x * 1664525 + 1013904223)
		noise[i] = (uint8_t)(x >> 24);
	fake_tar_add(&f->tar, '0', "file", NULL, noise, sizeof(noise));
	fake_tar_end(&f->tar);
	struct blob packed = fake_pack(COMPRESSION_GZIP, &f->tar.blob);
	packed.len /= 2;
	assert_int_equal(unpack_blob(f, &packed), -EBADMSG);
	assert_non_null(strstr(f->said, "root.tar"));
	blob_free(&packed);
	f->tar.blob.len = 3000;
	assert_int_equal(unpack_blob(f, &f->tar.blob), -EBADMSG);
	assert_non_null(strstr(f->said, "file"));
	/* in what is skipped */
	f->tar.blob.data[156] = 'g';
	assert_int_equal(unpack_blob(f, &f->tar.blob), -EBADMSG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kinds_modes_and_times),
		TEST(unsaid_directories),
		TEST(compressions),
		TEST(twice_compressed),
		TEST(from_a_pipe),
		TEST(holes_stay_holes),
		TEST(attributes),
		TEST(access_control_lists),
		TEST(owners),
		TEST(unprivileged),
		TEST(names_that_are_not_ascii),
		TEST(odd_but_inside),
		TEST(later_entries_replace),
		TEST(directories_keep_their_contents),
		TEST(no_mode_for_a_successor),
		TEST(hard_links),
		TEST(dots),
		TEST(through_links),
		TEST(through_links_to_directories),
		TEST(through_a_file),
		TEST(hard_links_out),
		TEST(the_root_stays_a_directory),
		TEST(devices_are_counted),
		TEST(more_than_there_is_room),
		TEST(deep),
		TEST(messages_are_harmless),
		TEST(no_archives),
		TEST(cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
