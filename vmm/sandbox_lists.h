// SPDX-License-Identifier: Apache-2.0
/*
 * The system calls that each kind of thread may make once the guest runs, by name, with the reason. Names that an architecture does not have are passed
 * over. Calls that are allowed only with certain arguments are not here but in sandbox.c, allow_*(); `ioctl` has its requests listed one by one below and in
 * arch/<arch>/sandbox.c.
 */
#ifndef VMM_SANDBOX_LISTS_H
#define VMM_SANDBOX_LISTS_H

#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

/* Every thread. */
static const char *const sandbox_every[] = {
	"read", "write", "futex", "close",	   /* events, locks */
	"munmap", "mremap", "brk", "madvise", /* malloc */
	"rt_sigprocmask", "rt_sigreturn", "rt_sigaction", "getpid", "gettid", "restart_syscall", /* kicks; a fatal signal's way out */
	"clock_gettime", "gettimeofday", "clock_nanosleep", "nanosleep", "sched_yield", "exit", "exit_group", "rseq", "set_robust_list",
	"epoll_ctl", "getrandom",
	NULL,
};

/* Main: the loop, consoles, a restart's loading, the end (a kept overlay is written out). */
static const char *const sandbox_main[] = {
	"epoll_wait", "epoll_pwait", "poll", "ppoll", "readv", "writev", "lseek", "pread64", "pwrite64", "fdatasync", "fstat", "newfstatat",
	"fcntl", "wait4", NULL,
};

/* Main, with a user network: libslirp's sockets, and the name server's address from resolv.conf. */
static const char *const sandbox_user_network[] = {
	"socket", "connect", "accept", "accept4", "shutdown", "sendto", "sendmsg", "recvfrom", "recvmsg", "getsockopt",
	"setsockopt", "getsockname", "getpeername", "stat", NULL,
};

/* A vCPU: exits, and what a disk's reset waits for or finishes on this thread. */
static const char *const sandbox_vcpu[] = { "poll", "ppoll", NULL };

/* A disk's requests: its I/O thread, the pool's threads where io_uring is refused, and a vCPU that resets the disk. */
static const char *const sandbox_disk_io[] = {
	"io_uring_enter", "pread64", "pwrite64", "preadv", "pwritev", "fdatasync", "fallocate", "poll", "ppoll", NULL,
};

/* An I/O thread's loop. */
static const char *const sandbox_disk[] = { "epoll_wait", "epoll_pwait", NULL };

#define IOCTL(name) { #name, name }

struct sandbox_ioctl {
	const char *name;
	unsigned long request;
};

static const struct sandbox_ioctl sandbox_vcpu_ioctls[] = {
	IOCTL(KVM_RUN), IOCTL(KVM_GET_REGS), IOCTL(KVM_TRANSLATE), { NULL, 0 },
};

/* Restoring the machine's first state; terminals; FIONREAD is libslirp's. */
static const struct sandbox_ioctl sandbox_main_ioctls[] = {
	IOCTL(TCGETS), IOCTL(TCSETS), IOCTL(TCSETSW), IOCTL(TCSETSF), IOCTL(TIOCGWINSZ), IOCTL(FIONREAD), IOCTL(FIONBIO), IOCTL(TUNSETOFFLOAD), { NULL, 0 },
};

static const struct sandbox_ioctl sandbox_disk_ioctls[] = {
	IOCTL(BLKDISCARD), IOCTL(BLKZEROOUT), { NULL, 0 },
};

#endif
