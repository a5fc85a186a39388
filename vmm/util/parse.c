// SPDX-License-Identifier: Apache-2.0
/* Strict parsing of numbers, sizes and option strings: see parse.h. */
#include "vmm/util/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Reads digits of `base` and leaves *end behind them. */
static int parse_digits(const char *text, unsigned base, uint64_t *value, const char **end)
{
	uint64_t sum = 0;
	const char *p = text;

	for (; (unsigned)digit_value(*p) < base; p++) {
		if (__builtin_mul_overflow(sum, base, &sum) || __builtin_add_overflow(sum, (unsigned)digit_value(*p), &sum))
			return -ERANGE;
	}
	if (p == text)
		return -EINVAL;
	*value = sum;
	*end = p;
	return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end;
	uint64_t v;
	int err = parse_digits(hex ? text + 2 : text, hex ? 16 : 10, &v, &end);

	if (err)
		return err;
	if (*end)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*value = v;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "kmgt";
	const char *end;
	uint64_t v;
	unsigned shift = 0;
	int err = parse_digits(text, 10, &v, &end);

	if (err)
		return err;
	if (*end) {
		const char *unit = strchr(units, *end | 0x20);
		if (unit && *unit) {
			shift = 10 * (unsigned)(unit - units + 1);
			end++;
		}
		if (shift && !strcasecmp(end, "ib"))
			end += 2;
		else if (!strcasecmp(end, "b"))
			end += 1;
	}
	if (*end)
		return -EINVAL;
	if (v > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = v << shift;
	return 0;
}

int parse_bool(const char *text, bool *value)
{
	static const char *const yes[] = { "on", "true", "yes", "1" };
	static const char *const no[] = { "off", "false", "no", "0" };

	for (unsigned i = 0; i < 4; i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*value = !strcmp(text, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

int parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t all = 0;

	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = digit_value(text[0]);
		int low = high < 16 ? digit_value(text[1]) : 16;
		if (low > 15 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
		all |= mac[i];
	}
	return (mac[0] & 1) || !all ? -EINVAL : 0;
}

bool parse_option(char **cursor, char **key, char **value)
{
	char *in = *cursor, *out = *cursor;

	if (!in || !*in)
		return false;
	*key = out;
	*value = NULL;
	for (; *in; in++) {
		if (*in == ',' && in[1] == ',') {
			in++;
		} else if (*in == ',') {
			in++;
			break;
		} else if (*in == '=' && !*value) {
			*out++ = '\0';
			*value = out;
			continue;
		}
		*out++ = *in;
	}
	*cursor = in;
	*out = '\0';
	return true;
}

char *format_size(uint64_t bytes, char buf[PARSE_SIZE_MAX])
{
	static const char units[] = { 'T', 'G', 'M', 'K' };

	for (unsigned i = 0; i < 4; i++) {
		unsigned shift = 40 - 10 * i;
		if (bytes && !(bytes & ((1ull << shift) - 1))) {
			snprintf(buf, PARSE_SIZE_MAX, "%llu%c", (unsigned long long)(bytes >> shift), units[i]);
			return buf;
		}
	}
	snprintf(buf, PARSE_SIZE_MAX, "%llu", (unsigned long long)bytes);
	return buf;
}
