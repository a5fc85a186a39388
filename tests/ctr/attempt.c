// SPDX-License-Identifier: Apache-2.0
/*
 * attempt NAME[=ARGUMENT]...: tries to get out of a container, each in a process of its own, and tells how far it came:
 *
 *   NAME[=ARGUMENT]: through
 *   NAME[=ARGUMENT]: closed: STEP: REASON
 *
 * test_escape.sh says what each one is, and runs it twice: outside, where it has to come through for the second to mean anything, and
 * inside. So none does harm when it succeeds. Each works in a directory that it makes where we are. Static, because a container's root need
 * have no C library.
 *
 * Beside those there are "with-key COMMAND..." (under a session keyring that has a key: $KEY), "listen NAME" (at an abstract address),
 * "swap A B" (exchanges them, for ever) and "handle PATH" (prints what open_by_handle_at() takes).
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SECONDS_MAX 20
#define DEPTH_MAX 40 /* directories that a path out of here may have above it */
#define HANDLE_BYTES_MAX 128
#define X32_BIT 0x40000000

/* How far an attempt came: shared with the process that makes it. */
struct outcome {
	const char *step; /* NULL: through */
	int error;
};

static struct outcome *outcome;

static _Noreturn void done(const char *step, int error)
{
	*outcome = (struct outcome){.step = step, .error = error};
	_exit(0);
}

/* Every step is one that has to work. */
static long must(const char *step, long result)
{
	if (result < 0)
		done(step, errno);
	return result;
}

/* A call with arguments that make no sense: what it says to those tells whether it would do its work. */
static void permitted(const char *step, long result)
{
	if (result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS))
		done(step, errno);
}

/* --- devices and mounts -------------------------------------------------------------------------------------------------------------- */

static dev_t parse_numbers(const char *text)
{
	unsigned major_number = 0, minor_number = 0;

	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		done("no device's numbers", EINVAL);
	return makedev(major_number, minor_number);
}

static void try_disk(const char *numbers)
{
	char sector[512];

	must("mknod", mknod("node", S_IFBLK | 0600, parse_numbers(numbers)));
	int fd = (int)must("open", open("node", O_RDONLY));
	must("read", read(fd, sector, sizeof(sector)));
}

static void try_character(const char *numbers)
{
	must("mknod", mknod("node", S_IFCHR | 0600, parse_numbers(numbers)));
	must("open", open("node", O_RDWR | O_NONBLOCK));
}

/* NUMBERS:TYPE of what is mounted already: one more view of it changes nothing. */
static void try_mount_disk(const char *which)
{
	const char *type = strrchr(which, ':');

	/* Without the right to make a node there may be one all the same: the mount itself is to be refused. */
	if (mknod("node", S_IFBLK | 0600, parse_numbers(which)))
		close(open("node", O_WRONLY | O_CREAT, 0600));
	must("mkdir", mkdir("there", 0700));
	must("mount", mount("node", "there", type ? type + 1 : "ext4", 0, NULL));
	umount2("there", MNT_DETACH);
}

static void try_mount(const char *type)
{
	must("mkdir", mkdir("there", 0700));
	must("mount", mount("none", "there", type, 0, NULL));
	umount2("there", MNT_DETACH);
}

static void try_new_mount(const char *type)
{
	int fs = (int)must("fsopen", fsopen(type, FSOPEN_CLOEXEC));
	must("fsconfig", fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	must("fsmount", fsmount(fs, FSMOUNT_CLOEXEC, 0));
}

static void try_copy_mount(const char *path)
{
	must("open_tree", open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

static void try_remount(const char *path)
{
	must("remount", mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static void try_setattr(const char *path)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};

	must("mount_setattr", mount_setattr(AT_FDCWD, path, 0, &attr, sizeof(attr)));
}

static void try_uncover(const char *path)
{
	must("umount", umount2(path, MNT_DETACH));
}

/* The same in a user namespace of one's own, where one has every capability. */
static void enter_userns(int more)
{
	must("unshare", unshare(CLONE_NEWUSER | CLONE_NEWNS | more));
}

static void try_userns_mount(const char *type)
{
	enter_userns(0);
	try_mount(type);
}

static void try_userns_uncover(const char *path)
{
	enter_userns(0);
	try_uncover(path);
}

static void try_userns_remount(const char *path)
{
	enter_userns(0);
	try_remount(path);
}

/* A new procfs would have nothing masked. It shows the PID namespace of who mounts it, who must own that. */
static void try_userns_proc(const char *argument)
{
	(void)argument;
	enter_userns(CLONE_NEWPID);
	pid_t child = (pid_t)must("fork", fork());
	if (!child) {
		try_mount("proc");
		done(NULL, 0);
	}
	waitpid(child, NULL, 0);
	_exit(0);
}

/*
 * CVE-2022-0492: the program that version 1 starts, on the host, when a group is empty. It is there at a hierarchy's top only, which is
 * what one sees of those in which the container has no group.
 */
static int write_release_agent(const char *options)
{
	char text[256];

	if (mount("cgroup", "there", "cgroup", 0, options))
		return -errno;
	int fd = open("there/release_agent", O_RDWR);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	/* What it was before. */
	int err = n >= 0 && pwrite(fd, n ? text : "\n", n ? (size_t)n : 1, 0) > 0 ? 0 : -errno;
	close(fd);
	umount2("there", MNT_DETACH);
	return err;
}

/* LIST: mount options, with spaces between. */
static void try_release_agent(const char *list)
{
	char words[512], *cursor = words, *options;
	int err = -EINVAL;

	must("mkdir", mkdir("there", 0700));
	for (unsigned i = 0; i < 2; i++) {
		snprintf(words, sizeof(words), "%s", list);
		for (cursor = words; err && (options = strsep(&cursor, " "));)
			err = write_release_agent(options);
		if (err && !i && unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP))
			break;
	}
	if (err)
		done("mount a hierarchy and write to its release_agent", -err);
}

/* --- paths
 * -------------------------------------------------------------------------------------------------------------------------------- */

static void try_write(const char *path)
{
	must("open", open(path, O_WRONLY | O_NONBLOCK));
}

/* A root in a root does not hold who keeps a descriptor from outside. */
static void try_chroot(const char *secret)
{
	int outside = (int)must("open", open(".", O_RDONLY | O_DIRECTORY));

	must("mkdir", mkdir("jail", 0700));
	must("chroot", chroot("jail"));
	must("fchdir", fchdir(outside));
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		must("chdir", chdir(".."));
	must("chroot", chroot("."));
	must("a file of the host", access(secret, F_OK));
}

/* Whether the host's file can be reached below `link`, or above it. */
static bool leads_out(const char *link, const char *secret)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s%s", link, secret);

	if (len >= (int)sizeof(path) || !access(path, F_OK))
		return true;
	len = snprintf(path, sizeof(path), "%s", link);
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		len += snprintf(path + len, sizeof(path) - (size_t)len, "/..");
	snprintf(path + len, sizeof(path) - (size_t)len, "%s", secret);
	return !access(path, F_OK);
}

static void try_proc_links(const char *secret)
{
	static const char *const patterns[] = {"/proc/[0-9]*/root", "/proc/[0-9]*/cwd", "/proc/[0-9]*/fd/*", "/proc/[0-9]*/task/*/root"};
	glob_t found = {.gl_pathc = 0};

	for (unsigned i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (leads_out(found.gl_pathv[i], secret))
			return;
	}
	done("all processes' links", ENOENT);
}

/* "shocker": a file of the same file system by its number. The argument: DIR TYPE HANDLE, as print_handle() has them. */
static void try_handle(const char *argument)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + HANDLE_BYTES_MAX];
	} file = {.handle = {.handle_bytes = 0}};
	char dir[1024];
	int type, at = 0;

	if (sscanf(argument, "%1023[^ ] %d %n", dir, &type, &at) < 2)
		done("no handle", EINVAL);
	file.handle.handle_type = type;
	for (const char *hex = argument + at; hex[0] && hex[1] && file.handle.handle_bytes < HANDLE_BYTES_MAX; hex += 2) {
		char digits[3] = {hex[0], hex[1], '\0'};
		file.handle.f_handle[file.handle.handle_bytes++] = (unsigned char)strtoul(digits, NULL, 16);
	}
	int fd = (int)must("open", open(dir, O_RDONLY | O_DIRECTORY));
	must("open_by_handle_at", open_by_handle_at(fd, &file.handle, O_RDONLY));
}

static int print_handle(const char *path)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + HANDLE_BYTES_MAX];
	} file = {.handle = {.handle_bytes = HANDLE_BYTES_MAX}};
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, path, &file.handle, &mount_id, 0))
		return 1;
	printf("%d ", file.handle.handle_type);
	for (unsigned i = 0; i < file.handle.handle_bytes; i++)
		printf("%02x", file.handle.f_handle[i]);
	puts("");
	return 0;
}

/* --- processes
 * ---------------------------------------------------------------------------------------------------------------------------- */

static pid_t parse_pid(const char *text)
{
	return (pid_t)strtol(text, NULL, 10);
}

static void try_kill(const char *pid)
{
	must("kill", kill(parse_pid(pid), 0));
}

static void try_ptrace(const char *pid)
{
	must("ptrace", ptrace(PTRACE_SEIZE, parse_pid(pid), 0, 0));
}

/* Address 0 is nobody's: EFAULT is what who may read hears. */
static void try_memory(const char *pid)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {NULL, 1};

	if (syscall(SYS_process_vm_readv, parse_pid(pid), &here, 1, &there, 1, 0) < 0 && errno != EFAULT)
		done("process_vm_readv", errno);
}

static void try_descriptor(const char *pid)
{
	int fd = (int)must("pidfd_open", syscall(SYS_pidfd_open, parse_pid(pid), 0));
	must("pidfd_getfd", syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static void try_setns(const char *path)
{
	int fd = (int)must("open", open(path, O_RDONLY));
	must("setns", setns(fd, 0));
}

static void try_parent_namespace(const char *path)
{
	int fd = (int)must("open", open(path, O_RDONLY));
	must("NS_GET_PARENT", ioctl(fd, NS_GET_PARENT));
}

static void try_clone3(const char *argument)
{
	struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWNS, .exit_signal = SIGCHLD};

	(void)argument;
	long pid = must("clone3", syscall(SYS_clone3, &args, sizeof(args)));
	if (!pid)
		_exit(0);
}

/* A program with every capability in its file: more than the bounding set has, it may not get. */
static void try_file_capabilities(const char *argument)
{
	const struct vfs_cap_data all = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data = {{.permitted = UINT32_MAX}, {.permitted = (1u << (CAP_LAST_CAP - 31)) - 1}},
	};
	int status = 0;

	(void)argument;
	int from = (int)must("open", open("/proc/self/exe", O_RDONLY)), to = (int)must("open", open("program", O_WRONLY | O_CREAT, 0755));
	must("copy", sendfile(to, from, NULL, 1 << 30));
	close(to);
	must("setxattr", setxattr("program", "security.capability", &all, sizeof(all), 0));
	pid_t child = (pid_t)must("fork", fork());
	if (!child) {
		execl("./program", "program", "am-i-admin", NULL);
		_exit(126);
	}
	waitpid(child, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		done("execute it", EPERM);
}

static int am_i_admin(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &header, data) || !(data[0].effective >> CAP_SYS_ADMIN & 1);
}

/* --- the kernel
 * --------------------------------------------------------------------------------------------------------------------------- */

static void try_module(const char *argument)
{
	(void)argument;
	permitted("init_module", syscall(SYS_init_module, "no module", 9, ""));
}

static void try_finit_module(const char *argument)
{
	(void)argument;
	permitted("finit_module", syscall(SYS_finit_module, open("/proc/self/exe", O_RDONLY), "", 0));
}

/* The flags name no architecture. */
static void try_kexec(const char *argument)
{
	(void)argument;
	permitted("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0xfffe0000ul));
}

static void try_swap(const char *argument)
{
	(void)argument;
	permitted("swapon", swapon("/none", 0));
}

static void try_accounting(const char *argument)
{
	(void)argument;
	permitted("acct", acct("/none/at/all"));
}

static void try_messages(const char *argument)
{
	char text[256];

	(void)argument;
	must("syslog", klogctl(3, text, sizeof(text)));
}

static void try_clock(const char *argument)
{
	struct timex change = {.modes = ADJ_TICK, .tick = 0};

	(void)argument;
	permitted("adjtimex", adjtimex(&change));
}

static void try_ports(const char *argument)
{
	(void)argument;
#ifdef SYS_iopl
	must("iopl", syscall(SYS_iopl, 3));
#else
	done("iopl", ENOSYS);
#endif
}

/* A program that asks for nothing but to be loaded: "return 0" for a group's devices. */
static void try_bpf(const char *argument)
{
	const struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr;

	(void)argument;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "Apache-2.0";
	must("bpf", syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
}

/* What everybody does on the first processor. */
static void try_perf(const char *argument)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_CPU_CLOCK, .disabled = 1};

	(void)argument;
	must("perf_event_open", syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

static void try_key(const char *serial)
{
	char text[64];

	must("keyctl", syscall(SYS_keyctl, KEYCTL_READ, strtol(serial, NULL, 10), text, sizeof(text)));
}

static int with_key(char **command)
{
	char number[24];

	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		return 1;
	long key = syscall(SYS_add_key, "user", "of the caller", "secret", 6, KEY_SPEC_SESSION_KEYRING);
	if (key < 0)
		return 1;
	snprintf(number, sizeof(number), "%ld", key);
	setenv("KEY", number, 1);
	execvp(command[0], command);
	return 1;
}

static void try_io_uring(const char *argument)
{
	char parameters[120] = {0}; /* struct io_uring_params */

	(void)argument;
	must("io_uring_setup", syscall(SYS_io_uring_setup, 1, parameters));
}

static void try_userfaultfd(const char *argument)
{
	(void)argument;
	must("userfaultfd", syscall(SYS_userfaultfd, 0));
}

/* --- other ways into it -----------------------------------------------------------------------------------------------------------------
 */

/* The kernel's table for 32-bit programs has other numbers. */
static void try_i386(const char *argument)
{
	(void)argument;
#ifdef __x86_64__
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(310L /* unshare */), "b"((long)CLONE_NEWUTS) : "memory");
	errno = (int)-result;
	must("unshare", result < 0 ? -1 : 0);
#else
	done("int 0x80", ENOSYS);
#endif
}

static void try_x32(const char *argument)
{
	(void)argument;
#ifdef __x86_64__
	must("unshare", syscall(SYS_unshare | X32_BIT, CLONE_NEWUTS));
#else
	done("unshare", ENOSYS);
#endif
}

/* --- sockets and terminals
 * ------------------------------------------------------------------------------------------------------------------- */

static socklen_t abstract_address(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s", name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

static void try_abstract(const char *name)
{
	struct sockaddr_un address;
	socklen_t len = abstract_address(&address, name);
	int fd = (int)must("socket", socket(AF_UNIX, SOCK_STREAM, 0));

	must("connect", connect(fd, (struct sockaddr *)&address, len));
}

static int listen_at(const char *name)
{
	struct sockaddr_un address;
	socklen_t len = abstract_address(&address, name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 9))
		return 1;
	puts("listening");
	fflush(stdout);
	for (;;)
		pause();
}

/* FAMILY:TYPE */
static void try_socket(const char *which)
{
	int family = 0, type = 0;

	sscanf(which, "%d:%d", &family, &type);
	must("socket", socket(family, type, 0));
}

/* CVE-2017-5226: what is typed into the caller's terminal is read by the caller's shell. */
static void try_type(const char *argument)
{
	(void)argument;
	if (!isatty(0))
		done("no terminal", ENOTTY);
	if (!ioctl(0, TIOCSTI, " "))
		return;
	/* Is it nobody's? Then it becomes ours. */
	setsid();
	must("TIOCSCTTY", ioctl(0, TIOCSCTTY, 0));
	must("TIOCSTI", ioctl(0, TIOCSTI, " "));
}

/* --- all of them
 * --------------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(const char *argument);
} attempts[] = {
	{"disk", try_disk},
	{"character", try_character},
	{"mount-disk", try_mount_disk},
	{"mount", try_mount},
	{"new-mount", try_new_mount},
	{"copy-mount", try_copy_mount},
	{"remount", try_remount},
	{"setattr", try_setattr},
	{"uncover", try_uncover},
	{"userns-mount", try_userns_mount},
	{"userns-uncover", try_userns_uncover},
	{"userns-remount", try_userns_remount},
	{"userns-proc", try_userns_proc},
	{"release_agent", try_release_agent},
	{"write", try_write},
	{"chroot", try_chroot},
	{"proc-links", try_proc_links},
	{"handle", try_handle},
	{"kill", try_kill},
	{"ptrace", try_ptrace},
	{"memory", try_memory},
	{"descriptor", try_descriptor},
	{"setns", try_setns},
	{"parent-namespace", try_parent_namespace},
	{"clone3", try_clone3},
	{"file-capabilities", try_file_capabilities},
	{"module", try_module},
	{"finit-module", try_finit_module},
	{"kexec", try_kexec},
	{"swap", try_swap},
	{"accounting", try_accounting},
	{"messages", try_messages},
	{"clock", try_clock},
	{"ports", try_ports},
	{"bpf", try_bpf},
	{"perf", try_perf},
	{"key", try_key},
	{"io_uring", try_io_uring},
	{"userfaultfd", try_userfaultfd},
	{"i386", try_i386},
	{"x32", try_x32},
	{"abstract", try_abstract},
	{"socket", try_socket},
	{"type", try_type},
};

static _Noreturn void run_one(const char *what)
{
	char dir[] = "attempt.XXXXXX", name[64];
	const char *argument = strchr(what, '=');
	size_t len = argument ? (size_t)(argument - what) : strlen(what);

	snprintf(name, sizeof(name), "%.*s", (int)len, what);
	alarm(SECONDS_MAX);
	must("mkdtemp", mkdtemp(dir) ? 0 : -1);
	must("chdir", chdir(dir));
	for (unsigned i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		if (strcmp(attempts[i].name, name))
			continue;
		attempts[i].run(argument ? argument + 1 : "");
		done(NULL, 0);
	}
	done("no such attempt", EINVAL);
}

static void attempt(const char *what)
{
	static const char dead[] = "ended by a signal";
	int status = 0;

	*outcome = (struct outcome){.step = dead};
	fflush(stdout);
	pid_t child = fork();
	if (!child)
		run_one(what);
	waitpid(child, &status, 0);
	if (!outcome->step)
		printf("%s: through\n", what);
	else
		printf("%s: closed: %s: %s\n", what, outcome->step,
		       outcome->step == dead ? strsignal(WTERMSIG(status)) : strerror(outcome->error));
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "with-key"))
		return with_key(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "listen"))
		return listen_at(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "handle"))
		return print_handle(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "am-i-admin"))
		return am_i_admin();
	while (argc == 4 && !strcmp(argv[1], "swap"))
		renameat2(AT_FDCWD, argv[2], AT_FDCWD, argv[3], RENAME_EXCHANGE);
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		return 1;
	for (int i = 1; i < argc; i++)
		attempt(argv[i]);
	return 0;
}
