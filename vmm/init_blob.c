// SPDX-License-Identifier: Apache-2.0
/* guest/init, as it was built, inside the program. */
#include "vmm/init_blob.h"

#include "vmm/util/blob.h"

BLOB(init_blob, "guest/init")
