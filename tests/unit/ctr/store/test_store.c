// SPDX-License-Identifier: Apache-2.0
/* ctr/store/store.c and tree.c: names, locks, and what a crash leaves. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/store/store.h"
#include "ctr/store/tree.h"
#include "vmm/util/log.h"

struct fixture {
	char dir[64];
	struct store store;
	struct entry entry;
};

static struct fixture fx;

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	strcpy(fx.dir, "/tmp/test-store-XXXXXX");
	if (!mkdtemp(fx.dir))
		return -1;
	setenv("XDG_STATE_HOME", fx.dir, 1);
	fx.entry = (struct entry){.fd = -1, .lock_fd = -1};
	return store_open(&fx.store);
}

static int tear_down(void **state)
{
	(void)state;
	entry_close(&fx.entry);
	store_close(&fx.store);
	return directory_remove(AT_FDCWD, fx.dir);
}

static void make(const char *name)
{
	assert_int_equal(store_create(&fx.store, name, &fx.entry), 0);
	assert_int_equal(entry_publish(&fx.store, &fx.entry), 0);
	entry_close(&fx.entry);
}

static bool is_there(const char *name)
{
	return !faccessat(fx.store.fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* What a child of ours sees, which has its own descriptors: the status that it ends with. */
static int in_child(int (*job)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		entry_close(&fx.entry);
		_exit(job());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_new_one_is_seen_when_it_is_whole(void **state)
{
	char **names;

	(void)state;
	assert_int_equal(store_create(&fx.store, "a", &fx.entry), 0);
	assert_false(is_there("a"));
	assert_int_equal(store_names(&fx.store, &names), 0);
	assert_null(names);
	assert_int_equal(entry_publish(&fx.store, &fx.entry), 0);
	assert_true(is_there("a"));
	entry_close(&fx.entry);
	make("b");
	assert_int_equal(store_names(&fx.store, &names), 0);
	assert_string_equal(names[0], "a");
	assert_string_equal(names[1], "b");
	assert_null(names[2]);
	store_free_names(names);
}

static void a_name_is_there_once(void **state)
{
	struct entry other;

	(void)state;
	assert_int_equal(store_create(&fx.store, "a", &fx.entry), 0);
	assert_int_equal(store_create(&fx.store, "a", &other), 0);
	assert_int_equal(entry_publish(&fx.store, &fx.entry), 0);
	assert_int_equal(entry_publish(&fx.store, &other), -EEXIST);
	assert_int_equal(store_remove(&fx.store, &other), 0);
	entry_close(&other);
	assert_int_equal(store_create(&fx.store, "a", &other), -EEXIST);
	make("b");
	assert_int_equal(store_find(&fx.store, "b", &other), 0);
	assert_int_equal(store_rename(&fx.store, &other, "a"), -EEXIST);
	assert_int_equal(store_rename(&fx.store, &other, "c"), 0);
	entry_close(&other);
	assert_true(is_there("a") && is_there("c") && !is_there("b"));
}

static void what_is_no_name_is_not_there(void **state)
{
	static const char *const names[] = {"", ".", "..", ".lock", "../ctr", "a/b", "/etc"};

	(void)state;
	make("a");
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(store_look(&fx.store, names[i], &fx.entry), -ENOENT);
	assert_int_equal(symlinkat("a", fx.store.fd, "link"), 0);
	assert_true(store_look(&fx.store, "link", &fx.entry) < 0);
}

static int tries_to_lock(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct entry entry;

	if (store_look(&fx.store, "a", &entry))
		return 2;
	int fd = openat(entry.fd, "lock", O_RDWR | O_CLOEXEC);
	return fcntl(fd, F_OFD_SETLK, &lock) ? 1 : 0;
}

static void one_changes_it_at_a_time(void **state)
{
	(void)state;
	make("a");
	assert_int_equal(store_find(&fx.store, "a", &fx.entry), 0);
	assert_int_equal(in_child(tries_to_lock), 1);
	entry_close(&fx.entry);
	assert_int_equal(in_child(tries_to_lock), 0);
}

static void who_waited_finds_what_is_called_so_now(void **state)
{
	struct entry other;
	int status;

	(void)state;
	make("a");
	assert_int_equal(store_find(&fx.store, "a", &fx.entry), 0);
	pid_t pid = fork();
	if (!pid) {
		entry_close(&fx.entry);
		_exit(store_find(&fx.store, "a", &other) == -ENOENT ? 0 : 1);
	}
	usleep(50000);
	assert_int_equal(store_remove(&fx.store, &fx.entry), 0);
	entry_close(&fx.entry);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int looks_for_life(void)
{
	struct entry entry;

	return store_look(&fx.store, "a", &entry) ? 2 : entry_is_alive(&entry);
}

static int waits_for_the_end(void)
{
	struct entry entry;

	return store_look(&fx.store, "a", &entry) ? 2 : entry_wait(&entry) ? 1 : 0;
}

static void life_ends_with_who_held_it(void **state)
{
	int ready[2];
	char byte;

	(void)state;
	make("a");
	assert_int_equal(in_child(looks_for_life), 0);
	assert_int_equal(in_child(waits_for_the_end), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (!pid) {
		assert_int_equal(store_look(&fx.store, "a", &fx.entry), 0);
		int fd = entry_live(&fx.entry);
		_exit(fd < 0 || write(ready[1], "", 1) != 1 || pause() ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(in_child(looks_for_life), 1);
	assert_int_equal(store_look(&fx.store, "a", &fx.entry), 0);
	assert_int_equal(entry_live(&fx.entry), -EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(in_child(looks_for_life), 0);
	assert_int_equal(in_child(waits_for_the_end), 0);
	close(ready[0]);
	close(ready[1]);
}

static void what_a_crash_left_is_swept(void **state)
{
	struct store again;

	(void)state;
	assert_int_equal(mkdirat(fx.store.fd, ".new-1-0", 0700), 0);
	assert_int_equal(mkdirat(fx.store.fd, ".new-1-0/upper", 0), 0);
	assert_int_equal(mkdirat(fx.store.fd, ".old-1-0", 0700), 0);
	/* This one is somebody's who is still at it. */
	assert_int_equal(store_create(&fx.store, "a", &fx.entry), 0);
	assert_int_equal(store_open(&again), 0);
	assert_false(is_there(".new-1-0") || is_there(".old-1-0"));
	assert_int_equal(entry_publish(&fx.store, &fx.entry), 0);
	store_close(&again);
}

static void files_are_replaced_whole(void **state)
{
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(store_create(&fx.store, "a", &fx.entry), 0);
	assert_int_equal(entry_write(&fx.entry, "f", "one", 3), 0);
	assert_int_equal(entry_write(&fx.entry, "f", "two2", 4), 0);
	assert_int_equal(entry_read(&fx.entry, "f", 100, &text, &len), 0);
	assert_string_equal(text, "two2");
	free(text);
	assert_int_equal(entry_read(&fx.entry, "f", 3, &text, &len), -EFBIG);
	assert_true(faccessat(fx.entry.fd, ".f.new", F_OK, 0));
}

static void a_store_of_somebody_elses_is_not_used(void **state)
{
	struct store again;

	(void)state;
	assert_int_equal(fchmod(fx.store.fd, 0777), 0);
	assert_int_equal(store_open(&again), -EPERM);
}

/* Deeper than any path may be long, with modes that keep their owner out. */
static void whole_trees_go(void **state)
{
	int fd = dup(fx.store.fd);

	(void)state;
	for (unsigned i = 0; i < 1500; i++) {
		assert_int_equal(mkdirat(fd, "deep-directory", 0700), 0);
		int next = openat(fd, "deep-directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		assert_int_equal(mkdirat(next, ".tinyvmm-hoisted-0", 0700), 0);
		close(openat(next, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0));
		assert_int_equal(symlinkat("/etc", next, "link"), 0);
		if (i % 100 == 99)
			assert_int_equal(fchmod(fd, i < 100 ? 0700 : 0500), 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(directory_remove(fx.store.fd, "deep-directory"), 0);
	assert_false(is_there("deep-directory"));
	assert_int_equal(access("/etc", R_OK), 0);
	assert_int_equal(directory_remove(fx.store.fd, "deep-directory"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_one_is_seen_when_it_is_whole),
		TEST(a_name_is_there_once),
		TEST(what_is_no_name_is_not_there),
		TEST(one_changes_it_at_a_time),
		TEST(who_waited_finds_what_is_called_so_now),
		TEST(life_ends_with_who_held_it),
		TEST(what_a_crash_left_is_swept),
		TEST(files_are_replaced_whole),
		TEST(a_store_of_somebody_elses_is_not_used),
		TEST(whole_trees_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
