// SPDX-License-Identifier: Apache-2.0
/* A container's end: see ended.h. */
#include "ctr/ended.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctr/run.h"
#include "ctr/start.h"
#include "guest/reaper.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

static const char *step_name(uint32_t step)
{
	static const char *const names[] = {
		[REAPER_STEP_PLAN] = "reading its orders",
		[REAPER_STEP_FORK] = "starting a process (is --pids too low?)",
		[REAPER_STEP_BOUNDING] = "dropping capabilities",
		[REAPER_STEP_GROUPS] = "setting groups",
		[REAPER_STEP_USER] = "changing to --user",
		[REAPER_STEP_CAPS] = "setting capabilities (--cap-add of one that you don't have?)",
		[REAPER_STEP_FILTER] = "setting the system-call filter",
		[REAPER_STEP_LIMITS] = "setting --rlimit (only root may raise a hard limit)",
		[REAPER_STEP_CWD] = "finding the working directory inside the container",
	};

	return step < sizeof(names) / sizeof(*names) ? names[step] : "starting";
}

static const char *machine_name(uint32_t machine)
{
	static const struct {
		uint32_t number;
		const char *name;
	} machines[] = {
		{EM_X86_64, "x86_64"}, {EM_AARCH64, "AArch64"}, {EM_386, "i386"},   {EM_ARM, "32-bit ARM"},
		{EM_RISCV, "RISC-V"},  {EM_PPC64, "POWER"},     {EM_S390, "s390x"}, {EM_MIPS, "MIPS"},
	};

	for (unsigned i = 0; i < sizeof(machines) / sizeof(*machines); i++) {
		if (machines[i].number == machine)
			return machines[i].name;
	}
	return NULL;
}

static void explain_no_exec(const struct reaper_report *report)
{
	const char *command = report->name;
	const char *machine = machine_name(report->detail);
	struct utsname host;

	if (report->error == ENOENT)
		log_error("%s: not found in the container%s", command,
			  strchr(command, '/') ? " (nor, if it is there, the interpreter that it names)" : "'s PATH");
	else if (report->error == ENOEXEC && machine && !uname(&host))
		log_error("%s: built for %s, and this is %s: qemu-user-static and binfmt_misc could run it", command, machine,
			  host.machine);
	else if (report->error == ENOEXEC)
		log_error("%s: neither a program nor a script with a #! line", command);
	else
		log_error("%s: can't be executed in the container: %s", command, strerror(report->error));
}

const char *ended_memory_hint(const struct spec *spec)
{
	uint64_t limit = spec->limits.memory_bytes;

	return !limit || limit >> 20 ? "" : ": it takes about 256K itself (384K in version 2's control groups), and what the command needs";
}

static int shell_status(const struct container *container, int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	int number = WTERMSIG(status);
	if (number == SIGKILL && container->cgroup && cgroup_oom_kills(container->cgroup))
		log_error("the container ran out of memory (--memory), and the kernel killed the command%s",
			  ended_memory_hint(container->spec));
	return 128 + number;
}

/* How an init ends that asked for it: PID namespaces have reboot(2) kill theirs by a signal that says which it was (pid_namespaces(7)). */
static int system_status(const struct container *container, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
		return 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP)
		return RUN_REBOOT;
	return shell_status(container, status);
}

/* The first message counts: PID 1 also reports the end of a command that could not be started. */
static const struct reaper_report *first_report(struct container *container)
{
	struct reaper_report report;

	fcntl(container->report[0], F_SETFL, O_NONBLOCK);
	while (read(container->report[0], &report, sizeof(report)) == sizeof(report)) {
		report.name[sizeof(report.name) - 1] = '\0';
		if (!container->said.what)
			container->said = report;
	}
	return &container->said;
}

bool ended_unstarted(struct container *container)
{
	uint32_t what = first_report(container)->what;

	return what == REAPER_FAILED || what == REAPER_NO_EXEC;
}

int ended_status(struct container *container)
{
	int status;

	if (process_wait(container->pid, &status))
		return CTR_FAILED;
	container->pid = 0;
	const struct reaper_report *first = first_report(container);
	switch (first->what) {
	case REAPER_FAILED:
		log_error("the container failed at %s: %s", step_name(first->detail), strerror(first->error));
		return CTR_FAILED;
	case REAPER_NO_EXEC:
		explain_no_exec(first);
		return first->error == ENOENT ? CTR_NOT_FOUND : CTR_NOT_EXECUTABLE;
	case REAPER_ENDED:
		return shell_status(container, (int)first->detail);
	default:
		return container->spec->system ? system_status(container, status) : shell_status(container, status);
	}
}

/* --- asked to end ------------------------------------------------------------------------------------------------------------------------
 */

/* A mask of /proc/PID/status, of signals as bits from 0 on. */
static uint64_t signal_mask(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	return line ? strtoull(line + strlen(key), NULL, 16) : 0;
}

/* The first of those that an init may take for a power failure; 0: none of them is in the mask. */
static int find_signal(uint64_t mask)
{
	const int wanted[] = {SIGRTMIN + 3, SIGPWR, SIGUSR2};

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (mask >> (wanted[i] - 1) & 1)
			return wanted[i];
	}
	return 0;
}

int ended_signal(pid_t init)
{
	uint64_t caught = 0, blocked = 0;
	char path[64], *text;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)init);
	if (!read_file(path, 1u << 16, &text, &len)) {
		caught = signal_mask(text, "SigCgt:\t");
		blocked = signal_mask(text, "SigBlk:\t");
		free(text);
	}
	int signal = find_signal(caught);
	if (!signal)
		signal = find_signal(blocked);
	/* What sigtimedwait(2) waits for shows nowhere. Busybox's init does so, and restarts at SIGTERM; another would not hear that. */
	if (!signal)
		signal = (caught | blocked) >> (SIGTERM - 1) & 1 ? SIGTERM : SIGUSR2;
	return signal;
}
