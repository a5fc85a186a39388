// SPDX-License-Identifier: Apache-2.0
/*
 * The system calls that each kind of thread may make once the guest runs, by name, with the reason. Names that an architecture does not
 * have are passed over. Calls that are allowed only with certain arguments are not here but in sandbox.c, allow_*(); `ioctl` has its
 * requests listed one by one below and in arch/<arch>/sandbox.c. tests/guest/test_sandbox_lists.sh holds all of it against what threads do.
 */
#ifndef VMM_SANDBOX_LISTS_H
#define VMM_SANDBOX_LISTS_H

#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

/* Every thread. */
static const char *const sandbox_every[] = {
	"read", "write", "futex", /* events, locks */
	"munmap", "mremap", "brk", "madvise", /* malloc, and a thread's stack at its end */
	"rt_sigprocmask", "rt_sigreturn", "rt_sigaction", "getpid", "gettid", "restart_syscall", /* kicks; a fatal signal's way out */
	"clock_gettime", /* where the vDSO can't tell the time */
	"exit_group",
	NULL,
};

/* Main: the loop, consoles, a restart's loading, the end (a kept overlay is written out). */
static const char *const sandbox_main[] = {
	"epoll_wait", "epoll_pwait", "epoll_ctl", "poll", "ppoll", "readv", "writev", "pread64", "pwrite64", "fdatasync", "close",
	"getrandom", NULL,
};

/* Main, with a user network: libslirp's sockets, and the name server's address from resolv.conf. */
static const char *const sandbox_user_network[] = {
	"socket", "connect", "accept", "accept4", "shutdown", "sendto", "recvfrom", "recvmsg", "getsockopt",
	"setsockopt", "getsockname", "getpeername", "fcntl", "stat", "fstat", "newfstatat", "lseek", "gettimeofday", NULL,
};

/* A vCPU: its work is ioctls, and what of a disk is in the host's memory. */
static const char *const sandbox_vcpu[] = { "exit", "preadv2", NULL };

/* A disk's requests: its I/O thread, the pool's threads where io_uring is refused, and a vCPU, which does some itself or resets the disk. */
static const char *const sandbox_disk_io[] = {
	"io_uring_enter", "pread64", "pwrite64", "preadv", "pwritev", "fdatasync", "fallocate", "poll", "ppoll",
	"rseq", "set_robust_list", /* a new thread's first */
	NULL,
};

/* An I/O thread's loop. */
static const char *const sandbox_disk[] = { "epoll_wait", "epoll_pwait", "exit", NULL };

#define IOCTL(name) { #name, name }

struct sandbox_ioctl {
	const char *name;
	unsigned long request;
};

/* Every thread raises interrupts. */
static const struct sandbox_ioctl sandbox_every_ioctls[] = {
	IOCTL(KVM_IRQ_LINE), { NULL, 0 },
};

static const struct sandbox_ioctl sandbox_vcpu_ioctls[] = {
	IOCTL(KVM_RUN), IOCTL(KVM_IOEVENTFD), /* who hears of a disk's queue */ { NULL, 0 },
};

/* Besides restoring the machine's first state: the terminal's size; FIONREAD is libslirp's. */
static const struct sandbox_ioctl sandbox_main_ioctls[] = {
	IOCTL(TIOCGWINSZ), IOCTL(FIONREAD), IOCTL(TUNSETOFFLOAD), { NULL, 0 },
};

static const struct sandbox_ioctl sandbox_disk_ioctls[] = {
	IOCTL(BLKDISCARD), IOCTL(BLKZEROOUT), IOCTL(KVM_IOEVENTFD), { NULL, 0 },
};

#endif
