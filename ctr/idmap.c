// SPDX-License-Identifier: Apache-2.0
/* Users and groups of a container: see idmap.h. */
#include "ctr/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"
#include "vmm/util/process.h"

#define RANGE_MIN 65536
#define FILE_BYTES_MAX (1 << 20)
#define SUBUID "/etc/subuid"
#define SUBGID "/etc/subgid"

extern char **environ;

/* --- /etc/subuid ---------------------------------------------------------------------------------------------------------- */

static bool parse_line(char *line, char **user, struct idmap_extent *extent)
{
	char *start = strchr(line, ':');
	char *count = start ? strchr(start + 1, ':') : NULL;
	uint64_t from, n;

	if (!count)
		return false;
	*start++ = '\0';
	*count++ = '\0';
	*user = line;
	if (parse_u64(start, 1, UINT32_MAX - 1, &from) || parse_u64(count, 1, UINT32_MAX - 1, &n) || from + n > UINT32_MAX)
		return false;
	extent->outside = (uint32_t)from;
	extent->count = (uint32_t)n;
	return true;
}

bool idmap_find_range(const char *text, const char *user, uint32_t uid, uint32_t min_count, struct idmap_extent *extent)
{
	char *copy = strdup(text), *rest = copy, *line;
	char number[16];
	bool found = false;

	snprintf(number, sizeof(number), "%u", uid);
	while (!found && copy && (line = strsep(&rest, "\n"))) {
		char *whose;
		struct idmap_extent one = {0};
		if (!parse_line(line, &whose, &one) || one.count < min_count)
			continue;
		if ((user && !strcmp(whose, user)) || !strcmp(whose, number)) {
			*extent = one;
			found = true;
		}
	}
	free(copy);
	return found;
}

/* The caller's name, from the files alone: name services of other kinds would load libraries into this process. */
static bool user_name(uint32_t uid, char *name, size_t size)
{
	char *text, *rest, *line;
	size_t len;
	bool found = false;

	if (read_file("/etc/passwd", FILE_BYTES_MAX, &text, &len))
		return false;
	rest = text;
	while (!found && (line = strsep(&rest, "\n"))) {
		char *whose = strsep(&line, ":");
		if (!line || !strsep(&line, ":"))
			continue;
		char *number = line ? strsep(&line, ":") : NULL;
		uint64_t value;
		if (!number || parse_u64(number, 0, UINT32_MAX, &value) || value != uid)
			continue;
		found = snprintf(name, size, "%s", whose) < (int)size;
	}
	free(text);
	return found;
}

static bool subordinate(const char *path, const char *user, uint32_t uid, struct idmap_extent *extent)
{
	char *text;
	size_t len;

	if (read_file(path, FILE_BYTES_MAX, &text, &len))
		return false;
	bool found = idmap_find_range(text, user, uid, RANGE_MIN, extent);
	free(text);
	return found;
}

/* --- the choice --------------------------------------------------------------------------------------------------------- */

static bool on_path(const char *program)
{
	static const char *const dirs[] = {"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"};
	char path[PATH_MAX];

	for (unsigned i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static int choose_for_root(struct idmap *map, const char *name)
{
	bool found = subordinate(SUBUID, name, 0, &map->uid[0]) && subordinate(SUBGID, name, 0, &map->gid[0]);

	if (!found) {
		log_error(
			"--userns: root has no subordinate ids: add a line 'root:1000000:65536' (numbers that no other line has) to " SUBUID
			" and to " SUBGID);
		return -ENOENT;
	}
	map->uid_count = map->gid_count = 1;
	return 0;
}

static void choose_for_user(struct idmap *map, const char *name, uint32_t uid, uint32_t gid)
{
	map->uid[0] = (struct idmap_extent){.outside = uid, .count = 1};
	map->gid[0] = (struct idmap_extent){.outside = gid, .count = 1};
	map->uid_count = map->gid_count = 1;
	map->by_helpers = on_path("newuidmap") && on_path("newgidmap") && subordinate(SUBUID, name, uid, &map->uid[1]) &&
			  subordinate(SUBGID, name, uid, &map->gid[1]);
	if (map->by_helpers) {
		map->uid[1].inside = map->gid[1].inside = 1;
		map->uid_count = map->gid_count = 2;
	} else {
		log_info("no subordinate ids (newuidmap, " SUBUID ", " SUBGID "): the container has one user, root, who is you");
		map->deny_groups = true;
	}
}

int idmap_choose(struct idmap *map, bool wanted)
{
	uint32_t uid = geteuid(), gid = getegid();
	char buf[256];

	*map = (struct idmap){.userns = uid || wanted};
	if (!map->userns)
		return 0;
	const char *name = user_name(uid, buf, sizeof(buf)) ? buf : NULL;
	if (!uid)
		return choose_for_root(map, name);
	choose_for_user(map, name, uid, gid);
	return 0;
}

bool idmap_has(const struct idmap_extent *extents, unsigned count, uint32_t inside)
{
	for (unsigned i = 0; i < count; i++) {
		if (inside >= extents[i].inside && inside - extents[i].inside < extents[i].count)
			return true;
	}
	return count == 0;
}

/* --- writing it --------------------------------------------------------------------------------------------------------- */

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : write_full(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	if (err)
		log_error("%s: can't be written: %s", path, strerror(-err));
	return err;
}

static int write_map(pid_t pid, const char *file, const struct idmap_extent *extents, unsigned count)
{
	char text[128];
	int len = 0;

	for (unsigned i = 0; i < count; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%u %u %u\n", extents[i].inside, extents[i].outside,
				extents[i].count);
	return write_proc(pid, file, text);
}

static int start_helper(pid_t *helper, const char *program, pid_t pid, const struct idmap_extent *extents, unsigned count)
{
	char text[1 + 3 * IDMAP_EXTENTS_MAX][16];
	char *argv[3 + 3 * IDMAP_EXTENTS_MAX] = {(char *)program, text[0]};
	unsigned n = 1;

	snprintf(text[0], sizeof(text[0]), "%d", (int)pid);
	for (unsigned i = 0; i < count; i++) {
		const uint32_t numbers[] = {extents[i].inside, extents[i].outside, extents[i].count};
		for (unsigned k = 0; k < 3; k++, n++) {
			snprintf(text[n], sizeof(text[n]), "%u", numbers[k]);
			argv[n + 1] = text[n];
		}
	}
	argv[n + 1] = NULL;
	int err = posix_spawnp(helper, program, NULL, NULL, argv, environ);
	if (err)
		log_error("%s: %s", program, strerror(err));
	return -err;
}

static int wait_helper(pid_t helper, const char *program)
{
	int status;
	int err = process_wait(helper, &status);

	if (err)
		return err;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		log_error("%s refused the container's ids (its message is above): " SUBUID " and " SUBGID " must have what it was given",
			  program);
		return -EPERM;
	}
	return 0;
}

/* Both at once: each starts a program, and they don't mind each other. */
static int write_by_helpers(const struct idmap *map, pid_t pid)
{
	pid_t uid_helper, gid_helper;
	int err = start_helper(&uid_helper, "newuidmap", pid, map->uid, map->uid_count);

	if (err)
		return err;
	err = start_helper(&gid_helper, "newgidmap", pid, map->gid, map->gid_count);
	int uid_err = wait_helper(uid_helper, "newuidmap");
	if (!err)
		err = wait_helper(gid_helper, "newgidmap");
	return err ? err : uid_err;
}

int idmap_write(const struct idmap *map, pid_t pid)
{
	if (map->by_helpers)
		return write_by_helpers(map, pid);
	int err = write_map(pid, "uid_map", map->uid, map->uid_count);
	if (!err && map->deny_groups)
		err = write_proc(pid, "setgroups", "deny");
	if (!err)
		err = write_map(pid, "gid_map", map->gid, map->gid_count);
	return err;
}
