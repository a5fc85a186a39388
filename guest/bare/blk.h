// SPDX-License-Identifier: Apache-2.0
/* Requests to the block device: virtio 1.2, 5.2.6. */
#ifndef GUEST_BARE_BLK_H
#define GUEST_BARE_BLK_H

#include "guest/bare/virtio.h"

#define SECTOR_BYTES 512u

enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, BLK_GET_ID = 8, BLK_DISCARD = 11, BLK_WRITE_ZEROES = 13 };
enum { BLK_OK = 0, BLK_IOERR = 1, BLK_UNSUPP = 2, BLK_NO_ANSWER = 0xff };

#define BLK_F_RO (1ul << 5)
#define BLK_F_FLUSH (1ul << 9)
#define BLK_F_MQ (1ul << 12)
#define BLK_F_DISCARD (1ul << 13)
#define BLK_F_WRITE_ZEROES (1ul << 14)
#define BLK_F_ALL (BLK_F_RO | BLK_F_FLUSH | BLK_F_MQ | BLK_F_DISCARD | BLK_F_WRITE_ZEROES | F_INDIRECT | F_EVENT_IDX)

struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* One request and its answer. */
unsigned blk_do(struct virtio *v, unsigned queue, uint32_t type, uint64_t sector, void *data, uint32_t bytes);

#endif
