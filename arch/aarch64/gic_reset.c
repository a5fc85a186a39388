// SPDX-License-Identifier: Apache-2.0
/*
 * KVM's interrupt controller as at power-on. It has no reset of its own, so its registers are written one by one, as a migration would:
 * Documentation/virt/kvm/devices/arm-vgic.rst and arm-vgic-v3.rst; offsets and reset values from Arm IHI 0048B.b, 4.3 and IHI 0069H, 12.
 * Where these leave the value open it is the one with which KVM starts (arch/arm64/kvm/vgic/vgic-init.c).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/map.h"
#include "vmm/util/log.h"

#define GICD_CTLR 0x0
#define GICD_IIDR 0x8
#define GICR_SGI_BASE 0x10000 /* a redistributor's second half, laid out as the distributor is */

/* A field of the distributor: so many bits for each interrupt. */
struct field {
	uint32_t offset;
	unsigned bits;
	uint32_t shared, own; /* written to each word of shared interrupts, and of a processor's own ones */
	bool shared_only;
};

#define SGIS 0xffffu      /* enabled at power-on */
#define EDGES 0xaaaaaaaau /* as all shared ones are then */

static const struct field fields_v2[] = {
	{ 0x180, 1, UINT32_MAX, UINT32_MAX, false }, /* GICD_ICENABLER */
	{ 0x100, 1, 0, SGIS, false },                /* GICD_ISENABLER */
	{ 0x280, 1, UINT32_MAX, UINT32_MAX, false }, /* GICD_ICPENDR */
	{ 0x380, 1, UINT32_MAX, UINT32_MAX, false }, /* GICD_ICACTIVER */
	{ 0x080, 1, 0, 0, false },                   /* GICD_IGROUPR */
	{ 0x400, 8, 0, 0, false },                   /* GICD_IPRIORITYR */
	{ 0x800, 8, 0, 0, true },                    /* GICD_ITARGETSR */
	{ 0xc00, 2, EDGES, 0, true },                /* GICD_ICFGR */
};

/* KVM sets what is pending to what is written to ISPENDR, and starts with all in group 1. */
static const struct field fields_v3[] = {
	{ 0x180, 1, UINT32_MAX, UINT32_MAX, false }, /* GICD_ICENABLER, GICR_ICENABLER0, and so on */
	{ 0x100, 1, 0, SGIS, false },                /* GICD_ISENABLER */
	{ 0x200, 1, 0, 0, false },                   /* GICD_ISPENDR */
	{ 0x380, 1, UINT32_MAX, UINT32_MAX, false }, /* GICD_ICACTIVER */
	{ 0x080, 1, UINT32_MAX, UINT32_MAX, false }, /* GICD_IGROUPR */
	{ 0x400, 8, 0, 0, false },                   /* GICD_IPRIORITYR */
	{ 0xc00, 2, EDGES, 0, true },                /* GICD_ICFGR */
	{ 0x6000, 64, 0, 0, true },                  /* GICD_IROUTER */
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct reset {
	const struct gic *gic;
	const struct field *field;
	unsigned field_count;
	int err; /* the first failure */
};

static void get_attr(struct reset *r, uint32_t group, uint64_t attr, void *value)
{
	struct kvm_device_attr get = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	if (!r->err && ioctl(r->gic->fd, KVM_GET_DEVICE_ATTR, &get))
		r->err = -errno;
}

static void write_word(struct reset *r, uint32_t group, uint64_t attr, uint32_t value)
{
	if (!r->err)
		r->err = kvm_set_attr(r->gic->fd, group, attr, &value);
}

/* The fields of INTIDs `first` to `last`, at `base` in a group of attributes. */
static void write_fields(struct reset *r, uint32_t group, uint64_t base, unsigned first, unsigned last)
{
	for (unsigned i = 0; i < r->field_count; i++) {
		const struct field *f = &r->field[i];
		if (f->shared_only && first < INTID_SPI)
			continue;
		for (unsigned at = first * f->bits / 8; at < (last + 1) * f->bits / 8; at += 4)
			write_word(r, group, base + f->offset + at, first < INTID_SPI ? f->own : f->shared);
	}
}

/* --- a processor's part, GICv2 ------------------------------------------------------------------------------------ */

static void reset_cpu_v2(struct reset *r, unsigned cpu)
{
	/* GICC_CTLR, GICC_PMR, GICC_BPR, GICC_ABPR, GICC_APR0 to GICC_APR3 */
	static const uint32_t registers[] = { 0x00, 0x04, 0x08, 0x1c, 0xd0, 0xd4, 0xd8, 0xdc };
	uint64_t base = (uint64_t)cpu << KVM_DEV_ARM_VGIC_CPUID_SHIFT;

	write_fields(r, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, base, 0, INTID_SPI - 1);
	for (unsigned i = 0; i < COUNT(registers); i++)
		write_word(r, KVM_DEV_ARM_VGIC_GRP_CPU_REGS, base + registers[i], 0);
}

/* --- a processor's part, GICv3 ------------------------------------------------------------------------------------ */

#define SYSREG(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define ICC_CTLR_EL1 SYSREG(3, 0, 12, 12, 4)
#define ICC_CTLR_CBPR 1u
#define ICC_CTLR_EOIMODE 2u

/* ICC_CTLR_EL1 also tells how many priorities there are, which KVM wants to get back as it gave it. */
static void reset_ctlr(struct reset *r, uint64_t base)
{
	uint64_t value = 0;

	get_attr(r, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, base + ICC_CTLR_EL1, &value);
	value &= ~(uint64_t)(ICC_CTLR_CBPR | ICC_CTLR_EOIMODE);
	if (!r->err)
		r->err = kvm_set_attr(r->gic->fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, base + ICC_CTLR_EL1, &value);
}

static void reset_cpu_v3(struct reset *r, uint64_t mpidr)
{
	static const uint32_t registers[] = {
		SYSREG(3, 0, 12, 12, 6), /* ICC_IGRPEN0_EL1 */
		SYSREG(3, 0, 12, 12, 7), /* ICC_IGRPEN1_EL1 */
		SYSREG(3, 0, 4, 6, 0),   /* ICC_PMR_EL1 */
		SYSREG(3, 0, 12, 8, 3),  /* ICC_BPR0_EL1 */
		SYSREG(3, 0, 12, 12, 3), /* ICC_BPR1_EL1 */
		SYSREG(3, 0, 12, 8, 4),  /* ICC_AP0R0_EL1 */
		SYSREG(3, 0, 12, 9, 0),  /* ICC_AP1R0_EL1 */
	};
	/* Aff3 stands higher in the register than in KVM's attribute. */
	uint64_t affinity = (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff);
	uint64_t base = affinity << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
	const uint64_t zero = 0;

	write_fields(r, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, base + GICR_SGI_BASE, 0, INTID_SPI - 1);
	for (unsigned i = 0; i < COUNT(registers) && !r->err; i++)
		r->err = kvm_set_attr(r->gic->fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, base + registers[i], &zero);
	/* ICC_AP0R1_EL1 to AP0R3, ICC_AP1R1_EL1 to AP1R3: there only where KVM has more than 32 priorities. */
	for (unsigned n = 1; n < 4; n++) {
		kvm_set_attr(r->gic->fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, base + SYSREG(3, 0, 12, 8, 4 + n), &zero);
		kvm_set_attr(r->gic->fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, base + SYSREG(3, 0, 12, 9, n), &zero);
	}
	reset_ctlr(r, base);
}

/* --- together ----------------------------------------------------------------------------------------------------- */

/* KVM wants to get its version back before all else: until then it takes no write to a GICv2's GICD_IGROUPR. */
static void confirm_version(struct reset *r)
{
	uint32_t version = 0;

	get_attr(r, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &version);
	write_word(r, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, version);
}

int gic_reset(const struct gic *gic, struct vm *vm, const uint64_t *mpidr)
{
	bool v3 = gic->kind == GIC_V3;
	struct reset r = {
		.gic = gic,
		.field = v3 ? fields_v3 : fields_v2,
		.field_count = v3 ? COUNT(fields_v3) : COUNT(fields_v2),
	};

	if (gic->kind == GIC_USER) {
		vm->irqchip->reset(vm->irqchip);
		return 0;
	}
	confirm_version(&r);
	write_word(&r, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR, 0);
	write_fields(&r, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0, INTID_SPI, INTID_SPI + SPI_COUNT - 1);
	for (unsigned i = 0; i < vm->cpus; i++) {
		if (v3)
			reset_cpu_v3(&r, mpidr[i]);
		else
			reset_cpu_v2(&r, i);
	}
	if (r.err)
		log_error("KVM does not reset its interrupt controller: %s", strerror(-r.err));
	return r.err;
}
