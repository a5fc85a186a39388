// SPDX-License-Identifier: Apache-2.0
/*
 * The x86_64 machine's address map.
 *
 *   0x0000_0000_0000  RAM
 *          0x0_0500   GDT
 *          0x0_7000   boot information: zero page, or PVH start info, its memory map and module list
 *          0x0_9000   page tables: PML4, PDPT, 4 page directories (identity map of the first 4 GiB)
 *          0x2_0000   kernel command line
 *          0x9_fc00   end of low RAM
 *          0xe_0000   ACPI tables (reserved in the memory map; RSDP first)
 *         0x10_0000   RAM again: the kernel (16 MiB on, mostly), the initramfs at the top
 *   0x0000_c000_0000  3 GiB: hole
 *        0xd000_0000  virtio-mmio devices, one page each
 *        0xfec0_0000  I/O APIC (in the kernel)
 *        0xfee0_0000  local APICs (in the kernel)
 *        0xfffb_c000  KVM's own: identity-map page, three TSS pages (Intel)
 *   0x0001_0000_0000  4 GiB: the rest of RAM
 *
 * Ports: 0x3f8 serial, 0x505 pvpanic, 0x600 sleep control, 0x601 sleep status, 0x602 reset.
 */
#ifndef ARCH_X86_64_MAP_H
#define ARCH_X86_64_MAP_H

#define MAP_GDT 0x500ull
#define MAP_BOOT_INFO 0x7000ull
#define MAP_PAGE_TABLES 0x9000ull
#define MAP_CMDLINE 0x20000ull
#define MAP_CMDLINE_BYTES 0x10000ull
#define MAP_LOW_RAM_END 0x9fc00ull
#define MAP_ACPI 0xe0000ull
#define MAP_ACPI_BYTES 0x20000ull
#define MAP_HIGH_RAM 0x100000ull
#define MAP_HOLE 0xc0000000ull
#define MAP_VIRTIO 0xd0000000ull
#define MAP_IO_APIC 0xfec00000ull
#define MAP_LOCAL_APIC 0xfee00000ull
#define MAP_KVM_IDENTITY 0xfffbc000ull
#define MAP_KVM_TSS 0xfffbd000ull
#define MAP_4G 0x100000000ull

#define PORT_SERIAL 0x3f8
#define PORT_PVPANIC 0x505
#define PORT_POWER 0x600 /* sleep control, sleep status, reset: see devices/power.h */

#define GSI_POWER_KEY 3 /* COM2's, of which there is none */
#define GSI_SERIAL 4
/*
 * Behind 8, which KVM takes for the clock's: it has each of that one's interrupts ended by an exit, as if it were a level (Linux,
 * arch/x86/kvm/ioapic.c, RTC_GSI).
 */
#define GSI_VIRTIO_FIRST 9
#define GSI_IO_APIC_PINS 24

#endif
