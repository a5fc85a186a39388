// SPDX-License-Identifier: Apache-2.0
/*
 * The part of the initramfs that is the same at each start: the modules, unpacked and in order. It is built once, by a worker, and kept in
 * $XDG_CACHE_HOME/tinyvmm/modules, or ~/.cache/tinyvmm/modules, as a file that is checked when it is read: its sum, and that all files that
 * it was made from are as they were.
 *
 *     struct bundle_header | members of a cpio archive | records, each ended by a NUL
 *
 * The records are "dir=DIRECTORY" and one "want=NAME" or "want?=NAME" for each module asked for (together: what the bundle is for),
 * "file=SIZE MTIME PATH" for each file that was read, and "module=PATH" or "optional=PATH", which go into guest/init's configuration as
 * they are (guest/protocol.h).
 */
#ifndef VMM_MODULE_BUNDLE_H
#define VMM_MODULE_BUNDLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/initramfs.h"

struct bundle_header {
	char magic[16];
	uint64_t archive_bytes, record_bytes;
	uint64_t sum; /* of archive and records */
};

/* The archive's members begin here in the file. */
#define BUNDLE_ARCHIVE_OFFSET 64

struct module_bundle {
	char *data; /* the whole file, mapped; NULL: no modules */
	size_t bytes;
	const char *archive;  /* the members, */
	size_t archive_bytes; /* a multiple of four */
	const char *config;   /* and those of the records that are for guest/init */
	size_t config_bytes;
};

struct bundle_request {
	const char *dir;
	const struct initramfs_module *module;
	unsigned module_count;
	bool no_cache; /* neither read nor written */
};

/*
 * The bundle for this request, from the cache or built now. Failures are logged. Runs a worker: one thread only.
 */
int module_bundle_open(struct module_bundle *bundle, const struct bundle_request *request);
void module_bundle_release(struct module_bundle *bundle);

/* The pieces of it, for tests. */

/* The records that say what a bundle is for. malloc'ed; NULL without memory. */
char *bundle_key(const struct bundle_request *request, size_t *len);
/* The worker's job: fills the file from its start. Loads libraries, parses modules. */
int bundle_build(const struct bundle_request *request, int fd);
/* Reads the file and checks it. -ESTALE: it is for another request, or files have changed since; -EBADMSG: damaged. Nothing is logged. */
int bundle_read(struct module_bundle *bundle, int fd, const char *key, size_t key_len);

#endif
