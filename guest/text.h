// SPDX-License-Identifier: Apache-2.0
/* Strings for guest/init, which has no C library: comparing, and composing a line in a buffer that cannot overflow. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>

static inline size_t text_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* What follows `prefix` in `s`, or NULL when `s` does not begin with it. */
static inline const char *text_after(const char *s, const char *prefix)
{
	while (*prefix) {
		if (*s++ != *prefix++)
			return NULL;
	}
	return s;
}

static inline const char *text_find(const char *s, char c)
{
	for (; *s; s++) {
		if (*s == c)
			return s;
	}
	return NULL;
}

/* A line under construction: always ends with a NUL; what does not fit is dropped, and `cut` says so. */
struct text {
	char *buf;
	size_t size, len;
	bool cut;
};

static inline struct text text_in(char *buf, size_t size)
{
	buf[0] = '\0';
	return (struct text){ .buf = buf, .size = size };
}

static inline void text_add_bytes(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (t->len + 1 >= t->size) {
			t->cut = true;
			break;
		}
		t->buf[t->len++] = s[i];
	}
	t->buf[t->len] = '\0';
}

static inline void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, text_len(s));
}

static inline void text_add_number(struct text *t, unsigned long n)
{
	char digits[24];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	text_add_bytes(t, digits + i, sizeof(digits) - i);
}

#endif
