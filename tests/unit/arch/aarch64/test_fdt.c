// SPDX-License-Identifier: Apache-2.0
/* arch/aarch64/fdt.c: what a guest reads in its device tree. Plain C, so it is tested on every host. */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/aarch64/fdt.h"
#include "arch/aarch64/map.h"

#define GIC_SPI 0
#define GIC_PPI 1
#define EDGE_RISING 1
#define LEVEL_HIGH 4

struct station {
	struct mem mem;
	struct dev_list devices;
	uint64_t mpidr[CPUS_MAX];
	struct fdt_machine machine;
	uint64_t tree[FDT_BYTES_MAX / 8];
};

static struct dev_desc *add(struct station *s, enum dev_kind kind, uint64_t base, uint64_t bytes, unsigned gsi)
{
	struct dev_desc *d = &s->devices.dev[s->devices.count++];

	*d = (struct dev_desc){ .kind = kind, .base = base, .size_bytes = bytes, .gsi = gsi };
	return d;
}

static int make_station(void **state)
{
	struct station *s = calloc(1, sizeof(*s));

	s->mem.region_count = 1;
	s->mem.region[0] = (struct mem_region){ .gpa = MAP_RAM, .size_bytes = 5ull << 30 };
	for (unsigned i = 0; i < CPUS_MAX; i++)
		s->mpidr[i] = i % 16 | i / 16 << 8;
	add(s, DEV_SERIAL, MAP_SERIAL, 8, SPI_SERIAL);
	add(s, DEV_PVPANIC, MAP_PVPANIC, 1, 0);
	add(s, DEV_RTC, MAP_RTC, 0x1000, 0);
	add(s, DEV_GPIO, MAP_GPIO, 0x1000, SPI_GPIO);
	add(s, DEV_VIRTIO_MMIO, MAP_VIRTIO, 0x1000, SPI_VIRTIO_FIRST);
	add(s, DEV_VIRTIO_MMIO, MAP_VIRTIO + MAP_VIRTIO_STRIDE, 0x1000, SPI_VIRTIO_FIRST + 1);
	s->machine = (struct fdt_machine){
		.mem = &s->mem,
		.cpus = 3,
		.mpidr = s->mpidr,
		.gic = GIC_V3,
		.pmu = true,
		.devices = &s->devices,
		.cmdline = "console=hvc0 quiet",
		.initrd_gpa = 0x48000000,
		.initrd_bytes = 0x123,
		.seed = { 1, 2, 3 },
		.kaslr_seed = 0x1122334455667788,
	};
	*state = s;
	return 0;
}

static int free_station(void **state)
{
	free(*state);
	return 0;
}

static void build(struct station *s)
{
	int bytes = fdt_build(s->tree, sizeof(s->tree), &s->machine);

	assert_true(bytes > 0);
	assert_int_equal(fdt_check_full(s->tree, (size_t)bytes), 0);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int node(const struct station *s, const char *path)
{
	int at = fdt_path_offset(s->tree, path);

	if (at < 0)
		fail_msg("no node %s", path);
	return at;
}

static bool has(const struct station *s, const char *path, const char *name)
{
	return fdt_getprop(s->tree, node(s, path), name, NULL);
}

static const void *property(const struct station *s, const char *path, const char *name, int *len)
{
	const void *value = fdt_getprop(s->tree, node(s, path), name, len);

	if (!value)
		fail_msg("%s has no %s", path, name);
	return value;
}

static void says(const struct station *s, const char *path, const char *name, const char *text)
{
	assert_string_equal(property(s, path, name, NULL), text);
}

static void holds(const struct station *s, const char *path, const char *name, const uint32_t *cells, unsigned count)
{
	int len;
	const fdt32_t *value = property(s, path, name, &len);

	assert_int_equal(len, count * sizeof(*cells));
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(fdt32_to_cpu(value[i]), cells[i]);
}

#define HOLDS(s, path, name, ...) holds(s, path, name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)

static uint64_t number(const struct station *s, const char *path, const char *name)
{
	int len;
	const void *value = property(s, path, name, &len);
	fdt64_t copy;

	assert_int_equal(len, sizeof(copy));
	memcpy(&copy, value, sizeof(copy));
	return fdt64_to_cpu(copy);
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

static void chosen(void **state)
{
	struct station *s = *state;
	int len;

	build(s);
	says(s, "/chosen", "bootargs", "console=hvc0 quiet");
	assert_int_equal(number(s, "/chosen", "linux,initrd-start"), 0x48000000);
	assert_int_equal(number(s, "/chosen", "linux,initrd-end"), 0x48000123);
	assert_int_equal(number(s, "/chosen", "kaslr-seed"), 0x1122334455667788);
	assert_memory_equal(property(s, "/chosen", "rng-seed", &len), s->machine.seed, FDT_SEED_BYTES);
	assert_int_equal(len, FDT_SEED_BYTES);
	/* The console before there is a driver: a path that leads somewhere. */
	says(s, "/chosen", "stdout-path", "serial0:115200n8");
	says(s, property(s, "/aliases", "serial0", NULL), "compatible", "ns16550a");
}

static void no_initrd(void **state)
{
	struct station *s = *state;

	s->machine.initrd_bytes = 0;
	build(s);
	assert_false(has(s, "/chosen", "linux,initrd-start"));
	assert_false(has(s, "/chosen", "linux,initrd-end"));
}

static void memory(void **state)
{
	struct station *s = *state;

	build(s);
	says(s, "/memory@40000000", "device_type", "memory");
	HOLDS(s, "/memory@40000000", "reg", 0, 0x40000000, 1, 0x40000000);
}

static void processors(void **state)
{
	struct station *s = *state;

	s->machine.cpus = 18;
	build(s);
	assert_int_equal(number(s, "/cpus/cpu@0", "reg"), 0);
	/* Sixteen make a cluster. */
	assert_int_equal(number(s, "/cpus/cpu@101", "reg"), 0x101);
	says(s, "/cpus/cpu@101", "enable-method", "psci");
	assert_true(fdt_path_offset(s->tree, "/cpus/cpu@102") < 0);
	says(s, "/psci", "method", "hvc");
	assert_int_equal(fdt_stringlist_search(s->tree, node(s, "/psci"), "compatible", "arm,psci-0.2"), 1);
	HOLDS(s, "/pmu", "interrupts", GIC_PPI, 7, LEVEL_HIGH);
	assert_true(has(s, "/timer", "always-on"));
	HOLDS(s, "/timer", "interrupts", GIC_PPI, 13, LEVEL_HIGH, GIC_PPI, 14, LEVEL_HIGH, GIC_PPI, 11, LEVEL_HIGH, GIC_PPI, 10,
	      LEVEL_HIGH);
}

static void no_pmu(void **state)
{
	struct station *s = *state;

	s->machine.pmu = false;
	build(s);
	assert_true(fdt_path_offset(s->tree, "/pmu") < 0);
}

static void gicv3(void **state)
{
	struct station *s = *state;

	build(s);
	says(s, "/interrupt-controller@2000000", "compatible", "arm,gic-v3");
	HOLDS(s, "/interrupt-controller@2000000", "reg", 0, 0x2000000, 0, 0x10000, 0, 0x3000000, 0, 3 * 0x20000);
	HOLDS(s, "/interrupt-controller@2000000", "#interrupt-cells", 3);
	HOLDS(s, "/", "interrupt-parent", fdt_get_phandle(s->tree, node(s, "/interrupt-controller@2000000")));
}

/* In KVM or outside it, a guest sees the same; each private interrupt names the processors that have it. */
static void gicv2(void **state)
{
	static const enum gic_kind kinds[] = { GIC_V2, GIC_USER };
	struct station *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		s->machine.gic = kinds[i];
		build(s);
		says(s, "/interrupt-controller@2000000", "compatible", "arm,cortex-a15-gic");
		HOLDS(s, "/interrupt-controller@2000000", "reg", 0, 0x2000000, 0, 0x1000, 0, 0x2010000, 0, 0x2000);
		HOLDS(s, "/pmu", "interrupts", GIC_PPI, 7, LEVEL_HIGH | 0x700);
	}
}

static void devices(void **state)
{
	struct station *s = *state;

	build(s);
	HOLDS(s, "/serial@1000000", "reg", 0, 0x1000000, 0, 8);
	HOLDS(s, "/serial@1000000", "interrupts", GIC_SPI, SPI_SERIAL, EDGE_RISING);
	HOLDS(s, "/serial@1000000", "reg-shift", 0);
	HOLDS(s, "/serial@1000000", "reg-io-width", 1);
	says(s, "/virtio_mmio@a010000", "compatible", "virtio,mmio");
	HOLDS(s, "/virtio_mmio@a010000", "reg", 0, 0xa010000, 0, 0x1000);
	HOLDS(s, "/virtio_mmio@a010000", "interrupts", GIC_SPI, SPI_VIRTIO_FIRST + 1, EDGE_RISING);
	assert_true(has(s, "/virtio_mmio@a000000", "dma-coherent"));
	says(s, "/pvpanic-mmio@1020000", "compatible", "qemu,pvpanic-mmio");
	says(s, "/rtc@1010000", "compatible", "arm,pl031");
	assert_false(has(s, "/rtc@1010000", "interrupts"));
	HOLDS(s, "/rtc@1010000", "clocks", fdt_get_phandle(s->tree, node(s, "/apb-pclk")));
}

/* Linux's gpio_keys finds the pin through the controller's phandle, and what a press means. */
static void power_key(void **state)
{
	struct station *s = *state;
	const char *gpio = "/gpio@1030000", *key = "/gpio-keys/power-key";

	build(s);
	says(s, gpio, "compatible", "arm,pl061");
	assert_int_equal(fdt_stringlist_search(s->tree, node(s, gpio), "compatible", "arm,primecell"), 1);
	HOLDS(s, gpio, "reg", 0, 0x1030000, 0, 0x1000);
	HOLDS(s, gpio, "interrupts", GIC_SPI, SPI_GPIO, EDGE_RISING);
	HOLDS(s, gpio, "clocks", fdt_get_phandle(s->tree, node(s, "/apb-pclk")));
	assert_true(has(s, gpio, "gpio-controller"));
	assert_true(has(s, gpio, "interrupt-controller"));
	HOLDS(s, gpio, "#gpio-cells", 2);
	HOLDS(s, gpio, "#interrupt-cells", 2);
	says(s, "/gpio-keys", "compatible", "gpio-keys");
	HOLDS(s, key, "linux,code", 116);
	HOLDS(s, key, "gpios", fdt_get_phandle(s->tree, node(s, gpio)), GPIO_POWER_KEY_PIN, 0);
}

static void no_power_key_without_its_pin(void **state)
{
	struct station *s = *state;

	s->devices.count = 3;
	build(s);
	assert_true(fdt_path_offset(s->tree, "/gpio-keys") < 0);
}

/* --- bounds ------------------------------------------------------------------------------------------------------------------------------- */

static void largest(struct station *s)
{
	while (s->devices.count < DEV_DESC_MAX)
		add(s, DEV_VIRTIO_MMIO, MAP_VIRTIO + s->devices.count * MAP_VIRTIO_STRIDE, 0x1000, SPI_VIRTIO_FIRST + s->devices.count);
	s->machine.cpus = CPUS_MAX;
}

static void largest_machine(void **state)
{
	struct station *s = *state;

	largest(s);
	build(s);
	assert_int_equal(number(s, "/cpus/cpu@f0d", "reg"), 0xf0d);
	HOLDS(s, "/interrupt-controller@2000000", "reg", 0, 0x2000000, 0, 0x10000, 0, 0x3000000, 0, CPUS_MAX * 0x20000);
}

/* Whatever the room, nothing is written beyond it. */
static void too_little_room(void **state)
{
	struct station *s = *state;
	int bytes = fdt_build(s->tree, sizeof(s->tree), &s->machine);

	for (size_t room = 0; room < (size_t)bytes; room += room < 64 ? 1 : 61) {
		uint8_t *buf = calloc(1, (size_t)bytes + 8);
		assert_int_equal(fdt_build(buf, room, &s->machine), -ENOSPC);
		for (size_t i = room; i < (size_t)bytes + 8; i++)
			assert_int_equal(buf[i], 0);
		free(buf);
	}
}

/* The device tree compiler warns of what no binding allows. */
static void dtc_reads_it(void **state)
{
	static const enum gic_kind kinds[] = { GIC_V3, GIC_V2 };
	char path[] = "/tmp/tinyvmm-fdt-XXXXXX", command[96], said[1024] = "";
	struct station *s = *state;

	if (system("command -v dtc >/dev/null")) {
		print_message("skip: dtc is not installed (package device-tree-compiler)\n");
		skip();
	}
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
	for (unsigned i = 0; i < 2; i++) {
		s->machine.gic = kinds[i];
		build(s);
		assert_int_equal(pwrite(fd, s->tree, fdt_totalsize(s->tree), 0), fdt_totalsize(s->tree));
		FILE *dtc = popen(command, "r");
		assert_non_null(dtc);
		size_t n = fread(said, 1, sizeof(said) - 1, dtc);
		assert_int_equal(pclose(dtc), 0);
		said[n] = '\0';
		assert_string_equal(said, "");
	}
	close(fd);
	unlink(path);
}

#define FDT_TEST(name) cmocka_unit_test_setup_teardown(name, make_station, free_station)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FDT_TEST(chosen),          FDT_TEST(no_initrd),       FDT_TEST(memory),       FDT_TEST(processors),
		FDT_TEST(no_pmu),          FDT_TEST(gicv3),           FDT_TEST(gicv2),        FDT_TEST(devices),
		FDT_TEST(largest_machine), FDT_TEST(too_little_room), FDT_TEST(dtc_reads_it),
		FDT_TEST(power_key),       FDT_TEST(no_power_key_without_its_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
