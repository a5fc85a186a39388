// SPDX-License-Identifier: Apache-2.0
/* The cases that run on every architecture: main.c lists them, each file case_*.c holds some. */
#ifndef GUEST_BARE_CASES_H
#define GUEST_BARE_CASES_H

#include "guest/bare/bare.h"

/* case_machine.c: processors, memory, time */
void case_boot(const struct machine *m);
void case_memory(const struct machine *m);
void case_cpus(const struct machine *m);
void case_timer(const struct machine *m);

/* case_end.c */
void case_poweroff(const struct machine *m);
void case_reset(const struct machine *m);
void case_panic(const struct machine *m);
void case_hang(const struct machine *m);

/* case_transport.c: virtio-mmio itself */
void case_registers(const struct machine *m);
void case_widths(const struct machine *m);
void case_handshake(const struct machine *m);

/* One file for each device. */
void case_rng(const struct machine *m);
void case_blk(const struct machine *m);
void case_blk_readonly(const struct machine *m);
void case_blk_full(const struct machine *m);
void case_console(const struct machine *m);
void case_ports(const struct machine *m);
void case_net(const struct machine *m);

/* case_attack.c: drivers that break the rules */
void case_attack(const struct machine *m);

#endif
