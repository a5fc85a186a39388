// SPDX-License-Identifier: Apache-2.0
/* vmm/modules.c: what is needed comes along, in an order in which it can be loaded, whatever the directory looks like. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_modules.h"
#include "vmm/modules.h"
#include "vmm/util/io.h"

struct fixture {
	struct fake_tree fake;
	struct module_tree tree;
	struct module_list list;
};

static int set_up(void **state)
{
	static struct fixture f;

	fake_tree_init(&f.fake);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	modules_release(&f->list);
	module_tree_release(&f->tree);
	fake_tree_release(&f->fake);
	return 0;
}

static int resolve(struct fixture *f, const struct initramfs_module *wanted, unsigned count)
{
	assert_int_equal(module_tree_open(&f->tree, f->fake.dir), 0);
	return modules_resolve(&f->list, &f->tree, wanted, count);
}

static int resolve_one(struct fixture *f, const char *name)
{
	const struct initramfs_module wanted = { .name = name, .reason = "for the test" };

	return resolve(f, &wanted, 1);
}

/* "a b? c": what is loaded, in this order; "?" is optional. */
static void order_is(const struct fixture *f, const char *expected)
{
	char text[1024] = "";

	for (unsigned i = 0; i < f->list.order_count; i++) {
		const struct module *m = f->list.module[f->list.order[i]];
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used, "%s%s%s", i ? " " : "", m->name, m->optional ? "?" : "");
	}
	assert_string_equal(text, expected);
}

static void dependencies_first(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module wanted[] = { { "virtio_net", "for net0", false }, { "virtio_blk", "for disk0", false } };

	fake_tree_module(&f->fake, "kernel/net/virtio_net.ko", "name=virtio_net", "depends=net_failover,virtio", NULL);
	fake_tree_module(&f->fake, "kernel/net/net_failover.ko", "depends=failover", NULL);
	fake_tree_module(&f->fake, "kernel/net/failover.ko", "depends=", NULL);
	fake_tree_module(&f->fake, "kernel/virtio/virtio.ko", "depends=virtio_ring", NULL);
	fake_tree_module(&f->fake, "kernel/virtio/virtio_ring.ko", "license=GPL", NULL);
	fake_tree_module(&f->fake, "kernel/block/virtio_blk.ko", "depends=virtio,virtio_ring", NULL);
	assert_int_equal(resolve(f, wanted, 2), 0);
	order_is(f, "failover net_failover virtio_ring virtio virtio_net virtio_blk");
}

static void built_in_is_left_out(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module wanted[] = { { "ext4", "for the root", false }, { "virtio-blk", "for disk0", false } };

	fake_tree_text(&f->fake, "modules.builtin", "kernel/fs/jbd2/jbd2.ko\nkernel/drivers/block/virtio_blk.ko\n");
	fake_tree_module(&f->fake, "kernel/fs/ext4.ko", "depends=jbd2,mbcache", NULL);
	fake_tree_module(&f->fake, "kernel/fs/mbcache.ko", NULL);
	assert_int_equal(resolve(f, wanted, 2), 0);
	order_is(f, "mbcache ext4");
}

static void compressed(void **state)
{
	struct fixture *f = *state;
	char magic[4];

	fake_tree_text(&f->fake, "modules.order", "kernel/a.ko\nkernel/b.ko\nkernel/c.ko\n");
	fake_tree_module(&f->fake, "kernel/a.ko.gz", "depends=b", NULL);
	fake_tree_module(&f->fake, "kernel/b.ko.xz", "depends=c", NULL);
	fake_tree_module(&f->fake, "kernel/c.ko.zst", "depends=", NULL);
	assert_int_equal(resolve_one(f, "a"), 0);
	order_is(f, "c b a");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pread_full(f->list.module[i]->fd, magic, 4, 0), 0);
		assert_memory_equal(magic, "\177ELF", 4);
	}
}

static void soft_dependencies(void **state)
{
	struct fixture *f = *state;

	fake_tree_module(&f->fake, "a.ko", "softdep=pre: before gone post: after", "softdep=post: last", "depends=hard", NULL);
	fake_tree_module(&f->fake, "before.ko", "depends=hard", NULL);
	fake_tree_module(&f->fake, "hard.ko", NULL);
	fake_tree_module(&f->fake, "after.ko", NULL);
	fake_tree_module(&f->fake, "last.ko", NULL);
	assert_int_equal(resolve_one(f, "a"), 0);
	order_is(f, "hard before? a after? last?");
}

/* An alias without an index, as ext4 has it. */
static void aliases_known_without_depmod(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module wanted[] = { { "ext3", "for the root", false } };

	fake_tree_module(&f->fake, "fs/ext4.ko", "softdep=pre: crypto-crc32c", NULL);
	fake_tree_module(&f->fake, "crypto/crc32c_generic.ko", NULL);
	fake_tree_module(&f->fake, "crypto/crc32c-intel.ko", NULL);
	assert_int_equal(resolve(f, wanted, 1), 0);
	order_is(f, "crc32c_generic? crc32c_intel? ext4");
}

static void aliases_from_depmod(void **state)
{
	struct fixture *f = *state;
	char command[256];

	/* depmod asks for lib/modules/VERSION below its base directory */
	fake_tree_module(&f->fake, "lib/modules/1.0/kernel/odd.ko", "alias=fs-oddfs", "alias=odd-alias", "depends=", NULL);
	fake_tree_module(&f->fake, "lib/modules/1.0/kernel/user.ko", "softdep=pre: odd-alias", "depends=", NULL);
	snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin depmod -b %s 1.0 2>/dev/null", f->fake.dir);
	if (system(command)) {
		print_message("skipped: depmod does not run here (package kmod)\n");
		skip();
	}
	const struct initramfs_module wanted[] = { { "oddfs", "for the root", false }, { "user", "for the test", false } };
	assert_int_equal(module_tree_open(&f->tree, fake_tree_path(&f->fake, "lib/modules/1.0")), 0);
	assert_non_null(f->tree.dep);
	assert_int_equal(modules_resolve(&f->list, &f->tree, wanted, 2), 0);
	order_is(f, "odd user");
}

static void cycles_end(void **state)
{
	struct fixture *f = *state;

	fake_tree_module(&f->fake, "a.ko", "depends=b", NULL);
	fake_tree_module(&f->fake, "b.ko", "depends=c,b", NULL);
	fake_tree_module(&f->fake, "c.ko", "depends=a", "softdep=pre: a post: b", NULL);
	assert_int_equal(resolve_one(f, "a"), 0);
	order_is(f, "c b a");
}

static void missing_ones_are_errors(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module wanted[] = { { "a", "for net0", false },
						   { "gone", "for disk0", false },
						   { "c", "for disk0", false } };

	fake_tree_module(&f->fake, "a.ko", "depends=b,c", NULL);
	fake_tree_module(&f->fake, "c.ko", NULL);
	assert_int_equal(resolve(f, wanted, 3), -ENOENT);
}

static void optional_ones_may_miss(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module wanted[] = {
		{ "gone", "for fun", true }, { "a", "for fun", true }, { "c", "for fun", true }, { "d", "for disk0", false }
	};

	fake_tree_module(&f->fake, "a.ko", "depends=b", NULL);
	fake_tree_module(&f->fake, "c.ko", "depends=e", NULL);
	fake_tree_module(&f->fake, "d.ko", "depends=e", NULL);
	fake_tree_module(&f->fake, "e.ko", NULL);
	assert_int_equal(resolve(f, wanted, 4), 0);
	/* e is needed by one that is needed */
	order_is(f, "e c? d");
}

static void needed_after_all(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module wanted[] = { { "a", "for fun", true }, { "a", "for disk0", false } };

	fake_tree_module(&f->fake, "a.ko", "depends=b", NULL);
	assert_int_equal(resolve(f, wanted, 2), -ENOENT);
}

static void damaged(void **state)
{
	struct fixture *f = *state;
	const struct initramfs_module optional[] = { { "text", "for fun", true },
						     { "cut", "for fun", true },
						     { "empty", "for fun", true } };

	fake_tree_text(&f->fake, "text.ko", "no module at all, but long enough to be one, if only just: 0123456789 0123456789");
	fake_tree_file(&f->fake, "cut.ko.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
	fake_tree_text(&f->fake, "empty.ko", "");
	fake_tree_text(&f->fake, "modules.order", "text.ko\ncut.ko\nempty.ko\n../text.ko\n/etc/passwd.ko\n");
	assert_int_equal(resolve(f, optional, 3), 0);
	order_is(f, "");
	modules_release(&f->list);
	for (unsigned i = 0; i < 3; i++) {
		const struct initramfs_module needed = { optional[i].name, "for the test", false };
		assert_true(modules_resolve(&f->list, &f->tree, &needed, 1) < 0);
		modules_release(&f->list);
	}
}

static void too_deep(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++) {
		char name[32], depends[32];
		snprintf(name, sizeof(name), "m%u.ko", i);
		snprintf(depends, sizeof(depends), "depends=m%u", i + 1);
		fake_tree_module(&f->fake, name, depends, NULL);
	}
	assert_int_equal(resolve_one(f, "m0"), -E2BIG);
}

static void odd_names(void **state)
{
	struct fixture *f = *state;

	fake_tree_module(&f->fake, "a.ko", "depends=,,../../etc/passwd,/etc/shadow,", NULL);
	assert_int_equal(resolve_one(f, "a"), 0);
	order_is(f, "a");
	modules_release(&f->list);
	const struct initramfs_module wanted = { "../a", "for the test", false };
	assert_int_equal(modules_resolve(&f->list, &f->tree, &wanted, 1), -ENOENT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dependencies_first),
		TEST(built_in_is_left_out),
		TEST(compressed),
		TEST(soft_dependencies),
		TEST(aliases_known_without_depmod),
		TEST(aliases_from_depmod),
		TEST(cycles_end),
		TEST(missing_ones_are_errors),
		TEST(optional_ones_may_miss),
		TEST(needed_after_all),
		TEST(damaged),
		TEST(too_deep),
		TEST(odd_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
