// SPDX-License-Identifier: Apache-2.0
/* The worker's side of kernel_open(): a packed kernel file in, the kernel proper in another file. For vmm/kernel.c alone. */
#ifndef VMM_KERNEL_UNPACK_H
#define VMM_KERNEL_UNPACK_H

#include <stdbool.h>

#include "vmm/kernel.h"
#include "vmm/kernel_format.h"
#include "vmm/kernel_hash.h"

/*
 * Where in the output file the unpacked kernel starts: a multiple of every page size, so that it can be mapped; the cache's header is
 * before it.
 */
#define KERNEL_UNPACK_OFFSET 65536

/* What the worker hands back, in shared memory. */
struct unpack_result {
	struct kernel_image image; /* fd is out_fd, or file.fd when `fallback` keeps the file itself */
	bool fallback;		   /* the image unpacks itself in the guest; why, is in `why` */
	char why[KERNEL_WHY_MAX];
	uint8_t digest[KERNEL_HASH_BYTES]; /* of exactly the bytes that were unpacked, whatever the file became since */
};

struct unpack_job {
	struct kernel_file file;
	uint16_t machine;
	bool unpack_in_guest;
	const struct kernel_hash_key *key; /* NULL: no digest is wanted */
	int out_fd;
	struct unpack_result *result;
};

/*
 * Fills out_fd and *result. -ENOEXEC, with result->why: no kernel that could be used in any way. Other errors come from reading and
 * writing (-ENOSPC, ...), and another out_fd may work. Loads libraries: a job for worker_run(), with a struct unpack_job.
 */
int kernel_unpack(void *job);

#endif
