// SPDX-License-Identifier: Apache-2.0
/* guest/probe, as it was built, inside the program. */
#include "bench/probe_blob.h"

#include "vmm/util/blob.h"

BLOB(probe_blob, "guest/probe")
