// SPDX-License-Identifier: Apache-2.0
/*
 * ACPI tables: ACPI 6.5, chapter 5.
 *
 * Hardware-reduced (4.1): no PM timer, no SCI, no 8259, no legacy devices to probe for; power off and reset are registers of
 * their own. Virtio devices are LNRO0005 devices of the DSDT, the way in which Linux finds virtio-mmio without a command line.
 */
#include "arch/x86_64/acpi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/aml.h"
#include "arch/x86_64/map.h"
#include "vmm/util/log.h"

struct table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* 5.2.3.2 */
struct generic_address {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} __attribute__((packed));

#define SPACE_IO 1
#define ACCESS_BYTE 1

/* 5.2.5.3 */
struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_gpa, length;
	uint64_t xsdt_gpa;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

/* 5.2.9; what hardware-reduced machines leave zero is in the unnamed parts. */
struct fadt {
	struct table_header head;
	uint32_t facs32, dsdt32;
	uint8_t reserved1[65];
	uint16_t iapc_boot_arch;
	uint8_t reserved2;
	uint32_t flags;
	struct generic_address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t facs64, dsdt64;
	uint8_t reserved3[8 * sizeof(struct generic_address)];
	struct generic_address sleep_control, sleep_status;
	uint64_t hypervisor_id;
} __attribute__((packed));

_Static_assert(sizeof(struct fadt) == 276, "the FADT of ACPI 6.x has 276 bytes");

/* Set: power and sleep buttons are devices of the DSDT, or there are none. */
#define FADT_POWER_BUTTON (1u << 4)
#define FADT_SLEEP_BUTTON (1u << 5)
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_HW_REDUCED (1u << 20)
#define BOOT_NO_VGA (1u << 2)
#define BOOT_NO_MSI (1u << 3)
#define BOOT_NO_CMOS_RTC (1u << 5)

/* 5.2.12 */
struct madt {
	struct table_header head;
	uint32_t local_apic_gpa, flags;
} __attribute__((packed));

struct madt_local_apic {
	uint8_t type, length, uid, id;
	uint32_t flags;
} __attribute__((packed));

struct madt_io_apic {
	uint8_t type, length, id, reserved;
	uint32_t gpa, gsi_base;
} __attribute__((packed));

struct madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t id, flags, uid;
} __attribute__((packed));

#define MADT_LOCAL_APIC 0
#define MADT_IO_APIC 1
#define MADT_X2APIC 9
#define LOCAL_APIC_ENABLED 1u

/* A table being put together inside the buffer. */
struct tables {
	uint8_t *buf;
	size_t room, used;
	gpa_t gpa;
};

static uint8_t checksum(const void *bytes, size_t count)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
	return (uint8_t)-sum;
}

/* Room for a table of `bytes`, zeroed, on a 16-byte boundary; NULL when there is none. */
static void *reserve(struct tables *t, size_t bytes, gpa_t *gpa)
{
	size_t at = (t->used + 15) & ~(size_t)15;

	if (at > t->room || bytes > t->room - at)
		return NULL;
	t->used = at + bytes;
	*gpa = t->gpa + at;
	return memset(t->buf + at, 0, bytes);
}

static void finish(struct table_header *head, const char *signature, uint8_t revision, size_t length)
{
	memcpy(head->signature, signature, 4);
	head->length = (uint32_t)length;
	head->revision = revision;
	memcpy(head->oem_id, "TINYVM", 6);
	memcpy(head->oem_table_id, "TINYVMM ", 8);
	head->oem_revision = 1;
	memcpy(head->creator_id, "TVMM", 4);
	head->creator_revision = 1;
	head->checksum = 0;
	head->checksum = checksum(head, length);
}

/* --- DSDT --------------------------------------------------------------------------------------------------------------------- */

static void add_resources(struct aml *aml, const struct dev_desc *d, bool shared)
{
	struct aml_resources r = aml_begin_resources(aml, "_CRS");

	if (d->pio)
		aml_io(aml, (uint16_t)d->base, (uint8_t)d->size_bytes);
	else
		aml_memory32(aml, (uint32_t)d->base, (uint32_t)d->size_bytes);
	if (d->gsi)
		aml_interrupt(aml, d->gsi, shared);
	aml_end_resources(aml, &r);
}

static bool line_shared(const struct dev_list *devices, const struct dev_desc *d)
{
	for (unsigned i = 0; i < devices->count; i++) {
		if (&devices->dev[i] != d && devices->dev[i].gsi == d->gsi)
			return true;
	}
	return false;
}

static void add_device(struct aml *aml, const struct dev_list *devices, const struct dev_desc *d, unsigned index)
{
	char name[8];
	size_t mark;

	snprintf(name, sizeof(name), "%s%02X", d->kind == DEV_VIRTIO_MMIO ? "VI" : d->kind == DEV_SERIAL ? "CO" : "PV", index & 0xff);
	mark = aml_begin_device(aml, name);
	if (d->kind == DEV_VIRTIO_MMIO)
		aml_name_string(aml, "_HID", "LNRO0005");
	else if (d->kind == DEV_SERIAL)
		aml_name_eisa_id(aml, "_HID", "PNP0501");
	else
		aml_name_string(aml, "_HID", "QEMU0001");
	aml_name_integer(aml, "_UID", index);
	if (d->kind == DEV_VIRTIO_MMIO)
		aml_name_integer(aml, "_CCA", 1);
	add_resources(aml, d, d->gsi && line_shared(devices, d));
	aml_end(aml, mark);
}

#define NOTIFY_PRESSED 0x80 /* 5.6.6 */

/*
 * A power button (4.8.2.2.1.2), and the device whose line tells of a press (5.6.9): that one's only event, so _EVT need not look which.
 */
static void add_power_key(struct aml *aml, unsigned gsi)
{
	size_t button = aml_begin_device(aml, "PWRB");
	aml_name_eisa_id(aml, "_HID", "PNP0C0C");
	aml_end(aml, button);

	size_t events = aml_begin_device(aml, "GED_");
	aml_name_string(aml, "_HID", "ACPI0013");
	struct aml_resources r = aml_begin_resources(aml, "_CRS");
	aml_interrupt(aml, gsi, false);
	aml_end_resources(aml, &r);
	size_t method = aml_begin_method(aml, "_EVT", 1);
	aml_notify(aml, "PWRB", NOTIFY_PRESSED);
	aml_end(aml, method);
	aml_end(aml, events);
}

static size_t build_dsdt(uint8_t *buf, size_t room, const struct dev_list *devices)
{
	struct aml aml = { .buf = buf, .room = room, .used = sizeof(struct table_header) };
	/* Sleep type 5 for S5; the other three are for machines with a PM1 block and the future. */
	const uint8_t s5[4] = { 5, 0, 0, 0 };
	size_t scope;

	if (room < aml.used)
		return 0;
	aml_name_package(&aml, "_S5_", s5, 4);
	scope = aml_begin_scope(&aml, "\\_SB_");
	for (unsigned i = 0; i < devices->count; i++) {
		if (devices->dev[i].kind != DEV_POWER)
			add_device(&aml, devices, &devices->dev[i], i);
		else if (devices->dev[i].gsi)
			add_power_key(&aml, devices->dev[i].gsi);
	}
	aml_end(&aml, scope);
	if (!aml_bytes(&aml))
		return 0;
	finish((struct table_header *)buf, "DSDT", 2, aml.used);
	return aml.used;
}

/* --- MADT and FADT ------------------------------------------------------------------------------------------------------------------ */

/* Identifiers that fit a byte, 255 being the broadcast, go into the old kind of entry; the others need the new one. */
#define LOCAL_APIC_ID_MAX 254

static size_t add_cpu(uint8_t *to, uint32_t id)
{
	if (id <= LOCAL_APIC_ID_MAX) {
		struct madt_local_apic e = {
			.type = MADT_LOCAL_APIC, .length = sizeof(e), .uid = (uint8_t)id, .id = (uint8_t)id, .flags = LOCAL_APIC_ENABLED,
		};
		memcpy(to, &e, sizeof(e));
		return sizeof(e);
	}
	struct madt_x2apic e = { .type = MADT_X2APIC, .length = sizeof(e), .id = id, .flags = LOCAL_APIC_ENABLED, .uid = id };
	memcpy(to, &e, sizeof(e));
	return sizeof(e);
}

static bool build_madt(struct tables *t, unsigned cpus, gpa_t *gpa)
{
	size_t room = sizeof(struct madt) + sizeof(struct madt_io_apic) + cpus * sizeof(struct madt_x2apic);
	struct madt *madt = reserve(t, room, gpa);
	size_t used = sizeof(*madt);

	if (!madt)
		return false;
	madt->local_apic_gpa = MAP_LOCAL_APIC;
	for (unsigned i = 0; i < cpus; i++)
		used += add_cpu((uint8_t *)madt + used, i);
	struct madt_io_apic io = { .type = MADT_IO_APIC, .length = sizeof(io), .id = 0, .gpa = MAP_IO_APIC };
	memcpy((uint8_t *)madt + used, &io, sizeof(io));
	used += sizeof(io);
	t->used -= room - used;
	finish(&madt->head, "APIC", 5, used);
	return true;
}

static struct generic_address port(uint16_t number)
{
	return (struct generic_address){ .space = SPACE_IO, .bit_width = 8, .access_size = ACCESS_BYTE, .address = number };
}

static bool build_fadt(struct tables *t, gpa_t dsdt, const struct dev_list *devices, gpa_t *gpa)
{
	struct fadt *fadt = reserve(t, sizeof(*fadt), gpa);

	if (!fadt)
		return false;
	fadt->iapc_boot_arch = BOOT_NO_VGA | BOOT_NO_MSI | BOOT_NO_CMOS_RTC;
	fadt->flags = FADT_HW_REDUCED | FADT_POWER_BUTTON | FADT_SLEEP_BUTTON;
	for (unsigned i = 0; i < devices->count; i++) {
		if (devices->dev[i].kind != DEV_POWER)
			continue;
		uint16_t base = (uint16_t)devices->dev[i].base;
		fadt->sleep_control = port(base);
		fadt->sleep_status = port((uint16_t)(base + 1));
		fadt->reset_reg = port((uint16_t)(base + 2));
		fadt->reset_value = 1;
		fadt->flags |= FADT_RESET_REG_SUP;
	}
	fadt->minor_version = 5;
	fadt->dsdt64 = dsdt;
	finish(&fadt->head, "FACP", 6, sizeof(*fadt));
	return true;
}

/* --- together --------------------------------------------------------------------------------------------------------------------- */

static bool build_xsdt(struct tables *t, const gpa_t *tables, unsigned count, gpa_t *gpa)
{
	size_t bytes = sizeof(struct table_header) + count * sizeof(uint64_t);
	uint8_t *xsdt = reserve(t, bytes, gpa);

	if (!xsdt)
		return false;
	memcpy(xsdt + sizeof(struct table_header), tables, count * sizeof(uint64_t));
	finish((struct table_header *)xsdt, "XSDT", 1, bytes);
	return true;
}

size_t acpi_build(uint8_t *buf, size_t room, gpa_t gpa, const struct dev_list *devices, unsigned cpus)
{
	struct tables t = { .buf = buf, .room = room, .gpa = gpa };
	gpa_t rsdp_gpa, dsdt_gpa, table_gpa[2], xsdt_gpa;
	struct rsdp *rsdp = reserve(&t, sizeof(*rsdp), &rsdp_gpa);

	if (!rsdp)
		return 0;
	/* The DSDT's length is known only when it is written: it takes what it needs of the rest. */
	t.used = (t.used + 15) & ~(size_t)15;
	size_t dsdt_bytes = t.used < room ? build_dsdt(buf + t.used, room - t.used, devices) : 0;
	if (!dsdt_bytes)
		return 0;
	dsdt_gpa = gpa + t.used;
	t.used += dsdt_bytes;
	if (!build_fadt(&t, dsdt_gpa, devices, &table_gpa[0]) || !build_madt(&t, cpus, &table_gpa[1]) ||
	    !build_xsdt(&t, table_gpa, 2, &xsdt_gpa))
		return 0;
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "TINYVM", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt_gpa = xsdt_gpa;
	rsdp->checksum = checksum(rsdp, 20); /* the part that ACPI 1.0 knew */
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return t.used;
}

int acpi_write(struct vm *vm, const struct dev_list *devices, unsigned cpus)
{
	uint8_t *area = mem_at(&vm->mem, MAP_ACPI, MAP_ACPI_BYTES);

	if (!area || !acpi_build(area, MAP_ACPI_BYTES, MAP_ACPI, devices, cpus)) {
		log_error("the machine's description does not fit its place: fewer devices or processors");
		return -ENOSPC;
	}
	return 0;
}
