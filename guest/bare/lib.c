// SPDX-License-Identifier: Apache-2.0
/* What a C library would give, as far as it is needed: text, memory, the report. */
#include <stdarg.h>

#include "guest/bare/arch.h"

/* --- memory --------------------------------------------------------------------------------------------------------------- */

void *memcpy(void *to, const void *from, size_t count)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	for (; count >= 8; count -= 8, t += 8, f += 8)
		*(uint64_t *)t = *(const uint64_t *)f;
	while (count--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int value, size_t count)
{
	uint8_t *t = to;
	uint64_t word = (uint8_t)value * 0x0101010101010101ull;

	for (; count >= 8; count -= 8, t += 8)
		*(uint64_t *)t = word;
	while (count--)
		*t++ = (uint8_t)value;
	return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
	const uint8_t *x = a, *y = b;

	for (; count >= 8 && *(const uint64_t *)x == *(const uint64_t *)y; count -= 8, x += 8, y += 8)
		;
	for (; count; count--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

void fill_pattern(void *to, size_t count, uint64_t seed)
{
	uint64_t *word = to, value = seed * 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < count / sizeof(*word); i++)
		word[i] = value = value * 6364136223846793005 + 1442695040888963407;
}

/* POSIX, cksum: CRC-32 with the polynomial 0x04c11db7, over the bytes and then their number, the lowest byte of it first. */
#define CKSUM_POLYNOMIAL 0x04c11db7u

uint32_t cksum(const void *bytes, size_t count)
{
	uint32_t table[256], crc = 0;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i << 24;
		for (unsigned bit = 0; bit < 8; bit++)
			value = value << 1 ^ (value >> 31 ? CKSUM_POLYNOMIAL : 0);
		table[i] = value;
	}
	for (size_t i = 0; i < count; i++)
		crc = crc << 8 ^ table[crc >> 24 ^ ((const uint8_t *)bytes)[i]];
	for (size_t rest = count; rest; rest >>= 8)
		crc = crc << 8 ^ table[crc >> 24 ^ (rest & 0xff)];
	return ~crc;
}

/* --- text ----------------------------------------------------------------------------------------------------------------- */

static void put_text(const char *text)
{
	while (*text)
		arch_putc(*text++);
}

static void put_number(uint64_t value, unsigned base)
{
	char text[24];
	unsigned at = sizeof(text);

	text[--at] = '\0';
	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put_text(text + at);
}

/* %s %c %u %x, and the last two with l or ll. */
static void put_format(const char *fmt, va_list args)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			arch_putc(*fmt);
			continue;
		}
		bool wide = false;
		while (*++fmt == 'l')
			wide = true;
		if (*fmt == 's')
			put_text(va_arg(args, const char *));
		else if (*fmt == 'c')
			arch_putc((char)va_arg(args, int));
		else if (*fmt == 'u' || *fmt == 'x')
			put_number(wide ? va_arg(args, uint64_t) : va_arg(args, unsigned), *fmt == 'u' ? 10 : 16);
		else
			return;
	}
}

void say(const char *fmt, ...)
{
	va_list args;

	put_text("# ");
	va_start(args, fmt);
	put_format(fmt, args);
	va_end(args);
	arch_putc('\n');
}

/* --- the report ----------------------------------------------------------------------------------------------------------- */

static unsigned passed, failed;

static void put_finding(bool good, const char *fmt, va_list args)
{
	put_text(good ? "ok " : "not ok ");
	put_format(fmt, args);
	arch_putc('\n');
	if (good)
		passed++;
	else
		failed++;
}

void check(bool good, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_finding(good, fmt, args);
	va_end(args);
}

void report_end(void)
{
	put_text("done ");
	put_number(passed, 10);
	arch_putc(' ');
	put_number(failed, 10);
	arch_putc('\n');
}

void give_up(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_finding(false, fmt, args);
	va_end(args);
	report_end();
	arch_power_off();
	for (;;)
		arch_idle();
}

/* --- the command line ----------------------------------------------------------------------------------------------------- */

static const char *find_parameter(const struct machine *m, const char *name)
{
	size_t bytes = strlen(name);

	for (const char *at = m->cmdline; *at; at++) {
		bool starts = at == m->cmdline || at[-1] == ' ';
		if (starts && strlen(at) > bytes && !memcmp(at, name, bytes) && at[bytes] == '=')
			return at + bytes + 1;
	}
	return "";
}

void parameter_text(const struct machine *m, const char *name, char *to, size_t room)
{
	const char *from = find_parameter(m, name);
	size_t n = 0;

	for (; from[n] && from[n] != ' ' && n + 1 < room; n++)
		to[n] = from[n];
	to[n] = '\0';
}

uint64_t parameter(const struct machine *m, const char *name)
{
	uint64_t value = 0;

	for (const char *at = find_parameter(m, name); *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}
