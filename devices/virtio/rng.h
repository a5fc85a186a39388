// SPDX-License-Identifier: Apache-2.0
/* virtio entropy device: virtio 1.2, section 5.4. Filled from getrandom(2). */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

struct virtio_rng;

struct virtio_rng *virtio_rng_new(const char *name, struct loop *loop, const struct mem *mem);
struct virtio_dev *virtio_rng_dev(struct virtio_rng *rng);
void virtio_rng_free(struct virtio_rng *rng); /* accepts NULL */

#endif
