// SPDX-License-Identifier: Apache-2.0
/*
 * A machine: built from a configuration, run, released. Main thread only.
 *
 * The steps and their order are those of docs/ARCHITECTURE.md, "Life of a machine"; machine_new() reads as the list of them.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "vmm/config.h"
#include "vmm/guest_io.h"
#include "vmm/plan.h"
#include "vmm/prepare.h"

struct machine;

/*
 * Waits for `prepared` (prepare_finish()) as late as it can, and then completes `plan` with the command line.
 *
 * All arguments stay the caller's and live longer than the machine. Everything that fails is logged; *machine is then NULL and nothing is
 * left behind.
 * -ENODEV when the host refused (no KVM, no memory, ...); other codes name a fault of the configuration's or its files.
 */
int machine_new(struct machine **machine, const struct config *config, struct prepared *prepared, struct plan *plan, struct guest_io *io);

/* Runs the guest to its end, restarts over reboots included, and returns tinyvmm's exit status (config.h). */
int machine_run(struct machine *machine);

void machine_free(struct machine *machine); /* accepts NULL */

#endif
