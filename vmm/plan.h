// SPDX-License-Identifier: Apache-2.0
/*
 * The machine on paper: which devices it has, where, on which lines, and the kernel's command line. Decided before anything is opened,
 * printed by --dry-run, carried out by machine.c.
 */
#ifndef VMM_PLAN_H
#define VMM_PLAN_H

#include "arch/dev_desc.h"
#include "vmm/config.h"
#include "vmm/guest_io.h"
#include "vmm/prepare.h"

struct plan {
	struct dev_list devices;
	char *cmdline; /* owned; NULL before plan_cmdline() */
};

/* The devices: from the configuration alone. */
void plan_devices(struct plan *plan, const struct config *config);
/* The command line: it names the root, so prepare_finish() comes first. -ENOMEM. */
int plan_cmdline(struct plan *plan, const struct config *config, const struct prepared *prepared, const struct guest_io *io);
void plan_release(struct plan *plan);

const struct dev_desc *plan_find(const struct plan *plan, const char *name);

/* --dry-run: the plan on standard output. */
void plan_print(const struct plan *plan, const struct config *config, const struct prepared *prepared);

#endif
