// SPDX-License-Identifier: Apache-2.0
/* seccomp lists: see sandbox.h, and sandbox_lists.h for the lists themselves. */
#include "vmm/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "arch/sandbox.h"
#include "vmm/sandbox_lists.h"
#include "vmm/util/terminal.h"
#include "vmm/util/io.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define SECCOMP_CALLS(X) \
	X(seccomp_init) X(seccomp_release) X(seccomp_rule_add_exact_array) X(seccomp_syscall_resolve_name) X(seccomp_export_bpf) \
	X(seccomp_attr_set)
LIB_STRUCT(seccomp_lib, SECCOMP_CALLS);

static const char *const thread_name[SANDBOX_THREADS] = { "main", "vCPU", "disk" };

/* --- compiling, in the worker --------------------------------------------------------------------------------------------------------- */

struct compiler {
	struct seccomp_lib lib;
	scmp_filter_ctx ctx;
	int err; /* the first failure */
};

static void allow(struct compiler *c, const char *const *names)
{
	for (; *names && !c->err; names++) {
		int number = c->lib.seccomp_syscall_resolve_name(*names);
		/* Negative: another architecture's. */
		if (number >= 0)
			c->err = c->lib.seccomp_rule_add_exact_array(c->ctx, SCMP_ACT_ALLOW, number, 0, NULL);
		/* The same call in two lists is no fault. */
		if (c->err == -EEXIST)
			c->err = 0;
	}
}

/* Allowed when the bits `mask` of argument `arg` are `value`. */
static void allow_when(struct compiler *c, int number, unsigned arg, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp compare = { .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value };

	if (!c->err)
		c->err = c->lib.seccomp_rule_add_exact_array(c->ctx, SCMP_ACT_ALLOW, number, 1, &compare);
	if (c->err == -EEXIST)
		c->err = 0;
}

/* The kernel looks at 32 bits of the request, so what is above them must not make a difference here either. */
static void allow_ioctl(struct compiler *c, unsigned long request)
{
	allow_when(c, SCMP_SYS(ioctl), 1, 0xffffffff, request & 0xffffffff);
}

/* Memory for malloc, never for code. */
static void allow_memory(struct compiler *c)
{
	allow_when(c, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	allow_when(c, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
}

/* Kicks go to threads of this process, and to nobody else. */
static void allow_kicks(struct compiler *c, const struct sandbox *sandbox)
{
	allow_when(c, SCMP_SYS(tgkill), 0, 0xffffffff, (uint64_t)sandbox->pid);
}

/* Whichever thread ends the program, it gives the user's terminal back: tcsetattr(STDIN_FILENO), which looks afterwards what came of it. */
static void allow_terminal_restore(struct compiler *c)
{
	static const unsigned long requests[] = { TCSETS, TCGETS };

	for (unsigned i = 0; i < 2 && !c->err; i++) {
		const struct scmp_arg_cmp compare[] = {
			{ .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = 0xffffffff, .datum_b = STDIN_FILENO },
			{ .arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = 0xffffffff, .datum_b = requests[i] },
		};
		c->err = c->lib.seccomp_rule_add_exact_array(c->ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2, compare);
	}
}

/* Threads, not processes. clone3 hides its flags in memory: the C library takes clone when it is told that there is none. */
static void allow_threads(struct compiler *c)
{
	allow_when(c, SCMP_SYS(clone), 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD);
	if (!c->err)
		c->err = c->lib.seccomp_rule_add_exact_array(c->ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
}

/* libslirp looks at resolv.conf again from time to time. */
static void allow_reading_files(struct compiler *c)
{
	allow_when(c, SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
}

static void allow_ioctls(struct compiler *c, const struct sandbox_ioctl *list)
{
	for (; list->name; list++)
		allow_ioctl(c, list->request);
}

static void allow_requests(struct compiler *c, const unsigned long *requests)
{
	for (; *requests; requests++)
		allow_ioctl(c, *requests);
}

static void allow_disk_io(struct compiler *c)
{
	allow(c, sandbox_disk_io);
	allow_ioctls(c, sandbox_disk_ioctls);
	allow_threads(c);
}

static void allow_thread(struct compiler *c, const struct sandbox *sandbox, enum sandbox_thread kind)
{
	allow(c, sandbox_every);
	allow_memory(c);
	allow_kicks(c, sandbox);
	allow_terminal_restore(c);
	allow_ioctls(c, sandbox_every_ioctls);
	switch (kind) {
	case SANDBOX_MAIN:
		allow(c, sandbox_main);
		allow_ioctls(c, sandbox_main_ioctls);
		allow_requests(c, arch_restore_ioctls);
		if (sandbox->user_network) {
			allow(c, sandbox_user_network);
			allow_reading_files(c);
		}
		break;
	case SANDBOX_VCPU:
		allow(c, sandbox_vcpu);
		allow_ioctls(c, sandbox_vcpu_ioctls);
		allow_requests(c, arch_vcpu_ioctls);
		if (sandbox->disks)
			allow_disk_io(c);
		break;
	case SANDBOX_DISK:
		allow(c, sandbox_disk);
		allow_disk_io(c);
		break;
	case SANDBOX_THREADS:
		break;
	}
}

static int compile_list(struct compiler *c, const struct sandbox *sandbox, enum sandbox_thread kind)
{
	c->err = 0;
	c->ctx = c->lib.seccomp_init(sandbox->mode == SANDBOX_LOG ? SCMP_ACT_LOG : SCMP_ACT_TRAP);
	if (!c->ctx)
		return -ENOMEM;
	/* A binary search instead of a line of comparisons: every call of a data path goes through it. */
	c->lib.seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	allow_thread(c, sandbox, kind);
	if (!c->err)
		c->err = c->lib.seccomp_export_bpf(c->ctx, sandbox->bpf_fd[kind]);
	c->lib.seccomp_release(c->ctx);
	return c->err;
}

static int compile_lists(void *arg)
{
	const struct sandbox *sandbox = arg;
	struct compiler c = { 0 };
	int err = LIB_OPEN(&c.lib, "libseccomp.so.2", "libseccomp2", SECCOMP_CALLS);

	if (err) {
		log_error("without it there is no sandbox; --sandbox off runs without one");
		return err;
	}
	for (unsigned i = 0; i < SANDBOX_THREADS && !err; i++) {
		err = compile_list(&c, sandbox, (enum sandbox_thread)i);
		if (err)
			log_error("the %s thread's list of system calls does not compile: %s", thread_name[i], strerror(-err));
	}
	return err;
}

/* --- in the machine's process ------------------------------------------------------------------------------------------------------- */

int sandbox_init(struct sandbox *sandbox, const struct config *config)
{
	memset(sandbox, 0, sizeof(*sandbox));
	sandbox->mode = config->sandbox;
	sandbox->pid = getpid();
	sandbox->disks = config->disk_count > 0;
	for (unsigned i = 0; i < SANDBOX_THREADS; i++)
		sandbox->bpf_fd[i] = -1;
	if (sandbox->mode == SANDBOX_OFF)
		return 0;
	for (unsigned i = 0; i < config->net_count; i++)
		sandbox->user_network |= config->net[i].netdev.kind == NETDEV_USER;
	for (unsigned i = 0; i < SANDBOX_THREADS; i++) {
		sandbox->bpf_fd[i] = memfd_create("seccomp", MFD_CLOEXEC);
		if (sandbox->bpf_fd[i] < 0) {
			int err = -errno;
			log_error("no memory file for the sandbox: %s", strerror(-err));
			return err;
		}
	}
	return worker_start(&sandbox->worker, "sandbox", compile_lists, sandbox);
}

void sandbox_release(struct sandbox *sandbox)
{
	worker_cancel(&sandbox->worker);
	for (unsigned i = 0; i < SANDBOX_THREADS; i++) {
		/* A zeroed sandbox has no descriptors: 0 is standard input. */
		if (sandbox->bpf_fd[i] > 0)
			close_fd(&sandbox->bpf_fd[i]);
		free(sandbox->bpf[i]);
		sandbox->bpf[i] = NULL;
	}
}

static int load_list(struct sandbox *sandbox, unsigned kind)
{
	struct stat st;

	if (fstat(sandbox->bpf_fd[kind], &st))
		return -errno;
	sandbox->bytes[kind] = (size_t)st.st_size;
	sandbox->bpf[kind] = malloc(sandbox->bytes[kind]);
	if (!sandbox->bpf[kind])
		return -ENOMEM;
	int err = pread_full(sandbox->bpf_fd[kind], sandbox->bpf[kind], sandbox->bytes[kind], 0);
	close_fd(&sandbox->bpf_fd[kind]);
	return err;
}

static void on_refused_call(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	terminal_restore();
	log_set_raw(false);
	log_error("the sandbox stopped a thread at system call %d, which it never makes: this is a fault of tinyvmm's or an attack by "
		  "the guest (--sandbox log lets it go on, and the kernel's log names the call)",
		  info->si_syscall);
	_exit(EXIT_GUEST_FAULT);
}

/*
 * An allocator that makes arenas for many threads looks first how many processors there are, in a file. One arena is enough: no data path
 * allocates.
 */
static void keep_allocator_quiet(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

int sandbox_ready(struct sandbox *sandbox)
{
	struct sigaction action = { .sa_sigaction = on_refused_call, .sa_flags = SA_SIGINFO };
	int err;

	if (sandbox->mode == SANDBOX_OFF)
		return 0;
	err = worker_wait(&sandbox->worker);
	if (err)
		return err;
	keep_allocator_quiet();
	for (unsigned i = 0; i < SANDBOX_THREADS && !err; i++)
		err = load_list(sandbox, i);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err && sigaction(SIGSYS, &action, NULL))
		err = -errno;
	if (err)
		log_error("the sandbox can't be set up: %s", strerror(-err));
	return err;
}

int sandbox_enter(const struct sandbox *sandbox, enum sandbox_thread kind)
{
	struct {
		unsigned short count;
		void *filter;
	} program = { .count = (unsigned short)(sandbox->bytes[kind] / 8), .filter = sandbox->bpf[kind] };

	if (sandbox->mode == SANDBOX_OFF)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		int err = -errno;
		log_error("the kernel refuses the %s thread's list of system calls: %s (--sandbox off runs without)", thread_name[kind],
			  strerror(-err));
		return err;
	}
	return 0;
}
