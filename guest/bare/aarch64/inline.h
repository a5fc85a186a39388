// SPDX-License-Identifier: Apache-2.0
/* The parts of arch.h that are one instruction, and the instructions that C has no word for. */
#ifndef GUEST_BARE_AARCH64_INLINE_H
#define GUEST_BARE_AARCH64_INLINE_H

#include <stdint.h>

#include "guest/bare/aarch64/layout.h"

static inline void arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static inline void arch_barrier(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

/* Device memory takes no access across a boundary of its size (Arm ARM DDI 0487, B2.5.2): that goes by the other view. */
static inline uint64_t io_view(uint64_t at, unsigned bytes)
{
	return at & (bytes - 1) ? at + ((uint64_t)VIEW_PLAIN_GIB << GIB_SHIFT) : at;
}

static inline uint64_t arch_io_read(uint64_t at, unsigned bytes)
{
	uint64_t address = io_view(at, bytes), value;

	switch (bytes) {
	case 1:
		__asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
		break;
	case 2:
		__asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
		break;
	case 4:
		__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
		break;
	default:
		__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
	}
	return value;
}

static inline void arch_io_write(uint64_t at, unsigned bytes, uint64_t value)
{
	uint64_t address = io_view(at, bytes);

	switch (bytes) {
	case 1:
		__asm__ volatile("strb %w0, [%1]" ::"r"(value), "r"(address) : "memory");
		break;
	case 2:
		__asm__ volatile("strh %w0, [%1]" ::"r"(value), "r"(address) : "memory");
		break;
	case 4:
		__asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
		break;
	default:
		__asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
	}
}

static inline uint32_t io_read32(uint64_t at)
{
	return (uint32_t)arch_io_read(at, 4);
}

static inline void io_write32(uint64_t at, uint32_t value)
{
	arch_io_write(at, 4, value);
}

/* System registers, by name. A write is in force when the macro is done. */
#define read_register(name)                                                 \
	({                                                                  \
		uint64_t value_;                                            \
		__asm__ volatile("mrs %0, " name : "=r"(value_)::"memory"); \
		value_;                                                     \
	})
#define write_register(name, value) __asm__ volatile("msr " name ", %0\n\tisb" ::"r"((uint64_t)(value)) : "memory")

static inline void interrupts_on(void)
{
	__asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("msr daifset, #2" ::: "memory");
}

#endif
