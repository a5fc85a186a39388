// SPDX-License-Identifier: Apache-2.0
/*
 * Strict parsing of what people type. Nothing here accepts trailing text, a sign where none belongs, or an overflow.
 * All return 0 or -EINVAL (malformed) or -ERANGE (outside the bounds); none of them logs: the caller knows the option's name.
 */
#ifndef VMM_UTIL_PARSE_H
#define VMM_UTIL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal, or hexadecimal after 0x. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* A number of bytes: 4096, 512K, 512M, 8G, 1T (powers of 1024; k, m, g, t and a trailing iB or B too). */
int parse_size(const char *text, uint64_t *bytes);

/* on/off, true/false, yes/no, 1/0. */
int parse_bool(const char *text, bool *value);

/* 52:54:00:12:34:56; group addresses (bit 0 of the first byte) and all zeros are refused. */
int parse_mac(const char *text, uint8_t mac[6]);

/*
 * Walks "name,key=value,flag,..." in place. Each call gives the next piece in *key and its value, or NULL for a piece without '=';
 * returns false at the end. *cursor is the caller's writable string and is cut apart. A comma that belongs to a value is
 * written twice ("a,,b" is "a,b").
 */
bool parse_option(char **cursor, char **key, char **value);

/* Prints bytes as the shortest exact of 512M, 3G, 4097; buf as big as PARSE_SIZE_MAX. Returns buf. */
#define PARSE_SIZE_MAX 24
char *format_size(uint64_t bytes, char buf[PARSE_SIZE_MAX]);

#endif
