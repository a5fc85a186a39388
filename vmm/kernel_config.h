// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration that distributions put beside their kernels, config-RELEASE: is a driver in the kernel, a module, or not there at all?
 * Asked when no modules are found, so that a kernel that cannot do without them is not started in vain.
 */
#ifndef VMM_KERNEL_CONFIG_H
#define VMM_KERNEL_CONFIG_H

#include <stddef.h>

enum kernel_driver {
	DRIVER_UNKNOWN, /* no such file, or it does not say */
	DRIVER_BUILTIN,
	DRIVER_MODULE,
	DRIVER_OFF,
};

struct kernel_config {
	char *text; /* NULL: none was found */
	size_t len;
};

/* Looks beside the kernel. Never fails: without a file, everything is unknown. */
void kernel_config_open(struct kernel_config *config, const char *kernel_path, const char *release);
void kernel_config_release(struct kernel_config *config);

/* `module` as modprobe has it: "virtio_blk", "ext4". */
enum kernel_driver kernel_config_driver(const struct kernel_config *config, const char *module);

#endif
