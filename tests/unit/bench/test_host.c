// SPDX-License-Identifier: Apache-2.0
/* bench/host.c on hosts of text files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "bench/host.h"
#include "tests/fakes/cgroup_tree.h"

static struct report *described(struct cgroup_tree *t)
{
	struct report *r = report_new("p");

	assert_int_equal(host_describe(r, t->root), 0);
	return r;
}

static const char *fact_of(const struct report *r, const char *name)
{
	for (unsigned i = 0; i < r->fact_count; i++) {
		if (!strcmp(r->fact[i].name, name))
			return r->fact[i].value;
	}
	return "";
}

static int begin(void **state)
{
	static struct cgroup_tree tree;

	snprintf(tree.root, sizeof(tree.root), "/tmp/tinyvmm-host.XXXXXX");
	*state = &tree;
	return mkdtemp(tree.root) ? 0 : -1;
}

static int end(void **state)
{
	tree_end(*state);
	return 0;
}

static void test_hardware(void **state)
{
	struct cgroup_tree *t = *state;

	tree_write(t, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nflags\t\t: fpu vme\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 3 GHz\n");
	tree_write(t, "proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\n");
	tree_write(t, "proc/loadavg", "0.00 0.01 0.05 1/100 7\n");
	tree_write(t, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	tree_write(t, "sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n");
	tree_write(t, "sys/devices/system/cpu/vulnerabilities/mds", "Vulnerable: no microcode\n");
	tree_write(t, "sys/devices/system/cpu/vulnerabilities/l1tf", "Not affected\n");
	tree_write(t, "sys/fs/cgroup/cgroup.controllers", "cpu\n");
	struct report *r = described(t);
	assert_string_equal(fact_of(r, "processor"), "Some CPU @ 3 GHz");
	assert_string_equal(fact_of(r, "processors"), "2");
	assert_string_equal(fact_of(r, "memory"), "1000 kB");
	assert_string_equal(fact_of(r, "governor"), "performance");
	assert_string_equal(fact_of(r, "mitigations"), "1 at work, 1 vulnerabilities left open");
	assert_string_equal(fact_of(r, "control groups"), "version 2");
	assert_non_null(strstr(fact_of(r, "virtualized"), "not"));
	assert_int_equal(r->warning_count, 0);
	report_free(r);
}

static void test_machines(void **state)
{
	struct cgroup_tree *t = *state;

	tree_write(t, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu hypervisor\n");
	struct report *r = described(t);
	assert_int_equal(r->warning_count, 1);
	assert_non_null(strstr(r->warning[0], "virtual machine itself"));
	assert_string_equal(fact_of(r, "virtualized"), "yes");
	assert_string_equal(fact_of(r, "control groups"), "none");
	report_free(r);
	tree_write(t, "other/proc/cpuinfo", "processor\t: 0\nmodel name\t: QEMU TCG CPU version 2.5+\nflags\t\t: fpu\n");
	snprintf(t->proc, sizeof(t->proc), "%.60s/other", t->root);
	r = report_new("p");
	assert_int_equal(host_describe(r, t->proc), 0);
	assert_non_null(strstr(r->warning[0], "emulated in software"));
	report_free(r);
}

/* As of AArch64, or of a host that shows nothing. */
static void test_little(void **state)
{
	struct cgroup_tree *t = *state;
	struct report *r = described(t);

	assert_string_equal(fact_of(r, "processor"), "");
	assert_string_equal(fact_of(r, "governor"), "not to be seen");
	report_free(r);
	tree_write(t, "proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 108.00\nCPU part\t: 0xd08\n");
	tree_write(t, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	tree_write(t, "sys/fs/cgroup/unified/x", "\n");
	r = described(t);
	assert_string_equal(fact_of(r, "processor"), "0xd08");
	assert_string_equal(fact_of(r, "control groups"), "version 1, with 2 beside it");
	assert_int_equal(r->warning_count, 1);
	report_free(r);
	assert_true(host_available_mib() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hardware, begin, end),
		cmocka_unit_test_setup_teardown(test_machines, begin, end),
		cmocka_unit_test_setup_teardown(test_little, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
