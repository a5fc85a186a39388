// SPDX-License-Identifier: Apache-2.0
/*
 * A container's first process, once tinyvmm has set the container up: see reaper.h. It gives up what the command is not to have, starts the
 * command, and is PID 1 to all that runs there: it reaps, hands signals on, and reports how the command ended.
 *
 * Order (capabilities(7), seccomp(2)): the bounding set needs SETPCAP; the user changes while capabilities are kept; then the sets become
 * what they are to be; with no_new_privs the filter comes last, without it while SYS_ADMIN is still there. PID 1 gives up as much as the
 * command: a process inside that traced it would else gain by it. It is not dumpable, so /proc/1/exe and /proc/1/fd stay closed.
 */
#include "guest/reaper.h"

#include <linux/capability.h>
#include <linux/elf.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include <asm/ioctls.h>

#include "guest/execute.h"
#include "guest/sys.h"
#include "guest/text.h"

#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127
#define STATUS_SETUP 125
#define ALL_SIGNALS UINT64_MAX
#define CAPS_MAX 64

static struct reaper_plan plan;
static struct sock_filter filter[REAPER_FILTER_MAX];

static void report_of(uint32_t what, long err, uint32_t detail, const char *name)
{
	static struct reaper_report message;
	struct text text = text_in(message.name, sizeof(message.name));

	message.what = what;
	message.error = (int32_t)-err;
	message.detail = detail;
	text_add(&text, name);
	sys_write(REAPER_REPORT_FD, &message, sizeof(message));
}

static void report(uint32_t what, long err, uint32_t detail)
{
	report_of(what, err, detail, "");
}

static _Noreturn void fail(enum reaper_step step, long err)
{
	report(REAPER_FAILED, err, step);
	sys_exit(STATUS_SETUP);
}

static void check(enum reaper_step step, long err)
{
	if (err < 0)
		fail(step, err);
}

static long prctl(int option, unsigned long a, unsigned long b)
{
	return SYS5(prctl, option, a, b, 0, 0);
}

static void read_whole(void *to, size_t len)
{
	for (size_t got = 0; got < len;) {
		long n = sys_read(REAPER_PLAN_FD, (uint8_t *)to + got, len - got);
		check(REAPER_STEP_PLAN, n ? n : -EINVAL);
		got += (size_t)n;
	}
}

static void read_plan(void)
{
	read_whole(&plan, sizeof(plan));
	if (plan.filter_count > REAPER_FILTER_MAX || (plan.group_count > REAPER_GROUPS_MAX && plan.group_count != UINT32_MAX))
		fail(REAPER_STEP_PLAN, -EINVAL);
	read_whole(filter, plan.filter_count * sizeof(*filter));
	sys_close(REAPER_PLAN_FD);
}

/* --- giving up ---------------------------------------------------------------------------------------------------------- */

static void drop_bounding(void)
{
	if (!(plan.flags & REAPER_DROP))
		return;
	for (unsigned cap = 0; cap < CAPS_MAX; cap++) {
		if (plan.bounding >> cap & 1)
			continue;
		long err = prctl(PR_CAPBSET_DROP, cap, 0);
		if (err == -EINVAL) /* the kernel knows no more */
			break;
		check(REAPER_STEP_BOUNDING, err);
	}
}

static void set_caps(uint64_t permitted, uint64_t ambient)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (!(plan.flags & REAPER_DROP))
		return;
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted = data[i].effective = (uint32_t)(permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(ambient >> 32 * i);
	}
	check(REAPER_STEP_CAPS, SYS2(capset, &header, data));
	for (unsigned cap = 0; cap < CAPS_MAX && ambient >> cap; cap++) {
		if (ambient >> cap & 1)
			check(REAPER_STEP_CAPS, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap));
	}
}

static void set_limits(void)
{
	for (unsigned i = 0; i < REAPER_LIMITS_MAX; i++) {
		if (plan.limit_set >> i & 1)
			check(REAPER_STEP_LIMITS, SYS4(prlimit64, 0, i, plan.limits[i], NULL));
	}
}

static void set_user(void)
{
	if (plan.group_count != UINT32_MAX)
		check(REAPER_STEP_GROUPS, SYS2(setgroups, plan.group_count, plan.groups));
	prctl(PR_SET_KEEPCAPS, 1, 0);
	check(REAPER_STEP_USER, SYS3(setresgid, plan.gid, plan.gid, plan.gid));
	check(REAPER_STEP_USER, SYS3(setresuid, plan.uid, plan.uid, plan.uid));
	prctl(PR_SET_KEEPCAPS, 0, 0);
}

static void set_filter(void)
{
	struct sock_fprog program = {.len = (unsigned short)plan.filter_count, .filter = filter};

	if (plan.filter_count)
		check(REAPER_STEP_FILTER, SYS3(seccomp, SECCOMP_SET_MODE_FILTER, plan.filter_flags, &program));
}

/* --- the command -------------------------------------------------------------------------------------------------------- */

/* For whom a file was built that this machine does not execute; 0 when it is no ELF file. */
static uint32_t elf_machine(const char *path)
{
	struct elf64_hdr header;
	int fd = sys_open(path, O_RDONLY, 0);
	long n = fd < 0 ? fd : sys_read(fd, &header, sizeof(header));

	if (n < (long)sizeof(header) || header.e_ident[0] != 0x7f || header.e_ident[1] != 'E' || header.e_ident[2] != 'L' ||
	    header.e_ident[3] != 'F')
		return 0;
	return header.e_machine;
}

static _Noreturn void become_command(char **argv, char **env)
{
	static char tried[4096];
	bool root = !plan.uid;
	char cwd[4096];

	/* What a process that is not dumpable executes is again; but until then it is nobody's to look into. */
	SYS3(close_range, REAPER_GATE_FD + 1, ~0u, 0);
	SYS3(fcntl, REAPER_REPORT_FD, F_SETFD, FD_CLOEXEC);
	SYS3(fcntl, REAPER_GATE_FD, F_SETFD, FD_CLOEXEC);
	/* A terminal belongs to a session, and the command's is its own. */
	SYS0(setsid);
	if (plan.flags & REAPER_TTY)
		sys_ioctl(0, TIOCSCTTY, 0);
	if (!(plan.flags & REAPER_NO_NEW_PRIVS))
		set_filter();
	set_limits();
	set_user();
	set_caps(root ? plan.permitted : plan.ambient, plan.ambient);
	/* Whoever is above us does not end alone. What changed before cleared it. */
	prctl(PR_SET_PDEATHSIG, SYS_SIGKILL, 0);
	if (plan.flags & REAPER_NO_NEW_PRIVS)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
	/* A working directory outside shows as "(unreachable)" (CVE-2024-21626). */
	long err = SYS2(getcwd, cwd, sizeof(cwd));
	if (err < 0 || cwd[0] != '/')
		fail(REAPER_STEP_CWD, err < 0 ? err : -EXDEV);
	sys_sigmask(SYS_SIG_SETMASK, 0);
	if (plan.flags & REAPER_NO_NEW_PRIVS)
		set_filter();
	err = execute(argv, env, tried, sizeof(tried));
	report_of(REAPER_NO_EXEC, err, err == -ENOEXEC ? elf_machine(tried) : 0, argv[0]);
	sys_exit(err == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

/* --- PID 1 -------------------------------------------------------------------------------------------------------------- */

/* The command's status once it has ended; everybody else's children are only buried. */
static bool reap(int command, int *status)
{
	int pid, one;
	bool ended = false;

	while ((pid = sys_wait(-1, &one, SYS_WNOHANG)) > 0) {
		if (pid == command) {
			*status = one;
			ended = true;
		}
	}
	return ended;
}

static _Noreturn void stay(int command)
{
	uint64_t signals = ALL_SIGNALS;
	int status = 0;

	for (int fd = 0; fd < 3; fd++)
		sys_close(fd);
	sys_close(REAPER_GATE_FD);
	for (;;) {
		long signal = SYS4(rt_sigtimedwait, &signals, NULL, NULL, SYS_SIGMASK_BYTES);
		if (signal > 0 && signal != SYS_SIGCHLD)
			sys_kill(command, (int)signal);
		else if (reap(command, &status))
			break;
	}
	report(REAPER_ENDED, 0, (uint32_t)status);
	/* With PID 1 the kernel ends all that is left. */
	sys_exit((status & 0x7f) ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

void reaper_main(long *stack);
void reaper_main(long *stack)
{
	char **argv = (char **)(stack + 1);
	char **env = argv + stack[0] + 1;

	prctl(PR_SET_DUMPABLE, 0, 0);
	read_plan();
	if (!(plan.flags & REAPER_STAY)) {
		drop_bounding();
		become_command(argv, env);
	}
	sys_sigmask(SYS_SIG_SETMASK, ALL_SIGNALS);
	drop_bounding();
	/* A list that we can live under as well is set once, for both. */
	if (plan.flags & REAPER_FILTER_SELF && plan.flags & REAPER_NO_NEW_PRIVS) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
		set_filter();
		plan.filter_count = 0;
	}
	/* The command waits until PID 1 has nothing left that it would want. */
	int gate[2];
	char none;
	check(REAPER_STEP_FORK, SYS2(pipe2, gate, O_CLOEXEC));
	int command = sys_fork();
	check(REAPER_STEP_FORK, command);
	if (!command) {
		sys_close(gate[1]);
		sys_read(gate[0], &none, 1);
		become_command(argv, env);
	}
	set_caps(plan.permitted, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
	if (plan.flags & REAPER_FILTER_SELF)
		set_filter();
	sys_close(gate[0]);
	sys_close(gate[1]);
	stay(command);
}

SYS_START(reaper_main);
