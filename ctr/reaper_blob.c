// SPDX-License-Identifier: Apache-2.0
/* guest/reaper, as it was built, inside the program. */
#include "ctr/reaper_blob.h"

#include "vmm/util/blob.h"

BLOB(reaper_blob, "guest/reaper")
