// SPDX-License-Identifier: Apache-2.0
/* The command line of `tinyvmm [run]`. */
#ifndef VMM_CLI_H
#define VMM_CLI_H

#include "vmm/config.h"

enum cli_result { CLI_RUN, CLI_DONE /* --help or --version was printed */, CLI_BAD /* every fault has been logged */ };

/*
 * Parses argv (argv[0] is skipped; options up to "--", then the command) into *config and fills in the defaults. All faults are logged, not
 * only the first, each naming the option, what it was given, what is wrong with that and what it takes. Strings of argv are cut apart in
 * place; a command is NULL-terminated as argv is. Whatever the result, config_release() frees what was allocated.
 */
enum cli_result cli_parse(struct config *config, int argc, char **argv);

void cli_help(void);
void cli_version(void);

#endif
