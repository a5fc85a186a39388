// SPDX-License-Identifier: Apache-2.0
/* guest/reaper, as it was built, inside the program. */
#include "ctr/reaper_blob.h"

__asm__(".section .rodata.reaper_blob, \"a\"\n"
	".balign 16\n"
	".globl reaper_blob_start\n"
	".hidden reaper_blob_start\n"
	"reaper_blob_start:\n"
	"	.incbin \"guest/reaper\"\n"
	".globl reaper_blob_end\n"
	".hidden reaper_blob_end\n"
	"reaper_blob_end:\n"
	".previous\n");

extern const char reaper_blob_start[], reaper_blob_end[];

const void *reaper_blob(size_t *len)
{
	/* cppcheck-suppress [comparePointers, subtractPointers] ; the assembler puts both names on the same bytes */
	*len = (size_t)(reaper_blob_end - reaper_blob_start);
	return reaper_blob_start;
}
