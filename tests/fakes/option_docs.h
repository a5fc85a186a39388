// SPDX-License-Identifier: Apache-2.0
/* For tests that hold a manual or a completion file against an option table. Include cmocka.h first. */
#ifndef TESTS_FAKES_OPTION_DOCS_H
#define TESTS_FAKES_OPTION_DOCS_H

#include <stdio.h>
#include <string.h>

#include "vmm/util/io.h"
#include "vmm/util/options.h"

static inline void load(const char *path, char **text)
{
	size_t len;

	if (read_file(path, 1 << 20, text, &len))
		fail_msg("%s: can't be read (the test runs in the source tree's top directory)", path);
}

static inline bool is_in(const struct option_def *defs, unsigned count, const char *name, size_t len)
{
	for (unsigned i = 0; i < count; i++) {
		if (defs[i].name && strlen(defs[i].name) == len && !memcmp(defs[i].name, name, len))
			return true;
	}
	return false;
}

/* How a manual begins on an entry: a heading, or at a line's beginning, after the letter where there is one, "*-c*, *--cpus* _N_". */
static inline void manual_line(const struct option_def *option, char wanted[64])
{
	if (!option->name)
		snprintf(wanted, 64, "\n## %s\n", option->help);
	else if (option->letter)
		snprintf(wanted, 64, "\n*-%c*, *--%s*%s", option->letter, option->name, option->value ? " " : "\n");
	else
		snprintf(wanted, 64, "\n*--%s*%s", option->name, option->value ? " " : "\n");
}

#endif
