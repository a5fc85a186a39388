// SPDX-License-Identifier: Apache-2.0
/*
 * The interrupt controller: see gic.h.
 *
 * KVM's devices: Documentation/virt/kvm/devices/arm-vgic.rst and arm-vgic-v3.rst. Registers: Arm IHI 0048B.b (GICv2), IHI 0069 (GICv3).
 */
#include "arch/aarch64/gic.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/aarch64/map.h"
#include "arch/arch.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

const char *const gic_names[] = { [GIC_V3] = "v3", [GIC_V2] = "v2", [GIC_USER] = "user", NULL };

#define INTIDS (INTID_SPI + SPI_COUNT)

/* --- choice ------------------------------------------------------------------------------------------------------- */

/* Made, not asked for: KVM_CAP_IRQCHIP says yes on boards whose KVM then has none. */
static int try_kind(struct gic *gic, struct vm *vm, enum gic_kind kind)
{
	static const uint32_t type[] = { [GIC_V3] = KVM_DEV_TYPE_ARM_VGIC_V3, [GIC_V2] = KVM_DEV_TYPE_ARM_VGIC_V2 };

	if (kind == GIC_USER) {
		if (!kvm_capability(&vm->kvm, KVM_CAP_ARM_USER_IRQ))
			return -ENODEV;
		vm->irqchip_wanted = true;
	} else {
		int fd = kvm_create_device(&vm->kvm, type[kind]);
		if (fd < 0)
			return fd;
		gic->fd = fd;
	}
	gic->kind = kind;
	return 0;
}

static int refuse(const struct vm *vm)
{
	if (vm->irqchip_name)
		log_error("--gic %s: KVM on this host has none such (leave --gic out to take what it has)", vm->irqchip_name);
	else
		log_error("KVM on this host gives no interrupt controller, and no way to have one outside it");
	return -ENODEV;
}

static bool is_asked_for(const struct vm *vm, unsigned kind)
{
	return !vm->irqchip_name || !strcmp(vm->irqchip_name, gic_names[kind]);
}

int gic_init(struct gic *gic, struct vm *vm)
{
	int err = -ENODEV;

	gic->fd = -1;
	/* A failure of another kind is no reason to go on with a lesser one. */
	for (unsigned kind = 0; kind < GIC_KINDS && err == -ENODEV; kind++) {
		if (is_asked_for(vm, kind))
			err = try_kind(gic, vm, (enum gic_kind)kind);
	}
	if (err == -ENODEV)
		return refuse(vm);
	if (err)
		log_error("KVM does not make its interrupt controller: %s", strerror(-err));
	else
		log_debug("interrupt controller: %s", gic_names[gic->kind]);
	return err;
}

void gic_release(struct gic *gic)
{
	close_fd(&gic->fd);
}

int gic_init_late(const struct gic *gic, struct vm *vm)
{
	uint64_t dist = MAP_GICD, second = gic->kind == GIC_V3 ? MAP_GICR : MAP_GICC;
	uint32_t intids = INTIDS;
	int err;

	(void)vm;
	if (gic->kind == GIC_USER)
		return 0;
	err = kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &intids);
	if (!err)
		err = kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				   gic->kind == GIC_V3 ? KVM_VGIC_V3_ADDR_TYPE_DIST : KVM_VGIC_V2_ADDR_TYPE_DIST, &dist);
	if (!err)
		err = kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				   gic->kind == GIC_V3 ? KVM_VGIC_V3_ADDR_TYPE_REDIST : KVM_VGIC_V2_ADDR_TYPE_CPU, &second);
	if (!err)
		err = kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (err)
		log_error("KVM refuses to set up its interrupt controller: %s", strerror(-err));
	return err;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static void raise_line(struct vm *vm, uint32_t type, uint32_t rest, bool level)
{
	struct kvm_irq_level line = { .irq = type << KVM_ARM_IRQ_TYPE_SHIFT | rest, .level = level };

	/* The line is one that KVM has, so this can't fail. */
	ioctl(vm->kvm.vm_fd, KVM_IRQ_LINE, &line);
}

/*
 * One ioctl by the thread that has something to tell, as on x86_64. KVM remembers an edge, and has no use for the line's going down.
 */
static void pulse_kvm(struct irq *irq)
{
	raise_line(irq->arg, KVM_ARM_IRQ_TYPE_SPI, (INTID_SPI + irq->gsi) << KVM_ARM_IRQ_NUM_SHIFT, true);
}

static void pulse_user(struct irq *irq)
{
	struct irqchip *chip = ((struct vm *)irq->arg)->irqchip;

	chip->pulse(chip, irq->gsi);
}

void gic_irq_init(const struct gic *gic, struct vm *vm, struct irq *irq)
{
	irq->pulse = gic->kind == GIC_USER ? pulse_user : pulse_kvm;
	irq->arg = vm;
}

void arch_vcpu_line(struct vm *vm, unsigned cpu, bool level)
{
	raise_line(vm, KVM_ARM_IRQ_TYPE_CPU, cpu << KVM_ARM_IRQ_VCPU_SHIFT | KVM_ARM_IRQ_CPU_IRQ << KVM_ARM_IRQ_NUM_SHIFT, level);
}
