// SPDX-License-Identifier: Apache-2.0
/*
 * The option table of `tinyvmm [run]`, and what the files that fill it share: cli_options.c has the table and the plain options, cli_disk.c
 * and cli_net.c take the two that have parts, cli_help.c prints it all. The walk over argv is vmm/util/options.h.
 */
#ifndef VMM_CLI_OPTIONS_H
#define VMM_CLI_OPTIONS_H

#include "vmm/config.h"
#include "vmm/util/options.h"

extern const struct option_def cli_options[];
extern const unsigned cli_option_count;

struct cli_status {
	enum exit_status status;
	const char *meaning;
};

extern const struct cli_status cli_statuses[];
extern const unsigned cli_status_count;

const char *cli_take_disk(struct options *options, char *value);
const char *cli_take_net(struct options *options, char *value);

#endif
