// SPDX-License-Identifier: Apache-2.0
/*
 * Unpacked kernels, kept between runs: for vmm/kernel.c, and the seal for whoever loads. docs/adr/0002-kernel-cache.md tells why it is as it is.
 *
 * One directory, $XDG_CACHE_HOME/tinyvmm/kernel (else ~/.cache/tinyvmm/kernel), must belong to us, and nobody else may write to it:
 *
 *     key               what contents are hashed with; random, made once
 *     0123...cdef       an entry, named by the hash of the packed kernel file's whole content:
 *                         0      struct entry_header: what kernel_open() would find out, and the hashes of that and of the segments
 *                         64 KiB the unpacked file, sparse
 *     tmp.0123...       one being written; it gets its name when it is complete
 *
 * Nothing here is an error to the user: without a cache a kernel is only unpacked again. Reasons go to level debug.
 */
#ifndef VMM_KERNEL_CACHE_H
#define VMM_KERNEL_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/image.h"
#include "vmm/kernel_hash.h"

/* Entries kept; writing one more drops those not used for the longest time. */
#define KERNEL_CACHE_ENTRIES 8
#define KERNEL_CACHE_NAME_MAX 40

struct kernel_cache {
	int dir_fd;
	struct kernel_hash_key key;
	char temp[KERNEL_CACHE_NAME_MAX]; /* of the entry being written; "" when there is none */
};

/* Finds or makes the directory and the key. A negative errno when there can be no cache: nothing needs releasing then. */
int kernel_cache_open(struct kernel_cache *cache);
void kernel_cache_release(struct kernel_cache *cache);

/* The hash of a whole file by which its entry is found. */
int kernel_cache_hash_file(const struct kernel_cache *cache, int fd, uint64_t bytes, uint8_t digest[KERNEL_HASH_BYTES]);

/*
 * What the segments of an image must be, when that is left to be checked where they are used: once, in guest memory, rather than here and
 * then copied.
 */
struct kernel_seal {
	bool closed; /* there is something to check */
	struct kernel_hash_key key;
	uint8_t content[KERNEL_HASH_BYTES];
};

/* `content`: of the image's segments in their order, file_bytes of each, with the seal's key. It is finished here. */
bool kernel_seal_holds(const struct kernel_seal *seal, struct kernel_hash *content);

/*
 * Fills *image, with an fd of its own, from a checked entry. -ENOENT: there is none, or it was damaged and is gone now. With a seal the
 * segments are not looked at: the seal is closed then.
 */
int kernel_cache_lookup(struct kernel_cache *cache, const uint8_t digest[KERNEL_HASH_BYTES], struct kernel_image *image,
			struct kernel_seal *seal);

/* Opens a file for a new entry; the caller writes the unpacked kernel from KERNEL_UNPACK_OFFSET on. A descriptor, or a negative errno. */
int kernel_cache_create(struct kernel_cache *cache);
/* Completes it with the header and gives it its name. `image` describes its segments; its fd is what create gave, and stays open. */
int kernel_cache_publish(struct kernel_cache *cache, const uint8_t digest[KERNEL_HASH_BYTES], const struct kernel_image *image);

#endif
