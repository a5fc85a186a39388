// SPDX-License-Identifier: Apache-2.0
/* arch/x86_64/host.c: what /proc/cpuinfo says of virtualization. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/host.h"

#define HEAD "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Some CPU with svm @ 2.00GHz\n"

static void probe(void **state)
{
	static const struct {
		const char *cpuinfo;
		bool accelerated, is_guest;
		const char *module;
	} cases[] = {
		{ HEAD "flags\t\t: fpu vmx smx\nbugs\t\t:\n", true, false, "kvm-intel" },
		{ HEAD "flags\t\t: fpu hypervisor vmx", true, true, "kvm-intel" },
		{ HEAD "flags\t\t: svm\n", true, false, "kvm-amd" },
		{ HEAD "flags\t\t: fpu vmxnot svm_lock hypervisor\nvmx flags\t: vnmi\n", false, true, "kvm-intel or kvm-amd" },
		{ HEAD "flags\t\t: fpu\nsvm: vmx\n", false, false, "kvm-intel or kvm-amd" },
		{ "flags : vmx", true, false, "kvm-intel" },
		{ "flags", false, false, "kvm-intel or kvm-amd" },
		{ "flags\n: vmx", false, false, "kvm-intel or kvm-amd" },
		{ HEAD, false, false, "kvm-intel or kvm-amd" },
		{ "", false, false, "kvm-intel or kvm-amd" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arch_host host;
		arch_host_probe(&host, &(struct host_facts){ .cpuinfo = cases[i].cpuinfo, .board = "" });
		assert_int_equal(host.accelerated, cases[i].accelerated);
		assert_int_equal(host.is_guest, cases[i].is_guest);
		assert_string_equal(host.module, cases[i].module);
		assert_non_null(host.feature);
		assert_non_null(host.advice);
		assert_true(!host.nested_parameter == !cases[i].accelerated);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
