// SPDX-License-Identifier: Apache-2.0
/*
 * The bare-metal test guest: a program that boots instead of a kernel, tries one thing of the machine and says how it went.
 *
 * Which case runs comes in by the command line, "test=NAME" (main.c has the list). Each finding is one line on the serial port,
 * "ok TEXT" or "not ok TEXT"; a last line, "done PASSED FAILED", tells a whole report from one that was cut off.
 * tests/guest/test_bare.sh reads them.
 *
 * It runs on any KVM, also one that emulates in software: so there are no vector registers, no string instructions in loops, and nothing
 * takes more than a million or two of instructions. Memory is flat, physical, and all of one privilege. What differs between
 * architectures is in arch.h; the rest knows none.
 */
#ifndef GUEST_BARE_BARE_H
#define GUEST_BARE_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MIB (1ul << 20)

#define MEMORY_MAX 16
#define DEVICES_MAX 48

/* The machine as its boot information and its tables describe it. */
struct machine {
	const char *cmdline;
	const uint8_t *initrd;
	uint64_t initrd_bytes;
	unsigned memory_count;
	struct memory_range {
		uint64_t base, bytes;
		bool ram;
	} memory[MEMORY_MAX];
	unsigned cpus;
	unsigned virtio_count;
	struct virtio_place {
		uint64_t base, bytes;
		unsigned line;
	} virtio[DEVICES_MAX]; /* in the order of the tables */
};

struct test_case {
	const char *name;
	void (*run)(const struct machine *m);
};

/* A finding. The text says what ought to be so. */
__attribute__((format(printf, 2, 3))) void check(bool good, const char *fmt, ...);
/* A remark, for whoever reads the log. */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
/* A finding that leaves nothing to go on with: ends the report and powers off. */
__attribute__((format(printf, 1, 2), noreturn)) void give_up(const char *fmt, ...);
/* The report's last line. Before power-off, and before every other way to end. */
void report_end(void);

/* The value of "name=" on the command line; 0, or "", when there is none. */
uint64_t parameter(const struct machine *m, const char *name);
void parameter_text(const struct machine *m, const char *name, char *to, size_t room);

/* The checksum that cksum(1) prints (POSIX), so that both sides can tell it. */
uint32_t cksum(const void *bytes, size_t count);

void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
/* Bytes that differ from place to place and from seed to seed. */
void fill_pattern(void *to, size_t count, uint64_t seed);

/* Waits until the expression holds, but not for ever: many processors on a busy host may take their time. Its value then. */
#define WAIT_MS 60000
#define wait_until(expression) wait_until_for(WAIT_MS, expression)
#define wait_until_for(ms, expression)                              \
	({                                                          \
		uint64_t end_ = arch_now_us() + (ms) * 1000ull;     \
		while (!(expression) && arch_now_us() < end_)       \
			arch_relax();                               \
		!!(expression);                                     \
	})

#endif
