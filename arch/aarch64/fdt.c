// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree: see fdt.h. Bindings are those of Linux, Documentation/devicetree/bindings; each node's name says which file.
 *
 * Nodes are written in the order in which they stand (libfdt's sequential write). The first failure, which can only be a lack of room, is
 * kept, and what follows does nothing.
 */
#include "arch/aarch64/fdt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "arch/aarch64/map.h"

#define PHANDLE_GIC 1
#define PHANDLE_CLOCK 2
#define PHANDLE_GPIO 3

/* bindings/interrupt-controller/arm,gic.yaml, arm,gic-v3.yaml */
#define GIC_SPI 0
#define GIC_PPI 1
#define IRQ_EDGE_RISING 1
#define IRQ_LEVEL_HIGH 4
#define PPI_CPUS_SHIFT 8

/* dt-bindings/gpio/gpio.h, dt-bindings/input/linux-event-codes.h */
#define GPIO_ACTIVE_HIGH 0
#define KEY_POWER 116

#define CELLS_MAX 16
#define SERIAL_CLOCK_HZ 1843200 /* the PC's: a divisor of 1 is 115200 baud */
#define BUS_CLOCK_HZ 24000000

struct tree {
	void *buf;
	int err; /* libfdt's */
	const struct fdt_machine *machine;
};

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void begin(struct tree *t, const char *name)
{
	if (!t->err)
		t->err = fdt_begin_node(t->buf, name);
}

/* "serial@1000000" */
static void begin_at(struct tree *t, const char *name, uint64_t address)
{
	char full[48];

	snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	begin(t, full);
}

static void end(struct tree *t)
{
	if (!t->err)
		t->err = fdt_end_node(t->buf);
}

static void put(struct tree *t, const char *name, const void *value, size_t bytes)
{
	if (!t->err)
		t->err = fdt_property(t->buf, name, value, (int)bytes);
}

static void put_flag(struct tree *t, const char *name)
{
	put(t, name, NULL, 0);
}

static void put_string(struct tree *t, const char *name, const char *text)
{
	put(t, name, text, strlen(text) + 1);
}

/* Several strings, in one literal, with their NULs. */
#define put_strings(t, name, text) put(t, name, text, sizeof(text))

static void put_cells(struct tree *t, const char *name, const uint32_t *cells, unsigned count)
{
	fdt32_t value[CELLS_MAX];

	for (unsigned i = 0; i < count; i++)
		value[i] = cpu_to_fdt32(cells[i]);
	put(t, name, value, count * sizeof(*value));
}

#define CELLS(t, name, ...) put_cells(t, name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void put_u64(struct tree *t, const char *name, uint64_t value)
{
	CELLS(t, name, (uint32_t)(value >> 32), (uint32_t)value);
}

static void put_range(struct tree *t, const char *name, uint64_t base, uint64_t bytes)
{
	CELLS(t, name, (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(bytes >> 32), (uint32_t)bytes);
}

/* --- processors --------------------------------------------------------------------------------------------------- */

/* bindings/arm/cpus.yaml */
static void add_cpus(struct tree *t)
{
	begin(t, "cpus");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 0);
	for (unsigned i = 0; i < t->machine->cpus; i++) {
		begin_at(t, "cpu", t->machine->mpidr[i]);
		put_string(t, "device_type", "cpu");
		put_string(t, "compatible", "arm,armv8");
		put_u64(t, "reg", t->machine->mpidr[i]);
		put_string(t, "enable-method", "psci");
		end(t);
	}
	end(t);
}

/* bindings/arm/psci.yaml: KVM answers HVC calls. */
static void add_psci(struct tree *t)
{
	begin(t, "psci");
	put_strings(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	put_string(t, "method", "hvc");
	end(t);
}

/* The flags of a processor's own interrupt: a GICv2 wants to know whose, which is everyone's. */
static uint32_t ppi_flags(const struct tree *t)
{
	uint32_t cpus = t->machine->cpus < CPUS_MAX_GICV2 ? t->machine->cpus : CPUS_MAX_GICV2;

	return IRQ_LEVEL_HIGH | (t->machine->gic == GIC_V3 ? 0 : ((1u << cpus) - 1) << PPI_CPUS_SHIFT);
}

/* bindings/timer/arm,arch_timer.yaml */
static void add_timer(struct tree *t)
{
	uint32_t flags = ppi_flags(t);

	begin(t, "timer");
	put_string(t, "compatible", "arm,armv8-timer");
	CELLS(t, "interrupts", GIC_PPI, PPI_TIMER_SECURE, flags, GIC_PPI, PPI_TIMER_PHYSICAL, flags, GIC_PPI, PPI_TIMER_VIRTUAL, flags,
	      GIC_PPI, PPI_TIMER_HYP, flags);
	put_flag(t, "always-on");
	end(t);
}

/* bindings/arm/pmu.yaml */
static void add_pmu(struct tree *t)
{
	begin(t, "pmu");
	put_string(t, "compatible", "arm,armv8-pmuv3");
	CELLS(t, "interrupts", GIC_PPI, PPI_PMU, ppi_flags(t));
	end(t);
}

static void add_gic(struct tree *t)
{
	bool v3 = t->machine->gic == GIC_V3;
	uint64_t second = v3 ? MAP_GICR : MAP_GICC;
	uint64_t second_bytes = v3 ? t->machine->cpus * MAP_GICR_BYTES : MAP_GICC_BYTES;

	begin_at(t, "interrupt-controller", MAP_GICD);
	put_string(t, "compatible", v3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
	CELLS(t, "reg", 0, (uint32_t)MAP_GICD, 0, (uint32_t)(v3 ? MAP_GICD_BYTES : MAP_GICD_V2_BYTES), 0, (uint32_t)second, 0,
	      (uint32_t)second_bytes);
	CELLS(t, "#interrupt-cells", 3);
	CELLS(t, "#address-cells", 0);
	put_flag(t, "interrupt-controller");
	CELLS(t, "phandle", PHANDLE_GIC);
	end(t);
}

/* --- devices ------------------------------------------------------------------------------------------------------ */

/* All lines are edges (vmm/core/irq.h). */
static void put_place(struct tree *t, const struct dev_desc *d)
{
	put_range(t, "reg", d->base, d->size_bytes);
	if (d->gsi)
		CELLS(t, "interrupts", GIC_SPI, d->gsi, IRQ_EDGE_RISING);
}

/* bindings/serial/8250.yaml */
static void add_serial(struct tree *t, const struct dev_desc *d)
{
	begin_at(t, "serial", d->base);
	put_string(t, "compatible", "ns16550a");
	put_place(t, d);
	CELLS(t, "clock-frequency", SERIAL_CLOCK_HZ);
	CELLS(t, "reg-shift", 0);
	CELLS(t, "reg-io-width", 1);
	end(t);
}

/* bindings/rtc/arm,pl031.yaml */
static void add_rtc(struct tree *t, const struct dev_desc *d)
{
	begin_at(t, "rtc", d->base);
	put_strings(t, "compatible", "arm,pl031\0arm,primecell");
	put_place(t, d);
	CELLS(t, "clocks", PHANDLE_CLOCK);
	put_string(t, "clock-names", "apb_pclk");
	end(t);
}

/* bindings/gpio/pl061-gpio.yaml. "#address-cells" is what dtc wants of whatever can be asked for interrupts. */
static void add_gpio(struct tree *t, const struct dev_desc *d)
{
	begin_at(t, "gpio", d->base);
	put_strings(t, "compatible", "arm,pl061\0arm,primecell");
	put_place(t, d);
	put_flag(t, "interrupt-controller");
	CELLS(t, "#interrupt-cells", 2);
	CELLS(t, "#address-cells", 0);
	put_flag(t, "gpio-controller");
	CELLS(t, "#gpio-cells", 2);
	CELLS(t, "clocks", PHANDLE_CLOCK);
	put_string(t, "clock-names", "apb_pclk");
	CELLS(t, "phandle", PHANDLE_GPIO);
	end(t);
}

/* bindings/input/gpio-keys.yaml */
static void add_power_key(struct tree *t)
{
	begin(t, "gpio-keys");
	put_string(t, "compatible", "gpio-keys");
	begin(t, "power-key");
	put_string(t, "label", "Power");
	CELLS(t, "linux,code", KEY_POWER);
	CELLS(t, "gpios", PHANDLE_GPIO, GPIO_POWER_KEY_PIN, GPIO_ACTIVE_HIGH);
	end(t);
	end(t);
}

/* bindings/virtio/mmio.yaml. Without "dma-coherent" a guest's buffers would go past the caches through which a device here reads them. */
static void add_virtio(struct tree *t, const struct dev_desc *d)
{
	begin_at(t, "virtio_mmio", d->base);
	put_string(t, "compatible", "virtio,mmio");
	put_place(t, d);
	put_flag(t, "dma-coherent");
	end(t);
}

/* bindings/misc/pvpanic-mmio.txt */
static void add_pvpanic(struct tree *t, const struct dev_desc *d)
{
	begin_at(t, "pvpanic-mmio", d->base);
	put_string(t, "compatible", "qemu,pvpanic-mmio");
	put_place(t, d);
	end(t);
}

static void add_device(struct tree *t, const struct dev_desc *d)
{
	switch (d->kind) {
	case DEV_VIRTIO_MMIO:
		add_virtio(t, d);
		break;
	case DEV_SERIAL:
		add_serial(t, d);
		break;
	case DEV_PVPANIC:
		add_pvpanic(t, d);
		break;
	case DEV_RTC:
		add_rtc(t, d);
		break;
	case DEV_GPIO:
		add_gpio(t, d);
		add_power_key(t);
		break;
	case DEV_POWER:
		break; /* PSCI instead */
	}
}

/* What a PL031's driver insists on. bindings/clock/fixed-clock.yaml */
static void add_clock(struct tree *t)
{
	begin(t, "apb-pclk");
	put_string(t, "compatible", "fixed-clock");
	CELLS(t, "#clock-cells", 0);
	CELLS(t, "clock-frequency", BUS_CLOCK_HZ);
	CELLS(t, "phandle", PHANDLE_CLOCK);
	end(t);
}

/* --- together ----------------------------------------------------------------------------------------------------- */

static const struct dev_desc *find_serial(const struct tree *t)
{
	for (unsigned i = 0; i < t->machine->devices->count; i++) {
		if (t->machine->devices->dev[i].kind == DEV_SERIAL)
			return &t->machine->devices->dev[i];
	}
	return NULL;
}

/* Devicetree Specification 0.4, 3.6; the seeds: dt-schema's chosen.yaml. */
static void add_chosen(struct tree *t)
{
	const struct fdt_machine *m = t->machine;

	begin(t, "chosen");
	put_string(t, "bootargs", m->cmdline);
	if (find_serial(t))
		put_string(t, "stdout-path", "serial0:115200n8");
	if (m->initrd_bytes) {
		put_u64(t, "linux,initrd-start", m->initrd_gpa);
		put_u64(t, "linux,initrd-end", m->initrd_gpa + m->initrd_bytes);
	}
	put_u64(t, "kaslr-seed", m->kaslr_seed);
	put(t, "rng-seed", m->seed, sizeof(m->seed));
	end(t);
}

static void add_aliases(struct tree *t)
{
	const struct dev_desc *serial = find_serial(t);
	char path[32];

	if (!serial)
		return;
	snprintf(path, sizeof(path), "/serial@%llx", (unsigned long long)serial->base);
	begin(t, "aliases");
	put_string(t, "serial0", path);
	end(t);
}

static void add_memory(struct tree *t)
{
	for (unsigned i = 0; i < t->machine->mem->region_count; i++) {
		const struct mem_region *r = &t->machine->mem->region[i];
		begin_at(t, "memory", r->gpa);
		put_string(t, "device_type", "memory");
		put_range(t, "reg", r->gpa, r->size_bytes);
		end(t);
	}
}

static void add_root(struct tree *t)
{
	begin(t, "");
	put_string(t, "compatible", "linux,dummy-virt");
	put_string(t, "model", "tinyvmm");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	CELLS(t, "interrupt-parent", PHANDLE_GIC);
	add_chosen(t);
	add_aliases(t);
	add_memory(t);
	add_cpus(t);
	add_psci(t);
	add_timer(t);
	if (t->machine->pmu)
		add_pmu(t);
	add_gic(t);
	add_clock(t);
	for (unsigned i = 0; i < t->machine->devices->count; i++)
		add_device(t, &t->machine->devices->dev[i]);
	end(t);
}

int fdt_build(void *buf, size_t room, const struct fdt_machine *machine)
{
	struct tree t = { .buf = buf, .machine = machine };

	t.err = fdt_create(buf, (int)room);
	if (!t.err)
		t.err = fdt_finish_reservemap(buf);
	add_root(&t);
	if (!t.err)
		t.err = fdt_finish(buf);
	return t.err ? -ENOSPC : (int)fdt_totalsize(buf);
}
