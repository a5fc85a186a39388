// SPDX-License-Identifier: Apache-2.0
/*
 * arch/x86_64/acpi.c: the tables as a guest finds them, from the RSDP on. With TINYVMM_ACPI_DIR set, each table is also written to a file
 * there, for iasl (tests/acpi/test_iasl.sh).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/acpi.h"
#include "vmm/util/io.h"

#define BASE 0xe0000ull
#define ROOM 0x20000

static uint8_t area[ROOM];

static const struct dev_list devices = {
	.count = 5,
	.dev = {
		{ .kind = DEV_SERIAL, .name = "serial", .pio = true, .base = 0x3f8, .size_bytes = 8, .gsi = 4 },
		{ .kind = DEV_PVPANIC, .name = "pvpanic", .pio = true, .base = 0x505, .size_bytes = 1 },
		{ .kind = DEV_POWER, .name = "power", .pio = true, .base = 0x600, .size_bytes = 3, .gsi = 3 },
		{ .kind = DEV_VIRTIO_MMIO, .name = "console", .base = 0xd0000000, .size_bytes = 0x1000, .gsi = 5 },
		{ .kind = DEV_VIRTIO_MMIO, .name = "disk0", .base = 0xd0001000, .size_bytes = 0x1000, .gsi = 6 },
	},
};

static uint64_t get(const uint8_t *p, size_t offset, size_t bytes)
{
	uint64_t v = 0;

	memcpy(&v, p + offset, bytes);
	return v;
}

static uint8_t sum(const uint8_t *p, size_t bytes)
{
	uint8_t s = 0;

	while (bytes--)
		s = (uint8_t)(s + *p++);
	return s;
}

static const uint8_t *at(uint64_t gpa)
{
	assert_in_range(gpa, BASE, BASE + ROOM - 36);
	return area + (gpa - BASE);
}

static const uint8_t *table(uint64_t gpa, const char *signature)
{
	const uint8_t *t = at(gpa);

	assert_memory_equal(t, signature, 4);
	assert_int_equal(sum(t, get(t, 4, 4)), 0);
	return t;
}

static const uint8_t *xsdt(void)
{
	assert_memory_equal(area, "RSD PTR ", 8);
	assert_int_equal(area[15], 2);
	assert_int_equal(sum(area, 20), 0);
	assert_int_equal(sum(area, 36), 0);
	return table(get(area, 24, 8), "XSDT");
}

static const uint8_t *find(const char *signature)
{
	const uint8_t *x = xsdt();

	for (size_t i = 36; i < get(x, 4, 4); i += 8) {
		if (!memcmp(at(get(x, i, 8)), signature, 4))
			return table(get(x, i, 8), signature);
	}
	fail_msg("no table %s", signature);
	return NULL;
}

static void build(unsigned cpus)
{
	memset(area, 0xaa, sizeof(area));
	assert_true(acpi_build(area, sizeof(area), BASE, &devices, cpus) > 0);
}

static void dump(const char *dir, const char *name, const uint8_t *t)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.dat", dir, name);
	assert_int_equal(write_file_atomic(path, t, get(t, 4, 4), 0644), 0);
}

static void fixed_table(void **state)
{
	const char *dir = getenv("TINYVMM_ACPI_DIR");

	(void)state;
	build(2);
	const uint8_t *facp = find("FACP");
	const uint8_t *dsdt = table(get(facp, 140, 8), "DSDT");
	assert_int_equal(get(facp, 4, 4), 276);
	/* hardware-reduced, with a reset register, no buttons but the DSDT's; no VGA, no MSI, no CMOS clock */
	assert_int_equal(get(facp, 112, 4), 1u << 20 | 1u << 10 | 1u << 5 | 1u << 4);
	assert_int_equal(get(facp, 109, 2), 1u << 2 | 1u << 3 | 1u << 5);
	assert_int_equal(facp[116], 1); /* port */
	assert_int_equal(get(facp, 120, 8), 0x602);
	assert_int_equal(facp[128], 1);
	assert_int_equal(get(facp, 248, 8), 0x600);
	assert_int_equal(get(facp, 260, 8), 0x601);
	if (dir) {
		dump(dir, "facp", facp);
		dump(dir, "dsdt", dsdt);
		dump(dir, "apic", find("APIC"));
		dump(dir, "xsdt", xsdt());
	}
}

static unsigned count_entries(const uint8_t *madt, uint8_t type)
{
	unsigned count = 0;

	for (size_t i = 44; i < get(madt, 4, 4); i += madt[i + 1]) {
		assert_true(madt[i + 1] >= 8);
		count += madt[i] == type;
	}
	return count;
}

static void processors(void **state)
{
	(void)state;
	build(1);
	assert_int_equal(count_entries(find("APIC"), 0), 1);
	assert_int_equal(count_entries(find("APIC"), 1), 1);
	build(300);
	/* identifiers that a byte can't hold, and 255, the broadcast, take the new kind of entry */
	assert_int_equal(count_entries(find("APIC"), 0), 255);
	assert_int_equal(count_entries(find("APIC"), 9), 45);
}

static bool contains(const uint8_t *t, const void *bytes, size_t len)
{
	return memmem(t, get(t, 4, 4), bytes, len) != NULL;
}

static void device_descriptions(void **state)
{
	static const uint8_t disk_memory[] = { 0x86, 9, 0, 1, 0x00, 0x10, 0x00, 0xd0, 0x00, 0x10, 0x00, 0x00 };
	static const uint8_t disk_line[] = { 0x89, 6, 0, 0x03, 1, 6, 0, 0, 0 };
	static const uint8_t serial_ports[] = { 0x47, 1, 0xf8, 0x03, 0xf8, 0x03, 1, 8 };

	(void)state;
	build(1);
	const uint8_t *dsdt = table(get(find("FACP"), 140, 8), "DSDT");
	assert_true(contains(dsdt, "LNRO0005", 9));
	assert_true(contains(dsdt, "QEMU0001", 9));
	assert_true(contains(dsdt, "_S5_", 4));
	assert_true(contains(dsdt, disk_memory, sizeof(disk_memory)));
	assert_true(contains(dsdt, disk_line, sizeof(disk_line)));
	assert_true(contains(dsdt, serial_ports, sizeof(serial_ports)));
}

/* A button, and the device whose line makes the kernel notify it. */
static void power_key(void **state)
{
	static const uint8_t button[] = { 0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0c, 0x0c };
	static const uint8_t line[] = { 0x89, 6, 0, 0x03, 1, 3, 0, 0, 0 };
	static const uint8_t method[] = { '_', 'E', 'V', 'T', 0x09, 0x86, 'P', 'W', 'R', 'B', 0x0a, 0x80 };
	struct dev_list without = devices;

	(void)state;
	build(1);
	const uint8_t *dsdt = table(get(find("FACP"), 140, 8), "DSDT");
	assert_true(contains(dsdt, button, sizeof(button)));
	assert_true(contains(dsdt, "ACPI0013", 9));
	assert_true(contains(dsdt, line, sizeof(line)));
	assert_true(contains(dsdt, method, sizeof(method)));
	without.dev[2].gsi = 0;
	assert_true(acpi_build(area, sizeof(area), BASE, &without, 1) > 0);
	assert_false(contains(table(get(find("FACP"), 140, 8), "DSDT"), "ACPI0013", 9));
}

static void shared_lines_say_so(void **state)
{
	static const uint8_t shared[] = { 0x89, 6, 0, 0x0b, 1, 6, 0, 0, 0 };
	struct dev_list two = devices;

	(void)state;
	two.dev[3].gsi = 6;
	assert_true(acpi_build(area, sizeof(area), BASE, &two, 1) > 0);
	assert_true(contains(table(get(find("FACP"), 140, 8), "DSDT"), shared, sizeof(shared)));
}

static void no_room(void **state)
{
	(void)state;
	size_t needed = acpi_build(area, sizeof(area), BASE, &devices, 4);
	assert_true(needed > 0);
	for (size_t room = 0; room < needed; room++) {
		uint8_t *tight = malloc(room + 1); /* a sanitizer sees a byte too many */
		assert_int_equal(acpi_build(tight, room, BASE, &devices, 4), 0);
		free(tight);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_table), cmocka_unit_test(processors), cmocka_unit_test(device_descriptions),
		cmocka_unit_test(power_key), cmocka_unit_test(shared_lines_say_so), cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
