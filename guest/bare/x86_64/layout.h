// SPDX-License-Identifier: Apache-2.0
/* Constants that entry.S and the C files share. Bits: Intel SDM volume 3A, 2.5 and 4.5. */
#ifndef GUEST_BARE_X86_64_LAYOUT_H
#define GUEST_BARE_X86_64_LAYOUT_H

#define CR0_PE 0x1
#define CR0_ET 0x10
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define PTE_TABLE 0x3	     /* present, writable */
#define PTE_LARGE_PAGE 0x83
#define MAPPED_GIB 9

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10

#define TRAMPOLINE 0x10000 /* low RAM that the loader leaves alone; a multiple of a page below 1 MiB */
#define CPUS_MAX 256
#define OTHER_STACK_SHIFT 12

#endif
