// SPDX-License-Identifier: Apache-2.0
/* A compressed stream of any kind: bounded output, and as much in the file as was told. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/util/decompress.h"

#define START 65536
#define LIMIT (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd = memfd_create("out", MFD_CLOEXEC);
	uint64_t out_len = 0;

	int err = decompress(compression_detect(data, len), data, len, fd, START, LIMIT, &out_len);
	off_t end = lseek(fd, 0, SEEK_END);
	if (!err && (out_len > LIMIT || end != START + (off_t)out_len))
		abort();
	if (end > START + LIMIT)
		abort();
	close(fd);
	return 0;
}
