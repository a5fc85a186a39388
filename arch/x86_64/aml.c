// SPDX-License-Identifier: Apache-2.0
/* ACPI Machine Language: see aml.h. Opcodes: ACPI 6.5, 20.2 and 20.3; descriptors: 6.4.2 and 6.4.3. */
#include "arch/x86_64/aml.h"

#include <string.h>

#define OP_NAME 0x08
#define OP_BYTE 0x0a
#define OP_WORD 0x0b
#define OP_DWORD 0x0c
#define OP_STRING 0x0d
#define OP_QWORD 0x0e
#define OP_SCOPE 0x10
#define OP_BUFFER 0x11
#define OP_PACKAGE 0x12
#define OP_METHOD 0x14
#define OP_EXTENDED 0x5b
#define OP_DEVICE 0x82
#define OP_NOTIFY 0x86
#define METHOD_SERIALIZED (1u << 3)
#define DESCRIPTOR_IO 0x47
#define DESCRIPTOR_MEMORY32_FIXED 0x86
#define DESCRIPTOR_INTERRUPT 0x89
#define DESCRIPTOR_END 0x79

/* Package lengths always take the three-byte form (20.2.4), so that nothing moves when one is filled in. */
#define PACKAGE_LENGTH_BYTES 3

static void put_bytes(struct aml *aml, const void *bytes, size_t count)
{
	if (count > aml->room - aml->used) {
		aml->overflow = true;
		return;
	}
	memcpy(aml->buf + aml->used, bytes, count);
	aml->used += count;
}

static void put(struct aml *aml, uint64_t value, size_t bytes)
{
	put_bytes(aml, &value, bytes); /* x86 only: little-endian */
}

static void put_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		put(aml, value, 1); /* ZeroOp, OneOp */
	} else if (value <= 0xff) {
		put(aml, OP_BYTE, 1);
		put(aml, value, 1);
	} else if (value <= 0xffff) {
		put(aml, OP_WORD, 1);
		put(aml, value, 2);
	} else if (value <= 0xffffffff) {
		put(aml, OP_DWORD, 1);
		put(aml, value, 4);
	} else {
		put(aml, OP_QWORD, 1);
		put(aml, value, 8);
	}
}

static void put_name(struct aml *aml, const char *name)
{
	put(aml, OP_NAME, 1);
	put_bytes(aml, name, 4);
}

size_t aml_bytes(const struct aml *aml)
{
	return aml->overflow ? 0 : aml->used;
}

static size_t begin_package(struct aml *aml)
{
	size_t mark = aml->used;

	put(aml, 0, PACKAGE_LENGTH_BYTES);
	return mark;
}

void aml_end(struct aml *aml, size_t mark)
{
	size_t length = aml->used - mark;

	if (aml->overflow)
		return;
	if (length >= 1u << 20) {
		aml->overflow = true;
		return;
	}
	aml->buf[mark] = (uint8_t)((PACKAGE_LENGTH_BYTES - 1) << 6 | (length & 0xf));
	aml->buf[mark + 1] = (uint8_t)(length >> 4);
	aml->buf[mark + 2] = (uint8_t)(length >> 12);
}

size_t aml_begin_scope(struct aml *aml, const char *path)
{
	put(aml, OP_SCOPE, 1);
	size_t mark = begin_package(aml);
	put_bytes(aml, path, strlen(path));
	return mark;
}

size_t aml_begin_device(struct aml *aml, const char *name)
{
	put(aml, OP_EXTENDED, 1);
	put(aml, OP_DEVICE, 1);
	size_t mark = begin_package(aml);
	put_bytes(aml, name, 4);
	return mark;
}

size_t aml_begin_method(struct aml *aml, const char *name, unsigned arguments)
{
	put(aml, OP_METHOD, 1);
	size_t mark = begin_package(aml);
	put_bytes(aml, name, 4);
	put(aml, arguments | METHOD_SERIALIZED, 1);
	return mark;
}

void aml_notify(struct aml *aml, const char *object, uint8_t value)
{
	put(aml, OP_NOTIFY, 1);
	put_bytes(aml, object, 4);
	put_integer(aml, value);
}

void aml_name_integer(struct aml *aml, const char *name, uint64_t value)
{
	put_name(aml, name);
	put_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *name, const char *value)
{
	put_name(aml, name);
	put(aml, OP_STRING, 1);
	put_bytes(aml, value, strlen(value) + 1);
}

static uint32_t hex(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Three letters of five bits, then four hexadecimal digits, stored big-endian (ACPI 6.5, 19.3.4). */
void aml_name_eisa_id(struct aml *aml, const char *name, const char *id)
{
	uint32_t value = (uint32_t)(id[0] - '@') << 26 | (uint32_t)(id[1] - '@') << 21 | (uint32_t)(id[2] - '@') << 16;

	value |= hex(id[3]) << 12 | hex(id[4]) << 8 | hex(id[5]) << 4 | hex(id[6]);
	put_name(aml, name);
	put(aml, OP_DWORD, 1);
	put(aml, __builtin_bswap32(value), 4);
}

void aml_name_package(struct aml *aml, const char *name, const uint8_t *values, unsigned count)
{
	put_name(aml, name);
	put(aml, OP_PACKAGE, 1);
	size_t mark = begin_package(aml);
	put(aml, count, 1);
	for (unsigned i = 0; i < count; i++)
		put_integer(aml, values[i]);
	aml_end(aml, mark);
}

struct aml_resources aml_begin_resources(struct aml *aml, const char *name)
{
	struct aml_resources r;

	put_name(aml, name);
	put(aml, OP_BUFFER, 1);
	r.package = begin_package(aml);
	put(aml, OP_WORD, 1);
	r.size_at = aml->used;
	put(aml, 0, 2);
	r.data_at = aml->used;
	return r;
}

void aml_memory32(struct aml *aml, uint32_t base, uint32_t size_bytes)
{
	put(aml, DESCRIPTOR_MEMORY32_FIXED, 1);
	put(aml, 9, 2);
	put(aml, 1, 1); /* read-write */
	put(aml, base, 4);
	put(aml, size_bytes, 4);
}

void aml_io(struct aml *aml, uint16_t base, uint8_t size_bytes)
{
	put(aml, DESCRIPTOR_IO, 1);
	put(aml, 1, 1); /* decodes 16 bits */
	put(aml, base, 2);
	put(aml, base, 2);
	put(aml, 1, 1); /* alignment */
	put(aml, size_bytes, 1);
}

void aml_interrupt(struct aml *aml, uint32_t gsi, bool shared)
{
	put(aml, DESCRIPTOR_INTERRUPT, 1);
	put(aml, 6, 2);
	put(aml, 1u | 1u << 1 | (shared ? 1u << 3 : 0), 1); /* consumer, edge, active high */
	put(aml, 1, 1);
	put(aml, gsi, 4);
}

void aml_end_resources(struct aml *aml, const struct aml_resources *r)
{
	put(aml, DESCRIPTOR_END, 1);
	put(aml, 0, 1); /* checksum zero: not computed */
	if (!aml->overflow) {
		uint16_t size = (uint16_t)(aml->used - r->data_at);
		memcpy(aml->buf + r->size_at, &size, sizeof(size));
	}
	aml_end(aml, r->package);
}
