// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm [run]`: see run.h. */
#include "vmm/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli.h"
#include "vmm/guest_io.h"
#include "vmm/machine.h"
#include "vmm/plan.h"
#include "vmm/prepare.h"
#include "vmm/util/log.h"

/* What a file or option is at fault for is a bad usage; the rest is the host's. */
static int status_of(int err)
{
	switch (-err) {
	case ENOENT:
	case EACCES:
	case EPERM:
	case EINVAL:
	case ENOEXEC:
	case EISDIR:
	case E2BIG:
	case EBUSY:
	case EADDRINUSE:
	case EROFS:
		return EXIT_USAGE;
	default:
		return EXIT_HOST;
	}
}

static int run_machine(const struct config *config, struct prepared *prepared, struct plan *plan, struct guest_io *io)
{
	struct machine *machine;
	int status;
	int err = machine_new(&machine, config, plan, io);

	if (!err)
		err = prepare_kernel(prepared);
	if (!err)
		err = machine_build(machine, prepared);
	status = err ? status_of(err) : machine_run(machine);
	machine_free(machine);
	return status;
}

static int dry_run(const struct config *config, struct prepared *prepared, struct plan *plan, const struct guest_io *io)
{
	int err = prepare_kernel(prepared);

	if (!err)
		err = prepare_finish(prepared);
	if (!err)
		err = plan_cmdline(plan, config, prepared, io);
	if (err)
		return status_of(err);
	plan_print(plan, config, prepared);
	return EXIT_GUEST_OFF;
}

static int run_config(const struct config *config)
{
	struct prepared prepared;
	struct guest_io io;
	struct plan plan;
	int status;
	int err = guest_io_init(&io, config, !config->initrd_path);

	if (err) {
		guest_io_release(&io);
		return status_of(err);
	}
	plan_devices(&plan, config);
	err = prepare_begin(&prepared, config, &io);
	if (err)
		status = status_of(err);
	else if (config->dry_run)
		status = dry_run(config, &prepared, &plan, &io);
	else
		status = run_machine(config, &prepared, &plan, &io);
	plan_release(&plan);
	prepare_release(&prepared);
	guest_io_release(&io);
	return status;
}

int run_main(int argc, char **argv)
{
	struct config config = { 0 };
	int status = EXIT_USAGE;

	switch (cli_parse(&config, argc, argv)) {
	case CLI_DONE:
		status = EXIT_GUEST_OFF;
		break;
	case CLI_BAD:
		break;
	case CLI_RUN:
		status = run_config(&config);
		break;
	}
	config_release(&config);
	return status;
}
