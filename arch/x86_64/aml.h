// SPDX-License-Identifier: Apache-2.0
/*
 * Writes ACPI Machine Language, as much as a DSDT of ours takes: ACPI 6.5, chapter 20; resource descriptors in 6.4.
 *
 * Calls come in the order of the bytes. What has a length (scopes, devices, packages, buffers) is opened with a mark and closed with
 * aml_end(); its length is then filled in. Writing past the buffer is remembered, not done: aml_bytes() gives 0 then.
 */
#ifndef ARCH_X86_64_AML_H
#define ARCH_X86_64_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *buf;
	size_t room, used;
	bool overflow;
};

size_t aml_bytes(const struct aml *aml);

size_t aml_begin_scope(struct aml *aml, const char *path); /* "\\_SB_" */
size_t aml_begin_device(struct aml *aml, const char *name); /* four letters */
size_t aml_begin_method(struct aml *aml, const char *name, unsigned arguments); /* serialized */
void aml_end(struct aml *aml, size_t mark);

void aml_name_integer(struct aml *aml, const char *name, uint64_t value);
void aml_name_string(struct aml *aml, const char *name, const char *value);
/* A compressed identifier, "PNP0501". */
void aml_name_eisa_id(struct aml *aml, const char *name, const char *id);
void aml_name_package(struct aml *aml, const char *name, const uint8_t *values, unsigned count);

/* In a method: Notify(object, value), the object by its four letters. */
void aml_notify(struct aml *aml, const char *object, uint8_t value);

/* A resource template: begin, descriptors, end. */
struct aml_resources {
	size_t package, size_at, data_at;
};
struct aml_resources aml_begin_resources(struct aml *aml, const char *name);
void aml_memory32(struct aml *aml, uint32_t base, uint32_t size_bytes);
void aml_io(struct aml *aml, uint16_t base, uint8_t size_bytes);
void aml_interrupt(struct aml *aml, uint32_t gsi, bool shared);
void aml_end_resources(struct aml *aml, const struct aml_resources *resources);

#endif
