// SPDX-License-Identifier: Apache-2.0
/* The steps of a container's life: see lifecycle.h. */
#include "ctr/verbs/lifecycle.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup.h"
#include "ctr/ended.h"
#include "ctr/options.h"
#include "ctr/run.h"
#include "ctr/verbs/monitor.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

/* --- starting ---------------------------------------------------------------------------------------------------------------------------
 */

static void remove_groups(const char *name)
{
	struct cgroup *cgroup = NULL;

	if (!cgroup_open(&cgroup, name))
		cgroup_remove(cgroup);
	cgroup_free(cgroup);
}

void lifecycle_mend(struct subject *subject)
{
	/* An end that was written down was tidied up after, too. */
	if (subject->alive || !subject->status.pid)
		return;
	remove_groups(subject->entry.name);
	subject->status.pid = 0;
	subject->status.finished = time(NULL);
	subject->status.status = 128 + SIGKILL;
	(void)status_write(&subject->entry, &subject->status);
}

int lifecycle_rest(struct subject *subject)
{
	int err = subject_must_rest(subject);

	if (!err)
		lifecycle_mend(subject);
	return err;
}

int lifecycle_start(struct subject *subject)
{
	char path[sizeof(subject->store.path) + 128];
	struct spec spec;
	int err = lifecycle_rest(subject);

	if (err)
		return VERB_FAILED;
	err = subject_spec(subject, &spec);
	if (err) {
		spec_release(&spec);
		return VERB_FAILED;
	}
	subject_place(subject, &spec, path, sizeof(path));
	int status = monitor_start(subject, &spec);
	spec_release(&spec);
	return status;
}

/* --- signals ----------------------------------------------------------------------------------------------------------------------------
 */

int lifecycle_signal_number(const char *name)
{
	uint64_t number;

	if (!parse_u64(name, 1, (uint64_t)SIGRTMAX, &number))
		return (int)number;
	if (!strncmp(name, "SIG", 3))
		name += 3;
	if (!strncmp(name, "RTMIN+", 6))
		return parse_u64(name + 6, 0, (uint64_t)(SIGRTMAX - SIGRTMIN), &number) ? 0 : SIGRTMIN + (int)number;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *abbreviation = sigabbrev_np(i);
		if (abbreviation && !strcmp(abbreviation, name))
			return i;
	}
	return 0;
}

static int send_signal(int pid_fd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pid_fd, signal, NULL, 0) ? -errno : 0;
}

int lifecycle_signal(const struct subject *subject, int signal)
{
	int fd = subject_pidfd(subject);
	int err = fd < 0 ? fd : send_signal(fd, signal);

	if (fd >= 0 && err)
		log_error("container '%s': can't be signalled: %s", subject->entry.name, strerror(-err));
	close_fd(&fd);
	return err;
}

/* --- ending ------------------------------------------------------------------------------------------------------------------------------
 */

/* Frozen, it would hear of nothing. */
static void thaw(const struct subject *subject)
{
	struct cgroup *cgroup = NULL;

	if (cgroup_open(&cgroup, subject->entry.name))
		return;
	if (cgroup_is_frozen(cgroup))
		(void)cgroup_freeze(cgroup, false);
	cgroup_free(cgroup);
}

static int ask_to_end(struct subject *subject, int signal)
{
	struct spec spec;
	int err = 0;

	if (!signal) {
		err = subject_spec(subject, &spec);
		signal = err || !spec.system ? SIGTERM : ended_signal(subject->status.pid);
		spec_release(&spec);
	}
	return lifecycle_signal(subject, signal);
}

/* Whether it ended in time. */
static bool ends_within(int pid_fd, unsigned seconds)
{
	struct pollfd fd = {.fd = pid_fd, .events = POLLIN};
	int n;

	do
		n = poll(&fd, 1, (int)seconds * 1000);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

int lifecycle_stop(struct subject *subject, int signal, unsigned seconds)
{
	if (!subject->alive)
		return 0;
	int fd = subject_pidfd(subject);
	int err = fd < 0 ? 0 : ask_to_end(subject, signal);

	thaw(subject);
	if (fd >= 0 && !ends_within(fd, seconds)) {
		log_info("container '%s': did not end within %u s, and is killed", subject->entry.name, seconds);
		err = send_signal(fd, SIGKILL);
	}
	close_fd(&fd);
	/* Its monitor tidies up. */
	err = err == -ESRCH ? 0 : err;
	if (!err)
		err = entry_wait(&subject->entry);
	if (!err) {
		subject->alive = false;
		err = status_read(&subject->entry, &subject->status);
	}
	if (!err)
		lifecycle_mend(subject);
	return err;
}
