// SPDX-License-Identifier: Apache-2.0
/* The four functions a compiler may call by itself, also in a freestanding program (GCC manual, 2.1). */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int value, size_t len);
int memcmp(const void *a, const void *b, size_t len);

/* Keeps the compiler from seeing a memcpy in memcpy's own loop. */
#define NOT_AN_IDIOM() __asm__ volatile("")

void *memcpy(void *to, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		((char *)to)[i] = ((const char *)from)[i];
		NOT_AN_IDIOM();
	}
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	if ((char *)to <= (const char *)from)
		return memcpy(to, from, len);
	while (len--) {
		((char *)to)[len] = ((const char *)from)[len];
		NOT_AN_IDIOM();
	}
	return to;
}

void *memset(void *to, int value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		((char *)to)[i] = (char)value;
		NOT_AN_IDIOM();
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}
