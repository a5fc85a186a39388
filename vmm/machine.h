// SPDX-License-Identifier: Apache-2.0
/*
 * A machine: built from a configuration, run, released. Main thread only.
 *
 * The steps and their order are those of docs/ARCHITECTURE.md, "Life of a machine"; machine_new() and
 * machine_build() read as the list of them.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "vmm/config.h"
#include "vmm/guest_io.h"
#include "vmm/plan.h"
#include "vmm/prepare.h"

struct machine;

/*
 * Begins a machine: its memory is there, and KVM's part of it is made on a thread of its own, while the caller looks at the kernel. Fails
 * at once where there is no KVM for us.
 *
 * All arguments stay the caller's and live longer than the machine. Everything that fails is logged; *machine is then NULL and nothing is
 * left behind.
 * -ENODEV when the host refused (no KVM, no memory, ...); other codes name a fault of the configuration's or its files.
 */
int machine_new(struct machine **machine, const struct config *config, struct plan *plan, struct guest_io *io);

/*
 * All the rest up to the first instruction. Waits for `prepared` (prepare_finish()) as late as it can, and then completes the plan with
 * the command line. Errors as above; only machine_free() may follow one.
 */
int machine_build(struct machine *machine, struct prepared *prepared);

/* Runs the guest to its end, restarts over reboots included, and returns tinyvmm's exit status (config.h). */
int machine_run(struct machine *machine);

void machine_free(struct machine *machine); /* accepts NULL */

#endif
