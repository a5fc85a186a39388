// SPDX-License-Identifier: Apache-2.0
/*
 * A container's life: see run.h. One loop waits for all there is to wait for: the first process's end, its terminal, the network card,
 * signals to hand on, the time limit.
 */
#include "ctr/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctr/cable.h"
#include "ctr/ended.h"
#include "ctr/relay.h"
#include "ctr/start.h"
#include "guest/reaper.h"
#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define NS_PER_S 1000000000ll

struct run {
	const struct spec *spec;
	struct container container;
	struct loop *loop;
	struct netdev *nd;
	struct cable *cable;
	const struct run_frame *frame;
	struct loop_watch ended, signals;
	struct loop_timer timeout;
	bool timed_out;
};

/* --- what happens meanwhile -------------------------------------------------------------------------------------------------------- */

static void first_process_ended(void *arg, uint32_t events)
{
	struct run *run = arg;

	(void)events;
	loop_stop(run->loop);
}

static void hand_on(const struct run *run, int signal)
{
	syscall(SYS_pidfd_send_signal, run->container.pid_fd, signal, NULL, 0);
}

static bool asks_to_end(uint32_t signal)
{
	return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}

static void signalled(void *arg, uint32_t events)
{
	struct run *run = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(run->signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	/* To an init these mean other things: that it reads its files again, or reboots. */
	if (info.ssi_signo != SIGWINCH && run->spec->system && !run->frame->start && asks_to_end(info.ssi_signo))
		hand_on(run, ended_signal(run->container.pid));
	else if (info.ssi_signo != SIGWINCH)
		hand_on(run, (int)info.ssi_signo);
	else if (run->frame->resized)
		run->frame->resized(run->frame->arg);
}

static void time_is_up(void *arg)
{
	struct run *run = arg;

	run->timed_out = true;
	hand_on(run, SIGKILL);
}

/*
 * What is handed on: first the signals that ask a program to end, which also end the set-up; then those of which a container hears only
 * once it runs. Not those by which the kernel tells us of a fault of our own.
 */
static const int handed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};
#define ENDING 6
#define ALL (sizeof(handed_on) / sizeof(*handed_on))

/* From now on the first `count` of them come by the descriptor. */
static int take_signals(struct run *run, unsigned count)
{
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < count; i++)
		sigaddset(&set, handed_on[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run->signals.fd = signalfd(run->signals.fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return run->signals.fd < 0 ? -errno : 0;
}

static int watch_signals(struct run *run)
{
	signal(SIGPIPE, SIG_IGN);
	/* Ignored, as it may have come to us, our own child's end would go unnoticed, and so would the command's to PID 1. */
	signal(SIGCHLD, SIG_DFL);
	run->signals = (struct loop_watch){.fd = -1, .events = EPOLLIN, .ready = signalled, .arg = run};
	int err = take_signals(run, ENDING);
	return err ? err : loop_add(run->loop, &run->signals);
}

/* The set-up was given up because of a signal: as if that had ended us. */
static int interrupted_status(const struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signals.fd, &info, sizeof(info)) != sizeof(info))
		return CTR_FAILED;
	return 128 + (int)info.ssi_signo;
}

/* --- its life ------------------------------------------------------------------------------------------------------------------------ */

static int join(struct run *run)
{
	struct container *container = &run->container;
	int err = 0;

	run->ended = (struct loop_watch){.fd = container->pid_fd, .events = EPOLLIN, .ready = first_process_ended, .arg = run};
	err = loop_add(run->loop, &run->ended);
	if (!err && container->tap_fd >= 0) {
		err = cable_new(&run->cable, run->nd, container->tap_fd, run->loop);
		if (!err)
			container->tap_fd = -1;
	}
	if (!err && run->frame->started)
		err = run->frame->started(run->frame->arg, container, run->loop);
	return err;
}

static int prepare(struct run *run)
{
	run->loop = loop_new();
	if (!run->loop)
		return -ENOMEM;
	int err = watch_signals(run);
	/* The time that the set-up takes counts. */
	if (run->spec->timeout_s) {
		run->timeout = (struct loop_timer){.expired = time_is_up, .arg = run};
		loop_timer_set(run->loop, &run->timeout, run->spec->timeout_s * NS_PER_S);
	}
	/* Ports are looked at before anything is started. */
	if (!err && run->spec->net == NET_USER)
		err = netdev_open(&run->nd, &run->spec->netdev, run->loop);
	return err;
}

static void release(struct run *run)
{
	if (run->loop) {
		loop_timer_cancel(run->loop, &run->timeout);
		loop_remove(run->loop, &run->ended);
		loop_remove(run->loop, &run->signals);
	}
	cable_free(run->cable);
	netdev_close(run->nd);
	container_release(&run->container);
	close_fd(&run->signals.fd);
	loop_free(run->loop);
}

int ctr_run_framed(const struct spec *spec, const struct run_frame *frame)
{
	struct run run = {.spec = spec, .frame = frame, .signals = {.fd = -1}};
	int status = CTR_FAILED;
	int err = prepare(&run);

	container_init(&run.container, spec, frame->terminal);
	run.container.interrupt_fd = run.signals.fd;
	run.container.deadline_ns = run.timeout.deadline_ns;
	run.container.detached = frame->detached;
	run.container.output_fd = frame->detached ? frame->output_fd : -1;
	if (!err)
		err = frame->start ? frame->start(frame->arg, &run.container) : container_start(&run.container);
	if (err == -EINTR)
		status = interrupted_status(&run);
	run.timed_out = err == -ETIMEDOUT && run.timeout.active && loop_now_ns() >= run.timeout.deadline_ns;
	if (!err)
		err = take_signals(&run, ALL);
	if (!err)
		err = join(&run);
	if (!err)
		err = loop_run(run.loop);
	if (frame->ended)
		frame->ended(frame->arg);
	if (run.timed_out) {
		status = CTR_TIMEOUT;
		log_error("--timeout %u: the container was ended", spec->timeout_s);
	} else if (!err) {
		status = ended_status(&run.container);
	}
	release(&run);
	return status;
}

/* --- in the foreground ---------------------------------------------------------------------------------------------------------------- */

static int join_terminal(void *arg, struct container *container, struct loop *loop)
{
	struct relay **relay = arg;

	return container->tty_fd >= 0 ? relay_new(relay, container->tty_fd, loop) : 0;
}

static void resize_terminal(void *arg)
{
	struct relay **relay = arg;

	relay_resize(*relay);
}

static void leave_terminal(void *arg)
{
	struct relay **relay = arg;

	relay_free(*relay);
	*relay = NULL;
}

int ctr_run(const struct spec *spec)
{
	struct relay *relay = NULL;
	const struct run_frame frame = {
		.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.started = join_terminal,
		.resized = resize_terminal,
		.ended = leave_terminal,
		.arg = &relay,
	};
	int status;

	do
		status = ctr_run_framed(spec, &frame);
	while (status == RUN_REBOOT);
	return status;
}
