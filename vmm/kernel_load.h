// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's own bytes on their way into guest memory: the long part of a start. Two threads share them, and what a cached kernel must be
 * (kernel_cache.h) is checked where it was copied to, piece by piece while it is still in the processor's cache.
 */
#ifndef VMM_KERNEL_LOAD_H
#define VMM_KERNEL_LOAD_H

#include "arch/image.h"
#include "vmm/kernel_cache.h"
#include "vmm/step.h"

/* A half of all the segments' bytes, one segment after the other. */
struct kernel_load_part {
	struct step step;
	const struct kernel_load *load;
	uint64_t begin, end;
	struct kernel_hash hash;
};

/* Zeroed, it is one that was never begun. */
struct kernel_load {
	/* The caller's; they stay until the end. */
	const struct kernel_image *image;
	const struct kernel_seal *seal; /* not closed: nothing is checked */
	void *to[IMAGE_SEGMENTS_MAX];	/* file_bytes of each segment go there */

	struct kernel_load_part part[2];
};

/* Starts two threads. */
void kernel_load_begin(struct kernel_load *load);
/* Waits for them; on every path, before any of the above goes away. May be called again. */
void kernel_load_wait(struct kernel_load *load);
/* Waits, and tells what came of it: 0; -EBADMSG, the kernel is not the one that was sealed; or what reading failed with, logged. Once. */
int kernel_load_finish(struct kernel_load *load);
/* All of that in the calling thread, where no other can be had. */
int kernel_load_here(struct kernel_load *load);

#endif
