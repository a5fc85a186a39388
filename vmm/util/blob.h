// SPDX-License-Identifier: Apache-2.0
/*
 * A file carried inside the program. BLOB(name, file) defines `const void *name(size_t *len)`, which gives its bytes, 16-byte aligned and read-only, for as long as the
 * program runs. `file` is found as the assembler finds what .incbin names: below the directories of -I. The Makefile has to say that the object depends on it.
 */
#ifndef VMM_UTIL_BLOB_H
#define VMM_UTIL_BLOB_H

#include <stddef.h>
#include <stdint.h>

#define BLOB(name, file)                                                     \
	__asm__(".section .rodata." #name ", \"a\"\n"                        \
		".balign 16\n"                                               \
		".globl " #name "_start\n"                                   \
		".hidden " #name "_start\n"                                  \
		#name "_start:\n"                                            \
		"	.incbin \"" file "\"\n"                              \
		".globl " #name "_end\n"                                     \
		".hidden " #name "_end\n"                                    \
		#name "_end:\n"                                              \
		".previous\n");                                              \
	extern const char name##_start[], name##_end[];                      \
	const void *name(size_t *len)                                        \
	{                                                                    \
		*len = (size_t)((uintptr_t)name##_end - (uintptr_t)name##_start); \
		return name##_start;                                         \
	}

#endif
