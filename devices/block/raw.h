// SPDX-License-Identifier: Apache-2.0
/*
 * An image whose bytes are the disk's: a regular file or a block device. Opening knows what can be wrong with one and tells the user; the
 * requests are synchronous and may be made from any thread.
 */
#ifndef DEVICES_BLOCK_RAW_H
#define DEVICES_BLOCK_RAW_H

#include <stdbool.h>
#include <sys/stat.h>

#include "devices/block/block.h"

struct raw {
	int fd;	     /* -1: not open */
	int lock_fd; /* see file_lock() */
	bool device; /* a block device, not a file */
	struct stat stat; /* as opened */
	struct block_limits limits;
};

/* Opens, checks and locks. Logs every failure. */
int raw_open(struct raw *raw, const char *path, bool read_only);
void raw_release(struct raw *raw);

int raw_execute(const struct raw *raw, const struct block_request *request);

#endif
