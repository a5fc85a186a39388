// SPDX-License-Identifier: Apache-2.0
/* The list of cases, and how one is chosen. */
#include "guest/bare/main.h"

#include "guest/bare/arch.h"
#include "guest/bare/cases.h"

static const struct test_case cases[] = {
	{ "boot", case_boot },
	{ "memory", case_memory },
	{ "cpus", case_cpus },
	{ "timer", case_timer },
	{ "registers", case_registers },
	{ "widths", case_widths },
	{ "handshake", case_handshake },
	{ "rng", case_rng },
	{ "blk", case_blk },
	{ "blk-readonly", case_blk_readonly },
	{ "blk-full", case_blk_full },
	{ "console", case_console },
	{ "ports", case_ports },
	{ "net", case_net },
	{ "attack", case_attack },
	{ "poweroff", case_poweroff },
	{ "reset", case_reset },
	{ "panic", case_panic },
	{ "hang", case_hang },
};

static const struct test_case *find(const struct test_case *list, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++) {
		size_t bytes = strlen(list[i].name) + 1;
		if (strlen(name) + 1 == bytes && !memcmp(list[i].name, name, bytes))
			return &list[i];
	}
	return NULL;
}

void bare_main(const struct machine *m)
{
	char name[32];
	parameter_text(m, "test", name, sizeof(name));
	const struct test_case *found = find(cases, COUNT(cases), name);

	if (!found)
		found = find(arch_cases, arch_case_count, name);
	if (!found)
		give_up("there is a case of the name '%s'", name);
	found->run(m);
	report_end();
	arch_power_off();
	give_up("the machine powers off");
}
