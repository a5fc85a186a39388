// SPDX-License-Identifier: Apache-2.0
/*
 * The header in front of each frame, and the features that say what may be in it: virtio 1.2, 5.1.6 and 5.1.3. Part of both
 * the virtio device and the back ends, since the kernel's tap devices took it over as it is. (linux/virtio_net.h has the
 * same, but with feature bits as numbers, and brings macros along that clash with virtio.h.)
 */
#ifndef DEVICES_NET_VNET_H
#define DEVICES_NET_VNET_H

#include <stdint.h>

/* All little-endian. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;     /* of the headers to repeat in each segment; a hint */
	uint16_t gso_size;    /* payload of a segment */
	uint16_t csum_start;  /* what NEEDS_CSUM covers: from here to the end of the frame */
	uint16_t csum_offset; /* from csum_start, of the field */
	uint16_t num_buffers; /* receive only */
};

#define VIRTIO_NET_HDR_BYTES 12
_Static_assert(sizeof(struct virtio_net_hdr) == VIRTIO_NET_HDR_BYTES, "no padding");

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2

#define VIRTIO_NET_HDR_GSO_NONE 0
#define VIRTIO_NET_HDR_GSO_TCPV4 1
#define VIRTIO_NET_HDR_GSO_UDP 3
#define VIRTIO_NET_HDR_GSO_TCPV6 4
#define VIRTIO_NET_HDR_GSO_ECN 0x80 /* beside one of the TCPs */

/* HOST: the driver may leave it to the device. GUEST: the device may leave it to the driver. */
#define VIRTIO_NET_F_CSUM (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_MTU (1ull << 3)
#define VIRTIO_NET_F_MAC (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (1ull << 8)
#define VIRTIO_NET_F_GUEST_ECN (1ull << 9)
#define VIRTIO_NET_F_HOST_TSO4 (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6 (1ull << 12)
#define VIRTIO_NET_F_HOST_ECN (1ull << 13)
#define VIRTIO_NET_F_MRG_RXBUF (1ull << 15)
#define VIRTIO_NET_F_STATUS (1ull << 16)

#define VIRTIO_NET_GUEST_OFFLOADS (VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)
#define VIRTIO_NET_HOST_OFFLOADS (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN)

#endif
