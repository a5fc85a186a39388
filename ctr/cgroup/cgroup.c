// SPDX-License-Identifier: Apache-2.0
/*
 * A container's control group: made, found again, joined. See cgroup.h.
 *
 * A start pays for each directory and each file, so a group is only made where something asks for it: in version 2's hierarchy always (it
 * freezes, kills, counts processor time, and CLONE_INTO_CGROUP costs nothing), with its controllers as far as version 1 has not got them;
 * in version 1's for the memory controller (out-of-memory kills, statistics), for those that a limit needs, and, only where version 2 is
 * missing or old, for freezer and cpuacct.
 *
 * Where: "/tinyvmm/NAME" at the top, which is root's; else as a sibling of our own group, when the group above is ours to write (systemd's
 * user slices); else below our own. Version 2 gives controllers only to groups whose parent has no processes ("no internal processes"),
 * hence that order. /tinyvmm itself stays when a group goes: the next start finds it.
 * In a user's slices containers are beside the scope that systemd made for one of them, so that each finds all. That scope lives as long
 * as its container, and for it systemd leaves the controllers on in the slice.
 */
#include "ctr/cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

static unsigned required_controllers(const struct cgroup_limits *l)
{
	unsigned bits = 0;

	bits |= l->memory_bytes || l->swap_set ? CONTROLLER_BIT(CONTROLLER_MEMORY) : 0;
	bits |= l->cpu_millis || l->cpu_shares ? CONTROLLER_BIT(CONTROLLER_CPU) : 0;
	bits |= l->cpuset_cpus || l->cpuset_mems ? CONTROLLER_BIT(CONTROLLER_CPUSET) : 0;
	bits |= l->pids ? CONTROLLER_BIT(CONTROLLER_PIDS) : 0;
	bits |= l->io_weight || l->io_count ? CONTROLLER_BIT(CONTROLLER_IO) : 0;
	bits |= l->devices_restricted ? CONTROLLER_BIT(CONTROLLER_DEVICES) : 0;
	bits |= l->net_class_set ? CONTROLLER_BIT(CONTROLLER_NET_CLS) : 0;
	bits |= l->net_prio_count ? CONTROLLER_BIT(CONTROLLER_NET_PRIO) : 0;
	return bits;
}

static unsigned claimed(const struct cgroup *cgroup)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < cgroup->count; i++)
		bits |= cgroup->group[i].controllers;
	return bits;
}

static unsigned mounted_v1(const struct cgroup_host *host)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < host->count; i++)
		bits |= host->hierarchy[i].controllers;
	return bits;
}

const struct cgroup_group *cgroup_group_of(const struct cgroup *cgroup, enum cgroup_controller controller)
{
	for (unsigned i = 0; i < cgroup->count; i++) {
		if (cgroup->group[i].fd >= 0 && cgroup->group[i].controllers & CONTROLLER_BIT(controller))
			return &cgroup->group[i];
	}
	return NULL;
}

const struct cgroup_group *cgroup_group_v2(const struct cgroup *cgroup)
{
	for (unsigned i = 0; i < cgroup->count; i++) {
		if (cgroup->group[i].v2)
			return &cgroup->group[i];
	}
	return NULL;
}

/* --- places -------------------------------------------------------------------------------------------------------------------- */

#define PLACES_MAX 4

struct places {
	char path[PLACES_MAX][PATH_MAX];
	unsigned count;
};

static void add_place(struct places *places, const char *mount, const char *below, size_t len)
{
	char *path = places->path[places->count];

	if (snprintf(path, PATH_MAX, "%s%.*s", mount, (int)len, below) >= PATH_MAX)
		return;
	for (unsigned i = 0; i < places->count; i++) {
		if (!strcmp(places->path[i], path))
			return;
	}
	places->count++;
}

/* The directories in which a group may be made, best first. */
static void find_places(struct places *places, const struct cgroup_hierarchy *h)
{
	const char *slash = h->own ? strrchr(h->own, '/') : NULL;

	places->count = 0;
	add_place(places, h->mount, "", 0);
	/* Version 1 lets a group hold both processes and groups. */
	if (slash && h->v2)
		add_place(places, h->mount, h->own, (size_t)(slash - h->own));
	if (h->own)
		add_place(places, h->mount, h->own, strlen(h->own));
}

/* Processes are moved by whoever may write the cgroup.procs of the group that is above both ends ("Delegation Containment"). */
static int check_place(const char *place, bool v2)
{
	char path[PATH_MAX];

	if (!v2)
		return 0;
	if (snprintf(path, sizeof(path), "%s/cgroup.procs", place) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) ? -errno : 0;
}

/* --- making --------------------------------------------------------------------------------------------------------------------- */

/* What a run that was killed left behind is cleared away; a group with processes is somebody's. */
static int clear_stale(const char *path, bool v2)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	bool populated = cgroup_is_populated(fd, v2);
	close(fd);
	if (populated) {
		log_error("there are processes in the control group %s: end its container, or choose another name", path);
		return -EEXIST;
	}
	int err = cgroup_remove_tree(path);
	return err ? err : mkdir(path, 0755) ? -errno : 0;
}

static int make_dir(const char *place, const char *name, bool v2, char **path)
{
	char parent[PATH_MAX];

	*path = NULL;
	if (snprintf(parent, sizeof(parent), "%s/" CGROUP_PARENT, place) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	if (asprintf(path, "%s/%s", parent, name) < 0) {
		*path = NULL;
		return -ENOMEM;
	}
	if (!mkdir(*path, 0755))
		return 0;
	if (errno == ENOENT && (!mkdir(parent, 0755) || errno == EEXIST) && !mkdir(*path, 0755))
		return 0;
	return errno == EEXIST ? clear_stale(*path, v2) : -errno;
}

/* Enters a directory into the table; takes over `path`. */
static int add_group(struct cgroup *cgroup, bool v2, unsigned controllers, char *path)
{
	struct cgroup_group *group = &cgroup->group[cgroup->count];
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (v2 && !faccessat(fd, "cgroup.freeze", F_OK, 0))
		controllers |= CONTROLLER_BIT(CONTROLLER_FREEZER) | CONTROLLER_BIT(CONTROLLER_CPUACCT);
	*group = (struct cgroup_group){.v2 = v2, .controllers = controllers, .fd = fd, .path = path};
	cgroup->count++;
	return 0;
}

static int make_in_place(struct cgroup *cgroup, const char *place, bool v2, unsigned controllers)
{
	char *path;
	int err = check_place(place, v2);

	if (err)
		return err;
	err = make_dir(place, cgroup->name, v2, &path);
	if (!err) {
		err = add_group(cgroup, v2, controllers, path);
		if (err)
			(void)rmdir(path);
	}
	if (err)
		free(path);
	return err;
}

static bool may_try_next(int err)
{
	return err == -EACCES || err == -EPERM || err == -EROFS || err == -ENOENT;
}

unsigned cgroup_enable(struct cgroup *cgroup, const char *place, unsigned bits)
{
	char text[512] = "", line[256] = "";
	int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned have;

	if (dir < 0)
		return 0;
	(void)cgroup_read_at(dir, "cgroup.subtree_control", text, sizeof(text));
	have = cgroup_controllers_of(text, true);
	for (unsigned c = 0; c < CONTROLLER_COUNT; c++) {
		if (bits & ~have & CONTROLLER_BIT(c))
			snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s+%s", *line ? " " : "",
				 cgroup_controller_name(c, true));
	}
	/* All or nothing; if nothing, then one by one, to see which. */
	if (!*line || !cgroup_write_at(cgroup, dir, "cgroup.subtree_control", line)) {
		close(dir);
		return bits;
	}
	for (unsigned c = 0; c < CONTROLLER_COUNT; c++) {
		if (!(bits & ~have & CONTROLLER_BIT(c)))
			continue;
		snprintf(line, sizeof(line), "+%s", cgroup_controller_name(c, true));
		cgroup->why[c] = cgroup_write_at(cgroup, dir, "cgroup.subtree_control", line);
		if (cgroup->why[c])
			bits &= ~CONTROLLER_BIT(c);
	}
	close(dir);
	return bits;
}

/* From the place down to our own group: what is there at all, and then what can be passed on. */
static unsigned enable_below(struct cgroup *cgroup, const char *place, unsigned wanted)
{
	char path[PATH_MAX], text[512];
	unsigned bits;

	if (snprintf(path, sizeof(path), "%s/cgroup.controllers", place) >= (int)sizeof(path) ||
	    cgroup_read_at(AT_FDCWD, path, text, sizeof(text)))
		return 0;
	bits = cgroup_controllers_of(text, true) & wanted;
	if (bits)
		bits = cgroup_enable(cgroup, place, bits);
	if (bits && snprintf(path, sizeof(path), "%s/" CGROUP_PARENT, place) < (int)sizeof(path))
		bits = cgroup_enable(cgroup, path, bits);
	return bits;
}

/* Makes our group in one hierarchy. Only -EEXIST ends the whole; else it is remembered for those who need a controller from here. */
static int make_group(struct cgroup *cgroup, const struct cgroup_hierarchy *h, unsigned wanted)
{
	struct places *places = malloc(sizeof(*places));
	int err = -EACCES;

	if (!places)
		return -ENOMEM;
	find_places(places, h);
	for (unsigned i = 0; i < places->count; i++) {
		err = make_in_place(cgroup, places->path[i], h->v2, h->v2 ? 0 : wanted);
		if (!err && h->v2)
			cgroup->group[cgroup->count - 1].controllers |=
				enable_below(cgroup, places->path[i], wanted) | (wanted & CONTROLLER_BIT(CONTROLLER_DEVICES));
		if (!err || !may_try_next(err))
			break;
	}
	free(places);
	for (unsigned c = 0; err && c < CONTROLLER_COUNT; c++) {
		if (wanted & CONTROLLER_BIT(c))
			cgroup->why[c] = err;
	}
	return err == -EEXIST ? err : 0;
}

/* Version 2 first: what it has, version 1 need not give. */
static int make_groups(struct cgroup *cgroup, unsigned required, bool inner)
{
	const struct cgroup_host *host = &cgroup->host;
	unsigned always = CONTROLLER_BIT(CONTROLLER_MEMORY) | CONTROLLER_BIT(CONTROLLER_FREEZER) | CONTROLLER_BIT(CONTROLLER_CPUACCT);
	/* For an init to limit its services by. */
	unsigned more = inner ? CONTROLLER_BIT(CONTROLLER_CPU) | CONTROLLER_BIT(CONTROLLER_IO) | CONTROLLER_BIT(CONTROLLER_PIDS) : 0;
	int err = 0;

	for (unsigned i = 0; !err && i < host->count; i++) {
		if (host->hierarchy[i].v2)
			err = make_group(cgroup, &host->hierarchy[i], (required | always | more) & ~mounted_v1(host));
	}
	for (unsigned i = 0; !err && i < host->count; i++) {
		unsigned wanted = host->hierarchy[i].controllers & (required | always) & ~claimed(cgroup);
		if (wanted)
			err = make_group(cgroup, &host->hierarchy[i], wanted);
	}
	for (unsigned c = 0; !err && c < CONTROLLER_COUNT; c++) {
		if (!(required & ~claimed(cgroup) & CONTROLLER_BIT(c)))
			continue;
		cgroup_log_missing(cgroup, c);
		err = cgroup->best_effort ? 0 : -ENOTSUP;
	}
	return err;
}

static int cgroup_alloc(struct cgroup **cgroup, const char *proc, const char *name)
{
	struct cgroup *cg = calloc(1, sizeof(*cg));

	if (!cg)
		return -ENOMEM;
	int err = snprintf(cg->name, sizeof(cg->name), "%s", name) >= (int)sizeof(cg->name) ? -ENAMETOOLONG : 0;
	if (!err)
		err = cgroup_host_find(&cg->host, proc);
	cg->inner_fd = -1;
	if (err)
		free(cg);
	else
		*cgroup = cg;
	return err;
}

int cgroup_new_from(struct cgroup **cgroup, const char *proc, int create, const char *name, const struct cgroup_limits *limits,
		    bool best_effort)
{
	struct cgroup *cg;
	int err = cgroup_alloc(&cg, proc, name);

	*cgroup = NULL;
	if (err) {
		log_error("the control group of %s can't be made: %s/self: %s", name, proc, strerror(-err));
		return err;
	}
	cg->create = create;
	cg->best_effort = best_effort;
	err = make_groups(cg, required_controllers(limits), limits->inner);
	if (!err && limits->inner)
		err = cgroup_make_inner(cg, limits->inner_owner);
	if (!err) {
		*cgroup = cg;
		return 0;
	}
	cgroup_remove(cg);
	cgroup_free(cg);
	return err;
}

int cgroup_new(struct cgroup **cgroup, const char *name, const struct cgroup_limits *limits, bool best_effort)
{
	/* Without it what follows fails, and says why. */
	if (geteuid() && (limits->inner || required_controllers(limits)))
		(void)cgroup_scope("/proc");
	return cgroup_new_from(cgroup, "/proc", 0, name, limits, best_effort);
}

int cgroup_limit(const struct cgroup *cgroup, const struct cgroup_limits *limits)
{
	int err = cgroup_v1_set(cgroup, limits);

	if (!err)
		err = cgroup_v2_set(cgroup, limits);
	if (!err)
		err = cgroup_devices_set(cgroup, limits);
	if (!err)
		cgroup_sweep(cgroup);
	return err;
}

/* --- finding again --------------------------------------------------------------------------------------------------------------- */

static void open_group(struct cgroup *cgroup, const struct cgroup_hierarchy *h, struct places *places)
{
	char text[512], *path;
	unsigned found = cgroup->count;

	find_places(places, h);
	if (h->v2) {
		/* Where those are that systemd was asked for, wherever we are. */
		snprintf(text, sizeof(text), "/user.slice/user-%u.slice/user@%u.service/app.slice", geteuid(), geteuid());
		add_place(places, h->mount, text, strlen(text));
	}
	for (unsigned i = 0; i < places->count && cgroup->count == found; i++) {
		if (asprintf(&path, "%s/" CGROUP_PARENT "/%s", places->path[i], cgroup->name) < 0)
			return;
		if (add_group(cgroup, h->v2, h->v2 ? 0 : h->controllers & ~claimed(cgroup), path))
			free(path);
	}
	if (cgroup->count == found || !h->v2)
		return;
	if (!cgroup_read_at(cgroup->group[found].fd, "cgroup.controllers", text, sizeof(text)))
		cgroup->group[found].controllers |= cgroup_controllers_of(text, true) & ~mounted_v1(&cgroup->host);
}

int cgroup_open_from(struct cgroup **cgroup, const char *proc, const char *name)
{
	struct places *places = malloc(sizeof(*places));
	struct cgroup *cg = NULL;
	int err = places ? cgroup_alloc(&cg, proc, name) : -ENOMEM;

	*cgroup = NULL;
	/* Version 2 first, as when it was made. */
	for (int v2 = 1; !err && v2 >= 0; v2--) {
		for (unsigned i = 0; i < cg->host.count; i++) {
			if (cg->host.hierarchy[i].v2 == v2)
				open_group(cg, &cg->host.hierarchy[i], places);
		}
	}
	free(places);
	if (!err && !cg->count) {
		cgroup_free(cg);
		err = -ENOENT;
	}
	if (!err)
		*cgroup = cg;
	return err;
}

int cgroup_open(struct cgroup **cgroup, const char *name)
{
	return cgroup_open_from(cgroup, "/proc", name);
}

void cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	for (unsigned i = 0; i < cgroup->count; i++) {
		close_fd(&cgroup->group[i].fd);
		free(cgroup->group[i].path);
	}
	close_fd(&cgroup->inner_fd);
	cgroup_host_release(&cgroup->host);
	free(cgroup);
}

/* --- joining --------------------------------------------------------------------------------------------------------------------- */

int cgroup_clone_fd(const struct cgroup *cgroup)
{
	const struct cgroup_group *group = cgroup_group_v2(cgroup);

	return cgroup->inner_fd >= 0 ? cgroup->inner_fd : group ? group->fd : -1;
}

static int join(const struct cgroup *cgroup, const char *who, bool all)
{
	int err = 0;

	for (unsigned i = 0; !err && i < cgroup->count; i++) {
		const struct cgroup_group *group = &cgroup->group[i];
		/* One thread moves alone by the file of threads, which only version 1 has in every group. */
		const char *file = !group->v2 && !strcmp(who, "0") ? "tasks" : "cgroup.procs";
		if (group->fd < 0 || (group->v2 && !all))
			continue;
		err = cgroup_write_at(cgroup, group->v2 ? cgroup_clone_fd(cgroup) : group->fd, file, who);
		if (err)
			log_error("process %s can't join the control group %s: %s%s", who, group->path, strerror(-err),
				  err == -EACCES || err == -EPERM ? ": it takes permission to write the group that is above both, too"
								  : "");
	}
	return err;
}

int cgroup_join(const struct cgroup *cgroup, pid_t pid, bool all)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return join(cgroup, text, all);
}

int cgroup_join_self(const struct cgroup *cgroup, bool all)
{
	return join(cgroup, "0", all);
}
