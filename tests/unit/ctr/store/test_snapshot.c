// SPDX-License-Identifier: Apache-2.0
/* ctr/store/snapshot.c: what a container wrote, kept and brought back, and what a crash in the middle leaves. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/store/snapshot.h"
#include "ctr/store/tree.h"
#include "tests/fakes/capture.h"

struct fixture {
	char path[64];
	struct entry entry;
	char said[4096];
};

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.entry = {.name = "box", .lock_fd = -1}};
	snprintf(f.path, sizeof(f.path), "/tmp/test_snapshot.XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	f.entry.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &f;
	return mkdirat(f.entry.fd, "upper", 0755);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int err = directory_remove(AT_FDCWD, f->path);

	close(f->entry.fd);
	return err;
}

static void put(const struct fixture *f, const char *path, const char *text)
{
	int fd = openat(f->entry.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void text_is(const struct fixture *f, const char *path, const char *expected)
{
	char text[64] = "";
	int fd = openat(f->entry.fd, path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, expected);
}

static bool exists(const struct fixture *f, const char *path)
{
	return !faccessat(f->entry.fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int take(struct fixture *f, const char *name, char chosen[STORE_NAME_MAX + 1])
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = snapshot_take(&f->entry, false, name, chosen);

	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	return err;
}

static int restore(struct fixture *f, bool image, const char *name)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = snapshot_restore(&f->entry, image, name);

	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	return err;
}

static void there_and_back(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1];

	put(f, "upper/file", "first");
	assert_int_equal(mkdirat(f->entry.fd, "work", 0755), 0);
	assert_int_equal(mkdirat(f->entry.fd, "work/work", 0), 0);
	assert_int_equal(take(f, "good", chosen), 0);
	assert_string_equal(chosen, "good");
	put(f, "upper/file", "second");
	put(f, "upper/more", "");
	assert_int_equal(restore(f, false, "good"), 0);
	text_is(f, "upper/file", "first");
	assert_false(exists(f, "upper/more"));
	/* It is of what is gone. */
	assert_false(exists(f, "work"));
	/* The snapshot is still one, and the writes are none of it. */
	put(f, "upper/file", "third");
	assert_int_equal(restore(f, false, "good"), 0);
	text_is(f, "upper/file", "first");
	text_is(f, "snapshots/good/file", "first");
	/* Also after a restore of what is not there any more. */
	assert_int_equal(directory_remove(f->entry.fd, "upper"), 0);
	assert_int_equal(restore(f, false, "good"), 0);
	text_is(f, "upper/file", "first");
}

static void roots_too(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1];

	assert_int_equal(mkdirat(f->entry.fd, "root", 0755), 0);
	put(f, "root/file", "first");
	put(f, "upper/file", "other");
	assert_int_equal(snapshot_take(&f->entry, true, "s", chosen), 0);
	put(f, "root/file", "second");
	assert_int_equal(restore(f, true, "s"), 0);
	text_is(f, "root/file", "first");
	text_is(f, "upper/file", "other");
}

static void names(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1], **list;

	assert_int_equal(snapshot_names(&f->entry, &list), 0);
	assert_null(list);
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(take(f, NULL, chosen), 0);
	assert_string_equal(chosen, "snap10");
	assert_int_equal(snapshot_delete(&f->entry, "snap3"), 0);
	assert_int_equal(take(f, NULL, chosen), 0);
	assert_string_equal(chosen, "snap3");
	assert_int_equal(snapshot_names(&f->entry, &list), 0);
	assert_string_equal(list[0], "snap0");
	assert_string_equal(list[3], "snap3");
	assert_string_equal(list[10], "snap10");
	assert_null(list[11]);
	store_free_names(list);
	long long taken = snapshot_time(&f->entry, "snap3"), now = time(NULL);
	assert_true(taken > now - 60 && taken <= now + 1);
	assert_int_equal(snapshot_time(&f->entry, "none"), 0);
}

static void taken_names(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1];

	put(f, "upper/file", "first");
	assert_int_equal(take(f, "s", chosen), 0);
	put(f, "upper/file", "second");
	assert_int_equal(take(f, "s", chosen), -EEXIST);
	assert_non_null(strstr(f->said, "container 'box': has a snapshot 's' already"));
	assert_non_null(strstr(f->said, "--delete"));
	text_is(f, "snapshots/s/file", "first");
}

static void missing_ones(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1];

	put(f, "upper/file", "mine");
	assert_int_equal(restore(f, false, "s"), -ENOENT);
	assert_non_null(strstr(f->said, "nor any other"));
	assert_int_equal(take(f, "before-upgrade", chosen), 0);
	assert_int_equal(restore(f, false, "before-upgrad"), -ENOENT);
	assert_non_null(strstr(f->said, "did you mean 'before-upgrade'"));
	/* Neither ways out of the directory nor halves are names. */
	assert_int_equal(restore(f, false, "../upper"), -ENOENT);
	assert_int_equal(restore(f, false, ".."), -ENOENT);
	assert_int_equal(restore(f, false, ".half"), -ENOENT);
	assert_int_equal(snapshot_delete(&f->entry, ".."), -ENOENT);
	text_is(f, "upper/file", "mine");
}

static void deleting(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1];

	assert_int_equal(take(f, "a", chosen), 0);
	assert_int_equal(take(f, "b", chosen), 0);
	assert_int_equal(snapshot_delete(&f->entry, "a"), 0);
	assert_false(exists(f, "snapshots/a"));
	assert_false(exists(f, "snapshots/.half"));
	assert_true(exists(f, "snapshots/b"));
	assert_int_equal(snapshot_delete(&f->entry, "a"), -ENOENT);
}

/* What a crash leaves: before a new name, and after an exchange. It is no snapshot, and the next command removes it. */
static void crashes(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1], **list;

	put(f, "upper/file", "mine");
	assert_int_equal(mkdirat(f->entry.fd, "snapshots", 0700), 0);
	assert_int_equal(mkdirat(f->entry.fd, "snapshots/.half", 0700), 0);
	put(f, "snapshots/.half/file", "half");
	assert_int_equal(mkdirat(f->entry.fd, "snapshots/.links-1", 0700), 0);
	assert_int_equal(mkdirat(f->entry.fd, ".half", 0700), 0);
	put(f, ".half/file", "old");
	put(f, ".config.json.new", "somebody else's");
	assert_int_equal(snapshot_names(&f->entry, &list), 0);
	assert_null(list);
	assert_int_equal(take(f, NULL, chosen), 0);
	assert_string_equal(chosen, "snap0");
	text_is(f, "snapshots/snap0/file", "mine");
	assert_false(exists(f, "snapshots/.half"));
	assert_false(exists(f, "snapshots/.links-1"));
	assert_false(exists(f, ".half"));
	assert_true(exists(f, ".config.json.new"));
	assert_int_equal(mkdirat(f->entry.fd, ".half", 0), 0);
	assert_int_equal(restore(f, false, "snap0"), 0);
	assert_false(exists(f, ".half"));
	text_is(f, "upper/file", "mine");
}

/* A restore that can't be done leaves the writes as they were. */
static void failures(void **state)
{
	struct fixture *f = *state;
	char chosen[STORE_NAME_MAX + 1];

	put(f, "upper/file", "mine");
	assert_int_equal(take(f, "s", chosen), 0);
	put(f, "upper/file", "newer");
	/* A name that a copy can't have */
	put(f, ".half", "a file");
	assert_int_equal(restore(f, false, "s"), -EEXIST);
	text_is(f, "upper/file", "newer");
	assert_int_equal(unlinkat(f->entry.fd, ".half", 0), 0);
	/* Nothing to take */
	assert_int_equal(directory_remove(f->entry.fd, "upper"), 0);
	assert_int_equal(take(f, "t", chosen), -ENOENT);
	assert_false(exists(f, "snapshots/t"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(there_and_back), TEST(roots_too), TEST(names),   TEST(taken_names),
		TEST(missing_ones),   TEST(deleting),  TEST(crashes), TEST(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
