// SPDX-License-Identifier: Apache-2.0
/* Constants that entry.S and the C files share. Bits: Arm ARM DDI 0487, D8.3 (descriptors) and D19.2 (registers). */
#ifndef GUEST_BARE_AARCH64_LAYOUT_H
#define GUEST_BARE_AARCH64_LAYOUT_H

#define GIB_SHIFT 30

/* Three kinds of memory, by their place in MAIR_EL1: a device's; cached; neither, so that accesses need not be aligned. */
#define MAIR_VALUE 0x44ff04
#define KIND_DEVICE 0
#define KIND_CACHED 1
#define KIND_PLAIN 2

/* 39 bits of addresses, which one table of 512 entries covers; walks are cached and inner shareable; none by TTBR1_EL1. */
#define TCR_VALUE 0x803519
#define TCR_IPS_SHIFT 32
#define PARANGE_48_BITS 5

#define BLOCK(kind) (0x701 + ((kind) << 2)) /* valid, accessed, inner shareable, for EL1 alone */
#define BLOCK_NO_EXECUTE (3 << 53)

#define SCTLR_MMU 0x1
#define SCTLR_CACHE 0x4
#define SCTLR_VALUE 0x30d01805 /* these two, the instruction cache, and what is always 1 */

/* The last GiB of the 512 is the first one once more, of the third kind. */
#define VIEW_PLAIN_GIB 511

#define CPUS_MAX 254
#define OTHER_STACK_SHIFT 12

/* Two of the sixteen vectors: an exception by an instruction, an interrupt. */
#define VECTOR_SYNCHRONOUS 4
#define VECTOR_IRQ 5

/* What an exception puts on the stack. */
#define FRAME_ELR 160
#define FRAME_BYTES 192

/* Offsets in struct boot_registers. */
#define BOOT_X0 0
#define BOOT_X2 16
#define BOOT_EL 32
#define BOOT_SCTLR 48
#define BOOT_BYTES 64

#endif
