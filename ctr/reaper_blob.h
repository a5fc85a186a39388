// SPDX-License-Identifier: Apache-2.0
/* The static program guest/reaper, which a container starts with; carried inside this one. */
#ifndef CTR_REAPER_BLOB_H
#define CTR_REAPER_BLOB_H

#include <stddef.h>

const void *reaper_blob(size_t *len);

#endif
