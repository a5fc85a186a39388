// SPDX-License-Identifier: Apache-2.0
/*
 * The default list of system calls, as data: what programs use, by what they use it for, and what goes with a capability.
 *
 * It keeps to what container engines agree on. A call is left out when it manages the host or the kernel (modules, kexec, swap, quotas,
 * accounting), reaches what has no namespace (the kernel's keyrings), makes namespaces or mounts (a capability that the container may be
 * given brings these back), or is a large, seldom needed part of the kernel that exploits like (userfaultfd, io_uring, perf events, bpf).
 * Names that this machine or this libseccomp does not have are passed over.
 *
 * Arguments are compared in the 32 bits that the kernel looks at: a comparison of all 64 is passed by by setting a bit above them.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "ctr/seccomp/seccomp_impl.h"
#include "vmm/util/hash.h"

#define ALLOW SECCOMP_RET_ALLOW
#define ERRNO(number) (SECCOMP_RET_ERRNO | (number))
#define CAP(name) (1ull << CAP_##name)

struct group {
	const char *names;      /* with spaces between */
	uint64_t with, without; /* applies with any of these capabilities (none: always), and with none of those */
	uint32_t action;        /* 0: ALLOW */
	uint32_t mask, value;   /* what the first argument must be; no mask: anything */
};

static const struct group groups[] = {
	/* --- files -------------------------------------------------------------------------------------------------------------------- */
	{.names = "open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 "
		  "lseek _llseek dup dup2 dup3 fcntl fcntl64 flock ioctl readahead fadvise64 fadvise64_64 arm_fadvise64_64 fallocate "
		  "truncate truncate64 ftruncate ftruncate64 sync syncfs fsync fdatasync sync_file_range sync_file_range2 "
		  "arm_sync_file_range copy_file_range sendfile sendfile64 splice tee vmsplice cachestat"},
	{.names = "stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 oldstat oldlstat oldfstat statx statfs statfs64 fstatfs "
		  "fstatfs64 access faccessat faccessat2 readlink readlinkat getdents getdents64 readdir"},
	{.names = "mkdir mkdirat rmdir mknod mknodat link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 chmod "
		  "fchmod fchmodat fchmodat2 chown chown32 lchown lchown32 fchown fchown32 fchownat utime utimes utimensat "
		  "utimensat_time64 futimesat umask chdir fchdir getcwd"},
	{.names = "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr flistxattr "
		  "listxattrat removexattr lremovexattr fremovexattr removexattrat file_getattr file_setattr name_to_handle_at"},
	/* What one may know of one's own mounts; changing them is below. */
	{.names = "statmount listmount"},
	{.names = "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark"},

	/* --- waiting, pipes, asynchronous work ---------------------------------------------------------------------------------------- */
	{.names = "pipe pipe2 poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl "
		  "epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 memfd_create"},
	{.names = "io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64"},

	/* --- memory ------------------------------------------------------------------------------------------------------------------- */
	{.names = "brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall memfd_secret "
		  "remap_file_pages membarrier pkey_alloc pkey_free pkey_mprotect mseal map_shadow_stack get_mempolicy"},

	/* --- processes, threads, signals ---------------------------------------------------------------------------------------------- */
	{.names = "fork vfork execve execveat exit exit_group wait4 waitid waitpid pidfd_open pidfd_send_signal process_mrelease "
		  "getpid gettid getppid getpgid getpgrp setpgid getsid setsid prctl arch_prctl restart_syscall"},
	{.names = "kill tkill tgkill signal sigaction sigaltstack sigpending sigprocmask sigreturn sigsuspend sgetmask ssetmask pause "
		  "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
		  "rt_sigtimedwait_time64 rt_tgsigqueueinfo"},
	{.names = "futex futex_time64 futex_wait futex_wake futex_requeue futex_waitv get_robust_list set_robust_list set_tid_address "
		  "rseq set_thread_area get_thread_area modify_ldt uretprobe uprobe"},
	/* 32-bit ARM's own. */
	{.names = "set_tls get_tls cacheflush breakpoint"},
	{.names = "sched_yield sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr sched_setattr "
		  "sched_getaffinity sched_setaffinity sched_get_priority_max sched_get_priority_min sched_rr_get_interval "
		  "sched_rr_get_interval_time64 getpriority setpriority nice ioprio_get ioprio_set getcpu"},
	{.names = "getrlimit ugetrlimit setrlimit prlimit64 getrusage times sysinfo uname olduname oldolduname"},
	/* Fewer rights for oneself is anybody's right. */
	{.names = "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_set_self_attr "
		  "lsm_list_modules capget capset"},

	/* --- users and groups --------------------------------------------------------------------------------------------------------- */
	{.names = "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32 getresuid getresuid32 "
		  "getresgid getresgid32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 "
		  "setresgid setresgid32 setgroups setgroups32 setfsuid setfsuid32 setfsgid setfsgid32"},

	/* --- time; adjtimex and clock_adjtime tell it without SYS_TIME, and the kernel sees to it ------------------------------------- */
	{.names = "time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep "
		  "clock_nanosleep_time64 nanosleep alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime "
		  "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
		  "timerfd_settime64 adjtimex clock_adjtime clock_adjtime64 getrandom"},

	/* --- talking to others -------------------------------------------------------------------------------------------------------- */
	{.names = "semget semop semtimedop semtimedop_time64 semctl shmget shmat shmdt shmctl msgget msgsnd msgrcv msgctl ipc mq_open "
		  "mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64"},
	{.names = "socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt send sendto "
		  "sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64"},
	/*
	 * i386's one call for all of the above. Its arguments are in memory, where no filter sees them, so through it 32-bit code has every
	 * family. C libraries built for old kernels, Debian's among them, have nothing else: engines that refused it took it back. Whoever
	 * can't live with that gives a profile without SCMP_ARCH_X86.
	 */
	{.names = "socketcall"},
	/*
	 * Every family but AF_VSOCK, which reaches the hypervisor past the network namespace, and AF_ALG, the kernel's own ciphers
	 * (CVE-2026-31431). AF_ALG is 38, AF_VSOCK 40.
	 */
	{.names = "socket", .mask = ~31u, .value = 0},
	{.names = "socket", .mask = ~3u, .value = 32},
	{.names = "socket", .mask = ~1u, .value = 36},
	{.names = "socket", .mask = ~0u, .value = 39},
	{.names = "socket", .mask = ~0u, .value = 41},
	{.names = "socket", .mask = ~1u, .value = 42},
	{.names = "socket", .mask = ~1u, .value = 44},

	/* --- new processes without new namespaces ------------------------------------------------------------------------------------- */
	{.names = "clone",
	 .without = CAP(SYS_ADMIN),
	 .value = 0,
	 .mask = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET},
	/* Its flags are in memory. Told that there is none, C libraries take clone. */
	{.names = "clone3", .without = CAP(SYS_ADMIN), .action = ERRNO(ENOSYS)},

	/* --- personalities: plain, 32-bit, either with an old version's number, and the question -------------------------------------- */
	{.names = "personality", .mask = ~(uint32_t)UNAME26, .value = PER_LINUX},
	{.names = "personality", .mask = ~(uint32_t)UNAME26, .value = PER_LINUX32},
	{.names = "personality", .mask = ~0u, .value = 0xffffffff},

	/*
	 * --- debuggers, of what they started themselves: every request but PTRACE_ATTACH (16) and PTRACE_SEIZE (0x4206), which take
	 * another's process: one that has just joined the container may still have something of the host's about it (CVE-2016-9962)
	 */
	{.names = "ptrace", .mask = ~15u, .value = 0},
	{.names = "ptrace", .mask = ~0u, .value = PTRACE_DETACH},
	{.names = "ptrace", .mask = ~1u, .value = 18},
	{.names = "ptrace", .mask = ~3u, .value = 20},
	{.names = "ptrace", .mask = ~7u, .value = 24},
	{.names = "ptrace", .mask = ~31u, .value = 32},
	{.names = "ptrace", .mask = ~3u, .value = PTRACE_SETOPTIONS},
	{.names = "ptrace", .mask = ~1u, .value = PTRACE_GETREGSET},
	{.names = "ptrace", .mask = ~0u, .value = PTRACE_INTERRUPT},
	{.names = "ptrace", .mask = ~7u, .value = PTRACE_LISTEN},

	/* --- with a capability -------------------------------------------------------------------------------------------------------- */
	{.names = "mount umount umount2 pivot_root mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick "
		  "clone clone3 unshare setns sethostname setdomainname fanotify_init quotactl quotactl_fd lookup_dcookie bpf "
		  "perf_event_open syslog",
	 .with = CAP(SYS_ADMIN)},
	{.names = "bpf", .with = CAP(BPF)},
	{.names = "perf_event_open", .with = CAP(PERFMON)},
	{.names = "syslog", .with = CAP(SYSLOG)},
	{.names = "open_by_handle_at", .with = CAP(DAC_READ_SEARCH)},
	{.names = "chroot", .with = CAP(SYS_CHROOT)},
	{.names = "init_module finit_module delete_module", .with = CAP(SYS_MODULE)},
	{.names = "reboot", .with = CAP(SYS_BOOT)},
	{.names = "acct", .with = CAP(SYS_PACCT)},
	{.names = "ptrace kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev", .with = CAP(SYS_PTRACE)},
	{.names = "iopl ioperm", .with = CAP(SYS_RAWIO)},
	{.names = "settimeofday stime clock_settime clock_settime64", .with = CAP(SYS_TIME)},
	{.names = "vhangup", .with = CAP(SYS_TTY_CONFIG)},
	{.names = "mbind set_mempolicy set_mempolicy_home_node", .with = CAP(SYS_NICE)},
};

#define GROUPS (sizeof(groups) / sizeof(*groups))

static const char *const arches[] = {"x86_64", "x86", "aarch64", "arm"};

static int add_names(struct seccomp_policy *policy, const struct group *g, bool applies)
{
	struct seccomp_rule rule = {.action = g->action ? g->action : ALLOW, .named_only = !applies, .arg_count = g->mask != 0};
	int err = 0;

	rule.arg[0] = (struct seccomp_arg){.compare = COMPARE_MASKED, .value = g->mask, .second = g->value};
	for (const char *at = g->names; *at && !err;) {
		size_t len = strcspn(at, " ");
		if (len >= sizeof(rule.name))
			return -EINVAL; /* the list itself is wrong: test_seccomp.c would see it */
		memcpy(rule.name, at, len);
		rule.name[len] = '\0';
		err = seccomp_policy_add(policy, &rule);
		at += len + strspn(at + len, " ");
	}
	return err;
}

int seccomp_list_policy(struct seccomp_policy *policy, uint64_t caps)
{
	int err = 0;

	*policy = (struct seccomp_policy){.default_action = ERRNO(EPERM), .newer_enosys = true};
	for (size_t i = 0; i < sizeof(arches) / sizeof(*arches); i++)
		strcpy(policy->arch[policy->arch_count++], arches[i]);
	for (size_t i = 0; i < GROUPS && !err; i++) {
		const struct group *g = &groups[i];
		err = add_names(policy, g, (!g->with || g->with & caps) && !(g->without & caps));
	}
	return err;
}

uint64_t seccomp_list_hash(void)
{
	uint64_t hash = FNV_START;

	for (size_t i = 0; i < GROUPS; i++) {
		const struct group *g = &groups[i];
		hash = fnv_hash(hash, g->names, strlen(g->names) + 1);
		hash = fnv_hash_u64(fnv_hash_u64(hash, g->with), g->without);
		hash = fnv_hash_u64(hash, g->action);
		hash = fnv_hash_u64(fnv_hash_u64(hash, g->mask), g->value);
	}
	return hash;
}
