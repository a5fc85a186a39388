// SPDX-License-Identifier: Apache-2.0
/* Workers: see process.h. */
#include "vmm/util/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/util/log.h"

int worker_run(const char *name, int (*job)(void *arg), void *arg)
{
	pid_t parent = getpid();
	int status;
	pid_t pid = fork();

	if (pid < 0) {
		int err = -errno;
		log_error("cannot start the %s worker: %s", name, strerror(-err));
		return err;
	}
	if (pid == 0) {
		/* A parent that dies takes its worker along, also if it died before the prctl. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		int err = job(arg);
		_exit(err < 0 && err >= -255 ? -err : 0);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (WIFSIGNALED(status)) {
		log_error("the %s worker was ended by signal %d (%s)", name, WTERMSIG(status), strsignal(WTERMSIG(status)));
		return -ECHILD;
	}
	return -WEXITSTATUS(status);
}

void *shared_alloc(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void shared_free(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}
