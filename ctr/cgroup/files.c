// SPDX-License-Identifier: Apache-2.0
/* Small reads and writes in control groups' directories, and the walk over a group's processes: see cgroup_impl.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

int cgroup_write_at(const struct cgroup *cgroup, int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | cgroup->create, 0600), err = 0;
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	/* One write(2) is one command to the kernel: never a rest in a second one. */
	ssize_t n = write(fd, text, len);
	if (n != (ssize_t)len)
		err = n < 0 ? -errno : -EIO;
	if (!err && cgroup->create)
		(void)!write(fd, "\n", 1);
	close(fd);
	return err;
}

int cgroup_read_at(int dir, const char *file, char *text, size_t size)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 0;

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	while (used < size - 1 && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	int err = n < 0 ? -errno : 0;
	text[used] = '\0';
	close(fd);
	return err;
}

int cgroup_read_value(int dir, const char *file, const char *key, uint64_t *value)
{
	char text[8192], *line, *cursor = text;
	size_t len = key ? strlen(key) : 0;
	int err = cgroup_read_at(dir, file, text, sizeof(text));

	while (!err && (line = strsep(&cursor, "\n"))) {
		if (key && (strncmp(line, key, len) != 0 || line[len] != ' '))
			continue;
		if (key)
			line += len + 1;
		if (!strcmp(line, "max")) {
			*value = UINT64_MAX;
			return 0;
		}
		return parse_u64(line, 0, UINT64_MAX, value);
	}
	return err ? err : -ENODATA;
}

static const char *way_out(const char *file, int err)
{
	if (err == -ENOENT && (strstr(file, "memsw") || strstr(file, "swap")))
		return ": the kernel doesn't account for swap; add swapaccount=1 to its command line";
	switch (err) {
	case -ENOENT:
		return ": this kernel was built without it, or has it switched off";
	case -EPERM:
	case -EACCES:
		return ": no permission, or the group above allows less";
	case -EINVAL:
	case -ERANGE:
		return ": the kernel doesn't take this value here";
	case -ENODEV:
		return ": no such device here; disks are limited as a whole, not their partitions";
	case -EBUSY:
		return ": it is in use";
	default:
		return "";
	}
}

int cgroup_set(const struct cgroup *cgroup, const struct cgroup_group *group, const char *file, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	int err = len >= (int)sizeof(text) ? -EINVAL : cgroup_write_at(cgroup, group->fd, file, text);
	if (!err)
		return 0;
	(cgroup->best_effort ? log_warn : log_error)("the limit '%s' can't be set in %s/%s: %s%s", text, group->path, file, strerror(-err),
						     way_out(file, err));
	return cgroup->best_effort ? 0 : err;
}

static bool visit_file(int dir, const char *file, cgroup_visit *visit, void *arg)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "re");
	char line[32], *end;
	bool more = true;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	while (more && fgets(line, sizeof(line), stream)) {
		long pid = strtol(line, &end, 10);
		more = end == line || visit((pid_t)pid, arg);
	}
	(void)fclose(stream);
	return more;
}

bool cgroup_walk(int dir, const char *file, unsigned depth, cgroup_visit *visit, void *arg)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	bool more = visit_file(dir, file, visit, arg);
	struct dirent *entry;

	if (!stream) {
		if (copy >= 0)
			close(copy);
		return more;
	}
	while (more && depth && (entry = readdir(stream))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		int child = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child < 0)
			continue;
		more = cgroup_walk(child, file, depth - 1, visit, arg);
		close(child);
	}
	closedir(stream);
	return more;
}

int64_t cgroup_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
