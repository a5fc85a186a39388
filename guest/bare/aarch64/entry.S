/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways into the test guest: at the beginning of an arm64 Image (Linux, arm64/booting.rst) with %x0 at a device tree; and, for the other
 * processors, where PSCI's CPU_ON was told. Both turn on the MMU with this file's table before they touch memory: with it off, accesses
 * would go past the caches, and atomic ones would mean nothing.
 */
#include "guest/bare/aarch64/layout.h"

	.section .text.start, "ax"
	.globl start
start:
	b begin
	.word 0
	.quad text_offset
	.quad image_bytes
	.quad 0x2		/* little-endian, pages of 4 KiB, as near to the beginning of RAM as can be */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.word 0			/* no PE header */

/* What the loader left in the registers stays there until there is memory to put it into. */
begin:
	mrs x4, CurrentEL
	mrs x5, DAIF
	mrs x6, SCTLR_EL1
	bl set_up
	adrp x8, stack_end
	add x8, x8, :lo12:stack_end
	mov sp, x8
	sub sp, sp, #BOOT_BYTES
	stp x0, x1, [sp, #BOOT_X0]
	stp x2, x3, [sp, #BOOT_X2]
	stp x4, x5, [sp, #BOOT_EL]
	str x6, [sp, #BOOT_SCTLR]
	mov x0, sp
	bl aarch64_main
1:	wfi
	b 1b

/* %x0: the processor's number, from 1 */
	.globl aarch64_other_start
aarch64_other_start:
	bl set_up
	adrp x8, other_stacks
	add x8, x8, :lo12:other_stacks
	lsl x9, x0, #OTHER_STACK_SHIFT
	add x8, x8, x9		/* numbers begin with 1: this is the end of the processor's own */
	mov sp, x8
	bl aarch64_other_main
1:	wfi
	b 1b

/* Vectors and MMU. Uses %x8 to %x10. */
set_up:
	adrp x8, vectors
	add x8, x8, :lo12:vectors
	msr VBAR_EL1, x8
	ldr x8, =MAIR_VALUE
	msr MAIR_EL1, x8
	mrs x9, ID_AA64MMFR0_EL1	/* as many physical address bits as there are, but for those that need other tables */
	and x9, x9, #0xf
	mov x10, #PARANGE_48_BITS
	cmp x9, x10
	csel x9, x9, x10, lo
	ldr x8, =TCR_VALUE
	orr x8, x8, x9, lsl #TCR_IPS_SHIFT
	msr TCR_EL1, x8
	adrp x8, page_table
	msr TTBR0_EL1, x8
	tlbi vmalle1
	dsb nsh
	isb
	ldr x8, =SCTLR_VALUE
	msr SCTLR_EL1, x8
	isb
	ret

	.ltorg

/* --- exceptions ----------------------------------------------------------------------------------------------------------- */

/*
 * Sixteen entries (Arm ARM DDI 0487, D1.4.1): aarch64_exception() gets their number, and where they return to. An interrupt may itself
 * be interrupted, if its handler lets that happen: so the return address and the state are saved too.
 */
	.balign 2048
vectors:
	.set vector, 0
	.rept 16
	.balign 128
	sub sp, sp, #FRAME_BYTES
	stp x0, x1, [sp]
	mov x1, #vector
	b excepted
	.set vector, vector + 1
	.endr

excepted:
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x16, x17, [sp, #128]
	stp x18, x30, [sp, #144]
	mrs x2, ELR_EL1
	mrs x3, SPSR_EL1
	stp x2, x3, [sp, #FRAME_ELR]
	mov x0, x1
	add x1, sp, #FRAME_ELR
	bl aarch64_exception
	ldp x2, x3, [sp, #FRAME_ELR]
	msr ELR_EL1, x2
	msr SPSR_EL1, x3
	ldp x2, x3, [sp, #16]
	ldp x4, x5, [sp, #32]
	ldp x6, x7, [sp, #48]
	ldp x8, x9, [sp, #64]
	ldp x10, x11, [sp, #80]
	ldp x12, x13, [sp, #96]
	ldp x14, x15, [sp, #112]
	ldp x16, x17, [sp, #128]
	ldp x18, x30, [sp, #144]
	ldp x0, x1, [sp]
	add sp, sp, #FRAME_BYTES
	eret

/* --- data ----------------------------------------------------------------------------------------------------------------- */

/* Half a TiB, mapped to itself by blocks of 1 GiB: devices in the first, RAM in all others. The last one: layout.h. */
	.section .data
	.balign 4096
page_table:
	.quad BLOCK(KIND_DEVICE) + BLOCK_NO_EXECUTE
	.set i, 1
	.rept VIEW_PLAIN_GIB - 1
	.quad (i << GIB_SHIFT) + BLOCK(KIND_CACHED)
	.set i, i + 1
	.endr
	.quad BLOCK(KIND_PLAIN) + BLOCK_NO_EXECUTE

	.section .bss, "aw", @nobits
	.balign 16
	.skip 16384
stack_end:
other_stacks:
	.skip CPUS_MAX << OTHER_STACK_SHIFT

	.section .note.GNU-stack, "", @progbits
