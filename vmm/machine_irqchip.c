// SPDX-License-Identifier: Apache-2.0
/* The interrupt controller outside KVM: see machine_irqchip.h. */
#include "vmm/machine_irqchip.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "devices/gicv2.h"
#include "vmm/util/log.h"

struct machine_irqchip {
	struct irqchip chip;
	struct gicv2 *gic;
	struct bus view[GICV2_CPUS_MAX]; /* the registers, as each processor sees them */
};

static struct machine_irqchip *of(struct irqchip *chip)
{
	return (struct machine_irqchip *)chip; /* its first member */
}

static void set_line(void *arg, unsigned cpu, bool level)
{
	arch_vcpu_line(arg, cpu, level);
}

static bool chip_read(struct irqchip *chip, unsigned cpu, uint64_t addr, void *data, unsigned len)
{
	return bus_read(&of(chip)->view[cpu], addr, data, len);
}

static bool chip_write(struct irqchip *chip, unsigned cpu, uint64_t addr, const void *data, unsigned len)
{
	return bus_write(&of(chip)->view[cpu], addr, data, len);
}

static void chip_pulse(struct irqchip *chip, unsigned gsi)
{
	gicv2_pulse_spi(of(chip)->gic, gsi);
}

static void chip_set_private(struct irqchip *chip, unsigned cpu, unsigned id, bool level)
{
	gicv2_set_ppi(of(chip)->gic, cpu, id, level);
}

static void chip_reset(struct irqchip *chip)
{
	gicv2_reset(of(chip)->gic);
}

static void show_registers(struct machine_irqchip *m, unsigned cpu)
{
	struct gicv2_port *port = gicv2_port(m->gic, cpu);
	const struct bus_range dist = {
		.name = "gicd",
		.base = arch_map.gicd_base,
		.size_bytes = GICV2_DIST_BYTES,
		.dev = port,
		.read = gicv2_dist_read,
		.write = gicv2_dist_write,
	};
	const struct bus_range interface = {
		.name = "gicc",
		.base = arch_map.gicc_base,
		.size_bytes = GICV2_CPU_BYTES,
		.dev = port,
		.read = gicv2_cpu_read,
		.write = gicv2_cpu_write,
	};

	/* Two that don't overlap, on an empty bus. */
	bus_add(&m->view[cpu], &dist);
	bus_add(&m->view[cpu], &interface);
	bus_freeze(&m->view[cpu]);
}

int machine_irqchip_new(struct vm *vm)
{
	struct machine_irqchip *m;

	if (!ARCH_ARM_DEVICES)
		return -ENOSYS;
	if (vm->cpus > GICV2_CPUS_MAX) {
		log_error("--cpus %u: the interrupt controller here is a GICv2, which has room for %d", vm->cpus, GICV2_CPUS_MAX);
		return -E2BIG;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->chip = (struct irqchip){
		.read = chip_read,
		.write = chip_write,
		.pulse = chip_pulse,
		.set_private = chip_set_private,
		.reset = chip_reset,
	};
	vm->irqchip = &m->chip;
	m->gic = gicv2_new(&(struct gicv2_config){
		.cpus = vm->cpus, .spis = arch_map.gsi_first + arch_map.gsi_count, .set_line = set_line, .arg = vm });
	if (!m->gic)
		return -ENOMEM;
	for (unsigned i = 0; i < vm->cpus; i++)
		show_registers(m, i);
	return 0;
}

void machine_irqchip_free(struct vm *vm)
{
	if (!ARCH_ARM_DEVICES || !vm->irqchip)
		return;
	gicv2_free(of(vm->irqchip)->gic);
	free(of(vm->irqchip));
	vm->irqchip = NULL;
}
