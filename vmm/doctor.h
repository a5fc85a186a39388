// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm check`: what this host gives a virtual machine, and what to do about what it does not. */
#ifndef VMM_DOCTOR_H
#define VMM_DOCTOR_H

#include <stdio.h>

/* Prints the report on standard output; an exit status: 0 when a stock guest can run, EXIT_HOST otherwise, EXIT_USAGE for arguments. */
int doctor_main(int argc, char **argv);

/* The report itself. /proc, /sys and /dev are looked for below `root`: "" but in tests. */
int doctor_report(FILE *out, const char *root);

#endif
