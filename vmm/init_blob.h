// SPDX-License-Identifier: Apache-2.0
/* The static program guest/init that our own initramfs starts; carried inside this one. */
#ifndef VMM_INIT_BLOB_H
#define VMM_INIT_BLOB_H

#include <stddef.h>

const void *init_blob(size_t *len);

#endif
