// SPDX-License-Identifier: Apache-2.0
/* guest/init, from the kernel's first jump into user space to the end: see init.h for the map. */
#include "guest/init.h"

#include <stdarg.h>

#include "guest/protocol.h"

#define CONTROL_WAIT_MS 5000
#define CONTROL_WRITE_MS 2000
#define CONFIG_MAX (4u << 20)

/* --- telling ------------------------------------------------------------------------------------------------------------- */

void init_error_text(struct text *t, int err)
{
	static const struct {
		int number;
		const char *text;
	} names[] = {
		{ EPERM, "operation not permitted" },
		{ ENOENT, "no such file or directory" },
		{ EIO, "input/output error" },
		{ ENXIO, "no such device or address" },
		{ E2BIG, "argument list too long" },
		{ ENOEXEC, "wrong format" },
		{ ENOMEM, "out of memory" },
		{ EACCES, "permission denied" },
		{ EBUSY, "busy" },
		{ EEXIST, "file exists" },
		{ ENODEV, "no such device" },
		{ ENOTDIR, "not a directory" },
		{ EISDIR, "is a directory" },
		{ EINVAL, "invalid argument" },
		{ ENOSPC, "no space left" },
		{ EROFS, "read-only file system" },
		{ ELOOP, "too many symbolic links" },
		{ ENOSYS, "not in this kernel" },
		{ EUCLEAN, "structure needs cleaning" },
		{ ETIMEDOUT, "timed out" },
		{ EBADMSG, "bad message" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].number == -err) {
			text_add(t, names[i].text);
			return;
		}
	}
	text_add(t, "error ");
	text_add_number(t, (unsigned long)-err);
}

static void join(struct text *t, const char *first, va_list rest)
{
	for (const char *part = first; part; part = va_arg(rest, const char *))
		text_add(t, part);
}

static void add_error(struct text *t, int err)
{
	if (err < 0) {
		text_add(t, ": ");
		init_error_text(t, err);
	}
}

static void to_kmsg(struct init *in, enum init_level level, const char *message)
{
	char buf[INIT_LINE_MAX + 32];
	struct text line = text_in(buf, sizeof(buf));

	if (in->kmsg < 0)
		in->kmsg = sys_open("/dev/kmsg", O_WRONLY, 0);
	text_add(&line, "<");
	text_add_number(&line, (unsigned long)level);
	text_add(&line, ">tinyvmm-init: ");
	text_add(&line, message);
	sys_write(in->kmsg, line.buf, line.len);
}

void init_say(struct init *in, enum init_level level, const char *first, ...)
{
	char buf[INIT_LINE_MAX];
	struct text line = text_in(buf, sizeof(buf));
	va_list rest;

	va_start(rest, first);
	join(&line, first, rest);
	va_end(rest);
	to_kmsg(in, level, line.buf);
}

void init_trouble(struct init *in, int err, const char *first, ...)
{
	char buf[INIT_LINE_MAX];
	struct text line = text_in(buf, sizeof(buf));
	va_list rest;

	va_start(rest, first);
	join(&line, first, rest);
	va_end(rest);
	add_error(&line, err);
	to_kmsg(in, INIT_ERROR, line.buf);
	if (!in->trouble[0]) {
		struct text kept = text_in(in->trouble, sizeof(in->trouble));
		text_add(&kept, line.buf);
	}
}

/* The host always has the port open; should it not, we do not hang. */
static bool control_writable(struct init *in)
{
	struct pollfd fd = { .fd = in->control, .events = POLLOUT };

	return sys_poll(&fd, 1, CONTROL_WRITE_MS) == 1 && (fd.revents & POLLOUT);
}

void init_send(struct init *in, const char *line)
{
	size_t len = text_len(line);

	while (in->control >= 0 && len && control_writable(in)) {
		long n = sys_write(in->control, line, len);
		if (n < 0 && n != -EAGAIN && n != -EINTR)
			return;
		if (n > 0) {
			line += n;
			len -= (size_t)n;
		}
	}
}

/* Until the host says CONTROL_TAKEN; anything that it says is that. A slow reader may take its time. */
static void wait_until_taken(const struct init *in)
{
	struct pollfd fd = { .fd = in->control, .events = POLLIN };
	char line[sizeof(CONTROL_TAKEN)];

	while (in->control >= 0) {
		long n = sys_poll(&fd, 1, -1);
		if (n < 0 && n != -EINTR)
			return;
		if (n > 0 && (!(fd.revents & POLLIN) || sys_read(in->control, line, sizeof(line)) != -EAGAIN))
			return;
	}
}

void init_power_off(void)
{
	SYS0(sync);
	/* linux/reboot.h: LINUX_REBOOT_MAGIC1, MAGIC2, CMD_POWER_OFF */
	SYS4(reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
	/* A kernel that knows no way to power off: ending PID 1 is a panic, which the host notices. */
	sys_exit(1);
}

void init_fatal(struct init *in, int err, const char *first, ...)
{
	char buf[2 * INIT_LINE_MAX];
	struct text line = text_in(buf, sizeof(buf) - 1);
	va_list rest;

	text_add(&line, CONTROL_FATAL);
	va_start(rest, first);
	join(&line, first, rest);
	va_end(rest);
	add_error(&line, err);
	if (in->trouble[0]) {
		text_add(&line, " (before that: ");
		text_add(&line, in->trouble);
		text_add(&line, ")");
	}
	to_kmsg(in, INIT_ERROR, line.buf);
	buf[line.len] = '\n';
	buf[line.len + 1] = '\0';
	init_send(in, buf);
	init_power_off();
}

/* --- reading ------------------------------------------------------------------------------------------------------------- */

static char *read_up_to(const char *path, size_t size, size_t *len)
{
	char *buf = sys_alloc(size);
	int fd = sys_open(path, O_RDONLY, 0);
	long n = -1;

	*len = 0;
	if (fd < 0 || !buf)
		goto out;
	while (*len < size - 1 && (n = sys_read(fd, buf + *len, size - 1 - *len)) > 0)
		*len += (size_t)n;
out:
	if (fd >= 0)
		sys_close(fd);
	return n < 0 ? NULL : buf;
}

char *init_read_file(const char *path, size_t size)
{
	size_t len;

	return read_up_to(path, size, &len);
}

static void read_config(struct init *in)
{
	const char *fault = "";
	size_t len;
	char *buf = read_up_to(INIT_CONFIG_PATH, CONFIG_MAX, &len);

	if (!buf)
		init_fatal(in, 0, "the initramfs has no " INIT_CONFIG_PATH, NULL);
	void *slots = sys_alloc(init_config_slots(buf, len) + 1);
	if (!slots)
		init_fatal(in, -ENOMEM, "cannot read " INIT_CONFIG_PATH, NULL);
	if (!init_config_parse(&in->config, buf, len, slots, &fault))
		init_fatal(in, 0, INIT_CONFIG_PATH " is not understood: ", fault, NULL);
}

static void read_cmdline(struct init *in)
{
	char *cmdline = init_read_file("/proc/cmdline", 16384);
	char console[sizeof(in->console)];

	in->cmdline = cmdline ? cmdline : "";
	if (cmdline_value(in->cmdline, "console=", console, sizeof(console)) && text_after(console, "hvc")) {
		struct text name = text_in(in->console, sizeof(in->console));
		text_add(&name, console);
	}
}

/* --- the order of things ------------------------------------------------------------------------------------------------- */

static int load_module(const char *path)
{
	int fd = sys_open(path, O_RDONLY, 0);

	if (fd < 0)
		return fd;
	int err = (int)SYS3(finit_module, fd, "", 0);
	sys_close(fd);
	return err == -EEXIST ? 0 : err;
}

static void load_modules(struct init *in)
{
	for (size_t i = 0; i < in->config.module_count; i++) {
		const struct init_module *module = &in->config.module[i];
		int err = load_module(module->path);

		if (err && !module->optional)
			init_trouble(in, err, "cannot load ", module->path, NULL);
		device_check_console(in);
	}
}

static void open_control(struct init *in)
{
	if (!device_have_console())
		return;
	in->control = device_open_port(in, PORT_CONTROL, O_RDWR | O_NONBLOCK, CONTROL_WAIT_MS);
	init_send(in, CONTROL_UP "\n");
}

/* Does not come back when it worked. */
static int try_init(struct init *in, const char *path)
{
	in->argv[0] = (char *)path;
	return (int)SYS3(execve, path, in->argv, in->envp);
}

static _Noreturn void become_init(struct init *in)
{
	static const char *const usual[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	char asked[256];
	const char *init = in->config.init;

	if (!init && cmdline_value(in->cmdline, "init=", asked, sizeof(asked)))
		init = asked;
	if (init)
		init_fatal(in, try_init(in, init), "cannot start ", init, " in the root", NULL);
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		int err = try_init(in, usual[i]);
		if (err != -ENOENT)
			init_trouble(in, err, "cannot start ", usual[i], NULL);
	}
	init_fatal(in, 0, "the root has none of /sbin/init, /etc/init, /bin/init and /bin/sh: give --init FILE or -- COMMAND", NULL);
}

static _Noreturn void be_init_for_command(struct init *in)
{
	char buf[32];
	struct text message = text_in(buf, sizeof(buf));

	root_prepare_command(in);
	net_set_up(in);
	if (in->config.hostname)
		SYS2(sethostname, in->config.hostname, text_len(in->config.hostname));
	int status = command_run(in);
	SYS0(sync);
	text_add(&message, CONTROL_EXIT);
	text_add_number(&message, (unsigned long)status);
	text_add(&message, "\n");
	init_send(in, message.buf);
	root_leave(in);
	wait_until_taken(in);
	init_power_off();
}

/* `stack` is as the kernel left it: argc, the arguments, NULL, the environment, NULL. */
__attribute__((used, noreturn)) void init_main(long *stack);
void init_main(long *stack)
{
	struct init in = { .control = -1, .uevents = -1, .kmsg = -1, .cmdline = "" };

	if (SYS0(getpid) != 1) {
		static const char refusal[] = "this is the init of a virtual machine: it runs as process 1 only\n";
		sys_write(2, refusal, sizeof(refusal) - 1);
		sys_exit(1);
	}
	in.argv = (char **)(stack + 1);
	in.envp = in.argv + stack[0] + 1;
	root_mount_api();
	read_cmdline(&in);
	read_config(&in);
	device_open_uevents(&in);
	load_modules(&in);
	device_settle_console(&in);
	open_control(&in);
	root_enter(&in);
	if (in.config.argv)
		be_init_for_command(&in);
	become_init(&in);
}

SYS_START(init_main);
