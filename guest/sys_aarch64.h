// SPDX-License-Identifier: Apache-2.0
/* How a freestanding AArch64 program enters the kernel (number in x8, arguments in x0 to x5, result in x0) and is entered by it. */
#ifndef GUEST_SYS_AARCH64_H
#define GUEST_SYS_AARCH64_H

static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

/* The kernel leaves argc, argv and envp on the stack. */
#define SYS_START(main)                       \
	__asm__(".text\n"                     \
		".globl _start\n"             \
		".type _start, %function\n"   \
		"_start:\n"                   \
		"	mov x29, #0\n"        \
		"	mov x30, #0\n"        \
		"	mov x0, sp\n"         \
		"	bl " #main "\n"       \
		"	brk #1\n"             \
		".size _start, . - _start\n")

#endif
