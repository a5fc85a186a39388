/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways into the test guest: 32-bit with paging off and %ebx at a PVH start info; 64-bit with %rsi at a zero page; and, for the other
 * processors, real mode at the address of a start-up IPI. All end in 64-bit mode with this file's descriptors and page tables.
 */
#include "guest/bare/x86_64/layout.h"

	.section .text.start, "ax"
	.code32
	.globl start32
start32:
	cli
	cld
	lgdt gdt_pointer
	movl %ebx, %edi
	xorl %esi, %esi
	movl $stack_end, %esp
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $page_tables, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl $(CR0_PE | CR0_ET | CR0_PG), %eax
	movl %eax, %cr0
	ljmp $SELECTOR_CODE, $begin

	.code64
	.globl start64
start64:
	cli
	cld
	movq %rsi, %rdi
	movl $1, %esi
	movl $stack_end, %esp
	lgdt gdt_pointer
	movl $page_tables, %eax
	movq %rax, %cr3
	pushq $SELECTOR_CODE
	pushq $begin
	lretq

/* %rdi: the boot information; %esi: whether it is a zero page */
begin:
	movl $SELECTOR_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	call x86_main
1:	hlt
	jmp 1b

/* --- the other processors: copied to TRAMPOLINE --------------------------------------------------------------------------- */

	.code16
	.globl trampoline, trampoline_end
trampoline:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl gdt_pointer_copy - trampoline
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $page_tables, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl $(CR0_PE | CR0_ET | CR0_PG), %eax
	movl %eax, %cr0
	ljmpl $SELECTOR_CODE, $begin_other
gdt_pointer_copy:
	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:

	.code64
begin_other:
	movl $SELECTOR_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	movl $1, %edi
	lock xaddl %edi, cpus_begun
	movl %edi, %esp
	shll $OTHER_STACK_SHIFT, %esp
	addl $other_stacks, %esp	/* numbers begin with 1: this is the end of the processor's own */
	call x86_other_main
1:	cli
	hlt
	jmp 1b

/* --- interrupts ----------------------------------------------------------------------------------------------------------- */

/*
 * One entry a vector, 16 bytes apart: pushes a zero where the processor pushes no error code, and the vector. (Exceptions with an error
 * code: Intel SDM volume 3A, table 6-1.)
 */
	.balign 16
	.globl interrupt_entries
interrupt_entries:
	.set vector, 0
	.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	pushq $0
	.endif
	pushq $vector
	jmp interrupted
	.set vector, vector + 1
	.endr

interrupted:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	leaq 72(%rsp), %rdi
	cld
	call x86_interrupt
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	/*
	 * Not by iretq, which KVM's emulator has in real mode only. The return address, the flags, %rax and %rcx go below the
	 * interrupted stack's top (into the slots of ss, rsp, flags and cs, which are no longer needed), and are taken from there.
	 *
	 * Now 0: %rcx, 8: %rax, 16: vector, 24: error code, 32: rip, 40: cs, 48: flags, 56: rsp, 64: ss.
	 */
	movq 56(%rsp), %rax
	movq 32(%rsp), %rcx
	movq %rcx, -8(%rax)
	movq 48(%rsp), %rcx
	movq %rcx, -16(%rax)
	movq 8(%rsp), %rcx
	movq %rcx, -24(%rax)
	movq (%rsp), %rcx
	movq %rcx, -32(%rax)
	leaq -32(%rax), %rsp
	popq %rcx
	popq %rax
	popfq
	ret

/* --- data ----------------------------------------------------------------------------------------------------------------- */

	.section .data
	.balign 8
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* SELECTOR_CODE: 64-bit code */
	.quad 0x00cf93000000ffff	/* SELECTOR_DATA */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.balign 4
cpus_begun:
	.long 1

/* The first 9 GiB, mapped to themselves by pages of 2 MiB. */
	.balign 4096
page_tables:
	.quad pdpt + PTE_TABLE
	.fill 511, 8, 0
pdpt:	.set i, 0
	.rept MAPPED_GIB
	.quad directories + i * 4096 + PTE_TABLE
	.set i, i + 1
	.endr
	.fill 512 - MAPPED_GIB, 8, 0
directories:
	.set i, 0
	.rept MAPPED_GIB * 512
	.quad i * 0x200000 + PTE_LARGE_PAGE
	.set i, i + 1
	.endr

	.section .bss, "aw", @nobits
	.balign 16
	.skip 16384
stack_end:
other_stacks:
	.skip CPUS_MAX << OTHER_STACK_SHIFT

	.section .note.GNU-stack, "", @progbits
