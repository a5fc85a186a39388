// SPDX-License-Identifier: Apache-2.0
/*
 * What is read and made before there is a machine: the kernel file, the root file system's place, our own initramfs. All of it in
 * workers (util/process.h), so that none of its libraries and buffers stay.
 */
#ifndef VMM_PREPARE_H
#define VMM_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/image.h"
#include "vmm/config.h"
#include "vmm/guest_io.h"

struct prepared {
	struct kernel_image image;
	int initrd_fd; /* the user's file or a memfd */
	uint64_t initrd_bytes;
	bool own_initramfs;
	char root[32];	 /* "/dev/vda1"; empty: none */
	char fstype[32]; /* "ext4"; empty: not known */
};

/* Everything that fails is logged. -ENOMEM and the like, or what kernel_open() and initramfs_build() say. */
int prepare(struct prepared *p, const struct config *config, const struct guest_io *io);
void prepare_release(struct prepared *p);

#endif
