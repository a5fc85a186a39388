// SPDX-License-Identifier: Apache-2.0
/* Commands run and measured from outside: see launch.h. */
#include "bench/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/process.h"

#define NS_PER_MS 1e6
#define GRACE_S 5

static int signal_fd = -1;
static int interrupted;

int launch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal_fd = signalfd(signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd < 0 ? -errno : 0;
}

int launch_interrupted(void)
{
	struct signalfd_siginfo info;

	if (!interrupted && signal_fd >= 0 && read(signal_fd, &info, sizeof(info)) == sizeof(info))
		interrupted = (int)info.ssi_signo;
	return interrupted;
}

/* --- starting ---------------------------------------------------------------------------------------------------------------------- */

struct launched {
	pid_t pid;
	int pid_fd, input, output, errors; /* our ends */
	int64_t began_ns;
};

static void close_pair(int pair[2])
{
	close_fd(&pair[0]);
	close_fd(&pair[1]);
}

_Noreturn static void become(char *const *argv, const int ends[3], int said)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		dup2(ends[i], i);
	execvp(argv[0], argv);
	int err = errno;
	(void)!write(said, &err, sizeof(err));
	_exit(127);
}

static int start(struct launched *launched, char *const *argv, bool own_errors)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1}, said[2] = {-1, -1}, err = 0;

	*launched = (struct launched){.pid_fd = -1, .input = -1, .output = -1, .errors = -1};
	/* Who ends while it is written to is told by write(2). */
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC) || pipe2(said, O_CLOEXEC))
		err = -errno;
	launched->began_ns = loop_now_ns();
	launched->pid = err ? -1 : fork();
	if (!launched->pid) {
		const int ends[3] = {in[0], out[1], own_errors ? errors[1] : STDERR_FILENO};
		become(argv, ends, said[1]);
	}
	if (!err && launched->pid < 0)
		err = -errno;
	close_fd(&said[1]);
	/* Nothing is read where it was executed. */
	if (!err && read(said[0], &err, sizeof(err)) == sizeof(err)) {
		err = -err;
		process_wait(launched->pid, NULL);
	}
	if (!err) {
		launched->pid_fd = (int)syscall(SYS_pidfd_open, launched->pid, 0);
		err = launched->pid_fd < 0 ? -errno : 0;
		if (err) {
			kill(-launched->pid, SIGKILL);
			process_wait(launched->pid, NULL);
		}
	}
	close_fd(&said[0]);
	if (err) {
		close_pair(in);
		close_pair(out);
		close_pair(errors);
		return err;
	}
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&errors[1]);
	launched->input = in[1];
	launched->output = out[0];
	launched->errors = errors[0];
	fcntl(launched->input, F_SETFL, O_NONBLOCK);
	fcntl(launched->output, F_SETFL, O_NONBLOCK);
	fcntl(launched->errors, F_SETFL, O_NONBLOCK);
	return 0;
}

/* --- to the end ---------------------------------------------------------------------------------------------------------------------- */

struct sink {
	char *text;
	size_t len, room;
};

/* False at the end of the stream. */
static bool take(struct sink *sink, int fd)
{
	char spare[4096];
	ssize_t n;

	if (sink->len + 1 >= sink->room && sink->room < LAUNCH_OUTPUT_MAX) {
		size_t room = sink->room ? sink->room * 2 : 4096;
		char *text = realloc(sink->text, room);
		if (text) {
			sink->text = text;
			sink->room = room;
		}
	}
	bool full = sink->len + 1 >= sink->room;
	n = read(fd, full ? spare : sink->text + sink->len, full ? sizeof(spare) : sink->room - 1 - sink->len);
	if (n > 0 && !full)
		sink->len += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static char *finish(struct sink *sink)
{
	if (sink->text)
		sink->text[sink->len] = '\0';
	return sink->text ? sink->text : strdup("");
}

struct feed {
	const char *at;
	size_t left;
};

static void feed(struct launched *launched, struct feed *feed)
{
	ssize_t n = feed->left ? write(launched->input, feed->at, feed->left) : 0;

	if (n > 0) {
		feed->at += n;
		feed->left -= (size_t)n;
	}
	if (!feed->left || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&launched->input);
}

/* First asked to end, then made to. */
struct patience {
	int64_t deadline_ns;
	int signal;
};

static int until(const struct patience *patience)
{
	int64_t left = patience->deadline_ns - loop_now_ns();

	return left <= 0 ? 0 : (int)(left / 1000000 + 1);
}

static void press(const struct launched *launched, struct patience *patience)
{
	kill(-launched->pid, patience->signal);
	patience->signal = SIGKILL;
	patience->deadline_ns = loop_now_ns() + GRACE_S * 1000000000ll;
}

/* Until it has ended, and its streams have; those of something that it left behind may not. */
static int follow(struct launched *launched, struct outcome *outcome, struct feed *input, unsigned timeout_s)
{
	struct patience patience = {loop_now_ns() + timeout_s * 1000000000ll, SIGTERM};
	struct sink output = {NULL, 0, 0}, errors = {NULL, 0, 0};
	bool ended = false, stopped = false;

	while (!ended) {
		struct pollfd fds[] = {
			{.fd = launched->pid_fd, .events = POLLIN}, {.fd = launched->output, .events = POLLIN},
			{.fd = launched->errors, .events = POLLIN}, {.fd = launched->input, .events = POLLOUT},
			{.fd = stopped ? -1 : signal_fd, .events = POLLIN},
		};
		if (poll(fds, 5, until(&patience)) < 0 && errno != EINTR)
			break;
		double now_ms = (double)(loop_now_ns() - launched->began_ns) / NS_PER_MS;
		if (fds[1].revents & POLLIN && outcome->first_ms < 0)
			outcome->first_ms = now_ms;
		if (fds[0].revents && outcome->wall_ms <= 0)
			outcome->wall_ms = now_ms;
		/* What was said before the end is read also after it. */
		if (fds[1].revents && !take(&output, launched->output))
			close_fd(&launched->output);
		if (fds[2].revents && !take(&errors, launched->errors))
			close_fd(&launched->errors);
		if (fds[3].revents)
			feed(launched, input);
		if (fds[4].revents && launch_interrupted()) {
			stopped = true;
			press(launched, &patience);
		}
		ended = fds[0].revents && !((fds[1].revents | fds[2].revents) & POLLIN);
		if (!ended && !until(&patience)) {
			outcome->timed_out = !stopped;
			press(launched, &patience);
		}
	}
	outcome->output = finish(&output);
	outcome->errors = finish(&errors);
	return launch_interrupted() ? -EINTR : outcome->output && outcome->errors ? 0 : -ENOMEM;
}

static double time_ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static void collect(struct launched *launched, struct outcome *outcome)
{
	struct rusage usage = {0};
	int status = 0;

	while (wait4(launched->pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	outcome->cpu_ms = time_ms(usage.ru_utime) + time_ms(usage.ru_stime);
	outcome->peak_mib = (double)usage.ru_maxrss / 1024;
}

static void release(struct launched *launched)
{
	close_fd(&launched->pid_fd);
	close_fd(&launched->input);
	close_fd(&launched->output);
	close_fd(&launched->errors);
}

int launch(struct outcome *outcome, char *const *argv, const void *input, size_t input_len, unsigned timeout_s)
{
	struct feed given = {input, input_len};
	struct launched launched;

	*outcome = (struct outcome){.first_ms = -1};
	int err = launch_interrupted() ? -EINTR : start(&launched, argv, true);
	if (err)
		return err;
	err = follow(&launched, outcome, &given, timeout_s);
	collect(&launched, outcome);
	release(&launched);
	return err;
}

void outcome_free(struct outcome *outcome)
{
	free(outcome->output);
	free(outcome->errors);
	outcome->output = outcome->errors = NULL;
}

const char *outcome_reason(const struct outcome *outcome)
{
	static char reason[500];
	const char *text = outcome->errors ? outcome->errors : "";
	size_t end = strlen(text);

	while (end && text[end - 1] == '\n')
		end--;
	size_t begin = end;
	while (begin && text[begin - 1] != '\n')
		begin--;
	if (!strncmp(text + begin, "tinyvmm: ", 9))
		begin += 9;
	if (outcome->timed_out)
		snprintf(reason, sizeof(reason), "it took too long");
	else if (end > begin)
		snprintf(reason, sizeof(reason), "%.*s", (int)(end - begin), text + begin);
	else
		snprintf(reason, sizeof(reason), "it ended with status %d", outcome->status);
	for (char *c = reason; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	}
	return reason;
}

/* --- one that stays -------------------------------------------------------------------------------------------------------------------- */

static int wait_for_line(int fd, unsigned timeout_s)
{
	const struct patience patience = {loop_now_ns() + timeout_s * 1000000000ll, 0};
	char byte = 0;

	while (byte != '\n') {
		struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
		int n = poll(fds, 2, until(&patience));
		if (launch_interrupted())
			return -EINTR;
		if (!n)
			return -ETIMEDOUT;
		if (n > 0 && fds[0].revents && read(fd, &byte, 1) == 0)
			return -ECONNRESET;
	}
	return 0;
}

int resident_start(struct resident *resident, char *const *argv, unsigned timeout_s)
{
	struct launched launched;
	int err = launch_interrupted() ? -EINTR : start(&launched, argv, false);

	*resident = (struct resident){.input_fd = -1, .output_fd = -1};
	if (err)
		return err;
	*resident = (struct resident){.pid = launched.pid, .input_fd = launched.input, .output_fd = launched.output};
	close_fd(&launched.errors);
	close_fd(&launched.pid_fd);
	err = wait_for_line(resident->output_fd, timeout_s);
	resident->first_ms = (double)(loop_now_ns() - launched.began_ns) / NS_PER_MS;
	if (err)
		resident_end(resident, 0);
	return err;
}

void resident_end(struct resident *resident, unsigned grace_s)
{
	if (!resident->pid)
		return;
	int fd = (int)syscall(SYS_pidfd_open, resident->pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};

	close_fd(&resident->input_fd);
	for (int i = 0; i < 3 && poll(&ended, 1, (int)(i ? GRACE_S : grace_s) * 1000) <= 0; i++)
		kill(-resident->pid, i ? SIGKILL : SIGTERM);
	process_wait(resident->pid, NULL);
	close_fd(&fd);
	close_fd(&resident->output_fd);
	resident->pid = 0;
}
