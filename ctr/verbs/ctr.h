// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr`: containers. */
#ifndef CTR_CTR_H
#define CTR_CTR_H

/* argv[0] is "ctr"; what follows is a verb and its own command line. Returns the exit status. */
int ctr_main(int argc, char **argv);

#endif
