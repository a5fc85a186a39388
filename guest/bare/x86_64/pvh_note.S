/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a loader take the 32-bit entry: XEN_ELFNOTE_PHYS32_ENTRY (Xen, public/elfnote.h). One of the two test guests has it. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4		/* bytes of the name, and of what follows it */
	.long 4
	.long 18	/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start32
	.section .note.GNU-stack, "", @progbits
