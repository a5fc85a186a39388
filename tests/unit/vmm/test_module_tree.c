// SPDX-License-Identifier: Apache-2.0
/* vmm/module_tree.c: where modules are looked for, and how one is found with and without depmod's index. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_modules.h"
#include "vmm/module_tree.h"

#define RELEASE "6.1.0-test"

static void names(void **state)
{
	char name[MODULE_NAME_MAX];

	(void)state;
	assert_true(module_name_of_file("kernel/drivers/char/virtio-rng.ko", 33, name));
	assert_string_equal(name, "virtio_rng");
	assert_true(module_name_of_file("x.ko.zst", 8, name));
	assert_string_equal(name, "x");
	assert_false(module_name_of_file("x.kox", 5, name));
	assert_false(module_name_of_file(".ko", 3, name));
	assert_false(module_name_of_file("...ko", 5, name));
	assert_false(module_name_of_file("dir.ko/", 7, name));
	assert_false(module_name("a/b", 3, name));
	assert_false(module_name("a\0b", 3, name));
	assert_false(module_name("", 0, name));
	assert_false(module_name("..", 2, name));
	char long_name[MODULE_NAME_MAX + 1];
	memset(long_name, 'x', sizeof(long_name));
	assert_false(module_name(long_name, MODULE_NAME_MAX, name));
	assert_true(module_name(long_name, MODULE_NAME_MAX - 1, name));
}

static void lines(void **state)
{
	static const char text[] =
		"kernel/a/foo-bar.ko.xz: kernel/b.ko.xz kernel/c.ko\nnonsense\n\n/abs/d.ko\n../../etc/e.ko\nkernel/../../f.ko\nkernel/b.ko";
	size_t len = 0;

	(void)state;
	assert_ptr_equal(module_lines_find(text, sizeof(text) - 1, "foo_bar", &len), text);
	assert_int_equal(len, strlen("kernel/a/foo-bar.ko.xz"));
	/* what others depend on is no line of its own */
	assert_null(module_lines_find(text, sizeof(text) - 1, "c", &len));
	/* the last line needs no end */
	assert_non_null(module_lines_find(text, sizeof(text) - 1, "b", &len));
	assert_null(module_lines_find(text, sizeof(text) - 1, "d", &len));
	assert_null(module_lines_find(text, sizeof(text) - 1, "e", &len));
	assert_null(module_lines_find(text, sizeof(text) - 1, "f", &len));
	assert_null(module_lines_find("", 0, "f", &len));
}

static void find_is(struct module_tree *tree, const char *name, const char *expected)
{
	char path[PATH_MAX];
	int err = module_tree_find(tree, name, path);

	assert_int_equal(err, expected ? 0 : -ENOENT);
	if (expected)
		assert_string_equal(path, expected);
}

static void found_without_depmod(void **state)
{
	struct fake_tree fake;
	struct module_tree tree;

	(void)state;
	fake_tree_init(&fake);
	fake_tree_text(&fake, "modules.order", "kernel/a.ko\nkernel/b/virtio-rng.ko\nkernel/gone.ko\n");
	fake_tree_text(&fake, "modules.builtin", "kernel/drivers/char/hw_random/rng-core.ko\n");
	fake_tree_text(&fake, "kernel/a.ko", "x");
	fake_tree_text(&fake, "kernel/b/virtio-rng.ko.xz", "x");
	fake_tree_text(&fake, "extra/deep/er/unlisted.ko.gz", "x");
	fake_tree_text(&fake, "kernel/dir.ko/inner.ko", "x");
	assert_int_equal(symlink("/", fake_tree_path(&fake, "kernel/elsewhere")), 0);
	assert_int_equal(module_tree_open(&tree, fake.dir), 0);
	find_is(&tree, "a", "kernel/a.ko");
	/* listed before it was compressed */
	find_is(&tree, "virtio_rng", "kernel/b/virtio-rng.ko.xz");
	find_is(&tree, "virtio-rng", "kernel/b/virtio-rng.ko.xz");
	/* not listed at all */
	find_is(&tree, "unlisted", "extra/deep/er/unlisted.ko.gz");
	find_is(&tree, "gone", NULL);
	find_is(&tree, "dir", NULL);
	find_is(&tree, "rng_core", NULL);
	assert_true(module_tree_is_builtin(&tree, "rng-core"));
	assert_false(module_tree_is_builtin(&tree, "a"));
	module_tree_release(&tree);
	fake_tree_release(&fake);
}

static void the_index_comes_first(void **state)
{
	struct fake_tree fake;
	struct module_tree tree;

	(void)state;
	fake_tree_init(&fake);
	fake_tree_text(&fake, "modules.order", "kernel/a.ko\n");
	fake_tree_text(&fake, "modules.dep", "updates/a.ko.zst: kernel/b.ko\nkernel/b.ko:\n");
	fake_tree_text(&fake, "kernel/a.ko", "x");
	fake_tree_text(&fake, "updates/a.ko.zst", "x");
	assert_int_equal(module_tree_open(&tree, fake.dir), 0);
	find_is(&tree, "a", "updates/a.ko.zst");
	module_tree_release(&tree);
	fake_tree_release(&fake);
}

static void located_beside_the_kernel(void **state)
{
	struct module_places places = { .release = RELEASE };
	char dir[PATH_MAX], looked[MODULE_PLACES_TEXT_MAX], kernel[PATH_MAX], expected[PATH_MAX];
	struct fake_tree fake;

	(void)state;
	fake_tree_init(&fake);
	fake_tree_text(&fake, "boot/vmlinuz", "x");
	snprintf(kernel, sizeof(kernel), "%s", fake_tree_path(&fake, "boot/vmlinuz"));
	places.kernel_path = kernel;
	/* nowhere, and all places named */
	assert_int_equal(module_tree_locate(&places, dir, looked), -ENOENT);
	assert_non_null(strstr(looked, "boot/lib/modules/" RELEASE));
	assert_non_null(strstr(looked, ", /lib/modules/" RELEASE));
	/* where dpkg -x leaves them */
	fake_tree_text(&fake, "lib/modules/" RELEASE "/modules.order", "");
	assert_int_equal(module_tree_locate(&places, dir, looked), 0);
	snprintf(expected, sizeof(expected), "%s", fake_tree_path(&fake, "boot/../lib/modules/" RELEASE));
	assert_string_equal(dir, expected);
	/* a link to the kernel stands elsewhere */
	fake_tree_text(&fake, "links/.keep", "");
	assert_int_equal(symlink("../boot/vmlinuz", fake_tree_path(&fake, "links/vmlinuz")), 0);
	snprintf(kernel, sizeof(kernel), "%s", fake_tree_path(&fake, "links/vmlinuz"));
	assert_int_equal(module_tree_locate(&places, dir, looked), 0);
	assert_string_equal(dir, expected);
	/* another kernel's modules are not taken */
	places.release = "6.1.0-other";
	assert_int_equal(module_tree_locate(&places, dir, looked), -ENOENT);
	fake_tree_release(&fake);
}

static void located_where_told(void **state)
{
	struct module_places places = { .release = RELEASE };
	char dir[PATH_MAX], looked[MODULE_PLACES_TEXT_MAX], expected[PATH_MAX];
	struct fake_tree fake;

	(void)state;
	fake_tree_init(&fake);
	places.modules_dir = fake.dir;
	assert_int_equal(module_tree_locate(&places, dir, looked), -ENOENT);
	fake_tree_text(&fake, "modules.dep", "");
	assert_int_equal(module_tree_locate(&places, dir, looked), 0);
	assert_string_equal(dir, fake.dir);
	fake_tree_text(&fake, "lib/modules/" RELEASE "/modules.order", "");
	assert_int_equal(module_tree_locate(&places, dir, looked), 0);
	snprintf(expected, sizeof(expected), "%s", fake_tree_path(&fake, "lib/modules/" RELEASE));
	assert_string_equal(dir, expected);
	/* a release that is not known, or would lead elsewhere, is no part of a path */
	places.release = "";
	assert_int_equal(module_tree_locate(&places, dir, looked), 0);
	assert_string_equal(dir, fake.dir);
	places.release = "../lib/modules/" RELEASE;
	assert_int_equal(module_tree_locate(&places, dir, looked), 0);
	assert_string_equal(dir, fake.dir);
	fake_tree_release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(lines),
		cmocka_unit_test(found_without_depmod),
		cmocka_unit_test(the_index_comes_first),
		cmocka_unit_test(located_beside_the_kernel),
		cmocka_unit_test(located_where_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
