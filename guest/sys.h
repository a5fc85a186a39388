// SPDX-License-Identifier: Apache-2.0
/*
 * The system calls that guest/init makes, by hand: there is no C library in it. Each returns what the kernel does, a negative errno on
 * failure. Only calls that every architecture has are used (openat and not open, ppoll and not poll, ...).
 *
 * guest.mk names the architecture's header in GUEST_SYS_H.
 */
#ifndef GUEST_SYS_H_
#define GUEST_SYS_H_

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include GUEST_SYS_H

#define SYS0(name) sys_call(__NR_##name, 0, 0, 0, 0, 0, 0)
#define SYS1(name, a) sys_call(__NR_##name, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(name, a, b) sys_call(__NR_##name, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(name, a, b, c) sys_call(__NR_##name, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(name, a, b, c, d) sys_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(name, a, b, c, d, e) sys_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(name, a, b, c, d, e, f) sys_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Of the C library's headers, which are not for us (they clash with the kernel's). */
#define SYS_SIGCHLD 17
#define SYS_SIGKILL 9
#define SYS_SIGTERM 15
#define SYS_SIG_BLOCK 0
#define SYS_SIG_SETMASK 2
#define SYS_WNOHANG 1
#define SYS_PROT_READ_WRITE 3
#define SYS_MAP_PRIVATE_ANONYMOUS 0x22
#define SYS_AF_INET 2
#define SYS_AF_NETLINK 16
#define SYS_SOCK_RAW 3
#define SYS_SOCK_CLOEXEC O_CLOEXEC
#define SYS_MNT_DETACH 2
#define SYS_SIGMASK_BYTES 8 /* the kernel's sigset_t */

/* What getdents64(2) fills a buffer with. */
struct sys_dirent {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static inline int sys_open(const char *path, int flags, int mode)
{
	return (int)SYS4(openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static inline int sys_close(int fd)
{
	return (int)SYS1(close, fd);
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return SYS3(read, fd, buf, len);
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return SYS3(write, fd, buf, len);
}

static inline int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	return (int)SYS5(mount, source, target, type, flags, data);
}

static inline int sys_umount(const char *target, int flags)
{
	return (int)SYS2(umount2, target, flags);
}

static inline int sys_mkdir(const char *path, int mode)
{
	return (int)SYS3(mkdirat, AT_FDCWD, path, mode);
}

static inline int sys_statx(int dir, const char *path, int flags, struct statx *st)
{
	return (int)SYS5(statx, dir, path, flags, STATX_BASIC_STATS, st);
}

static inline int sys_ioctl(int fd, unsigned long request, const void *arg)
{
	return (int)SYS3(ioctl, fd, request, arg);
}

static inline int sys_fork(void)
{
	return (int)SYS5(clone, SYS_SIGCHLD, 0, 0, 0, 0);
}

static inline int sys_wait(int pid, int *status, int options)
{
	return (int)SYS4(wait4, pid, status, options, 0);
}

static inline int sys_kill(int pid, int signal)
{
	return (int)SYS2(kill, pid, signal);
}

static inline int sys_sigmask(int how, uint64_t signals)
{
	return (int)SYS4(rt_sigprocmask, how, &signals, 0, SYS_SIGMASK_BYTES);
}

/* Waits at most `ms` milliseconds (for ever: -1). */
static inline int sys_poll(struct pollfd *fds, unsigned count, long ms)
{
	struct __kernel_timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	return (int)SYS5(ppoll, fds, count, ms < 0 ? NULL : &ts, 0, 0);
}

/* Milliseconds since the machine started. */
static inline long sys_now_ms(void)
{
	struct __kernel_timespec ts = { 0, 0 };

	SYS2(clock_gettime, 1 /* CLOCK_MONOTONIC */, &ts);
	return (long)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* Zeroed memory, never given back; NULL when there is none. */
static inline void *sys_alloc(size_t bytes)
{
	long p = SYS6(mmap, 0, bytes, SYS_PROT_READ_WRITE, SYS_MAP_PRIVATE_ANONYMOUS, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

static inline __attribute__((noreturn)) void sys_exit(int status)
{
	for (;;)
		SYS1(exit_group, status);
}

#endif
