// SPDX-License-Identifier: Apache-2.0
/* Workers: see process.h. */
#include "vmm/util/process.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/util/log.h"

#define STACK_BYTES (256 << 10)

int worker_start(struct worker *worker, const char *name, int (*job)(void *arg), void *arg)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	worker->name = name;
	worker->pid = 0;
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
		/* A file too large for the limit is the job's to refuse, by its name. */
		signal(SIGXFSZ, SIG_IGN);
		int err = job(arg);
		/* A status has eight bits, and no failure may look like success. */
		_exit(err >= 0 ? 0 : err >= -255 ? -err : EIO);
	}
	worker->pid = pid;
	return 0;
}

int process_wait(int pid, int *status)
{
	while (waitpid(pid, status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int worker_wait(struct worker *worker)
{
	int status;
	int err = process_wait(worker->pid, &status);

	if (err)
		return err;
	worker->pid = 0;
	if (WIFSIGNALED(status)) {
		log_error("the %s worker was ended by signal %d (%s)", worker->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
		return -ECHILD;
	}
	return -WEXITSTATUS(status);
}

void worker_cancel(struct worker *worker)
{
	if (worker->pid <= 0)
		return;
	kill(worker->pid, SIGKILL);
	process_wait(worker->pid, NULL);
	worker->pid = 0;
}

int worker_run(const char *name, int (*job)(void *arg), void *arg)
{
	struct worker worker;
	int err = worker_start(&worker, name, job, arg);

	return err ? err : worker_wait(&worker);
}

void block_signals(sigset_t *before)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS };
	sigset_t set;

	sigfillset(&set);
	for (unsigned i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigdelset(&set, faults[i]);
	pthread_sigmask(SIG_SETMASK, &set, before);
}

int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t before;
	int err = -pthread_attr_init(&attr);

	if (err)
		return err;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	block_signals(&before);
	err = -pthread_create(thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
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

void *sparse_alloc(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_NOHUGEPAGE); /* a kernel without huge pages refuses, and needs no telling */
	return p;
}

void sparse_free(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}

/* Only what was never written may be dropped: a private page that was would come back as the file has it, without its relocations. */
static int drop_constants(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	if (object->dlpi_addr == getauxval(AT_SYSINFO_EHDR))
		return 0; /* the vDSO is no file */
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
			continue;
		uintptr_t start = (object->dlpi_addr + p->p_vaddr) & ~(page - 1);
		uintptr_t end = (object->dlpi_addr + p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1);
		madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void process_trim(void)
{
	malloc_trim(0);
	dl_iterate_phdr(drop_constants, NULL);
}
