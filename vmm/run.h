// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm [run]`: from the command line to the exit status. */
#ifndef VMM_RUN_H
#define VMM_RUN_H

int run_main(int argc, char **argv);

#endif
