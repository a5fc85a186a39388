// SPDX-License-Identifier: Apache-2.0
/*
 * What tinyvmm (ctr/start.c) hands to guest/reaper, the program that starts a container's command, and what it hears from it. Included by
 * both; guest/reaper is freestanding, so only constants and fixed-size types are here.
 *
 * tinyvmm's child in the container, root file system and all, executes the reaper with the command's own argv and environment, with
 * standard streams in place, and with three descriptors more: REAPER_PLAN_FD, a memory file with a struct reaper_plan; REAPER_REPORT_FD, a
 * pipe to tinyvmm; and REAPER_GATE_FD, a socket to it that is closed as soon as the command is executed, or can't be. None stays open in the
 * command.
 */
#ifndef GUEST_REAPER_H
#define GUEST_REAPER_H

#include <stdint.h>

#define REAPER_PLAN_FD 3
#define REAPER_REPORT_FD 4
#define REAPER_GATE_FD 5

#define REAPER_GROUPS_MAX 64
#define REAPER_LIMITS_MAX 16
#define REAPER_FILTER_MAX 4096 /* BPF_MAXINSNS */

enum {
	REAPER_STAY = 1, /* stay PID 1 above the command; otherwise become it */
	REAPER_TTY = 2,  /* standard input is the command's terminal */
	REAPER_DROP = 4, /* take the capability sets below; otherwise leave all as it is */
	REAPER_NO_NEW_PRIVS = 8,
	REAPER_FILTER_SELF = 16, /* the filter is one that the reaper itself can live under */
};

struct reaper_plan {
	uint32_t flags;
	uint32_t uid, gid;
	uint32_t group_count; /* UINT32_MAX: leave them alone */
	uint32_t groups[REAPER_GROUPS_MAX];
	uint64_t bounding, permitted, ambient;
	uint32_t limit_set; /* bit n: limit n of these, soft and hard, for the command */
	uint64_t limits[REAPER_LIMITS_MAX][2];
	uint32_t filter_flags;
	uint32_t filter_count; /* 0: none; that many struct sock_filter follow in the file */
};

/* A message on the report pipe. */
struct reaper_report {
	uint32_t what;
	int32_t error;   /* REAPER_FAILED: errno */
	uint32_t detail; /* REAPER_FAILED: a step; REAPER_NO_EXEC: the file's e_machine (0: no ELF file); REAPER_ENDED: wait(2)'s status */
	char name[128];  /* REAPER_NO_EXEC: the command, cut to that and a NUL */
};

enum {
	REAPER_FAILED = 1, /* could not do `detail`, an enum reaper_step */
	REAPER_NO_EXEC,    /* could not execute the command */
	REAPER_ENDED,      /* the command did */
};

enum reaper_step {
	REAPER_STEP_PLAN,
	REAPER_STEP_FORK,
	REAPER_STEP_BOUNDING,
	REAPER_STEP_GROUPS,
	REAPER_STEP_USER,
	REAPER_STEP_CAPS,
	REAPER_STEP_FILTER,
	REAPER_STEP_CWD,
	REAPER_STEP_LIMITS
};

#endif
