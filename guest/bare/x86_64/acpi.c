// SPDX-License-Identifier: Apache-2.0
/*
 * The test guest's walk through the ACPI tables (ACPI 6.5, chapter 5), and through as much AML as a DSDT of devices with constant
 * names takes (chapter 20): scopes, devices, names of integers, strings, packages and buffers.
 *
 * It trusts nothing but the mapping of the first 4 GiB: every length is held against what encloses it.
 */
#include "guest/bare/x86_64/x86.h"

#define TABLE_BYTES_MAX (1u << 20)

struct table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

static uint64_t get(const void *table, unsigned offset, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, (const uint8_t *)table + offset, bytes);
	return value;
}

static bool sums_to_zero(const void *bytes, size_t count)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
	return !sum;
}

static const struct table *table_at(uint64_t address, const char *signature)
{
	const struct table *t = (const struct table *)address;

	if (!address || address >> 32 || memcmp(t->signature, signature, 4))
		return NULL;
	if (t->length < sizeof(*t) || t->length > TABLE_BYTES_MAX || !sums_to_zero(t, t->length))
		return NULL;
	return t;
}

/* --- AML ------------------------------------------------------------------------------------------------------------------ */

struct aml {
	const uint8_t *at, *end;
	bool sound;
};

/* One object that a Name holds. */
struct aml_value {
	uint64_t integer;	/* of an integer; the first element, of a package of integers */
	const char *text;	/* of a string */
	const uint8_t *bytes;	/* of a buffer */
	uint64_t byte_count;
};

static uint64_t aml_take(struct aml *aml, unsigned bytes)
{
	if ((size_t)(aml->end - aml->at) < bytes) {
		aml->sound = false;
		aml->at = aml->end;
		return 0;
	}
	uint64_t value = get(aml->at, 0, bytes);
	aml->at += bytes;
	return value;
}

/* PkgLength (20.2.4): what follows, up to its end. */
static struct aml aml_enclosed(struct aml *aml)
{
	const uint8_t *start = aml->at;
	uint8_t lead = (uint8_t)aml_take(aml, 1);
	uint64_t length = lead & 0x3f;

	for (unsigned i = 0; i < lead >> 6; i++)
		length = (i ? length : lead & 0xf) | aml_take(aml, 1) << (4 + 8 * i);
	struct aml inside = { .at = aml->at, .end = start + length, .sound = true };
	if (length > (size_t)(aml->end - start) || inside.end < inside.at) {
		inside.end = inside.at;
		aml->sound = false;
		aml->at = aml->end;
	} else {
		aml->at = inside.end;
	}
	return inside;
}

static struct aml_value aml_object(struct aml *aml)
{
	struct aml_value value = { 0 };
	uint8_t op = (uint8_t)aml_take(aml, 1);

	switch (op) {
	case 0x00:
	case 0x01:
		value.integer = op;
		break;
	case 0x0a:
	case 0x0b:
	case 0x0c:
		value.integer = aml_take(aml, 1u << (op - 0x0a));
		break;
	case 0x0e:
		value.integer = aml_take(aml, 8);
		break;
	case 0x0d:
		value.text = (const char *)aml->at;
		while (aml_take(aml, 1))
			;
		break;
	case 0x11: { /* buffer: its size, an object too, then the bytes */
		struct aml inside = aml_enclosed(aml);
		value.byte_count = aml_object(&inside).integer;
		value.bytes = inside.at;
		if (value.byte_count != (uint64_t)(inside.end - inside.at))
			aml->sound = false;
		break;
	}
	case 0x12: { /* package: the number of elements, then they */
		struct aml inside = aml_enclosed(aml);
		unsigned count = (unsigned)aml_take(&inside, 1);
		for (unsigned i = 0; i < count && inside.sound; i++) {
			struct aml_value element = aml_object(&inside);
			if (!i)
				value.integer = element.integer;
		}
		aml->sound = aml->sound && inside.sound;
		break;
	}
	default:
		aml->sound = false;
	}
	return value;
}

/* --- devices -------------------------------------------------------------------------------------------------------------- */

struct device {
	const char *hid;
	uint64_t eisa_id;
	uint64_t memory, memory_bytes;
	uint16_t port;
	unsigned line;
};

/* Resource descriptors: 6.4.2 and 6.4.3. */
static void read_resources(struct device *d, const uint8_t *at, uint64_t count, bool *sound)
{
	for (uint64_t i = 0; i < count;) {
		bool large = at[i] & 0x80;
		uint64_t length = large ? 3 + get(at + i, 1, 2) : 1 + (at[i] & 7u);
		if (length > count - i) {
			*sound = false;
			return;
		}
		if (at[i] == 0x86 && length == 12) {
			d->memory = get(at + i, 4, 4);
			d->memory_bytes = get(at + i, 8, 4);
		} else if (at[i] == 0x89 && length == 9) {
			d->line = (unsigned)get(at + i, 5, 4);
		} else if (at[i] == 0x47) {
			d->port = (uint16_t)get(at + i, 2, 2);
		} else if (at[i] == 0x79) {
			return;
		}
		i += length;
	}
	*sound = false; /* no end tag */
}

static bool same_text(const char *a, const char *b)
{
	return a && strlen(a) == strlen(b) && !memcmp(a, b, strlen(b));
}

#define EISA_PNP0501 0x0105d041u

static void take_device(struct acpi_facts *facts, struct machine *m, const struct device *d)
{
	if (same_text(d->hid, "LNRO0005") && m->virtio_count < DEVICES_MAX)
		m->virtio[m->virtio_count++] = (struct virtio_place){ d->memory, d->memory_bytes, d->line };
	if (same_text(d->hid, "QEMU0001"))
		facts->pvpanic = d->port;
	if (d->eisa_id == EISA_PNP0501) {
		facts->serial = d->port;
		facts->serial_line = d->line;
	}
}

static void read_name(struct aml *aml, struct acpi_facts *facts, struct device *device)
{
	char name[5] = "";

	for (unsigned i = 0; i < 4; i++)
		name[i] = (char)aml_take(aml, 1);
	struct aml_value value = aml_object(aml);
	if (same_text(name, "_S5_"))
		facts->s5 = (uint8_t)value.integer;
	if (!device)
		return;
	if (same_text(name, "_HID")) {
		device->hid = value.text;
		device->eisa_id = value.text ? 0 : value.integer;
	} else if (same_text(name, "_CRS")) {
		read_resources(device, value.bytes, value.byte_count, &aml->sound);
	}
}

/* Scopes and devices stand in each other at most one deep here. `device` is NULL outside of one. */
static void read_terms(struct aml *aml, struct acpi_facts *facts, struct machine *m, struct device *device)
{
	while (aml->sound && aml->at < aml->end) {
		uint8_t op = (uint8_t)aml_take(aml, 1);
		if (op == 0x08) {
			read_name(aml, facts, device);
		} else if (op == 0x14) {
			aml_enclosed(aml); /* a method: none of them is needed */
		} else if (op == 0x10) {
			struct aml inside = aml_enclosed(aml);
			if (aml_take(&inside, 1) != '\\')
				inside.sound = false;
			aml_take(&inside, 4);
			read_terms(&inside, facts, m, device);
			aml->sound = aml->sound && inside.sound;
		} else if (op == 0x5b && aml_take(aml, 1) == 0x82 && !device) {
			struct aml inside = aml_enclosed(aml);
			struct device d = { 0 };
			aml_take(&inside, 4);
			read_terms(&inside, facts, m, &d);
			take_device(facts, m, &d);
			aml->sound = aml->sound && inside.sound;
		} else {
			aml->sound = false;
		}
	}
}

/* --- tables --------------------------------------------------------------------------------------------------------------- */

static void read_dsdt(struct acpi_facts *facts, struct machine *m, uint64_t address)
{
	const struct table *dsdt = table_at(address, "DSDT");

	facts->dsdt_sound = dsdt != NULL;
	if (!dsdt)
		return;
	struct aml aml = { .at = (const uint8_t *)(dsdt + 1), .end = (const uint8_t *)dsdt + dsdt->length, .sound = true };
	read_terms(&aml, facts, m, NULL);
	facts->aml_sound = aml.sound;
}

/* A generic address (5.2.3.2): I/O space, eight bits. 0 for anything else. */
static uint16_t port_at(const struct table *fadt, unsigned offset)
{
	return get(fadt, offset, 1) == 1 && get(fadt, offset + 1, 1) == 8 ? (uint16_t)get(fadt, offset + 4, 8) : 0;
}

static void read_fadt(struct acpi_facts *facts, struct machine *m, const struct table *fadt)
{
	facts->fadt_sound = fadt->length >= 268 && fadt->revision >= 5;
	if (!facts->fadt_sound)
		return;
	uint32_t flags = (uint32_t)get(fadt, 112, 4);
	facts->hardware_reduced = flags >> 20 & 1;
	if (flags >> 10 & 1)
		facts->reset = port_at(fadt, 116);
	facts->reset_value = (uint8_t)get(fadt, 128, 1);
	facts->sleep_control = port_at(fadt, 244);
	facts->sleep_status = port_at(fadt, 256);
	read_dsdt(facts, m, get(fadt, 140, 8));
}

static void read_madt(struct acpi_facts *facts, struct machine *m, const struct table *madt)
{
	const uint8_t *bytes = (const uint8_t *)madt;
	uint32_t at = 44;

	facts->local_apic = get(madt, 36, 4);
	for (; at + 2 <= madt->length && bytes[at + 1] >= 2 && bytes[at + 1] <= madt->length - at; at += bytes[at + 1]) {
		if (bytes[at] == 0 && get(bytes, at + 4, 4) & 1 && facts->cpus < COUNT(facts->cpu_id))
			facts->cpu_id[facts->cpus++] = bytes[at + 3];
		if (bytes[at] == 1)
			facts->io_apic = get(bytes, at + 4, 4);
	}
	facts->madt_sound = at == madt->length;
	m->cpus = facts->cpus;
}

void acpi_read(struct acpi_facts *facts, struct machine *m, uint64_t rsdp)
{
	if (!rsdp || rsdp >> 32 || memcmp((const void *)rsdp, "RSD PTR ", 8))
		return;
	facts->rsdp_sound = sums_to_zero((const void *)rsdp, 20) && get((const void *)rsdp, 20, 4) == 36 &&
			    sums_to_zero((const void *)rsdp, 36);
	const struct table *xsdt = table_at(get((const void *)rsdp, 24, 8), "XSDT");
	facts->xsdt_sound = xsdt != NULL;
	for (uint32_t at = sizeof(*xsdt); xsdt && at + 8 <= xsdt->length; at += 8) {
		uint64_t address = get(xsdt, at, 8);
		const struct table *fadt = table_at(address, "FACP"), *madt = table_at(address, "APIC");
		if (fadt)
			read_fadt(facts, m, fadt);
		if (madt)
			read_madt(facts, m, madt);
		facts->xsdt_sound = facts->xsdt_sound && (fadt || madt);
	}
}
