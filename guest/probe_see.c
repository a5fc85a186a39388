// SPDX-License-Identifier: Apache-2.0
/* What a program sees of where it runs: see probe.h. Nothing here changes anything. */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "guest/probe_impl.h"
#include "guest/sys.h"
#include "guest/text.h"

#define CLOCK_BOOTTIME 7
#define PATH_BYTES 512
#define LIMIT_DIGITS 17 /* and a newline: less than 100 PB */

static char buf[65536]; /* what is being read */

static unsigned lines_in(const char *text)
{
	unsigned n = 0;

	while ((text = text_find(text, '\n')))
		text++, n++;
	return n;
}

static void see_file(int proc, const char *name, const char *path)
{
	probe_say(name, probe_read(proc, path, buf, sizeof(buf)) < 0 ? "" : buf, "");
}

static void see_kernel(int proc)
{
	struct new_utsname uts = {0};
	struct __kernel_timespec ts = {0, 0};

	SYS1(uname, &uts);
	probe_say("kernel", uts.release, uts.version);
	probe_say("hostname", uts.nodename, "");
	see_file(proc, "boot", "sys/kernel/random/boot_id");
	see_file(proc, "cmdline", "cmdline");
	SYS2(clock_gettime, CLOCK_BOOTTIME, &ts);
	probe_say_number("uptime", (unsigned long)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000), "ms");
}

static void see_machine(void)
{
	struct sysinfo info = {0};
	unsigned long mask[128], count = 0;
	long len = SYS3(sched_getaffinity, 0, sizeof(mask), mask);

	for (unsigned i = 0; len > 0 && i < (unsigned long)len / sizeof(*mask); i++) {
		for (; mask[i]; mask[i] &= mask[i] - 1)
			count++;
	}
	SYS1(sysinfo, &info);
	probe_say_number("cpus", count, "");
	probe_say_number("memory", info.totalram / 1024 * info.mem_unit, "KiB");
}

/* --- directories ------------------------------------------------------------------------------------------------------------- */

static bool is_process(int dir, const char *name)
{
	(void)dir;
	return name[0] >= '1' && name[0] <= '9';
}

/* By the node itself: that of a file mounted over another is the other's in the directory. */
static bool is_device(int dir, const char *name)
{
	struct statx st = {0};

	return !sys_statx(dir, name, AT_SYMLINK_NOFOLLOW, &st) && ((st.stx_mode & S_IFMT) == S_IFCHR || (st.stx_mode & S_IFMT) == S_IFBLK);
}

/* Entries of a directory that are of that kind; 0 where it can't be read. */
static unsigned long entries(int dir, const char *path, bool (*wanted)(int dir, const char *name))
{
	int fd = (int)SYS4(openat, dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	unsigned long count = 0;
	long len;

	while (fd >= 0 && (len = SYS3(getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < len;) {
			const struct sys_dirent *entry = (const struct sys_dirent *)(buf + at);
			count += wanted(fd, entry->name);
			at += entry->reclen;
		}
	}
	if (fd >= 0)
		sys_close(fd);
	return count;
}

static void see_processes(int proc)
{
	char text[64];
	struct text t = text_in(text, sizeof(text));

	text_add(&t, "own pid ");
	text_add_number(&t, (unsigned long)SYS0(getpid));
	probe_say_number("processes", entries(proc, ".", is_process), text);
}

/* With what tells one /dev from another. */
static void see_devices(void)
{
	char text[64];
	struct text t = text_in(text, sizeof(text));
	struct statx st = {0};

	sys_statx(AT_FDCWD, "/dev", 0, &st);
	text_add_number(&t, st.stx_dev_major);
	text_add(&t, ":");
	text_add_number(&t, st.stx_dev_minor);
	text_add(&t, " ");
	text_add_number(&t, st.stx_ino);
	probe_say_number("devices", entries(AT_FDCWD, "/dev", is_device), text);
}

/* --- tables ------------------------------------------------------------------------------------------------------------------ */

static void see_mounts(int proc)
{
	int fd = (int)SYS4(openat, proc, "self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
	unsigned long count = 0;
	long n;

	while (fd >= 0 && (n = sys_read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		count += lines_in(buf);
	}
	if (fd >= 0)
		sys_close(fd);
	probe_say_number("mounts", count, "");
}

/* Each line but the heading, which has no colon, is a name and a colon. */
static void see_interfaces(int proc)
{
	char names[128];
	struct text t = text_in(names, sizeof(names));
	unsigned long count = 0;

	for (const char *line = probe_read(proc, "self/net/dev", buf, sizeof(buf)) < 0 ? NULL : buf; line; line = text_find(line, '\n')) {
		while (*line == '\n' || *line == ' ')
			line++;
		const char *colon = text_find(line, ':'), *end = text_find(line, '\n');
		if (!colon || (end && colon > end))
			continue;
		text_add_bytes(&t, line, (size_t)(colon - line));
		text_add(&t, " ");
		count++;
	}
	probe_say_number("interfaces", count, names);
}

/* --- control groups ---------------------------------------------------------------------------------------------------------- */

static void add_limit(struct text *t, const char *what, const char *before, const char *group, const char *file)
{
	char path[PATH_BYTES], value[32];
	struct text p = text_in(path, sizeof(path));

	text_add(&p, before);
	text_add(&p, group);
	text_add(&p, file);
	long n = p.cut ? -1 : probe_read(AT_FDCWD, path, value, sizeof(value));
	/* No limit is "max" in version 2, and more than any machine has in version 1. */
	if (n <= 1 || n > LIMIT_DIGITS || value[0] == 'm')
		return;
	text_add(t, what);
	text_add(t, value);
}

/* The path in the hierarchy that has memory: version 2's, or version 1's. */
static void see_cgroup(int proc)
{
	char group[PATH_BYTES] = "", limits[96];
	struct text t = text_in(limits, sizeof(limits));

	for (char *line = probe_read(proc, "self/cgroup", buf, sizeof(buf)) < 0 ? NULL : buf; line && *line;) {
		char *end = (char *)text_find(line, '\n');
		if (end)
			*end = '\0';
		const char *path = text_find(line, ':'), *memory = path ? text_after(path, ":memory:") : NULL;
		path = text_after(line, "0::");
		if (memory || (path && !group[0])) {
			struct text g = text_in(group, sizeof(group));
			text_add(&g, memory ? memory : path);
		}
		line = end ? end + 1 : NULL;
	}
	add_limit(&t, "memory ", "/sys/fs/cgroup", group, "/memory.max");
	add_limit(&t, " pids ", "/sys/fs/cgroup", group, "/pids.max");
	add_limit(&t, "memory ", "/sys/fs/cgroup/memory", group, "/memory.limit_in_bytes");
	add_limit(&t, " pids ", "/sys/fs/cgroup/pids", group, "/pids.max");
	probe_say("cgroup", group, limits);
}

/* --- rights ------------------------------------------------------------------------------------------------------------------ */

static void see_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	char hex[17];

	SYS2(capget, &header, data);
	uint64_t caps = (uint64_t)data[1].effective << 32 | data[0].effective;
	for (unsigned i = 0; i < 16; i++)
		hex[i] = "0123456789abcdef"[caps >> (60 - 4 * i) & 15];
	hex[16] = '\0';
	probe_say("capabilities", hex, "");
	long mode = SYS5(prctl, PR_GET_SECCOMP, 0, 0, 0, 0);
	/* Who may not even ask is under a filter. */
	probe_say_number("seccomp", mode < 0 ? 2 : (unsigned long)mode,
			 SYS5(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "no new privileges" : "");
}

static void see_namespaces(int proc)
{
	static const char *const kinds[] = {"user", "mnt", "pid", "net", "uts", "ipc", "cgroup", "time"};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		char path[32], name[16], value[64];
		struct text p = text_in(path, sizeof(path)), n = text_in(name, sizeof(name));
		text_add(&p, "self/ns/");
		text_add(&p, kinds[i]);
		text_add(&n, "ns-");
		text_add(&n, kinds[i]);
		long len = SYS4(readlinkat, proc, path, value, sizeof(value) - 1);
		value[len < 0 ? 0 : len] = '\0';
		probe_say(name, value, "");
	}
}

void probe_see(void)
{
	int proc = probe_proc();

	see_kernel(proc);
	see_machine();
	see_processes(proc);
	see_file(proc, "users", "self/uid_map");
	see_file(proc, "groups", "self/gid_map");
	see_mounts(proc);
	see_devices();
	see_interfaces(proc);
	see_cgroup(proc);
	see_rights();
	see_file(proc, "lsm", "self/attr/current");
	see_namespaces(proc);
}
