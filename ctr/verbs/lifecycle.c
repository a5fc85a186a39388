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

/* A mask of /proc/PID/status, of signals as bits from 0 on. */
static uint64_t signal_mask(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	return line ? strtoull(line + strlen(key), NULL, 16) : 0;
}

/* The first of those that an init may take for a power failure; 0: none of them is in the mask. */
static int find_signal(uint64_t mask)
{
	const int wanted[] = {SIGRTMIN + 3, SIGPWR, SIGUSR2};

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (mask >> (wanted[i] - 1) & 1)
			return wanted[i];
	}
	return 0;
}

/*
 * How an init is asked to shut down: systemd takes SIGRTMIN+3 (systemd(1)), those of System V and OpenRC SIGPWR, busybox's that or, once,
 * SIGUSR2 (init.c there). Which it is shows in what it has a handler for, or else blocks, to read it from a descriptor. Everybody else gets
 * SIGTERM.
 */
static int shutdown_signal(const struct subject *subject, const struct spec *spec)
{
	uint64_t caught = 0, blocked = 0;
	char path[64], *text;
	size_t len;

	if (!spec->system)
		return SIGTERM;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)subject->status.pid);
	if (!read_file(path, 1u << 16, &text, &len)) {
		caught = signal_mask(text, "SigCgt:\t");
		blocked = signal_mask(text, "SigBlk:\t");
		free(text);
	}
	int signal = find_signal(caught);
	if (!signal)
		signal = find_signal(blocked);
	/* What sigtimedwait(2) waits for shows nowhere. Busybox's init does so, and restarts at SIGTERM; another would not hear that. */
	if (!signal)
		signal = (caught | blocked) >> (SIGTERM - 1) & 1 ? SIGTERM : SIGUSR2;
	return signal;
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
		signal = err ? SIGTERM : shutdown_signal(subject, &spec);
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
