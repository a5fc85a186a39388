// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm bench` and `tinyvmm contrast`: the verbs' main functions. argv[0] is the verb; the program's exit status is returned. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* As the other verbs: 0, 2 where the command line or a file that it names is at fault, 1 where the run failed, 128 + N where signal N ended it. */
#define BENCH_OK 0
#define BENCH_FAILED 1
#define BENCH_USAGE 2

int bench_main(int argc, char **argv);
int contrast_main(int argc, char **argv);

#endif
