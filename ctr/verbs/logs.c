// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr logs`: what a container printed, and with --follow what it prints until it ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/verbs/console.h"
#include "ctr/verbs/verbs.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* No event tells that the monitor has let go of its mark of life, the last thing that it does. */
#define LOOK_MS 250

struct logs_options {
	bool follow;
};

static const struct option_def logs_defs[] = {
	{.name = "follow",
	 .letter = 'f',
	 .take = options_take_flag,
	 .field = offsetof(struct logs_options, follow),
	 .help = "go on until the container ends"},
	OPTIONS_HELP,
};
const struct verb_table logs_table = {logs_defs, sizeof(logs_defs) / sizeof(*logs_defs)};

static int open_log(const struct entry *entry, const char *file)
{
	int fd = openat(entry->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int print_rest(int fd)
{
	char data[65536];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0) {
		int err = write_full(STDOUT_FILENO, data, (size_t)n);
		if (err)
			return err;
	}
	return n < 0 ? -errno : 0;
}

static int print_file(const struct entry *entry, const char *file)
{
	int fd = open_log(entry, file);
	int err = fd == -ENOENT ? 0 : fd < 0 ? fd : print_rest(fd);

	close_fd(&fd);
	return err;
}

/* The log that was followed became log.1: its rest was printed, and another stands in its place. */
static int next_log(const struct entry *entry, int fd)
{
	struct stat ours, named;
	int fresh;

	if (fd >= 0 && (fstat(fd, &ours) || fstatat(entry->fd, LOG_FILE, &named, AT_SYMLINK_NOFOLLOW) || ours.st_ino == named.st_ino))
		return fd;
	fresh = open_log(entry, LOG_FILE);
	if (fresh < 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return fresh;
}

/* Waits for something to happen to the entry's files: its log grows, or its status is written. */
static int wait_for_change(int inotify)
{
	struct pollfd fds[] = {{.fd = inotify, .events = POLLIN}, {.fd = STDOUT_FILENO, .events = 0}};
	char events[4096];

	if (poll(fds, 2, LOOK_MS) < 0 && errno != EINTR)
		return -errno;
	/* Nobody reads any more. */
	if (fds[1].revents & (POLLERR | POLLHUP))
		return -EPIPE;
	(void)!read(inotify, events, sizeof(events));
	return 0;
}

static int follow(const struct entry *entry)
{
	char path[64];
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), fd = -1, err = 0;
	bool alive = true;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", entry->fd);
	if (inotify < 0 || inotify_add_watch(inotify, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
		err = -errno;
	while (!err && alive) {
		/* Before it is printed: what came until the end is in it. */
		alive = entry_is_alive(entry);
		if (fd >= 0)
			err = print_rest(fd);
		fd = next_log(entry, fd);
		if (!err && fd >= 0)
			err = print_rest(fd);
		if (!err && alive)
			err = wait_for_change(inotify);
	}
	close_fd(&fd);
	close_fd(&inotify);
	return err == -EPIPE ? 0 : err;
}

static int print_logs(struct subject *subject, const struct verb_line *line)
{
	const struct logs_options *options = line->target;
	int err = print_file(&subject->entry, LOG_FILE_BEFORE);

	if (!err)
		err = options->follow ? follow(&subject->entry) : print_file(&subject->entry, LOG_FILE);
	if (err)
		log_error("container '%s': its log: %s", subject->entry.name, strerror(-err));
	return err;
}

int verb_logs(int argc, char **argv)
{
	struct logs_options options = {0};
	struct verb_line line = {
		.verb = "logs",
		.usage = "NAME [--follow]",
		.help = "prints what a container printed",
		.table = &logs_table,
		.target = &options,
		.min = 1,
		.max = 1,
	};

	return verb_on_subject(&line, argc, argv, false, print_logs);
}
