// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting for devices.
 *
 * Drivers bind while their module loads, but what a console device offers (ports, their names, terminals) comes later, in messages from the
 * host. So everything here waits for kernel events (a netlink socket, lib/kobject_uevent.c), with a deadline, and looks again every 20 ms
 * all the same: not every change has an event (a port that becomes a terminal has none), and a kernel without networking has none at all.
 */
#include "guest/init.h"

#include <asm/ioctls.h>
#include <linux/netlink.h>

#define CONSOLE_WAIT_MS 3000
#define LOOK_AGAIN_MS 20

/* syslog(2): actions */
#define SYSLOG_READ_ALL 3
#define SYSLOG_CONSOLE_LEVEL 8
#define SYSLOG_SIZE_BUFFER 10

void device_open_uevents(struct init *in)
{
	struct sockaddr_nl address = { .nl_family = SYS_AF_NETLINK, .nl_groups = 1 };

	in->uevents = (int)SYS3(socket, SYS_AF_NETLINK, SYS_SOCK_RAW | SYS_SOCK_CLOEXEC | O_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (in->uevents >= 0 && SYS3(bind, in->uevents, &address, sizeof(address)) < 0) {
		sys_close(in->uevents);
		in->uevents = -1;
	}
}

static void drain_events(struct init *in)
{
	char event[2048];
	long n;

	/* An overflow (-ENOBUFS) has lost events, not conditions: go on reading. */
	do
		n = sys_read(in->uevents, event, sizeof(event));
	while (n > 0 || n == -ENOBUFS || n == -EINTR);
}

bool device_wait(struct init *in, bool (*ready)(struct init *in, const void *arg), const void *arg, long timeout_ms)
{
	long deadline = sys_now_ms() + timeout_ms;

	for (;;) {
		struct pollfd fd = { .fd = in->uevents, .events = POLLIN };
		long left = deadline - sys_now_ms();

		if (ready(in, arg))
			return true;
		if (left <= 0)
			return false;
		sys_poll(&fd, 1, left < LOOK_AGAIN_MS ? left : LOOK_AGAIN_MS);
		if (fd.revents)
			drain_events(in);
	}
}

/* --- directories of sysfs -------------------------------------------------------------------------------------------------- */

/* Calls each(name, arg) for the entries of a directory until one answers true. */
static bool any_entry(const char *path, bool (*each)(const char *name, void *arg), void *arg)
{
	char buf[2048] __attribute__((aligned(8)));
	int fd = sys_open(path, O_RDONLY | O_DIRECTORY, 0);
	bool found = false;
	long n;

	if (fd < 0)
		return false;
	while (!found && (n = SYS3(getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n && !found;) {
			struct sys_dirent *entry = (struct sys_dirent *)(buf + at);
			found = entry->name[0] != '.' && each(entry->name, arg);
			at += entry->reclen;
		}
	}
	sys_close(fd);
	return found;
}

/* The first line of a small file of sysfs. */
static bool read_line(const char *path, char *buf, size_t size)
{
	int fd = sys_open(path, O_RDONLY, 0);
	long n;

	if (fd < 0)
		return false;
	n = sys_read(fd, buf, size - 1);
	sys_close(fd);
	if (n < 0)
		return false;
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return true;
}

static bool entry_line(const char *dir, const char *name, const char *file, char *buf, size_t size)
{
	char path[128];
	struct text t = text_in(path, sizeof(path));

	text_add(&t, dir);
	text_add(&t, name);
	text_add(&t, file);
	return !t.cut && read_line(path, buf, size);
}

static bool is_console_device(const char *name, void *arg)
{
	char id[16];

	(void)arg;
	return entry_line("/sys/bus/virtio/devices/", name, "/device", id, sizeof(id)) &&
	       text_equal(id, "0x0003"); /* virtio 1.2, 5: 3 is console */
}

bool device_have_console(void)
{
	return any_entry("/sys/bus/virtio/devices", is_console_device, NULL);
}

struct port_search {
	const char *name;
	int flags, fd;
};

static bool open_if_named(const char *name, void *arg)
{
	struct port_search *search = arg;
	char port[64], path[64];
	struct text t = text_in(path, sizeof(path));

	if (!entry_line("/sys/class/virtio-ports/", name, "/name", port, sizeof(port)) || !text_equal(port, search->name))
		return false;
	text_add(&t, "/dev/");
	text_add(&t, name);
	search->fd = sys_open(path, search->flags, 0);
	return search->fd >= 0;
}

static bool port_ready(struct init *in, const void *arg)
{
	(void)in;
	return any_entry("/sys/class/virtio-ports", open_if_named, (void *)arg);
}

int device_open_port(struct init *in, const char *name, int flags, long timeout_ms)
{
	struct port_search search = { .name = name, .flags = flags, .fd = -ENODEV };

	device_wait(in, port_ready, &search, timeout_ms);
	return search.fd;
}

struct open_request {
	const char *path;
	int flags, fd;
};

static bool can_open(struct init *in, const void *arg)
{
	struct open_request *request = (struct open_request *)arg;

	(void)in;
	request->fd = sys_open(request->path, request->flags, 0);
	return request->fd >= 0;
}

int device_open(struct init *in, const char *path, int flags, long timeout_ms)
{
	struct open_request request = { .path = path, .flags = flags };

	device_wait(in, can_open, &request, timeout_ms);
	return request.fd;
}

/* --- the kernel's console -------------------------------------------------------------------------------------------------- */

/*
 * A console that registers after a boot console gets only what is said from then on (kernel/printk/printk.c, register_console), and with
 * "quiet" hardly that. So what has been said so far is written to its terminal, and the level raised for the rest.
 */
static void replay_log(struct init *in)
{
	long size = SYS3(syslog, SYSLOG_SIZE_BUFFER, 0, 0);
	char path[32];
	struct text name = text_in(path, sizeof(path));

	text_add(&name, "/dev/");
	text_add(&name, in->console);
	char *log = size > 0 ? sys_alloc((size_t)size) : NULL;
	int fd = sys_open(path, O_WRONLY | O_NOCTTY, 0);
	if (!log || fd < 0)
		goto out;
	long n = SYS3(syslog, SYSLOG_READ_ALL, log, size);
	SYS3(syslog, SYSLOG_CONSOLE_LEVEL, 0, 8);
	size_t len = n > 0 ? log_strip_levels(log, (size_t)n) : 0;
	for (size_t done = 0; done < len;) {
		n = sys_write(fd, log + done, len - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
out:
	if (log)
		SYS2(munmap, log, size);
	if (fd >= 0)
		sys_close(fd);
}

/* Until now the host had asked for less than "quiet" (loglevel=3), for the sake of the slow early console. */
static void restore_quiet(void)
{
	char level[64];

	if (read_line("/proc/sys/kernel/printk", level, sizeof(level)) && level[0] == '3')
		SYS3(syslog, SYSLOG_CONSOLE_LEVEL, 0, 4);
}

static bool console_active(struct init *in, const void *arg)
{
	char active[256];

	(void)arg;
	return read_line("/sys/class/tty/console/active", active, sizeof(active)) && words_have(active, in->console);
}

void device_check_console(struct init *in)
{
	if (in->console_done || !in->console[0] || !console_active(in, NULL))
		return;
	in->console_done = true;
	if (in->config.log_full)
		replay_log(in);
	else
		restore_quiet();
}

void device_settle_console(struct init *in)
{
	if (in->console[0] && !in->console_done && device_have_console()) {
		device_wait(in, console_active, NULL, CONSOLE_WAIT_MS);
		device_check_console(in);
	}
	/* The kernel opened /dev/console before there was one of its own. */
	int fd = sys_open("/dev/console", O_RDWR, 0);
	if (fd < 0)
		fd = sys_open("/dev/null", O_RDWR, 0);
	for (int i = 0; i < 3 && fd >= 0; i++) {
		if (fd != i)
			SYS3(dup3, fd, i, 0);
		else
			SYS3(fcntl, fd, F_SETFD, 0);
	}
	if (fd > 2)
		sys_close(fd);
}
