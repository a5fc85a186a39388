// SPDX-License-Identifier: Apache-2.0
/* Containers in the background: see monitor.h. */
#include "ctr/verbs/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctr/ended.h"
#include "ctr/run.h"
#include "ctr/start.h"
#include "ctr/verbs/console.h"
#include "vmm/core/loop.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

struct monitor {
	struct subject *subject;
	struct status status;
	struct console *console;
	int output[2]; /* a pipe, for a container without a terminal: [0] ours */
	int ready_fd;  /* who starts it hears there that it runs */
	struct container *container;
	struct loop *loop;
	struct loop_watch executed;
	struct loop_timer doubt;
};

#define DOUBT_NS 1000000000ll /* that a container runs which the kernel has killed in already */

/* From now on messages are kept, and no directory of the host is. */
static void settle(const struct entry *entry)
{
	int fd = openat(entry->fd, MESSAGES_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || chdir("/"))
		log_warn("the container's messages can't be kept: %s", strerror(errno));
	close_fd(&fd);
}

static void tell_ready(void *arg)
{
	struct monitor *monitor = arg;
	char byte = 0;

	(void)!write(monitor->ready_fd, &byte, 1);
	close_fd(&monitor->ready_fd);
	process_trim();
}

/*
 * The command was executed, or can't be: then who starts it is told when we end. One that the kernel killed for lack of memory before it was
 * executed looks the same from here, but for that nothing remains.
 */
static void executed(void *arg, uint32_t events)
{
	struct monitor *monitor = arg;

	(void)events;
	loop_remove(monitor->loop, &monitor->executed);
	if (ended_unstarted(monitor->container))
		return;
	if (monitor->container->cgroup && cgroup_oom_kills(monitor->container->cgroup))
		loop_timer_set(monitor->loop, &monitor->doubt, DOUBT_NS);
	else
		tell_ready(monitor);
}

static int started(void *arg, struct container *container, struct loop *loop)
{
	struct monitor *monitor = arg;
	bool terminal = container->tty_fd >= 0;
	int err =
		console_new(&monitor->console, &monitor->subject->entry, terminal ? container->tty_fd : monitor->output[0], terminal, loop);

	close_fd(&monitor->output[1]);
	if (err)
		return err;
	monitor->status = (struct status){.pid = container->pid, .started = time(NULL)};
	err = status_write(&monitor->subject->entry, &monitor->status);
	if (err)
		return err;
	if (monitor->ready_fd < 0) {
		/* Again, after a reboot. */
		(void)!chdir("/");
		return 0;
	}
	settle(&monitor->subject->entry);
	monitor->container = container;
	monitor->loop = loop;
	/* Of this end nothing is read: that the other closes comes unasked. */
	monitor->executed = (struct loop_watch){.fd = container->go[0], .ready = executed, .arg = monitor};
	monitor->doubt = (struct loop_timer){.expired = tell_ready, .arg = monitor};
	return loop_add(loop, &monitor->executed);
}

static void ended(void *arg)
{
	struct monitor *monitor = arg;

	/* Its end may be heard of first. */
	if (monitor->executed.active)
		executed(monitor, 0);
	loop_timer_cancel(monitor->loop, &monitor->doubt);
	close_fd(&monitor->output[1]);
	console_free(monitor->console);
	monitor->console = NULL;
	close_fd(&monitor->output[0]);
}

static int run_once(struct monitor *monitor, const struct spec *spec)
{
	struct run_frame frame = {.terminal = spec->terminal, .detached = true, .started = started, .ended = ended, .arg = monitor};

	if (pipe2(monitor->output, O_CLOEXEC)) {
		log_error("no descriptors left: %s", strerror(errno));
		return CTR_FAILED;
	}
	frame.output_fd = monitor->output[1];
	/* Relative paths mean at a reboot what they meant. Where that is gone, the root says so. */
	(void)!chdir(monitor->subject->description.directory);
	return ctr_run_framed(spec, &frame);
}

/* Whoever started us goes on with its terminal; but for messages until the container runs, nothing of it is ours. */
static int leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int err = null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ? -errno : 0;

	close_fd(&null);
	if (err)
		log_error("/dev/null: %s", strerror(-err));
	setsid();
	return err;
}

static int monitor_main(struct subject *subject, const struct spec *spec, int ready_fd)
{
	struct monitor monitor = {.subject = subject, .output = {-1, -1}, .ready_fd = ready_fd};
	int status = CTR_FAILED;

	/* That lock is our starter's, who lets go of it on its own. */
	close_fd(&subject->entry.lock_fd);
	int alive = leave_terminal() ? -1 : entry_live(&subject->entry);
	if (alive < 0)
		return CTR_FAILED;
	do
		status = run_once(&monitor, spec);
	while (status == RUN_REBOOT);
	/* One that never ran leaves no trace. */
	if (monitor.status.started) {
		monitor.status.pid = 0;
		monitor.status.finished = time(NULL);
		monitor.status.status = status;
		status_write(&subject->entry, &monitor.status);
	}
	close_fd(&alive);
	return status;
}

/* What a start that failed had to say when it had a place for it already. */
static void print_messages(const struct entry *entry)
{
	char *text;
	size_t len;

	if (entry_read(entry, MESSAGES_FILE, MESSAGES_BYTES_MAX, &text, &len))
		return;
	(void)write_full(STDERR_FILENO, text, len);
	free(text);
}

int monitor_start(struct subject *subject, const struct spec *spec)
{
	int ready[2], status = CTR_FAILED;
	char byte;

	unlinkat(subject->entry.fd, MESSAGES_FILE, 0);
	if (pipe2(ready, O_CLOEXEC)) {
		log_error("no descriptors left: %s", strerror(errno));
		return CTR_FAILED;
	}
	pid_t pid = fork();
	if (!pid) {
		close(ready[0]);
		_exit(monitor_main(subject, spec, ready[1]));
	}
	if (pid < 0)
		log_error("container '%s': its monitor can't be started: %s", subject->entry.name, strerror(errno));
	close(ready[1]);
	bool runs = pid > 0 && read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	if (runs)
		return 0;
	if (pid > 0 && !process_wait(pid, &status))
		status = WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : CTR_FAILED;
	print_messages(&subject->entry);
	return status;
}
