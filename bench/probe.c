// SPDX-License-Identifier: Apache-2.0
/* guest/probe, as it was built, inside the program: packed, as one run in a hundred needs it. */
#include "bench/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/decompress.h"
#include "vmm/util/blob.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define PROBE_BYTES_MAX (1u << 20)

static const void *packed_probe(size_t *len);
BLOB(packed_probe, "guest/probe.gz")

/* The caller's to free. */
static int unpack(void **probe, uint64_t *len)
{
	size_t packed_len;
	const void *packed = packed_probe(&packed_len);
	int fd = memfd_create("probe", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : decompress(COMPRESSION_GZIP, packed, packed_len, fd, 0, PROBE_BYTES_MAX, len);

	*probe = err ? NULL : malloc(*len);
	if (!err)
		err = *probe ? pread_full(fd, *probe, *len, 0) : -ENOMEM;
	close_fd(&fd);
	return err;
}

int probe_launch(struct outcome *outcome, const struct rung *rung, char *const *more, char *const *args, unsigned timeout_s)
{
	char **argv = rung_probe(rung, more, args);
	void *probe = NULL;
	uint64_t len = 0;
	int err = argv ? unpack(&probe, &len) : -ENOMEM;

	*outcome = (struct outcome){0};
	if (!err)
		err = launch(outcome, argv, probe, len, timeout_s);
	free(probe);
	free(argv);
	return err;
}
