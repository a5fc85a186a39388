// SPDX-License-Identifier: Apache-2.0
/*
 * guest/probe, the program that `tinyvmm bench` hands to a shell on each rung of the ladder (bench/rung.h), and what it says. It is static and freestanding, so that it runs
 * in any image; it removes its own file first, and the directory that was made for it.
 *
 *     probe latency MS       probe cpu MS
 *
 * Each of its loops takes some MS milliseconds (1 to 10000). A result is a line "NAME<tab>VALUE<tab>UNIT", VALUE a whole number without a sign. Status 0, or 2 where the command line
 * is at fault; what could not be measured has no line.
 */
#ifndef GUEST_PROBE_H
#define GUEST_PROBE_H

#define PROBE_MS_MAX 10000
#define PROBE_PICOSECONDS "ps" /* the unit of a time for one operation */

#endif
