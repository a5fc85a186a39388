// SPDX-License-Identifier: Apache-2.0
/* How a freestanding x86_64 program enters the kernel and is entered by it (System V psABI for AMD64, A.2 and 3.4.1). */
#ifndef GUEST_SYS_X86_64_H
#define GUEST_SYS_X86_64_H

static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* The kernel leaves argc, argv and envp on the stack. */
#define SYS_START(main)                       \
	__asm__(".text\n"                     \
		".globl _start\n"             \
		".type _start, @function\n"   \
		"_start:\n"                   \
		"	xor %ebp, %ebp\n"     \
		"	mov %rsp, %rdi\n"     \
		"	and $-16, %rsp\n"     \
		"	call " #main "\n"     \
		"	ud2\n"                \
		".size _start, . - _start\n")

#endif
