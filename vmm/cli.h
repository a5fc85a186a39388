// SPDX-License-Identifier: Apache-2.0
/* The command line of `tinyvmm [run]`. */
#ifndef VMM_CLI_H
#define VMM_CLI_H

#include "vmm/config.h"

enum cli_result { CLI_RUN, CLI_DONE /* --help or --version was printed */, CLI_BAD /* every fault has been logged */ };

/*
 * Parses argv (argv[0] is skipped; options up to "--", then the command) into *config, which starts zeroed, and fills in the defaults. All faults are logged, not only the
 * first, each naming the option, what it was given and what it takes. Strings of argv are cut apart in place.
 */
enum cli_result cli_parse(struct config *config, int argc, char **argv);

void cli_help(void);
void cli_version(void);

#endif
