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

/* Main: the loop, consoles, a restart's loading, the end. */
static const char *const sandbox_main[] = {
	"epoll_wait", "epoll_pwait", "poll", "ppoll", "readv", "writev", "lseek", "pread64", "fstat", "newfstatat", "fcntl",
	"wait4", "unlink", "fsync", NULL,
};

/* Main, with a user network: libslirp's sockets, and the name server's address from resolv.conf. */
static const char *const sandbox_user_network[] = {
	"socket", "connect", "bind", "listen", "accept", "accept4", "shutdown", "sendto", "sendmsg", "recvfrom", "recvmsg", "getsockopt",
	"setsockopt", "getsockname", "getpeername", "stat", NULL,
};

/* A vCPU: exits, and the devices that answer them at once. A reset of a disk waits for its requests. */
static const char *const sandbox_vcpu[] = {
	"io_uring_enter", "epoll_wait", "poll", "ppoll", "writev", "readv", NULL,
};

/* A disk's I/O thread, and its pool where io_uring is refused. */
static const char *const sandbox_disk[] = {
	"epoll_wait", "epoll_pwait", "io_uring_setup", "io_uring_enter", "io_uring_register", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
	"pwritev2", "fdatasync", "fsync", "fallocate", "ftruncate", "fstat", "newfstatat", "lseek", "eventfd2", "prctl", "sched_getaffinity", "ppoll", "poll", NULL,
};

#define IOCTL(name) { #name, name }

struct sandbox_ioctl {
	const char *name;
	unsigned long request;
};

static const struct sandbox_ioctl sandbox_vcpu_ioctls[] = {
	IOCTL(KVM_RUN), IOCTL(KVM_GET_REGS), IOCTL(KVM_TRANSLATE), IOCTL(TUNSETOFFLOAD), { NULL, 0 },
};

/* Restoring the machine's first state; terminals; FIONREAD is libslirp's. */
static const struct sandbox_ioctl sandbox_main_ioctls[] = {
	IOCTL(TCGETS), IOCTL(TCSETS), IOCTL(TCSETSW), IOCTL(TCSETSF), IOCTL(TIOCGWINSZ), IOCTL(FIONREAD), IOCTL(FIONBIO), IOCTL(TUNSETOFFLOAD), { NULL, 0 },
};

static const struct sandbox_ioctl sandbox_disk_ioctls[] = {
	IOCTL(BLKDISCARD), IOCTL(BLKZEROOUT), { NULL, 0 },
};

#endif
