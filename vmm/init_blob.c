// SPDX-License-Identifier: Apache-2.0
/* guest/init, as it was built, inside the program. */
#include "vmm/init_blob.h"

__asm__(".section .rodata.init_blob, \"a\"\n"
	".balign 16\n"
	".globl init_blob_start\n"
	".hidden init_blob_start\n"
	"init_blob_start:\n"
	"	.incbin \"guest/init\"\n"
	".globl init_blob_end\n"
	".hidden init_blob_end\n"
	"init_blob_end:\n"
	".previous\n");

extern const char init_blob_start[], init_blob_end[];

const void *init_blob(size_t *len)
{
	/* cppcheck-suppress [comparePointers, subtractPointers] ; the assembler puts both names on the same bytes */
	*len = (size_t)(init_blob_end - init_blob_start);
	return init_blob_start;
}
