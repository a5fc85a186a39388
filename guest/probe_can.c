// SPDX-License-Identifier: Apache-2.0
/*
 * What a program can do where it runs: see probe.h. It runs as root on the host itself, too, so each attempt is one that changes nothing
 * where it succeeds: the kernel is asked for what it must refuse for another reason once the caller's rights are found to be enough, or a
 * value is set to what it is, or a thing is made, and taken away again.
 */
#include <linux/in.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/socket.h>
#include <linux/timex.h>
#include <linux/utsname.h>

#include "guest/probe.h"
#include "guest/probe_impl.h"
#include "guest/sys.h"
#include "guest/text.h"

#define SIGUSR1 10
#define SOCK_STREAM 1
#define SOL_SOCKET 1
#define SO_RCVTIMEO 20 /* struct timeval of the 64-bit architectures */
#define SO_SNDTIMEO 21
#define CONNECT_S 5
#define UP_MAX 64 /* directories between here and the root */

static const char *error_name(long err)
{
	static const struct {
		short number;
		char name[14];
	} errors[] = {
		{EPERM, "EPERM"},
		{ENOENT, "ENOENT"},
		{ESRCH, "ESRCH"},
		{EIO, "EIO"},
		{ENXIO, "ENXIO"},
		{ENOEXEC, "ENOEXEC"},
		{EAGAIN, "EAGAIN"},
		{ENOMEM, "ENOMEM"},
		{EACCES, "EACCES"},
		{EBUSY, "EBUSY"},
		{ENODEV, "ENODEV"},
		{EINVAL, "EINVAL"},
		{EROFS, "EROFS"},
		{ENOSYS, "ENOSYS"},
		{ENETUNREACH, "ENETUNREACH"},
		{ETIMEDOUT, "ETIMEDOUT"},
		{EINPROGRESS, "ETIMEDOUT"},
		{ECONNREFUSED, "ECONNREFUSED"},
		{EHOSTUNREACH, "EHOSTUNREACH"},
		{EAFNOSUPPORT, "EAFNOSUPPORT"},
	};

	for (unsigned i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (errors[i].number == -err)
			return errors[i].name;
	}
	return "another error";
}

static void say_result(const char *key, long result)
{
	probe_say(key, result < 0 ? PROBE_NO : PROBE_YES, result < 0 ? error_name(result) : "");
}

/* Of what is let through to `through`, and refused before by who may not. */
static void say_refused(const char *key, long result, long through)
{
	say_result(key, result == through ? 0 : result < 0 ? result : -EIO);
}

/* `result` of getting at what has a token in it, and then that. */
static void say_token(const char *key, long result, const char *token)
{
	probe_say(key, result < 0 ? PROBE_NO : PROBE_YES, result < 0 ? error_name(result) : token);
}

static unsigned long number_at(const char **text)
{
	unsigned long n = 0;

	for (; **text >= '0' && **text <= '9' && n < 1000000000; ++*text)
		n = n * 10 + (unsigned long)(**text - '0');
	return n;
}

static unsigned long number(const char *text)
{
	return number_at(&text);
}

/* A name of our own in a directory. */
static void temporary(char *path, size_t size, const char *dir)
{
	struct text t = text_in(path, size);

	text_add(&t, dir);
	text_add(&t, "/.tinyvmm-probe-");
	text_add_number(&t, (unsigned long)SYS0(getpid));
}

/* --- the root ---------------------------------------------------------------------------------------------------------------- */

/*
 * The classic way out of a chroot(2), by another: the working directory stays outside of the new root, so nothing stops it on its way up.
 * In a child, whose root and directory are its own.
 */
static void escape(const char *path)
{
	char dir[64], token[PROBE_TEXT_MAX + 1];
	int status = 0;

	/* There is no root to leave. */
	if (probe_read(AT_FDCWD, path, token, sizeof(token)) >= 0) {
		say_token("escape", 0, token);
		return;
	}
	temporary(dir, sizeof(dir), "/tmp");
	int err = sys_mkdir(dir, 0700), pid = err < 0 ? err : sys_fork();
	if (!pid) {
		long result = SYS1(chroot, dir);
		for (unsigned i = 0; result >= 0 && i < UP_MAX; i++)
			SYS1(chdir, "..");
		if (result >= 0)
			result = SYS1(chroot, ".");
		if (result < 0)
			say_result("escape", result);
		else if (probe_read(AT_FDCWD, path, token, sizeof(token)) < 0)
			probe_say("escape", PROBE_OWN, "out of the second, not of the first");
		else
			say_token("escape", 0, token);
		sys_exit(0);
	}
	if (pid < 0)
		say_result("escape", pid);
	else
		sys_wait(pid, &status, 0);
	if (err >= 0)
		SYS3(unlinkat, AT_FDCWD, dir, AT_REMOVEDIR);
}

/* --- a process of the host's ------------------------------------------------------------------------------------------------- */

static void signal_process(const char *pid)
{
	say_result("signal", sys_kill((int)number(pid), SIGUSR1));
}

/* It is not stopped, and is free again when the child that traces it is gone. */
static void trace(const char *pid)
{
	int child = sys_fork(), status = 0;

	if (!child) {
		say_result("trace", SYS4(ptrace, PTRACE_SEIZE, number(pid), 0, 0));
		sys_exit(0);
	}
	if (child < 0)
		say_result("trace", child);
	else
		sys_wait(child, &status, 0);
}

/* --- the kernel -------------------------------------------------------------------------------------------------------------- */

/* Attached nowhere, it is gone when it is closed, and nobody else has seen it. */
static void mount_something(const char *unused)
{
	int fd = probe_mount("tmpfs");

	(void)unused;
	say_result("mount", fd);
	if (fd >= 0)
		sys_close(fd);
}

/* A file system may be mounted so that its nodes are none (nodev), as some hosts' /tmp; others are not. */
static void make_node(const char *device)
{
	static const char *const dirs[] = {"/tmp", "/root", "/var/tmp"};
	char path[64], token[PROBE_TEXT_MAX + 1];
	unsigned long major = number_at(&device), minor = *device ? number(device + 1) : 0;
	long err = -EACCES;

	for (unsigned i = 0; err == -EACCES && i < sizeof(dirs) / sizeof(*dirs); i++) {
		temporary(path, sizeof(path), dirs[i]);
		err = SYS4(mknodat, AT_FDCWD, path, S_IFBLK | 0600, (minor & 0xff) | major << 8 | (minor & ~0xfful) << 12);
		if (err < 0)
			continue;
		err = probe_read(AT_FDCWD, path, token, sizeof(token));
		SYS3(unlinkat, AT_FDCWD, path, 0);
	}
	/* A kernel that has no such device is another one's, or not allowed to tell. */
	if (err == -ENXIO || err == -ENODEV)
		probe_say("mknod", PROBE_OWN, "no such device there");
	else
		say_token("mknod", err, token);
}

/* An image of no bytes is none, but that is seen later. */
static void load_module(const char *unused)
{
	(void)unused;
	say_refused("module", SYS3(init_module, "", 0, ""), -ENOEXEC);
}

static void set_hostname(const char *unused)
{
	struct new_utsname uts = {0};

	(void)unused;
	SYS1(uname, &uts);
	say_result("sethostname", SYS2(sethostname, uts.nodename, text_len(uts.nodename)));
}

/*
 * A tick of no length is refused, after the rights have been looked at. To set the time that was just read would tell the kernel that no
 * clock of a network's steers it any more.
 */
static void set_clock(const char *unused)
{
	static struct __kernel_timex timex;

	(void)unused;
	timex.modes = ADJ_TICK;
	say_refused("settime", SYS2(clock_adjtime, 0 /* CLOCK_REALTIME */, &timex), -EINVAL);
}

static void set_sysctl(const char *unused)
{
	char value[32];
	int proc = probe_proc(), fd = (int)SYS4(openat, proc, "sys/vm/swappiness", O_RDWR | O_CLOEXEC, 0);
	long n = fd < 0 ? fd : sys_read(fd, value, sizeof(value));

	(void)unused;
	say_result("sysctl", n < 0 ? n : SYS4(pwrite64, fd, value, n, 0));
	if (fd >= 0)
		sys_close(fd);
}

static void read_log(const char *unused)
{
	char some[256];
	long result = SYS3(syslog, 3 /* SYSLOG_ACTION_READ_ALL */, some, sizeof(some));
	int fd = result < 0 ? (int)SYS4(openat, AT_FDCWD, "/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0) : -1;

	(void)unused;
	if (fd >= 0) {
		result = 0;
		sys_close(fd);
	}
	say_result("log", result);
}

static void read_kcore(const char *unused)
{
	char head[4] = "";
	int fd = (int)SYS4(openat, probe_proc(), "kcore", O_RDONLY | O_CLOEXEC, 0);
	long n = fd < 0 ? fd : sys_read(fd, head, sizeof(head));

	(void)unused;
	if (fd >= 0)
		sys_close(fd);
	if (n >= 0 && head[1] != 'E')
		probe_say("kcore", PROBE_NO, "empty");
	else
		say_result("kcore", n);
}

/* Without the numbers that reboot(2) asks for. */
static void reboot_machine(const char *unused)
{
	(void)unused;
	say_refused("reboot", SYS4(reboot, 0, 0, 0, 0), -EINVAL);
}

/* --- the network ------------------------------------------------------------------------------------------------------------- */

static void open_raw(const char *unused)
{
	int fd = (int)SYS3(socket, SYS_AF_INET, SYS_SOCK_RAW | SYS_SOCK_CLOEXEC, IPPROTO_ICMP);

	(void)unused;
	say_result("raw", fd);
	if (fd >= 0)
		sys_close(fd);
}

int probe_connect(const char *address_text, const char *port_text)
{
	unsigned long address = number(address_text), port = number(port_text);
	/* Both architectures are little-endian. */
	struct sockaddr_in to = {
		.sin_family = SYS_AF_INET,
		.sin_port = (uint16_t)((port & 0xff) << 8 | (port >> 8 & 0xff)),
		.sin_addr.s_addr = __builtin_bswap32((uint32_t)address),
	};
	const struct {
		long s, us;
	} patience = {CONNECT_S, 0};
	int fd = (int)SYS3(socket, SYS_AF_INET, SOCK_STREAM | SYS_SOCK_CLOEXEC, 0);
	long err = fd;

	if (fd >= 0) {
		SYS5(setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		SYS5(setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		err = SYS3(connect, fd, &to, sizeof(to));
		if (err < 0)
			sys_close(fd);
	}
	return err < 0 ? (int)err : fd;
}

static void read_token(const char *key, const char *address, const char *port)
{
	char token[PROBE_TEXT_MAX + 1] = "";
	int fd = probe_connect(address, port);
	long result = fd < 0 ? fd : sys_read(fd, token, sizeof(token) - 1);

	if (fd >= 0)
		sys_close(fd);
	say_token(key, result, token);
}

static void reach_loopback(const char *port)
{
	read_token("loopback", PROBE_LOOPBACK, port);
}

static void reach_gateway(const char *port)
{
	read_token("gateway", PROBE_GATEWAY, port);
}

/* --- limits ------------------------------------------------------------------------------------------------------------------ */

static void fork_many(const char *count)
{
	static int child[PROBE_FORKS_MAX];
	unsigned long wanted = number(count), n = 0;
	char text[64];
	struct text t = text_in(text, sizeof(text));
	int err = 0, status;

	wanted = wanted > PROBE_FORKS_MAX ? PROBE_FORKS_MAX : wanted;
	while (n < wanted) {
		err = sys_fork();
		if (!err) {
			/* None outlives us. */
			SYS5(prctl, PR_SET_PDEATHSIG, SYS_SIGKILL, 0, 0, 0);
			for (;;)
				sys_poll(NULL, 0, -1);
		}
		if (err < 0)
			break;
		child[n++] = err;
	}
	text_add_number(&t, n);
	text_add(&t, " of ");
	text_add_number(&t, wanted);
	probe_say("pids", n < wanted ? PROBE_NO : PROBE_YES, text);
	for (unsigned long i = 0; i < n; i++)
		sys_kill(child[i], SYS_SIGKILL);
	for (unsigned long i = 0; i < n; i++)
		sys_wait(child[i], &status, 0);
}

/* The child is whom the kernel kills first, whoever's memory runs out. */
static void touch_memory(const char *mib)
{
	int status = 0, pid = sys_fork();

	if (!pid) {
		unsigned long bytes = number(mib) << 20;
		int fd = (int)SYS4(openat, probe_proc(), "self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
		SYS5(prctl, PR_SET_PDEATHSIG, SYS_SIGKILL, 0, 0, 0);
		sys_write(fd, "1000", 4);
		volatile char *p = sys_alloc(bytes);
		for (unsigned long i = 0; p && i < bytes; i += 4096)
			p[i] = 1;
		sys_exit(p ? 0 : 1);
	}
	if (pid < 0 || sys_wait(pid, &status, 0) < 0)
		say_result("memory", pid < 0 ? pid : -EIO);
	else
		probe_say("memory", status ? PROBE_NO : PROBE_YES, (status & 0x7f) == SYS_SIGKILL ? "killed" : status ? "ENOMEM" : "");
}

/* The last may take us with it. */
void probe_can(char **args)
{
	static const struct {
		const char *key;
		void (*attempt)(const char *target);
	} attempts[] = {
		{"escape=", escape},
		{"signal=", signal_process},
		{"trace=", trace},
		{"mount=", mount_something},
		{"mknod=", make_node},
		{"module=", load_module},
		{"sethostname=", set_hostname},
		{"settime=", set_clock},
		{"sysctl=", set_sysctl},
		{"raw=", open_raw},
		{"loopback=", reach_loopback},
		{"gateway=", reach_gateway},
		{"log=", read_log},
		{"kcore=", read_kcore},
		{"reboot=", reboot_machine},
		{"pids=", fork_many},
		{"memory=", touch_memory},
	};

	for (unsigned i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		for (char **arg = args; *arg; arg++) {
			const char *target = text_after(*arg, attempts[i].key);
			if (target)
				attempts[i].attempt(target);
		}
	}
}
