// SPDX-License-Identifier: Apache-2.0
/* vmm/kernel_config.c: what a distribution's config file says about a driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/fake_modules.h"
#include "vmm/kernel_config.h"

#define RELEASE "6.1.0-test"

static void drivers(void **state)
{
	struct kernel_config config;
	struct fake_tree fake;
	char kernel[128];

	(void)state;
	fake_tree_init(&fake);
	fake_tree_text(&fake, "vmlinuz", "x");
	fake_tree_text(&fake, "config-" RELEASE,
		       "CONFIG_VIRTIO_BLK=m\n# CONFIG_VIRTIO_NET_EXTRA=m\n# CONFIG_VIRTIO_MMIO is not set\nCONFIG_XFS_FS=y\n"
		       "XCONFIG_BTRFS_FS=m\nCONFIG_SQUASHFS=mm\nCONFIG_EXT4_FS=m");
	snprintf(kernel, sizeof(kernel), "%s", fake_tree_path(&fake, "vmlinuz"));
	kernel_config_open(&config, kernel, RELEASE);
	assert_int_equal(kernel_config_driver(&config, "virtio-blk"), DRIVER_MODULE);
	assert_int_equal(kernel_config_driver(&config, "virtio_mmio"), DRIVER_OFF);
	assert_int_equal(kernel_config_driver(&config, "xfs"), DRIVER_BUILTIN);
	assert_int_equal(kernel_config_driver(&config, "ext4"), DRIVER_MODULE);
	assert_int_equal(kernel_config_driver(&config, "virtio_net"), DRIVER_UNKNOWN);
	assert_int_equal(kernel_config_driver(&config, "btrfs"), DRIVER_UNKNOWN);
	assert_int_equal(kernel_config_driver(&config, "squashfs"), DRIVER_UNKNOWN);
	kernel_config_release(&config);
	fake_tree_release(&fake);
}

static void no_file(void **state)
{
	static const char *const releases[] = { RELEASE, "", "../config", "/etc/passwd" };
	struct kernel_config config;
	struct fake_tree fake;
	char kernel[128];

	(void)state;
	fake_tree_init(&fake);
	fake_tree_text(&fake, "vmlinuz", "x");
	snprintf(kernel, sizeof(kernel), "%s", fake_tree_path(&fake, "vmlinuz"));
	for (size_t i = 0; i < sizeof(releases) / sizeof(*releases); i++) {
		kernel_config_open(&config, kernel, releases[i]);
		assert_int_equal(kernel_config_driver(&config, "ext4"), DRIVER_UNKNOWN);
		kernel_config_release(&config);
	}
	kernel_config_open(&config, "/nowhere/vmlinuz", RELEASE);
	assert_null(config.text);
	fake_tree_release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(drivers), cmocka_unit_test(no_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
