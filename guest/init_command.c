// SPDX-License-Identifier: Apache-2.0
/*
 * The command. It gets a session of its own, and either the second virtio console as its terminal, or three pipes that are relayed to and
 * from three console ports.
 *
 * Pipes and not the ports themselves, since a port is no pipe to a program: it has one opener, no end of file for what comes after, and
 * no end for the host when the command closes it early. The relay is one loop over ppoll(2) with one buffer a stream: a stream is either
 * filling its buffer or emptying it, so it never waits for both ends and never spins on the hang-up of one that it does not use.
 */
#include "guest/init.h"

#include <asm/ioctls.h>

#include "guest/execute.h"
#include "guest/protocol.h"

#define PORT_WAIT_MS 5000
#define TTY_WAIT_MS 5000
#define TTY_DRAIN_MS 2000
#define TTY "/dev/hvc1"
#define STREAM_BYTES 65536
#define ENV_MAX 4096

#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

enum { IN, OUT, ERR, STREAMS };

struct stream {
	int from, to;      /* -1: that end is closed */
	size_t start, end; /* bytes of buf not yet written */
	bool last;         /* the command is gone: `left` bytes, and no waiting for more */
	size_t left;
	char buf[STREAM_BYTES];
};

struct command {
	struct init *in;
	int pid, status;
	bool ended;
	int signals;           /* signalfd of SIGCHLD */
	int tty;               /* or -1 */
	int child_fd[3];       /* what becomes the command's standard streams; -1: the console, as we have it */
	struct stream *stream; /* STREAMS of them, or NULL */
};

/* --- the command's side --------------------------------------------------------------------------------------------------- */

static void child_complain(const char *name, int err)
{
	char buf[INIT_LINE_MAX];
	struct text line = text_in(buf, sizeof(buf));

	text_add(&line, "tinyvmm: ");
	text_add(&line, name);
	text_add(&line, ": ");
	if (err == -ENOENT)
		text_add(&line, "not found in the guest");
	else
		init_error_text(&line, err);
	text_add(&line, "\n");
	sys_write(2, line.buf, line.len);
}

static char **command_env(struct init *in)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char home[] = "HOME=/root", term[] = "TERM=linux";
	static char *defaults[] = { path, term, NULL }, *root_home[] = { home, NULL };
	struct statx st;
	bool has_home = !sys_statx(AT_FDCWD, "/root", 0, &st) && (st.stx_mode & S_IFMT) == S_IFDIR;
	/* The kernel's HOME is "/". */
	char *const *const lists[] = { defaults, in->envp, has_home ? root_home : NULL, in->config.env };
	char **env = sys_alloc(ENV_MAX * sizeof(*env));

	if (env)
		env_merge(env, ENV_MAX, lists, sizeof(lists) / sizeof(*lists));
	return env;
}

static _Noreturn void child_main(struct command *cmd)
{
	struct init *in = cmd->in;
	char **env = command_env(in);

	SYS0(setsid);
	if (cmd->tty >= 0)
		sys_ioctl(cmd->tty, TIOCSCTTY, 0);
	/* What child_fd holds was opened after our own three, so none is lost here. */
	for (int i = 0; i < 3; i++) {
		if (cmd->child_fd[i] >= 0)
			SYS3(dup3, cmd->child_fd[i], i, 0);
	}
	sys_sigmask(SYS_SIG_SETMASK, 0);
	char tried[4096];
	int err = env ? (int)execute(in->config.argv, env, tried, sizeof(tried)) : -ENOMEM;
	child_complain(in->config.argv[0], err);
	sys_exit(err == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

/* --- the relay ------------------------------------------------------------------------------------------------------------ */

static void shut(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

static void stream_close(struct stream *s)
{
	shut(&s->from);
	shut(&s->to);
	s->start = s->end = 0;
}

static void stream_read(struct stream *s)
{
	size_t room = s->last && s->left < STREAM_BYTES ? s->left : STREAM_BYTES;
	long n = sys_read(s->from, s->buf, room);

	/*
	 * A port looks for data first and for its end then (drivers/char/virtio_console.c, port_fops_read): between the two the last bytes
	 * and the end may both have come.
	 */
	if (!n)
		n = sys_read(s->from, s->buf, room);
	if (n == -EINTR || (n == -EAGAIN && !s->last))
		return;
	if (n <= 0) {
		stream_close(s);
		return;
	}
	s->start = 0;
	s->end = (size_t)n;
	if (s->last)
		s->left -= (size_t)n;
}

static void stream_write(struct stream *s, bool hung_up)
{
	long n = sys_write(s->to, s->buf + s->start, s->end - s->start);

	if (n > 0)
		s->start += (size_t)n;
	else if (n != -EINTR && (n != -EAGAIN || hung_up))
		stream_close(s); /* nobody takes it any more: the other end shall notice */
	if (s->start == s->end)
		s->start = s->end = 0;
}

/* What to wait for: one end, never both. */
static struct pollfd stream_poll(const struct stream *s)
{
	if (s->from < 0)
		return (struct pollfd){ .fd = -1 };
	if (s->end)
		return (struct pollfd){ .fd = s->to, .events = POLLOUT };
	return (struct pollfd){ .fd = s->from, .events = POLLIN };
}

static void stream_step(struct stream *s, short revents)
{
	if (!revents)
		return;
	if (s->end)
		stream_write(s, revents & (POLLHUP | POLLERR | POLLNVAL) && !(revents & POLLOUT));
	else
		stream_read(s);
}

/* The command has ended. What it wrote is in the pipe already; processes it left behind may hold the pipe open, and are not waited for. */
static void stream_finish(struct stream *s)
{
	int queued = 0;

	if (s->from < 0)
		return;
	s->last = true;
	sys_ioctl(s->from, FIONREAD, &queued);
	s->left = queued > 0 ? (size_t)queued : 0;
	while (s->from >= 0) {
		struct pollfd fd = { .fd = s->to, .events = POLLOUT };
		if (!s->end && !s->left) {
			stream_close(s);
		} else if (!s->end) {
			stream_read(s);
		} else {
			sys_poll(&fd, 1, -1);
			stream_step(s, fd.revents);
		}
	}
}

/* --- our side ------------------------------------------------------------------------------------------------------------- */

static void open_stream(struct command *cmd, int which, const char *port)
{
	struct stream *s = &cmd->stream[which];
	int flags = (which == IN ? O_RDONLY : O_WRONLY) | O_NONBLOCK, pipe[2];
	int fd = device_open_port(cmd->in, port, flags, PORT_WAIT_MS);

	if (fd < 0)
		init_fatal(cmd->in, fd, "the console port ", port, " did not appear", NULL);
	int err = (int)SYS2(pipe2, pipe, O_CLOEXEC);
	if (err)
		init_fatal(cmd->in, err, "cannot make a pipe", NULL);
	int ours = pipe[which == IN];
	cmd->child_fd[which] = pipe[which != IN];
	/* Only our end: the command's own is as a shell would give it. */
	SYS3(fcntl, ours, F_SETFL, O_NONBLOCK);
	s->from = which == IN ? fd : ours;
	s->to = which == IN ? ours : fd;
}

static void open_streams(struct command *cmd)
{
	cmd->stream = sys_alloc(STREAMS * sizeof(*cmd->stream));
	if (!cmd->stream)
		init_fatal(cmd->in, -ENOMEM, "cannot start the command", NULL);
	open_stream(cmd, IN, PORT_STDIN);
	open_stream(cmd, OUT, PORT_STDOUT);
	open_stream(cmd, ERR, PORT_STDERR);
}

static void open_tty(struct command *cmd)
{
	cmd->tty = device_open(cmd->in, TTY, O_RDWR | O_NOCTTY, TTY_WAIT_MS);
	if (cmd->tty < 0)
		init_fatal(cmd->in, cmd->tty, "cannot open the terminal " TTY, NULL);
	for (int i = 0; i < 3; i++)
		cmd->child_fd[i] = cmd->tty;
}

static void reap(struct command *cmd)
{
	char info[128]; /* struct signalfd_siginfo */
	int status, pid;

	sys_read(cmd->signals, info, sizeof(info));
	while ((pid = sys_wait(-1, &status, SYS_WNOHANG)) > 0) {
		if (pid != cmd->pid)
			continue;
		cmd->ended = true;
		/* wait(2): the low seven bits are the signal, else the next byte is the status */
		cmd->status = status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
	}
}

static void relay(struct command *cmd)
{
	while (!cmd->ended) {
		struct pollfd fds[1 + STREAMS] = { { .fd = cmd->signals, .events = POLLIN } };
		unsigned count = 1;

		for (int i = 0; cmd->stream && i < STREAMS; i++)
			fds[count++] = stream_poll(&cmd->stream[i]);
		if (sys_poll(fds, count, -1) < 0)
			continue;
		for (unsigned i = 1; i < count; i++)
			stream_step(&cmd->stream[i - 1], fds[i].revents);
		if (fds[0].revents)
			reap(cmd);
	}
}

static void finish_streams(struct command *cmd)
{
	if (!cmd->stream)
		return;
	stream_close(&cmd->stream[IN]);
	stream_finish(&cmd->stream[OUT]);
	stream_finish(&cmd->stream[ERR]);
}

static bool tty_drained(struct init *in, const void *arg)
{
	int queued = 0;

	(void)in;
	return sys_ioctl(*(const int *)arg, TIOCOUTQ, &queued) || !queued;
}

int command_run(struct init *in)
{
	struct command cmd = { .in = in, .tty = -1, .child_fd = { -1, -1, -1 } };
	const char *stdio = in->config.stdio;
	uint64_t child_signal = 1u << (SYS_SIGCHLD - 1);

	sys_sigmask(SYS_SIG_BLOCK, child_signal);
	cmd.signals = (int)SYS4(signalfd4, -1, &child_signal, SYS_SIGMASK_BYTES, O_CLOEXEC | O_NONBLOCK);
	if (cmd.signals < 0)
		init_fatal(in, cmd.signals, "cannot start the command without signalfd (CONFIG_SIGNALFD)", NULL);
	if (stdio && text_equal(stdio, "tty"))
		open_tty(&cmd);
	else if (stdio)
		open_streams(&cmd);
	cmd.pid = sys_fork();
	if (cmd.pid < 0)
		init_fatal(in, cmd.pid, "cannot start the command", NULL);
	if (!cmd.pid)
		child_main(&cmd);
	for (int i = 0; i < 3 && cmd.tty < 0; i++)
		shut(&cmd.child_fd[i]);
	relay(&cmd);
	finish_streams(&cmd);
	if (cmd.tty >= 0)
		device_wait(in, tty_drained, &cmd.tty, TTY_DRAIN_MS);
	shut(&cmd.tty);
	return cmd.status;
}
