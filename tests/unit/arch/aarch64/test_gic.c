// SPDX-License-Identifier: Apache-2.0
/*
 * arch/aarch64/gic.c: which interrupt controller is made, what KVM is told of it, and how lines reach it. This program has an ioctl() of
 * its own, which is the KVM of a board that a test describes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/map.h"
#include "arch/arch.h"
#include "tests/fakes/capture.h"

#define VM_FD 4711
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* --- a board's KVM --------------------------------------------------------------------------------------------------------- */

enum { HAS_V3 = 1, HAS_V2 = 2, HAS_USER = 4, HAS_ALL = 7 };

/* What an attribute was set to: as many bytes as KVM reads for its group. */
struct attr {
	uint32_t group;
	uint64_t attr, value;
};

static struct board {
	unsigned has;
	unsigned fail_at; /* the call that fails, from 1; 0: none does */
	int error;
	unsigned calls;
	char asked[64]; /* the kinds that were tried, in order */
	int device_fd;
	struct attr attr[8];
	unsigned attrs;
	struct kvm_irq_level line[8];
	unsigned lines;
} board;

static int fails(int err)
{
	errno = err;
	return -1;
}

static int create_device(struct kvm_create_device *create)
{
	bool v3 = create->type == KVM_DEV_TYPE_ARM_VGIC_V3;

	assert_true(v3 || create->type == KVM_DEV_TYPE_ARM_VGIC_V2);
	assert_int_equal(create->flags, 0);
	strcat(board.asked, v3 ? "v3 " : "v2 ");
	if (!(board.has & (v3 ? HAS_V3 : HAS_V2)))
		return fails(ENODEV);
	assert_int_equal(board.device_fd, -1); /* a machine has one */
	board.device_fd = memfd_create("device", MFD_CLOEXEC);
	create->fd = (unsigned)board.device_fd;
	return 0;
}

static int set_attr(int fd, const struct kvm_device_attr *set)
{
	struct attr *attr = &board.attr[board.attrs++];

	assert_int_equal(fd, board.device_fd);
	assert_true(board.attrs <= COUNT(board.attr));
	assert_int_equal(set->flags, 0);
	*attr = (struct attr){ .group = set->group, .attr = set->attr };
	if (set->group == KVM_DEV_ARM_VGIC_GRP_CTRL)
		assert_int_equal(set->addr, 0);
	else
		memcpy(&attr->value, (void *)(uintptr_t)set->addr, set->group == KVM_DEV_ARM_VGIC_GRP_ADDR ? 8 : 4);
	return 0;
}

static int irq_line(const struct kvm_irq_level *line)
{
	assert_true(board.lines < COUNT(board.line));
	board.line[board.lines++] = *line;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	if (++board.calls == board.fail_at)
		return fails(board.error);
	if (request == KVM_SET_DEVICE_ATTR)
		return set_attr(fd, arg);
	assert_int_equal(fd, VM_FD);
	switch (request) {
	case KVM_CREATE_DEVICE:
		return create_device(arg);
	case KVM_CHECK_EXTENSION:
		assert_int_equal((uintptr_t)arg, KVM_CAP_ARM_USER_IRQ);
		strcat(board.asked, "user ");
		return board.has & HAS_USER ? 7 : 0;
	case KVM_IRQ_LINE:
		return irq_line(arg);
	default:
		fail_msg("ioctl 0x%lx", request);
		return -1;
	}
}

static struct vm on_board(unsigned has, const char *asked_for)
{
	board = (struct board){ .has = has, .device_fd = -1 };
	return (struct vm){ .kvm = { .fd = -1, .vm_fd = VM_FD }, .cpus = 2, .irqchip_name = asked_for };
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static char said[1024];

static int init_quietly(struct gic *gic, struct vm *vm)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = gic_init(gic, vm);

	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	return err;
}

static int init_late_quietly(const struct gic *gic, struct vm *vm)
{
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = gic_init_late(gic, vm);

	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	return err;
}

static unsigned lines_said(void)
{
	unsigned lines = 0;

	for (const char *c = said; *c; c++)
		lines += *c == '\n';
	return lines;
}

/* --- choice ---------------------------------------------------------------------------------------------------------------- */

static void the_first_that_there_is(void **state)
{
	static const struct {
		unsigned has;
		enum gic_kind kind;
		const char *asked;
	} table[] = {
		{ HAS_ALL, GIC_V3, "v3 " },
		{ HAS_V3, GIC_V3, "v3 " },
		{ HAS_V3 | HAS_USER, GIC_V3, "v3 " },
		{ HAS_V3 | HAS_V2, GIC_V3, "v3 " },
		{ HAS_V2 | HAS_USER, GIC_V2, "v3 v2 " },
		{ HAS_V2, GIC_V2, "v3 v2 " },
		{ HAS_USER, GIC_USER, "v3 v2 user " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct vm vm = on_board(table[i].has, NULL);
		struct gic gic;
		unsigned before = open_files();
		assert_int_equal(init_quietly(&gic, &vm), 0);
		assert_string_equal(said, "");
		assert_int_equal(gic.kind, table[i].kind);
		assert_string_equal(board.asked, table[i].asked);
		assert_int_equal(gic.fd, board.device_fd);
		assert_int_equal(vm.irqchip_wanted, table[i].kind == GIC_USER);
		assert_int_equal(open_files(), before + (gic.fd >= 0));
		gic_release(&gic);
		assert_int_equal(gic.fd, -1);
		assert_int_equal(open_files(), before);
		gic_release(&gic);
	}
}

static void the_one_that_is_asked_for(void **state)
{
	static const enum gic_kind kinds[] = { GIC_V3, GIC_V2, GIC_USER };

	(void)state;
	for (unsigned i = 0; i < COUNT(kinds) * (HAS_ALL + 1); i++) {
		enum gic_kind kind = kinds[i % COUNT(kinds)];
		unsigned has = i / COUNT(kinds);
		bool there = has >> kind & 1;
		struct vm vm = on_board(has, gic_names[kind]);
		struct gic gic;
		char expected[128];
		unsigned before = open_files();
		assert_int_equal(init_quietly(&gic, &vm), there ? 0 : -ENODEV);
		/* No other is as much as tried. */
		snprintf(expected, sizeof(expected), "%s ", gic_names[kind]);
		assert_string_equal(board.asked, expected);
		assert_int_equal(vm.irqchip_wanted, there && kind == GIC_USER);
		if (there) {
			assert_int_equal(gic.kind, kind);
		} else {
			snprintf(expected, sizeof(expected), "--gic %s: KVM on this host has none such", gic_names[kind]);
			assert_non_null(strstr(said, expected));
			assert_int_equal(lines_said(), 1);
			assert_int_equal(gic.fd, -1);
		}
		gic_release(&gic);
		assert_int_equal(open_files(), before);
	}
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(gic_names[GIC_V3], "v3");
	assert_string_equal(gic_names[GIC_V2], "v2");
	assert_string_equal(gic_names[GIC_USER], "user");
	assert_null(gic_names[GIC_KINDS]);
	assert_ptr_equal(arch_map.irqchips, gic_names);
}

static void a_host_without_any(void **state)
{
	struct vm vm = on_board(0, NULL);
	struct gic gic;

	(void)state;
	assert_int_equal(init_quietly(&gic, &vm), -ENODEV);
	assert_string_equal(board.asked, "v3 v2 user ");
	assert_non_null(strstr(said, "gives no interrupt controller"));
	assert_null(strstr(said, "--gic"));
	assert_int_equal(lines_said(), 1);
	assert_false(vm.irqchip_wanted);
}

/* Such a failure is said as it is: no guest gets a slower controller because of it, and nobody is told that the host has none. */
static void a_failure_is_not_taken_for_absence(void **state)
{
	static const char *const asked_for[] = { NULL, "v3" };

	(void)state;
	for (size_t i = 0; i < COUNT(asked_for); i++) {
		struct vm vm = on_board(HAS_ALL, asked_for[i]);
		struct gic gic;
		unsigned before = open_files();
		board.fail_at = 1;
		board.error = EMFILE;
		assert_int_equal(init_quietly(&gic, &vm), -EMFILE);
		assert_int_equal(board.calls, 1);
		assert_non_null(strstr(said, strerror(EMFILE)));
		assert_int_equal(lines_said(), 1);
		assert_int_equal(gic.fd, -1);
		assert_false(vm.irqchip_wanted);
		assert_int_equal(open_files(), before);
	}
}

/* --- set-up ---------------------------------------------------------------------------------------------------------------- */

/* The addresses are those of the device tree: arm-vgic.rst, arm-vgic-v3.rst. */
static void what_kvm_is_told(void **state)
{
	static const struct {
		const char *name;
		struct attr attr[4];
	} table[] = {
		{ "v3",
		  { { KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, 128 },
		    { KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, 0x02000000 },
		    { KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, 0x03000000 },
		    { KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0 } } },
		{ "v2",
		  { { KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, 128 },
		    { KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_DIST, 0x02000000 },
		    { KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_CPU, 0x02010000 },
		    { KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0 } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct vm vm = on_board(HAS_ALL, table[i].name);
		struct gic gic;
		assert_int_equal(init_quietly(&gic, &vm), 0);
		assert_int_equal(board.attrs, 0);
		assert_int_equal(init_late_quietly(&gic, &vm), 0);
		assert_int_equal(board.attrs, COUNT(table[i].attr));
		for (size_t n = 0; n < COUNT(table[i].attr); n++) {
			assert_int_equal(board.attr[n].group, table[i].attr[n].group);
			assert_int_equal(board.attr[n].attr, table[i].attr[n].attr);
			assert_int_equal(board.attr[n].value, table[i].attr[n].value);
		}
		gic_release(&gic);
	}
}

static void kvm_is_told_nothing_of_one_in_user_space(void **state)
{
	struct vm vm = on_board(HAS_ALL, "user");
	struct gic gic;

	(void)state;
	assert_int_equal(init_quietly(&gic, &vm), 0);
	board.calls = 0;
	assert_int_equal(init_late_quietly(&gic, &vm), 0);
	assert_int_equal(board.calls, 0);
	gic_release(&gic);
}

/* Each step's failure is the last one, is said once, and leaves a controller that can be released. */
static void each_step_may_fail(void **state)
{
	(void)state;
	for (unsigned step = 1; step <= 4; step++) {
		for (enum gic_kind kind = GIC_V3; kind <= GIC_V2; kind++) {
			struct vm vm = on_board(HAS_ALL, gic_names[kind]);
			struct gic gic;
			unsigned before = open_files();
			assert_int_equal(init_quietly(&gic, &vm), 0);
			board.calls = 0;
			board.fail_at = step;
			board.error = E2BIG;
			assert_int_equal(init_late_quietly(&gic, &vm), -E2BIG);
			assert_int_equal(board.calls, step);
			assert_non_null(strstr(said, strerror(E2BIG)));
			assert_int_equal(lines_said(), 1);
			gic_release(&gic);
			assert_int_equal(open_files(), before);
		}
	}
}

/* --- lines ----------------------------------------------------------------------------------------------------------------- */

/* Documentation/virt/kvm/api.rst, KVM_IRQ_LINE: a shared interrupt by its INTID, one ioctl, up alone. */
static void a_pulse_is_one_edge_in_kvm(void **state)
{
	static const unsigned gsis[] = { 0, 1, SPI_COUNT - 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(gsis); i++) {
		struct vm vm = on_board(HAS_ALL, i % 2 ? "v2" : "v3");
		struct irq irq = { .gsi = gsis[i] };
		struct gic gic;
		assert_int_equal(init_quietly(&gic, &vm), 0);
		gic_irq_init(&gic, &vm, &irq);
		irq_pulse(&irq);
		assert_int_equal(board.lines, 1);
		assert_int_equal(board.line[0].irq, 1u << 24 | (32 + gsis[i]));
		assert_int_equal(board.line[0].level, 1);
		gic_release(&gic);
	}
}

static unsigned pulsed = UINT32_MAX;

static void note_pulse(struct irqchip *chip, unsigned gsi)
{
	(void)chip;
	pulsed = gsi;
}

static void a_pulse_goes_to_the_machines_own(void **state)
{
	struct vm vm = on_board(HAS_USER, NULL);
	struct irqchip chip = { .pulse = note_pulse };
	struct irq irq = { .gsi = 17 };
	struct gic gic;

	(void)state;
	assert_int_equal(init_quietly(&gic, &vm), 0);
	vm.irqchip = &chip;
	gic_irq_init(&gic, &vm, &irq);
	irq_pulse(&irq);
	assert_int_equal(pulsed, 17);
	assert_int_equal(board.lines, 0);
}

static void a_processors_own_input(void **state)
{
	struct vm vm = on_board(HAS_USER, NULL);

	(void)state;
	arch_vcpu_line(&vm, 0, true);
	arch_vcpu_line(&vm, 7, true);
	arch_vcpu_line(&vm, 7, false);
	assert_int_equal(board.lines, 3);
	assert_int_equal(board.line[0].irq, 0);
	assert_int_equal(board.line[0].level, 1);
	assert_int_equal(board.line[1].irq, 7u << 16);
	assert_int_equal(board.line[1].level, 1);
	assert_int_equal(board.line[2].irq, 7u << 16);
	assert_int_equal(board.line[2].level, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_there_is),
		cmocka_unit_test(the_one_that_is_asked_for),
		cmocka_unit_test(names),
		cmocka_unit_test(a_host_without_any),
		cmocka_unit_test(a_failure_is_not_taken_for_absence),
		cmocka_unit_test(what_kvm_is_told),
		cmocka_unit_test(kvm_is_told_nothing_of_one_in_user_space),
		cmocka_unit_test(each_step_may_fail),
		cmocka_unit_test(a_pulse_is_one_edge_in_kvm),
		cmocka_unit_test(a_pulse_goes_to_the_machines_own),
		cmocka_unit_test(a_processors_own_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
