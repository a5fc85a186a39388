// SPDX-License-Identifier: Apache-2.0
/* See packed.h. */
#include "bench/packed.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vmm/util/decompress.h"
#include "vmm/util/io.h"

#define UNPACKED_MAX (1u << 20)

void *packed_open(const void *packed, size_t packed_len, size_t *len)
{
	int fd = memfd_create("unpacked", MFD_CLOEXEC);
	uint64_t bytes = 0;
	void *data = fd < 0 || decompress(COMPRESSION_GZIP, packed, packed_len, fd, 0, UNPACKED_MAX, &bytes) ? NULL : malloc(bytes);

	if (data && pread_full(fd, data, bytes, 0)) {
		free(data);
		data = NULL;
	}
	close_fd(&fd);
	*len = bytes;
	return data;
}
