// SPDX-License-Identifier: Apache-2.0
/* guest/probe, as it was built, inside the program. */
#include "bench/probe_blob.h"

__asm__(".section .rodata.probe_blob, \"a\"\n"
	".balign 16\n"
	".globl probe_blob_start\n"
	".hidden probe_blob_start\n"
	"probe_blob_start:\n"
	"	.incbin \"guest/probe\"\n"
	".globl probe_blob_end\n"
	".hidden probe_blob_end\n"
	"probe_blob_end:\n"
	".previous\n");

extern const char probe_blob_start[], probe_blob_end[];

const void *probe_blob(size_t *len)
{
	/* cppcheck-suppress [comparePointers, subtractPointers] ; the assembler puts both names on the same bytes */
	*len = (size_t)(probe_blob_end - probe_blob_start);
	return probe_blob_start;
}
