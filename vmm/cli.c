// SPDX-License-Identifier: Apache-2.0
/* The command line of `tinyvmm [run]`, as a whole: see cli.h. */
#include "vmm/cli.h"

#include "vmm/cli_options.h"
#include "vmm/util/log.h"

static void refuse_stray(struct options *options, char *arg)
{
	struct config *config = options->target;

	options->faults++;
	if (config->kernel_path) {
		log_error("%s: neither an option nor an option's value: a command for the guest stands after '--'", arg);
		return;
	}
	log_error("%s: not an option: did you mean --kernel %s?", arg, arg);
	config->kernel_path = arg; /* so that a missing kernel is not reported as well */
}

enum cli_result cli_parse(struct config *config, int argc, char **argv)
{
	struct options options = {
		.program = "tinyvmm",
		.defs = cli_options,
		.def_count = cli_option_count,
		.target = config,
		.command = &config->command,
		.command_hint = "; a command for the guest stands after '--'",
		.stray = refuse_stray,
		.help = cli_help,
	};

	config_init(config);
	if (!options_parse(&options, argc, argv))
		return CLI_DONE;
	if (!config->net_count && !config->no_net)
		config->net[config->net_count++].netdev.kind = NETDEV_USER;
	config_choose_macs(config);
	options.faults += config_check(config);
	return options.faults ? CLI_BAD : CLI_RUN;
}
