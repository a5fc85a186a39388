// SPDX-License-Identifier: Apache-2.0
/* The table of subcommands, and the program's only exit. `tinyvmm --kernel ...` is `tinyvmm run --kernel ...`. */
#include <stdlib.h>
#include <string.h>

#include "ctr/verbs/ctr.h"
#include "vmm/doctor.h"
#include "vmm/run.h"

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} subcommands[] = {
	{ "run", run_main },
	{ "check", doctor_main },
	{ "ctr", ctr_main },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(subcommands) / sizeof(*subcommands); i++) {
		if (!strcmp(argv[1], subcommands[i].name))
			exit(subcommands[i].main(argc - 1, argv + 1));
	}
	exit(run_main(argc, argv));
}
