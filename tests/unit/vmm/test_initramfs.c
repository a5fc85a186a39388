// SPDX-License-Identifier: Apache-2.0
/* vmm/initramfs.c: what a plan becomes, read back as the kernel and guest/init read it. */
#include <elf.h>
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
#include "vmm/initramfs.h"

#define RELEASE "6.1.0-test"

struct fixture {
	struct fake_tree fake;
	char kernel[128];
	struct initramfs_plan plan;
	struct archive archive;
	int fd;
};

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	fake_tree_init(&f.fake);
	fake_tree_text(&f.fake, "boot/vmlinuz", "x");
	snprintf(f.kernel, sizeof(f.kernel), "%s", fake_tree_path(&f.fake, "boot/vmlinuz"));
	f.plan = (struct initramfs_plan){ .kernel_path = f.kernel, .kernel_release = RELEASE, .no_cache = true };
	f.fd = memfd_create("initramfs", 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	archive_release(&f->archive);
	close(f->fd);
	fake_tree_release(&f->fake);
	return 0;
}

static void add_modules(struct fixture *f)
{
	fake_tree_module(&f->fake, "lib/modules/" RELEASE "/kernel/virtio_blk.ko.xz", "depends=virtio", NULL);
	fake_tree_module(&f->fake, "lib/modules/" RELEASE "/kernel/virtio.ko", NULL);
	fake_tree_module(&f->fake, "lib/modules/" RELEASE "/kernel/ext4.ko", NULL);
	fake_tree_text(&f->fake, "lib/modules/" RELEASE "/modules.order", "kernel/virtio_blk.ko\nkernel/virtio.ko\nkernel/ext4.ko\n");
	fake_tree_text(&f->fake, "lib/modules/" RELEASE "/modules.builtin", "kernel/virtio_mmio.ko\n");
	f->plan.module[f->plan.module_count++] = (struct initramfs_module){ "virtio_mmio", "the bus", false };
	f->plan.module[f->plan.module_count++] = (struct initramfs_module){ "virtio_blk", "disk0", false };
}

static void build(struct fixture *f)
{
	uint64_t bytes = 0;

	assert_int_equal(initramfs_build(&f->plan, f->fd, &bytes), 0);
	archive_read(&f->archive, f->fd, bytes);
}

/* Holds tinyvmm.conf against records with "|" for NUL. */
static void config_is(const struct fixture *f, const char *expected)
{
	const struct archive_member *m = archive_find(&f->archive, "tinyvmm.conf");
	char text[1024];

	assert_non_null(m);
	assert_true(m->len < sizeof(text));
	for (size_t i = 0; i < m->len; i++)
		text[i] = (char)(m->data[i] ? m->data[i] : '|');
	text[m->len] = '\0';
	assert_string_equal(text, expected);
}

static void a_root_and_its_modules(void **state)
{
	struct fixture *f = *state;

	add_modules(f);
	f->plan.root_device = "/dev/vda1";
	f->plan.root_fstype = "ext4";
	f->plan.log_full = true;
	build(f);
	config_is(f, "module=/modules/virtio.ko|module=/modules/virtio_blk.ko|module=/modules/ext4.ko|"
		     "root=/dev/vda1|rootfstype=ext4|rootflags=rw|log=full|");
	const struct archive_member *init = archive_find(&f->archive, "init");
	assert_int_equal(init->mode, S_IFREG | 0755);
	assert_memory_equal(init->data, ELFMAG, SELFMAG);
	/* unpacked, and after the directory it is in */
	const struct archive_member *module = archive_find(&f->archive, "modules/virtio_blk.ko");
	assert_memory_equal(module->data, ELFMAG, SELFMAG);
	assert_true(module > archive_find(&f->archive, "modules"));
	assert_int_equal(archive_find(&f->archive, "dev/console")->mode, S_IFCHR | 0600);
	assert_true(archive_find(&f->archive, "dev/console") > archive_find(&f->archive, "dev"));
	assert_non_null(archive_find(&f->archive, "newroot"));
	/* the program is small */
	assert_true(init->len < 64 << 10);
}

static void a_command(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { "sh", "-c", "echo a=b\nc", "", NULL }, *env[] = { "A=1", "B=", NULL };

	f->plan.root_device = "/dev/vda";
	f->plan.root_read_only = true;
	f->plan.argv = argv;
	f->plan.env = env;
	f->plan.hostname = "box";
	f->plan.net_count = 2;
	f->plan.net[0] = (struct initramfs_net){ "10.0.2.15/24", "10.0.2.2", "10.0.2.3" };
	build(f);
	config_is(f, "root=/dev/vda|rootflags=ro|hostname=box|stdio=ports|argv=sh|argv=-c|argv=echo a=b\nc|argv=|env=A=1|env=B=|"
		     "net=eth0 10.0.2.15/24 10.0.2.2 10.0.2.3|net=eth1 - - -|");
	assert_null(archive_find(&f->archive, "modules"));
	archive_release(&f->archive);
	f->plan.tty = true;
	f->plan.env = NULL;
	f->plan.net_count = 0;
	build(f);
	config_is(f, "root=/dev/vda|rootflags=ro|hostname=box|stdio=tty|argv=sh|argv=-c|argv=echo a=b\nc|argv=|");
}

static void an_init_of_ones_own(void **state)
{
	struct fixture *f = *state;

	f->plan.root_device = "/dev/vda";
	f->plan.init = "/bin/sh";
	/* nothing of a command's */
	f->plan.net_count = 1;
	build(f);
	config_is(f, "root=/dev/vda|rootflags=rw|init=/bin/sh|");
}

static void no_modules_at_all(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes;

	f->plan.module[f->plan.module_count++] = (struct initramfs_module){ "virtio_blk", "disk0", false };
	f->plan.module[f->plan.module_count++] = (struct initramfs_module){ "pvpanic", "panics", true };
	/* built in, for all we know */
	build(f);
	/* built in for certain; what is optional is no matter */
	fake_tree_text(&f->fake, "boot/config-" RELEASE, "CONFIG_VIRTIO_BLK=y\nCONFIG_PVPANIC=m\n");
	archive_release(&f->archive);
	build(f);
	/* in vain for certain */
	fake_tree_text(&f->fake, "boot/config-" RELEASE, "CONFIG_VIRTIO_BLK=m\n");
	assert_int_equal(initramfs_build(&f->plan, f->fd, &bytes), -ENOENT);
	/* named, and not there */
	assert_int_equal(unlink(fake_tree_path(&f->fake, "boot/config-" RELEASE)), 0);
	f->plan.modules_dir = "/nonexistent";
	assert_int_equal(initramfs_build(&f->plan, f->fd, &bytes), -ENOENT);
}

static void a_missing_module(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes;

	add_modules(f);
	f->plan.module[f->plan.module_count++] = (struct initramfs_module){ "virtio_net", "net0", false };
	assert_int_equal(initramfs_build(&f->plan, f->fd, &bytes), -ENOENT);
	f->plan.module[f->plan.module_count - 1].optional = true;
	build(f);
}

static void a_full_disk(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		skip();
	assert_int_equal(initramfs_build(&f->plan, fd, &bytes), -ENOSPC);
	close(fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_root_and_its_modules), TEST(a_command),        TEST(an_init_of_ones_own),
		TEST(no_modules_at_all),      TEST(a_missing_module), TEST(a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
