// SPDX-License-Identifier: Apache-2.0
/*
 * kill_at N COMMAND [ARG...]: runs a command, and kills it, but none of those that it started, when it and they together begin their Nth
 * system call. So one can say at which step something is to end, and try them all. Prints "PID killed, CALL of WHOM"; "PID idle, N calls"
 * when it is killed because nobody did anything any more; "PID ended, N calls" when it came to its own end.
 *
 * Whoever is still there is let go. Static, as what else runs in the tests' machine.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE_SECONDS 1

static void interrupt(int signal)
{
	(void)signal;
}

/* A process that waits to be traced and then executes the command. */
static pid_t start(char **command, int *go)
{
	char none;
	int gate[2];

	if (pipe(gate))
		return -1;
	pid_t pid = fork();
	if (!pid) {
		close(gate[1]);
		if (read(gate[0], &none, 1) != 1)
			_exit(127);
		close(gate[0]);
		execvp(command[0], command);
		_exit(127);
	}
	close(gate[0]);
	*go = gate[1];
	return pid;
}

static bool is_call(pid_t pid, unsigned long *number)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	*number = (unsigned long)info.entry.nr;
	return true;
}

/* Lets a stopped process go on to its next system call: with its signal, if that is what it stopped for. */
static void resume(pid_t pid, int status)
{
	int signal = WSTOPSIG(status);
	bool is_event = status >> 16 != 0, is_trap = signal == (SIGTRAP | 0x80) || signal == SIGTRAP;

	/* A group stop is left as it is, or nobody would hear of what ends it. */
	if (status >> 16 == PTRACE_EVENT_STOP && signal != SIGTRAP)
		ptrace(PTRACE_LISTEN, pid, 0, 0);
	else
		ptrace(PTRACE_SYSCALL, pid, 0, is_event || is_trap ? 0 : signal);
}

/* 0: it has ended; 2: it is to be killed; 1: neither, which should not be. */
static int follow(pid_t first, unsigned long last)
{
	unsigned long count = 0, number = 0;
	bool executed = false;
	int status;

	for (;;) {
		alarm(IDLE_SECONDS);
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR) {
			printf("%d idle, %lu calls\n", (int)first, count);
			return 2;
		}
		if (pid < 0)
			return 1;
		if (pid == first && !WIFSTOPPED(status)) {
			printf("%d ended, %lu calls\n", (int)first, count);
			return 0;
		}
		if (!WIFSTOPPED(status))
			continue;
		executed |= status >> 16 == PTRACE_EVENT_EXEC;
		if (executed && WSTOPSIG(status) == (SIGTRAP | 0x80) && is_call(pid, &number) && ++count == last) {
			printf("%d killed, %lu of %s\n", (int)first, number, pid == first ? "itself" : "a child");
			return 2;
		}
		resume(pid, status);
	}
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	const struct sigaction wakes = {.sa_handler = interrupt};
	int go = -1;

	if (argc < 3)
		return 2;
	pid_t first = start(argv + 2, &go);
	if (first < 0 || ptrace(PTRACE_SEIZE, first, 0, options) || ptrace(PTRACE_INTERRUPT, first, 0, 0) || write(go, "", 1) != 1) {
		perror("kill_at");
		return 1;
	}
	sigaction(SIGALRM, &wakes, NULL);
	int result = follow(first, strtoul(argv[1], NULL, 10));
	if (result != 2)
		return result;
	alarm(0);
	kill(first, SIGKILL);
	/* It has ended when it is buried, which the others' stops must not hold up. */
	while (waitpid(first, &result, __WALL) == first && WIFSTOPPED(result))
		;
	return 0;
}
