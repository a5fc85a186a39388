// SPDX-License-Identifier: Apache-2.0
/*
 * arch/aarch64/gic_reset.c on a KVM that a test makes up: its ioctl() keeps each interrupt and each processor's interface as a guest may
 * have left them, and takes writes as arm-vgic.rst and arm-vgic-v3.rst say. After a reset they have to be as at power-on (Arm IHI 0048B.b,
 * 4.3, 4.4; IHI 0069H, 12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/map.h"
#include "tests/fakes/capture.h"

#define DEVICE_FD 4712
#define CPUS 3
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* --- KVM's interrupt controller -------------------------------------------------------------------------------------------- */

struct interrupt {
	bool enabled, pending, active, group;
	uint8_t priority, targets, config;
	uint64_t route;
};

struct value {
	uint64_t at, value;
};

static struct kvm_gic {
	bool v3;
	bool more_priorities; /* than 32: the registers for that are there */
	bool version_confirmed;
	unsigned calls; /* that were for what there is */
	unsigned fail_at;
	uint32_t control;
	struct interrupt shared[SPI_COUNT], own[CPUS][INTID_SPI];
	struct value interface[CPUS][16];
} kvm_gic;

/* Aff3 in bits 32 to 39, Aff2 to Aff0 in 0 to 23 (Arm DDI 0487, MPIDR_EL1). */
static const uint64_t mpidr[CPUS] = { 0, 0x0000000102, 0x0500040201 };
static const uint32_t mpidr_in_attr[CPUS] = { 0, 0x00000102, 0x05040201 };

#define KVM_VERSION 0x4b00243bu
/* 5 bits of priority, 16 of ID; and what a guest can set: EOImode, CBPR. */
#define CTLR_EL1 0xc664u
#define CTLR_EL1_FIXED 0x400u

static const uint32_t interface_v2[] = { 0x00, 0x04, 0x08, 0x1c, 0xd0, 0xd4, 0xd8, 0xdc };
/* ICC_: IGRPEN0, IGRPEN1, PMR, BPR0, BPR1, AP0R0, AP1R0, CTLR, and AP0R1 to 3, AP1R1 to 3. */
static const uint32_t interface_v3[] = { 0xc666,   0xc667, 0xc230, 0xc643, 0xc663, 0xc644, 0xc648,
					 CTLR_EL1, 0xc645, 0xc646, 0xc647, 0xc649, 0xc64a, 0xc64b };
#define FEW_PRIORITIES 8 /* of these are always there */

static void leave_as_a_guest_might(bool v3, bool more_priorities)
{
	const struct interrupt used = {
		.enabled = true,
		.pending = true,
		.active = true,
		.group = !v3,
		.priority = 0xa0,
		.targets = 0xff,
		.config = 0,
		.route = 0x8000000000000001,
	};

	memset(&kvm_gic, 0, sizeof(kvm_gic));
	kvm_gic.v3 = v3;
	kvm_gic.more_priorities = more_priorities;
	kvm_gic.control = 3;
	for (unsigned i = 0; i < SPI_COUNT; i++)
		kvm_gic.shared[i] = used;
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		for (unsigned i = 0; i < INTID_SPI; i++)
			kvm_gic.own[cpu][i] = used;
		kvm_gic.own[cpu][3].enabled = false;
		for (unsigned i = 0; i < (v3 ? COUNT(interface_v3) : COUNT(interface_v2)); i++)
			kvm_gic.interface[cpu][i] = (struct value){ .at = v3 ? interface_v3[i] : interface_v2[i], .value = 3 };
		if (v3)
			kvm_gic.interface[cpu][7].value = CTLR_EL1_FIXED | 3;
	}
}

/* Bits of each interrupt in the array that begins at `base`: which interrupt a word's first one is. */
static bool in_array(uint32_t offset, uint32_t base, unsigned bits, unsigned *intid)
{
	if (offset < base || offset >= base + 1024 * bits / 8 || offset % 4)
		return false;
	*intid = (offset - base) * 8 / bits;
	return true;
}

/* A private interrupt is there through the part that is its processor's own alone. */
static struct interrupt *find(unsigned cpu, bool own, unsigned intid)
{
	if (intid < INTID_SPI)
		return own ? &kvm_gic.own[cpu][intid] : NULL;
	return (!kvm_gic.v3 || !own) && intid - INTID_SPI < SPI_COUNT ? &kvm_gic.shared[intid - INTID_SPI] : NULL;
}

static void write_bit(struct interrupt *irq, uint32_t offset, bool bit)
{
	switch (offset & ~0x7fu) {
	case 0x080:
		/* KVM's way to find out whether the one who writes knows what it means. */
		if (kvm_gic.v3 || kvm_gic.version_confirmed)
			irq->group = bit;
		break;
	case 0x100:
		irq->enabled |= bit;
		break;
	case 0x180:
		irq->enabled &= !bit;
		break;
	case 0x200:
		irq->pending = kvm_gic.v3 ? bit : irq->pending | bit;
		break;
	case 0x280:
		irq->pending &= kvm_gic.v3 || !bit; /* a GICv3's takes no writes */
		break;
	case 0x300:
		irq->active |= bit;
		break;
	case 0x380:
		irq->active &= !bit;
		break;
	default:
		fail_msg("a write to 0x%x", offset);
	}
}

static int write_array(unsigned cpu, bool own, uint32_t offset, uint32_t value)
{
	unsigned first = 0, bits = 1;

	if (in_array(offset, 0x400, 8, &first) || in_array(offset, 0x800, 8, &first))
		bits = 8;
	else if (in_array(offset, 0xc00, 2, &first))
		bits = 2;
	else if (kvm_gic.v3 && !own && in_array(offset, 0x6000, 64, &first))
		bits = 64;
	else
		assert_true(in_array(offset & 0x7f, 0, 1, &first));
	for (unsigned i = 0; i == 0 || i < 32 / bits; i++) {
		struct interrupt *irq = find(cpu, own, first + i);
		assert_non_null(irq);
		if (bits == 64)
			irq->route = offset % 8 ? (uint64_t)value << 32 | (uint32_t)irq->route : irq->route >> 32 << 32 | value;
		else if (bits == 1)
			write_bit(irq, offset, value >> i & 1);
		else if (bits == 2)
			irq->config = value >> 2 * i & 3;
		else if (offset < 0x800)
			irq->priority = (uint8_t)(value >> 8 * i);
		else
			irq->targets = (uint8_t)(value >> 8 * i);
	}
	return 0;
}

static int write_distributor(unsigned cpu, bool own, uint32_t offset, uint32_t value)
{
	if (offset == 0x008) {
		kvm_gic.version_confirmed = value == KVM_VERSION;
		return value == KVM_VERSION ? 0 : -EINVAL;
	}
	assert_true(kvm_gic.version_confirmed); /* "before setting any other registers" */
	if (offset == 0x000) {
		kvm_gic.control = value;
		return 0;
	}
	return write_array(cpu, own, offset, value);
}

static struct value *find_interface(unsigned cpu, uint32_t at)
{
	unsigned count = !kvm_gic.v3 ? COUNT(interface_v2) : kvm_gic.more_priorities ? COUNT(interface_v3) : FEW_PRIORITIES;

	for (unsigned i = 0; i < count; i++) {
		if (kvm_gic.interface[cpu][i].at == at)
			return &kvm_gic.interface[cpu][i];
	}
	return NULL;
}

/* Which processor's part an attribute is for; CPUS: nobody's. */
static unsigned find_cpu(const struct kvm_device_attr *attr)
{
	unsigned cpu = 0;

	if (!kvm_gic.v3)
		return attr->attr >> 40 ? CPUS : (unsigned)(attr->attr >> 32);
	if (attr->group == KVM_DEV_ARM_VGIC_GRP_DIST_REGS)
		return 0; /* "The mpidr is ignored for the distributor" */
	while (cpu < CPUS && mpidr_in_attr[cpu] != attr->attr >> 32)
		cpu++;
	return cpu;
}

static int set_interface(unsigned cpu, uint32_t at, uint64_t value)
{
	struct value *reg = find_interface(cpu, at);

	if (!reg)
		return -ENXIO;
	if (kvm_gic.v3 && at == CTLR_EL1 && (value & ~3ull) != CTLR_EL1_FIXED)
		return -EINVAL;
	reg->value = value;
	return 0;
}

static int set(const struct kvm_device_attr *attr)
{
	uint32_t offset = (uint32_t)attr->attr, word;
	unsigned cpu = find_cpu(attr);
	uint64_t value;

	assert_true(cpu < CPUS);
	memcpy(&word, (void *)(uintptr_t)attr->addr, sizeof(word));
	switch (attr->group) {
	case KVM_DEV_ARM_VGIC_GRP_DIST_REGS:
		return write_distributor(cpu, !kvm_gic.v3, offset, word);
	case KVM_DEV_ARM_VGIC_GRP_REDIST_REGS:
		assert_true(kvm_gic.v3 && offset >= 0x10000 && offset < 0x20000);
		return write_array(cpu, true, offset - 0x10000, word);
	case KVM_DEV_ARM_VGIC_GRP_CPU_REGS:
		assert_false(kvm_gic.v3);
		return set_interface(cpu, offset, word);
	case KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS:
		assert_true(kvm_gic.v3);
		memcpy(&value, (void *)(uintptr_t)attr->addr, sizeof(value));
		return set_interface(cpu, offset, value);
	default:
		fail_msg("attributes of group %u", attr->group);
		return -ENXIO;
	}
}

static int get(const struct kvm_device_attr *attr)
{
	const uint32_t version = KVM_VERSION;

	if (attr->group == KVM_DEV_ARM_VGIC_GRP_DIST_REGS && (uint32_t)attr->attr == 0x008) {
		memcpy((void *)(uintptr_t)attr->addr, &version, sizeof(version));
		return 0;
	}
	assert_int_equal(attr->group, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS);
	const struct value *reg = find_interface(find_cpu(attr), (uint32_t)attr->attr);
	assert_non_null(reg);
	memcpy((void *)(uintptr_t)attr->addr, &reg->value, sizeof(reg->value));
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	va_start(args, request);
	const struct kvm_device_attr *attr = va_arg(args, const struct kvm_device_attr *);
	va_end(args);
	assert_int_equal(fd, DEVICE_FD);
	assert_true(request == KVM_SET_DEVICE_ATTR || request == KVM_GET_DEVICE_ATTR);
	assert_int_equal(attr->flags, 0);
	/* What this KVM has not may be tried, and is not counted. */
	bool absent = attr->group == KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS && !find_interface(find_cpu(attr), (uint32_t)attr->attr);
	int err = absent ? -ENXIO : ++kvm_gic.calls == kvm_gic.fail_at ? -EBUSY : 0;
	if (!err)
		err = request == KVM_SET_DEVICE_ATTR ? set(attr) : get(attr);
	errno = -err;
	return err ? -1 : 0;
}

/* --- what it comes to ------------------------------------------------------------------------------------------------------ */

static int reset(bool v3, unsigned cpus)
{
	const struct gic gic = { .kind = v3 ? GIC_V3 : GIC_V2, .fd = DEVICE_FD };
	struct vm vm = { .cpus = cpus };

	return gic_reset(&gic, &vm, mpidr);
}

/* KVM starts with SGIs enabled, and with the shared ones as edges. */
static void is_as_at_power_on(const struct interrupt *irq, unsigned intid)
{
	assert_int_equal(irq->enabled, intid < 16);
	assert_false(irq->pending);
	assert_false(irq->active);
	assert_int_equal(irq->group, kvm_gic.v3); /* KVM's GICv3 starts with all in group 1 */
	assert_int_equal(irq->priority, 0);
	if (intid < INTID_SPI)
		return;
	assert_int_equal(irq->config, 2);
	if (kvm_gic.v3)
		assert_int_equal(irq->route, 0);
	else
		assert_int_equal(irq->targets, 0);
}

static void all_is_as_at_power_on(bool v3, bool more_priorities)
{
	leave_as_a_guest_might(v3, more_priorities);
	assert_int_equal(reset(v3, CPUS), 0);
	assert_int_equal(kvm_gic.control, 0);
	for (unsigned i = 0; i < SPI_COUNT; i++)
		is_as_at_power_on(&kvm_gic.shared[i], INTID_SPI + i);
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		for (unsigned i = 0; i < INTID_SPI; i++)
			is_as_at_power_on(&kvm_gic.own[cpu][i], i);
		for (unsigned i = 0; i < COUNT(kvm_gic.interface[cpu]); i++) {
			const struct value *reg = &kvm_gic.interface[cpu][i];
			if (find_interface(cpu, (uint32_t)reg->at) == reg)
				assert_int_equal(reg->value, v3 && reg->at == CTLR_EL1 ? CTLR_EL1_FIXED : 0);
		}
	}
}

static void a_gicv2(void **state)
{
	(void)state;
	all_is_as_at_power_on(false, false);
}

static void a_gicv3(void **state)
{
	(void)state;
	all_is_as_at_power_on(true, false);
	all_is_as_at_power_on(true, true);
}

/* Those processors that the machine has, and no others. */
static void fewer_processors(void **state)
{
	(void)state;
	for (unsigned v3 = 0; v3 < 2; v3++) {
		leave_as_a_guest_might(v3, false);
		assert_int_equal(reset(v3, 1), 0);
		assert_false(kvm_gic.own[0][25].enabled);
		assert_true(kvm_gic.own[1][25].enabled);
		assert_int_equal(kvm_gic.interface[1][0].value, 3);
	}
}

static int reset_quietly(bool v3, char *said, size_t size)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = reset(v3, CPUS);

	capture_end(STDERR_FILENO, saved, memory, said, size);
	return err;
}

/* Whichever call fails: it is the error that comes back, said once, and no other follows. */
static void each_step_may_fail(void **state)
{
	char said[1024];

	(void)state;
	for (unsigned v3 = 0; v3 < 2; v3++) {
		leave_as_a_guest_might(v3, false);
		assert_int_equal(reset(v3, CPUS), 0);
		for (unsigned at = 1, all = kvm_gic.calls; at <= all; at++) {
			leave_as_a_guest_might(v3, false);
			kvm_gic.fail_at = at;
			assert_int_equal(reset_quietly(v3, said, sizeof(said)), -EBUSY);
			assert_int_equal(kvm_gic.calls, at);
			const char *reason = strstr(said, strerror(EBUSY));
			assert_non_null(reason);
			assert_null(strstr(reason + 1, strerror(EBUSY)));
		}
	}
}

static unsigned resets;

static void note_reset(struct irqchip *chip)
{
	(void)chip;
	resets++;
}

static void one_in_user_space_resets_itself(void **state)
{
	const struct gic gic = { .kind = GIC_USER, .fd = -1 };
	struct irqchip chip = { .reset = note_reset };
	struct vm vm = { .cpus = CPUS, .irqchip = &chip };

	(void)state;
	assert_int_equal(gic_reset(&gic, &vm, mpidr), 0);
	assert_int_equal(resets, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gicv2),
		cmocka_unit_test(a_gicv3),
		cmocka_unit_test(fewer_processors),
		cmocka_unit_test(each_step_may_fail),
		cmocka_unit_test(one_in_user_space_resets_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
