// SPDX-License-Identifier: Apache-2.0
/*
 * at_clone HOOK COMMAND [ARG...]: runs a command and, when it is about to make its first process by clone3(2), HOOK by a shell, for whose
 * end it waits before it lets the command go on. So a test has its say at the one moment that matters. The exit status is the command's.
 *
 * Static, as what else runs in the tests' machine.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int about_to_clone(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       info.entry.nr == SYS_clone3;
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 3)
		return 2;
	pid_t pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	while (WIFSTOPPED(status)) {
		int number = WSTOPSIG(status);
		if (number == (SIGTRAP | 0x80) && about_to_clone(pid)) {
			if (system(argv[1]))
				fprintf(stderr, "at_clone: the hook failed\n");
			ptrace(PTRACE_DETACH, pid, 0, 0);
			waitpid(pid, &status, 0);
			break;
		}
		ptrace(PTRACE_SYSCALL, pid, 0, number == SIGSTOP || number == SIGTRAP || number == (SIGTRAP | 0x80) ? 0 : number);
		waitpid(pid, &status, 0);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
