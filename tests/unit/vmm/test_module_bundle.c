// SPDX-License-Identifier: Apache-2.0
/* vmm/module_bundle.c: a bundle is used again while nothing has changed, and never when it is damaged or for something else. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_modules.h"
#include "vmm/module_bundle.h"
#include "vmm/util/io.h"

static const struct initramfs_module wanted[] = { { "a", "for the test", false }, { "gone", "for the test", true } };

struct fixture {
	struct fake_tree fake;
	char modules[128];
	struct bundle_request request;
};

static int set_up(void **state)
{
	static struct fixture f;

	fake_tree_init(&f.fake);
	fake_tree_module(&f.fake, "modules/a.ko", "depends=b", NULL);
	fake_tree_module(&f.fake, "modules/b.ko", NULL);
	fake_tree_text(&f.fake, "modules/modules.order", "a.ko\nb.ko\n");
	snprintf(f.modules, sizeof(f.modules), "%s", fake_tree_path(&f.fake, "modules"));
	f.request = (struct bundle_request){ .dir = f.modules, .module = wanted, .module_count = 2 };
	setenv("XDG_CACHE_HOME", fake_tree_path(&f.fake, "cache"), 1);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unsetenv("XDG_CACHE_HOME");
	fake_tree_release(&f->fake);
	return 0;
}

/* Opens the bundle and holds its configuration against what is expected; "|" stands for NUL. */
static void config_is(struct fixture *f, const char *expected)
{
	struct module_bundle bundle;
	char text[256];

	assert_int_equal(module_bundle_open(&bundle, &f->request), 0);
	assert_true(bundle.config_bytes < sizeof(text));
	memcpy(text, bundle.config, bundle.config_bytes);
	text[bundle.config_bytes] = '\0';
	for (size_t i = 0; i < bundle.config_bytes; i++)
		text[i] = (char)(text[i] ? text[i] : '|');
	assert_string_equal(text, expected);
	assert_int_equal(bundle.archive_bytes % 4, 0);
	module_bundle_release(&bundle);
}

/* The one file of the cache; false: there is none. */
static bool cached_file(struct fixture *f, char path[256])
{
	char command[256];

	snprintf(command, sizeof(command), "find %s -type f 2>/dev/null", fake_tree_path(&f->fake, "cache"));
	FILE *list = popen(command, "r");
	assert_non_null(list);
	bool found = fgets(path, 256, list) != NULL;
	if (found)
		path[strcspn(path, "\n")] = '\0';
	pclose(list);
	return found;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void kept_and_used_again(void **state)
{
	struct fixture *f = *state;
	char path[256];
	struct stat st;

	assert_false(cached_file(f, path));
	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	assert_true(cached_file(f, path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	assert_int_equal(inode_of(path), st.st_ino);
}

static void built_again_when_files_change(void **state)
{
	struct fixture *f = *state;

	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	/* a module */
	fake_tree_module(&f->fake, "modules/a.ko", "depends=", NULL);
	config_is(f, "module=/modules/a.ko|");
	/* an index */
	fake_tree_text(&f->fake, "modules/modules.builtin", "kernel/a.ko\n");
	config_is(f, "");
	/* one that was missing */
	fake_tree_module(&f->fake, "modules/gone.ko", NULL);
	config_is(f, "optional=/modules/gone.ko|");
	assert_int_equal(unlink(fake_tree_path(&f->fake, "modules/gone.ko")), 0);
	config_is(f, "");
}

static void not_for_another_request(void **state)
{
	struct fixture *f = *state;

	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	f->request.module_count = 1;
	f->request.module = &wanted[1];
	config_is(f, "");
}

/* Each byte and each length: either it is found out, or nothing of it is wrong. */
static void damage_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct module_bundle bundle;
	size_t key_len, len;
	char path[256], *data, *key = bundle_key(&f->request, &key_len);

	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	assert_true(cached_file(f, path));
	assert_int_equal(read_file(path, 1 << 20, &data, &len), 0);
	for (size_t at = 0; at < len; at++) {
		/* between the header and the archive is nothing */
		if (at >= sizeof(struct bundle_header) && at < BUNDLE_ARCHIVE_OFFSET)
			continue;
		int fd = memfd_create("bundle", 0);
		data[at] ^= 0x10;
		assert_int_equal(write_full(fd, data, len), 0);
		data[at] ^= 0x10;
		int err = bundle_read(&bundle, fd, key, key_len);
		assert_true(err == -EBADMSG || err == -ESTALE);
		close(fd);
	}
	for (size_t cut = 0; cut < len; cut++) {
		int fd = memfd_create("bundle", 0);
		assert_int_equal(write_full(fd, data, cut), 0);
		assert_int_equal(bundle_read(&bundle, fd, key, key_len), -EBADMSG);
		close(fd);
	}
	/* and then built again */
	data[len / 2] ^= 1;
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write_full(fd, data, len), 0);
	close(fd);
	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	free(data);
	free(key);
}

static void no_cache_is_no_cache(void **state)
{
	struct fixture *f = *state;
	char path[256];

	f->request.no_cache = true;
	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	assert_false(cached_file(f, path));
}

static void a_cache_that_cannot_be_written(void **state)
{
	struct fixture *f = *state;

	fake_tree_text(&f->fake, "cache", "a file where a directory should be");
	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	/* invalid, and ignored */
	setenv("XDG_CACHE_HOME", "relative", 1);
	setenv("HOME", "", 1);
	config_is(f, "module=/modules/b.ko|module=/modules/a.ko|");
	assert_int_not_equal(access("relative", F_OK), 0);
}

static void missing_modules_are_an_error(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module needed = { "gone", "for disk0", false };
	struct module_bundle bundle;
	char path[256];

	f->request.module = &needed;
	f->request.module_count = 1;
	assert_int_equal(module_bundle_open(&bundle, &f->request), -ENOENT);
	assert_false(cached_file(f, path));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept_and_used_again),          TEST(built_again_when_files_change),
		TEST(not_for_another_request),      TEST(damage_is_noticed),
		TEST(no_cache_is_no_cache),         TEST(a_cache_that_cannot_be_written),
		TEST(missing_modules_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
