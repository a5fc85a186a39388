// SPDX-License-Identifier: Apache-2.0
/* guest/probe, as it was built, inside the program. */
#include "bench/probe.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/packed.h"
#include "vmm/util/blob.h"

static const void *packed_probe(size_t *len);
BLOB(packed_probe, "guest/probe.gz")

int probe_launch(struct outcome *outcome, const struct rung *rung, char *const *more, char *const *args, unsigned timeout_s)
{
	/* Unpacked once, for as long as we run. */
	static const void *probe;
	static size_t len;
	size_t packed_len;
	const void *packed = packed_probe(&packed_len);
	char **argv = rung_probe(rung, more, args);

	if (!probe)
		probe = packed_open(packed, packed_len, &len);
	*outcome = (struct outcome){0};
	int err = argv && probe ? launch(outcome, argv, probe, len, timeout_s) : -ENOMEM;
	free(argv);
	return err;
}
