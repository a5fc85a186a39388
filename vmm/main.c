// SPDX-License-Identifier: Apache-2.0
/* The table of subcommands, and the program's only exit. `tinyvmm --kernel ...` is `tinyvmm run --kernel ...`. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "ctr/verbs/ctr.h"
#include "vmm/config.h"
#include "vmm/doctor.h"
#include "vmm/run.h"
#include "vmm/util/log.h"

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} subcommands[] = {
	{ "run", run_main },
	{ "check", doctor_main },
	{ "ctr", ctr_main },
	{ "bench", bench_main },
	{ "contrast", contrast_main },
};

/* No file of ours may come to stand where a closed standard stream was, and get what is printed. */
static bool fill_streams(void)
{
	for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
		/* The lowest number that is free. */
		if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) {
			log_error("/dev/null, for a standard stream that is closed: %s", strerror(errno));
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	if (!fill_streams())
		exit(EXIT_USAGE);
	for (size_t i = 0; argc > 1 && i < sizeof(subcommands) / sizeof(*subcommands); i++) {
		if (!strcmp(argv[1], subcommands[i].name))
			exit(subcommands[i].main(argc - 1, argv + 1));
	}
	exit(run_main(argc, argv));
}
