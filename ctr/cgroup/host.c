// SPDX-License-Identifier: Apache-2.0
/*
 * Which control group hierarchies this host has, and where we are in them: /proc/self/mountinfo (proc_pid_mountinfo(5)) and
 * /proc/self/cgroup (cgroups(7)). Where both versions are mounted, a controller is where its hierarchy is: version 1's says so in its mount
 * options, version 2's in cgroup.controllers.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define PROC_FILE_MAX (16u << 20) /* a host with ten thousand mounts has 2 MiB of them */

const char *cgroup_controller_name(enum cgroup_controller controller, bool v2)
{
	static const char *const name[CONTROLLER_COUNT] = {
		[CONTROLLER_CPU] = "cpu",           [CONTROLLER_CPUACCT] = "cpuacct", [CONTROLLER_CPUSET] = "cpuset",
		[CONTROLLER_MEMORY] = "memory",     [CONTROLLER_DEVICES] = "devices", [CONTROLLER_FREEZER] = "freezer",
		[CONTROLLER_IO] = "blkio",          [CONTROLLER_PIDS] = "pids",       [CONTROLLER_NET_CLS] = "net_cls",
		[CONTROLLER_NET_PRIO] = "net_prio",
	};

	return v2 && controller == CONTROLLER_IO ? "io" : name[controller];
}

unsigned cgroup_controllers_of(char *list, bool v2)
{
	unsigned bits = 0;
	char *word;

	while ((word = strsep(&list, " ,\n"))) {
		for (unsigned c = 0; c < CONTROLLER_COUNT; c++) {
			if (!strcmp(word, cgroup_controller_name(c, v2)))
				bits |= CONTROLLER_BIT(c);
		}
	}
	return bits;
}

/* "\040" and its like, as the kernel writes spaces and backslashes in paths. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
		    from[3] <= '7') {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* Where `path`, as /proc/self/cgroup has it, is below a mount that shows the hierarchy from `root` on. */
static char *below_mount(const char *path, const char *root)
{
	size_t len = strcmp(root, "/") ? strlen(root) : 0;

	/* "/..": outside of our cgroup namespace. */
	if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len]) || !strncmp(path, "/..", 3))
		return NULL;
	return strdup(strcmp(path + len, "/") ? path + len : "");
}

/* Our own group in a hierarchy: from lines "4:cpu,cpuacct:/a/b", of version 2 "0::/a/b". `text` stays as it is. */
static char *own_path(const char *text, bool v2, unsigned controllers, const char *root)
{
	char *copy = strdup(text), *cursor = copy, *line, *own = NULL;

	while (!own && copy && (line = strsep(&cursor, "\n"))) {
		char *id = strsep(&line, ":"), *list = strsep(&line, ":");
		if (!line || !list)
			continue;
		if (v2 ? !strcmp(id, "0") && !*list : (cgroup_controllers_of(list, false) & controllers) != 0)
			own = below_mount(line, root);
	}
	free(copy);
	return own;
}

static int add_hierarchy(struct cgroup_host *host, bool v2, unsigned controllers, char *root, char *mount, const char *self_cgroup)
{
	struct cgroup_hierarchy *h = &host->hierarchy[host->count];

	/* One hierarchy may be mounted at several places; the first will do. Named ones without a controller are nothing to us. */
	for (unsigned i = 0; i < host->count; i++) {
		if (v2 ? host->hierarchy[i].v2 : (host->hierarchy[i].controllers & controllers) != 0)
			return 0;
	}
	if ((!v2 && !controllers) || host->count == CGROUP_HIERARCHIES_MAX)
		return 0;
	unescape(root);
	unescape(mount);
	*h = (struct cgroup_hierarchy){.v2 = v2, .controllers = controllers, .mount = strdup(mount)};
	if (!h->mount)
		return -ENOMEM;
	h->own = own_path(self_cgroup, v2, controllers, root);
	host->count++;
	return 0;
}

/* "36 35 98:0 /root /mount options [optional fields] - type source options" */
static int read_mount(struct cgroup_host *host, char *line, const char *self_cgroup)
{
	char *behind = strstr(line, " - cgroup"), *field[5], *options;

	if (!behind)
		return 0;
	*behind = '\0';
	behind += strlen(" - ");
	for (unsigned i = 0; i < 5; i++) {
		field[i] = strsep(&line, " ");
		if (!field[i])
			return 0;
	}
	const char *type = strsep(&behind, " ");
	(void)strsep(&behind, " ");
	options = behind ? behind : (char[]){""};
	if (!strcmp(type, "cgroup2"))
		return add_hierarchy(host, true, 0, field[3], field[4], self_cgroup);
	if (!strcmp(type, "cgroup"))
		return add_hierarchy(host, false, cgroup_controllers_of(options, false), field[3], field[4], self_cgroup);
	return 0;
}

static int read_proc(const char *proc, const char *file, char **text)
{
	char path[PATH_MAX];
	size_t len;

	if (snprintf(path, sizeof(path), "%s/%s", proc, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return read_file(path, PROC_FILE_MAX, text, &len);
}

int cgroup_host_find(struct cgroup_host *host, const char *proc)
{
	char *mounts = NULL, *self_cgroup = NULL, *line, *cursor;

	*host = (struct cgroup_host){.count = 0};
	if (snprintf(host->proc, sizeof(host->proc), "%s", proc) >= (int)sizeof(host->proc))
		return -ENAMETOOLONG;
	int err = read_proc(proc, "self/mountinfo", &mounts);
	if (err)
		return err;
	/* A kernel without control groups has none of these. */
	err = read_proc(proc, "self/cgroup", &self_cgroup);
	if (err == -ENOENT)
		err = 0;
	cursor = mounts;
	while (!err && (line = strsep(&cursor, "\n")))
		err = read_mount(host, line, self_cgroup ? self_cgroup : "");
	free(self_cgroup);
	free(mounts);
	if (err)
		cgroup_host_release(host);
	return err;
}

void cgroup_host_release(struct cgroup_host *host)
{
	for (unsigned i = 0; i < host->count; i++) {
		free(host->hierarchy[i].mount);
		free(host->hierarchy[i].own);
	}
	host->count = 0;
}

/* Whether /proc/cgroups has it: 1 yes, 0 switched off, -1 unknown to the kernel (or only known to version 2). */
static int kernel_has(const struct cgroup_host *host, const char *name)
{
	char *text, *cursor, *line;
	int has = -1;

	if (read_proc(host->proc, "cgroups", &text))
		return -1;
	cursor = text;
	while ((line = strsep(&cursor, "\n"))) {
		char *word = strsep(&line, "\t "), *enabled = line ? strrchr(line, '\t') : NULL;
		if (!strcmp(word, name) && enabled)
			has = !strcmp(enabled + 1, "1");
	}
	free(text);
	return has;
}

/* Version 2 at the top of the host's (or our namespace's) hierarchy. */
static bool top_has(const struct cgroup_host *host, enum cgroup_controller controller)
{
	char path[PATH_MAX], text[512];

	for (unsigned i = 0; i < host->count; i++) {
		if (host->hierarchy[i].v2 &&
		    snprintf(path, sizeof(path), "%s/cgroup.controllers", host->hierarchy[i].mount) < (int)sizeof(path) &&
		    !cgroup_read_at(AT_FDCWD, path, text, sizeof(text)))
			return (cgroup_controllers_of(text, true) & CONTROLLER_BIT(controller)) != 0;
	}
	return false;
}

void cgroup_log_missing(const struct cgroup *cgroup, enum cgroup_controller controller)
{
	void (*say)(const char *fmt, ...) = cgroup->best_effort ? log_warn : log_error;
	const char *name = cgroup_controller_name(controller, false);
	int err = cgroup->why[controller], known = kernel_has(&cgroup->host, name);

	if (err == -EBUSY)
		say("the control group that we are in can't pass its controller '%s' on while there are processes in it, as ours: start it "
		    "as "
		    "systemd-run --user --scope -p Delegate=yes tinyvmm ...",
		    name);
	else if (controller == CONTROLLER_DEVICES && err)
		say("device nodes can't be restricted by a control group: %s: that takes root", strerror(-err));
	else if (err == -EACCES || err == -EPERM || err == -EROFS)
		say("no permission to make a control group with '%s': be root, or start it in a group of your own: "
		    "systemd-run --user --scope -p Delegate=yes tinyvmm ...",
		    name);
	else if (err)
		say("a control group with '%s' can't be made: %s", name, strerror(-err));
	else if (top_has(&cgroup->host, controller))
		say("the controller '%s' is not delegated to our control group: be root, or let root say Delegate=cpu cpuset io memory "
		    "pids "
		    "under [Service] (systemctl edit user@.service)",
		    name);
	else if (known == 1)
		say("the kernel knows the controller '%s' but it is not mounted: mkdir -p /sys/fs/cgroup/%s && mount -t cgroup -o %s "
		    "cgroup "
		    "/sys/fs/cgroup/%s",
		    name, name, name, name);
	else if (controller == CONTROLLER_MEMORY)
		say("this kernel's memory controller is switched off: add cgroup_enable=memory to the kernel's command line (on a "
		    "Raspberry Pi, "
		    "in cmdline.txt)");
	else
		say("this kernel has no controller '%s'%s", name, known == 0 ? " (it is switched off on its command line)" : "");
}
