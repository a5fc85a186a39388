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
#include "vmm/kernel_cache.h"
#include "vmm/util/process.h"

#define PREPARED_NAME_MAX 32

struct prepared {
	/* Known after prepare_kernel(). */
	struct kernel_image image;
	struct kernel_seal seal; /* of the image's segments */
	bool own_initramfs;
	/* Known after prepare_finish(). */
	int initrd_fd; /* the user's file or a memfd */
	uint64_t initrd_bytes;
	char root[PREPARED_NAME_MAX];	/* "/dev/vda1"; empty: none */
	char fstype[PREPARED_NAME_MAX]; /* "ext4"; empty: not known */
	/* prepare.c's own. */
	const struct config *config;
	struct worker worker;
	struct prepare_job *job; /* shared with the worker */
};

/*
 * Starts a worker that looks for the root and makes the initramfs, as soon as it is known for which kernel: here where the file's head
 * tells that, else in prepare_kernel(). The kernel is opened, and the machine is built, meanwhile. Everything that fails is logged. -ENOMEM and the
 * like, or what kernel_open() says.
 */
int prepare_begin(struct prepared *p, const struct config *config, const struct guest_io *io);
int prepare_kernel(struct prepared *p);
/* The seal did not hold: opens the kernel again, and checks it here. Any thread, while no other looks at `image`. */
int prepare_kernel_again(struct prepared *p);
/* Waits for the worker. What disk_probe() and initramfs_build() say, logged. */
int prepare_finish(struct prepared *p);
/* Accepts a zeroed one, and one whose worker still runs. */
void prepare_release(struct prepared *p);

#endif
