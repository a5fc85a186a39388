// SPDX-License-Identifier: Apache-2.0
/* arch/aarch64/host.c: what a board and its kernel say of virtualization. Plain C, so it is tested on every host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/host.h"

static struct arch_host probe(const char *board, bool has_kvm)
{
	struct arch_host host;

	arch_host_probe(&host, &(struct host_facts){ .cpuinfo = "processor\t: 0\n", .board = board, .has_kvm = has_kvm });
	return host;
}

static void kvm_means_el2(void **state)
{
	(void)state;
	struct arch_host host = probe("Raspberry Pi 4 Model B Rev 1.4", true);
	assert_true(host.accelerated);
	assert_false(host.is_guest);
	assert_non_null(strstr(host.feature, "EL2"));
}

static void a_pi_without_kvm_gets_its_own_advice(void **state)
{
	(void)state;
	struct arch_host host = probe("Raspberry Pi 3 Model B Plus Rev 1.3", false);
	assert_false(host.accelerated);
	assert_non_null(strstr(host.advice, "config.txt"));
	assert_null(strstr(probe("Some Board", false).advice, "config.txt"));
}

static void virtual_machines(void **state)
{
	(void)state;
	assert_true(probe("linux,dummy-virt", true).is_guest);
	assert_true(probe("tinyvmm", false).is_guest);
	/* A server with ACPI has no device tree. */
	assert_false(probe("", true).is_guest);
}

/* A descriptor that is no KVM's has no interrupt controller: said, not taken for one. */
static void no_irqchip(void **state)
{
	struct kvm kvm = { .fd = -1, .vm_fd = -1 };
	char text[128];

	(void)state;
	assert_false(arch_host_irqchips(&kvm, text, sizeof(text)));
	assert_string_equal(text, "KVM has no GIC, and does not let user space have one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kvm_means_el2),
		cmocka_unit_test(a_pi_without_kvm_gets_its_own_advice),
		cmocka_unit_test(virtual_machines),
		cmocka_unit_test(no_irqchip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
