// SPDX-License-Identifier: Apache-2.0
/*
 * The AArch64 machine's address map.
 *
 *        0x0100_0000  serial port (16550, one byte a register)
 *        0x0101_0000  real-time clock (PL031)
 *        0x0102_0000  pvpanic
 *        0x0103_0000  GPIO pins (PL061): the power key
 *        0x0200_0000  GIC distributor
 *        0x0201_0000  GICv2: CPU interface, 8 KiB
 *        0x0300_0000  GICv3: redistributors, 128 KiB a processor
 *        0x0a00_0000  virtio-mmio devices, 64 KiB each: a page of its own on hosts and in guests with 4, 16 or 64 KiB pages
 *   0x0000_4000_0000  1 GiB: RAM, all of it. The kernel at its beginning, the device tree at the next 2 MiB behind that, the initramfs
 *                     at the end
 *
 * Interrupts: shared ones (SPIs) are counted from 0, as in a device tree and in struct irq; INTIDs are 32 higher. A processor's own
 * (PPIs) are counted from 0, INTIDs are 16 higher: Arm BSA 1.0, "PPI assignments".
 */
#ifndef ARCH_AARCH64_MAP_H
#define ARCH_AARCH64_MAP_H

#define MAP_SERIAL 0x01000000ull
#define MAP_RTC 0x01010000ull
#define MAP_PVPANIC 0x01020000ull
#define MAP_GPIO 0x01030000ull
#define MAP_GICD 0x02000000ull
#define MAP_GICD_BYTES 0x10000ull
#define MAP_GICD_V2_BYTES 0x1000ull
#define MAP_GICC 0x02010000ull
#define MAP_GICC_BYTES 0x2000ull
#define MAP_GICR 0x03000000ull
#define MAP_GICR_BYTES 0x20000ull /* a processor */
#define MAP_VIRTIO 0x0a000000ull
#define MAP_VIRTIO_STRIDE 0x10000ull
#define MAP_RAM 0x40000000ull

#define SPI_SERIAL 1
#define SPI_GPIO 2
#define SPI_VIRTIO_FIRST 16
#define SPI_COUNT 96 /* with the 32 private ones a multiple of 32 */

#define INTID_PPI 16
#define INTID_SPI 32

#define PPI_PMU 7
#define PPI_TIMER_HYP 10
#define PPI_TIMER_VIRTUAL 11
#define PPI_TIMER_SECURE 13
#define PPI_TIMER_PHYSICAL 14

#define CPUS_MAX 254
#define CPUS_MAX_GICV2 8 /* a target list has a bit for each */

#endif
