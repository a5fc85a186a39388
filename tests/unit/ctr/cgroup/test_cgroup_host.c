// SPDX-License-Identifier: Apache-2.0
/*
 * ctr/cgroup/cgroup.c and its parts on hosts that are not this one: version 1, version 2 and both, as texts and plain files, which keep all
 * that was written to them. Which hierarchies are touched, where the group goes, what stands in each file, what is said when something is
 * missing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "tests/fakes/capture.h"
#include "tests/fakes/cgroup_tree.h"

static int setup(void **state)
{
	static struct cgroup_tree tree;

	tree_begin(&tree);
	*state = &tree;
	return 0;
}

static int teardown(void **state)
{
	tree_end(*state);
	return 0;
}

static struct cgroup *make(struct cgroup_tree *t, const struct cgroup_limits *limits)
{
	struct cgroup *cgroup;

	assert_int_equal(tree_group(&cgroup, t, O_CREAT | O_APPEND, "box", limits, false), 0);
	return cgroup;
}

/* Makes one that must fail, or, with best_effort, come about with a warning; gives what was said. */
static const char *make_said(struct cgroup_tree *t, const struct cgroup_limits *limits, bool best_effort, int expected)
{
	static char said[4096];
	struct cgroup *cgroup;
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = tree_group(&cgroup, t, O_CREAT | O_APPEND, "box", limits, best_effort);

	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, expected);
	assert_true(!cgroup == !!err);
	cgroup_free(cgroup);
	return said;
}

static void assert_file(const struct cgroup_tree *t, const char *file, const char *text)
{
	const char *has = tree_read(t, file);

	if (!has)
		fail_msg("there is no %s", file);
	assert_string_equal(has, text);
}

static void add_all_v1(struct cgroup_tree *t)
{
	tree_add_v1(t, "cpu,cpuacct", "cpu,cpuacct", "/own");
	tree_add_v1(t, "cpuset", "cpuset", "/");
	tree_add_v1(t, "memory", "memory", "/");
	tree_add_v1(t, "devices", "devices", "/");
	tree_add_v1(t, "freezer", "freezer", "/");
	tree_add_v1(t, "blk io", "blkio", "/");
	tree_add_v1(t, "pids", "pids", "/");
	tree_add_v1(t, "net", "net_cls,net_prio", "/");
	tree_add_v1(t, "systemd", "xattr,name=systemd", "/");
	tree_write(t, "sys/cpuset/cpuset.cpus", "0-7\n");
	tree_write(t, "sys/cpuset/cpuset.mems", "0-1\n");
}

static const struct cgroup_limits all_limits = {
	.memory_bytes = 64 << 20,
	.swap_set = true,
	.swap_bytes = 1 << 20,
	.cpu_millis = 1500,
	.cpu_shares = 1024,
	.cpuset_cpus = "0-3,5",
	.pids = 100,
	.io_weight = 5000,
	.io_count = 2,
	.net_class_set = true,
	.net_class = 0x100001,
	.net_prio_count = 2,
	.net_prio = {{"eth0", 5}, {"lo", 0}},
};

static struct cgroup_limits limits_with_disks(void)
{
	struct cgroup_limits l = all_limits;

	l.io[0] = (struct cgroup_io_limit){.dev = makedev(8, 16), .rbps = 1048576, .wbps = 2, .riops = 3, .wiops = 4};
	l.io[1] = (struct cgroup_io_limit){.dev = makedev(259, 0), .wbps = 77};
	return l;
}

/* The mount point with a space in it is written "\040" by the kernel. */
static void escape_mount(struct cgroup_tree *t)
{
	char *text;
	size_t len;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/self/mountinfo", t->proc);
	assert_int_equal(read_file(path, 1 << 20, &text, &len), 0);
	char *at = strstr(text, "blk io");
	assert_non_null(at);
	assert_int_equal(unlink(path), 0);
	tree_write(t, "proc/self/mountinfo", "%.*sblk\\040io%s", (int)(at - text), text, at + 6);
	free(text);
}

static void v1_values(void **state)
{
	struct cgroup_tree *t = *state;
	struct cgroup_limits l = limits_with_disks();

	add_all_v1(t);
	escape_mount(t);
	struct cgroup *cgroup = make(t, &l);
	assert_file(t, "sys/memory/tinyvmm/box/memory.limit_in_bytes", "67108864");
	assert_file(t, "sys/memory/tinyvmm/box/memory.memsw.limit_in_bytes", "68157440");
	assert_file(t, "sys/cpu,cpuacct/tinyvmm/box/cpu.cfs_quota_us", "150000");
	assert_file(t, "sys/cpu,cpuacct/tinyvmm/box/cpu.shares", "1024");
	assert_file(t, "sys/cpuset/tinyvmm/cpuset.cpus", "0-7");
	assert_file(t, "sys/cpuset/tinyvmm/cpuset.mems", "0-1");
	assert_file(t, "sys/cpuset/tinyvmm/box/cpuset.cpus", "0-3,5");
	assert_file(t, "sys/cpuset/tinyvmm/box/cpuset.mems", "0-1");
	assert_file(t, "sys/pids/tinyvmm/box/pids.max", "100");
	assert_file(t, "sys/blk io/tinyvmm/box/blkio.weight", "504");
	assert_file(t, "sys/blk io/tinyvmm/box/blkio.throttle.read_bps_device", "8:16 1048576");
	assert_file(t, "sys/blk io/tinyvmm/box/blkio.throttle.write_bps_device", "8:16 2\n259:0 77");
	assert_file(t, "sys/blk io/tinyvmm/box/blkio.throttle.read_iops_device", "8:16 3");
	assert_file(t, "sys/blk io/tinyvmm/box/blkio.throttle.write_iops_device", "8:16 4");
	assert_file(t, "sys/net/tinyvmm/box/net_cls.classid", "1048577");
	assert_file(t, "sys/net/tinyvmm/box/net_prio.ifpriomap", "eth0 5\nlo 0");
	assert_int_equal(cgroup_clone_fd(cgroup), -1);
	cgroup_free(cgroup);
}

/* A start pays for each directory: without limits there are those for statistics, out-of-memory kills and freezing. */
static void v1_touches_little(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits none = {.pids = 0};

	add_all_v1(t);
	escape_mount(t);
	struct cgroup *cgroup = make(t, &none);
	assert_int_equal(cgroup_join(cgroup, 4242, false), 0);
	assert_file(t, "sys/memory/tinyvmm/box/cgroup.procs", "4242");
	assert_file(t, "sys/freezer/tinyvmm/box/cgroup.procs", "4242");
	assert_file(t, "sys/cpu,cpuacct/tinyvmm/box/cgroup.procs", "4242");
	assert_int_equal(cgroup->count, 3);
	assert_null(tree_read(t, "sys/pids/tinyvmm"));
	assert_null(tree_read(t, "sys/devices/tinyvmm"));
	assert_null(tree_read(t, "sys/memory/tinyvmm/box/memory.limit_in_bytes"));
	cgroup_free(cgroup);
}

static void v1_devices(void **state)
{
	struct cgroup_tree *t = *state;
	struct cgroup_limits l = {.devices_restricted = true};
	char copy[64];

	tree_add_v1(t, "devices", "devices", "/");
	static const char *const rules[] = {"c:10:200:rw", "c:10:229:rw", "a:7:*:r"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(copy, sizeof(copy), "%s", rules[i]);
		assert_null(cgroup_parse_device(true, copy, &l));
	}
	snprintf(copy, sizeof(copy), "c:10:229:w");
	assert_null(cgroup_parse_device(false, copy, &l));
	cgroup_free(make(t, &l));
	/* Its last denial takes the write away from what was allowed before. */
	assert_file(t, "sys/devices/tinyvmm/box/devices.deny", "a\nc 10:229 w");
	assert_file(
		t, "sys/devices/tinyvmm/box/devices.allow",
		"c *:* m\nb *:* m\nc 1:3 rwm\nc 1:5 rwm\nc 1:7 rwm\nc 1:8 rwm\nc 1:9 rwm\nc 5:0 rwm\nc 5:1 rwm\nc 5:2 rwm\nc 136:* rwm\n"
		"c 10:200 rw\nc 10:229 rw\nb 7:* r\nc 7:* r");
}

static void v1_devices_all(void **state)
{
	struct cgroup_tree *t = *state;
	struct cgroup_limits l = {.devices_restricted = true};
	char all[] = "a", one[] = "b:8:*:rwm";

	tree_add_v1(t, "devices", "devices", "/");
	assert_null(cgroup_parse_device(true, all, &l));
	assert_null(cgroup_parse_device(false, one, &l));
	cgroup_free(make(t, &l));
	assert_file(t, "sys/devices/tinyvmm/box/devices.deny", "a\nb 8:* rwm");
	assert_non_null(strstr(tree_read(t, "sys/devices/tinyvmm/box/devices.allow"), "c 136:* rwm\na"));
}

/* Version 1's exceptions know no order: a denial within what was allowed would silently do nothing, so it is refused. */
static void v1_devices_without_order(void **state)
{
	struct cgroup_tree *t = *state;
	struct cgroup_limits l = {.devices_restricted = true};
	char wide[] = "c:10:*:rw", one[] = "c:10:200:w";

	tree_add_v1(t, "devices", "devices", "/");
	assert_null(cgroup_parse_device(true, wide, &l));
	assert_null(cgroup_parse_device(false, one, &l));
	assert_non_null(strstr(make_said(t, &l, false, -ENOTSUP), "c 10:200"));
}

static void v1_swap_needs_memory(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.swap_set = true, .swap_bytes = 4096};

	tree_add_v1(t, "memory", "memory", "/");
	assert_non_null(strstr(make_said(t, &l, false, -ENOTSUP), "add a memory limit"));
	assert_non_null(strstr(make_said(t, &l, true, 0), "add a memory limit"));
	assert_null(tree_read(t, "sys/memory/tinyvmm/box/memory.memsw.limit_in_bytes"));
}

static void v2_values(void **state)
{
	struct cgroup_tree *t = *state;
	struct cgroup_limits l = limits_with_disks();

	l.net_class_set = false;
	l.net_prio_count = 0;
	l.cpuset_mems = "0";
	tree_add_v2(t, "cpuset cpu io memory hugetlb pids rdma misc", "/");
	struct cgroup *cgroup = make(t, &l);
	assert_file(t, "sys/unified/cgroup.subtree_control", "+cpu +cpuset +memory +io +pids");
	assert_file(t, "sys/unified/tinyvmm/cgroup.subtree_control", "+cpu +cpuset +memory +io +pids");
	assert_null(tree_read(t, "sys/unified/tinyvmm/box/cgroup.subtree_control"));
	assert_file(t, "sys/unified/tinyvmm/box/memory.max", "67108864");
	assert_file(t, "sys/unified/tinyvmm/box/memory.swap.max", "1048576");
	assert_file(t, "sys/unified/tinyvmm/box/cpu.max", "150000 100000");
	assert_file(t, "sys/unified/tinyvmm/box/cpu.weight", "39");
	assert_file(t, "sys/unified/tinyvmm/box/cpuset.cpus", "0-3,5");
	assert_file(t, "sys/unified/tinyvmm/box/cpuset.mems", "0");
	assert_file(t, "sys/unified/tinyvmm/box/pids.max", "100");
	assert_file(t, "sys/unified/tinyvmm/box/io.weight", "default 5000");
	assert_file(t, "sys/unified/tinyvmm/box/io.max", "8:16 rbps=1048576 wbps=2 riops=3 wiops=4\n259:0 wbps=77");
	/* Whoever was cloned into it is not moved again. */
	assert_true(cgroup_clone_fd(cgroup) >= 0);
	assert_int_equal(cgroup_join(cgroup, 4242, false), 0);
	assert_null(tree_read(t, "sys/unified/tinyvmm/box/cgroup.procs"));
	assert_int_equal(cgroup_join(cgroup, 4242, true), 0);
	assert_file(t, "sys/unified/tinyvmm/box/cgroup.procs", "4242");
	cgroup_free(cgroup);
}

/* What is enabled already is not written again. */
static void v2_enabled_before(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.pids = 5};

	tree_add_v2(t, "cpu memory pids", "/");
	tree_write(t, "sys/unified/cgroup.subtree_control", "cpu memory pids\n");
	tree_write(t, "sys/unified/tinyvmm/cgroup.subtree_control", "memory\n");
	cgroup_free(make(t, &l));
	assert_file(t, "sys/unified/cgroup.subtree_control", "cpu memory pids");
	assert_file(t, "sys/unified/tinyvmm/cgroup.subtree_control", "memory\n+pids");
}

/* The top is not ours: beside our own group, where the group above it is ours, for our own has processes. */
static void v2_delegated(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.pids = 5};

	tree_add_v2(t, "memory pids", "/user.slice/app.slice/run-1.scope");
	tree_write(t, "sys/unified/user.slice/app.slice/cgroup.controllers", "memory pids\n");
	tree_write(t, "sys/unified/user.slice/app.slice/cgroup.procs", "%s", "");
	tree_write(t, "sys/unified/user.slice/app.slice/run-1.scope/cgroup.procs", "%s", "");
	char top[PATH_MAX];
	snprintf(top, sizeof(top), "%s/sys/unified/cgroup.procs", t->root);
	assert_int_equal(unlink(top), 0);
	cgroup_free(make(t, &l));
	assert_file(t, "sys/unified/user.slice/app.slice/tinyvmm/box/pids.max", "5");
	assert_file(t, "sys/unified/user.slice/app.slice/cgroup.subtree_control", "+memory +pids");
	/* Nor the one above it: in our own. */
	snprintf(top, sizeof(top), "%s/sys/unified/user.slice/app.slice/cgroup.procs", t->root);
	assert_int_equal(unlink(top), 0);
	tree_write(t, "sys/unified/user.slice/app.slice/run-1.scope/cgroup.controllers", "pids\n");
	cgroup_free(make(t, &l));
	assert_file(t, "sys/unified/user.slice/app.slice/run-1.scope/tinyvmm/box/pids.max", "5");
	assert_file(t, "sys/unified/user.slice/app.slice/run-1.scope/cgroup.subtree_control", "+pids");
}

/* A mount that shows the hierarchy from a group on (a container's), and ourselves below that. */
static void mount_of_a_part(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.pids = 5};

	tree_write(t, "proc/self/mountinfo", "41 22 0:38 /docker/a %s/sys/unified rw - cgroup2 cgroup2 rw\n", t->root);
	tree_write(t, "proc/self/cgroup", "0::/docker/a/b/c\n");
	tree_write(t, "sys/unified/b/cgroup.procs", "%s", "");
	tree_write(t, "sys/unified/b/cgroup.controllers", "pids\n");
	cgroup_free(make(t, &l));
	assert_file(t, "sys/unified/b/tinyvmm/box/pids.max", "5");
}

static void nothing_permitted(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.pids = 5}, none = {.pids = 0};
	char top[PATH_MAX];
	struct cgroup *cgroup;

	tree_add_v2(t, "memory pids", "/");
	snprintf(top, sizeof(top), "%s/sys/unified/cgroup.procs", t->root);
	assert_int_equal(unlink(top), 0);
	/* Without a limit in silence. */
	assert_string_equal(make_said(t, &none, false, 0), "");
	cgroup = make(t, &none);
	assert_int_equal(cgroup_clone_fd(cgroup), -1);
	assert_int_equal(cgroup_join(cgroup, 4242, true), 0);
	assert_int_equal(cgroup_oom_kills(cgroup), 0);
	cgroup_remove(cgroup);
	cgroup_free(cgroup);
	assert_true(strlen(make_said(t, &l, false, -ENOTSUP)) > 0);
	assert_non_null(strstr(make_said(t, &l, true, 0), "pids"));
}

static void hybrid(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.pids = 5, .memory_bytes = 1 << 20, .cpu_millis = 500};

	tree_add_v1(t, "memory", "memory", "/somebody");
	tree_add_v1(t, "freezer", "freezer", "/");
	tree_add_v2(t, "pids cpu", "/");
	struct cgroup *cgroup = make(t, &l);
	assert_file(t, "sys/memory/tinyvmm/box/memory.limit_in_bytes", "1048576");
	assert_file(t, "sys/unified/tinyvmm/box/pids.max", "5");
	assert_file(t, "sys/unified/tinyvmm/box/cpu.max", "50000 100000");
	assert_file(t, "sys/unified/cgroup.subtree_control", "+cpu +pids");
	assert_null(tree_read(t, "sys/unified/tinyvmm/box/memory.max"));
	assert_int_equal(cgroup_join(cgroup, 4242, false), 0);
	assert_file(t, "sys/memory/tinyvmm/box/cgroup.procs", "4242");
	assert_null(tree_read(t, "sys/unified/tinyvmm/box/cgroup.procs"));
	cgroup_free(cgroup);
}

static void missing_controllers(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits memory = {.memory_bytes = 4096}, class = {.net_class_set = true}, io = {.io_weight = 5},
				   devices = {.devices_restricted = true}, prio = {.net_prio_count = 1, .net_prio = {{"lo", 1}}};

	tree_write(t, "proc/cgroups", "memory\t0\t1\t0\nnet_cls\t0\t1\t1\nnet_prio\t0\t1\t0\n");
	assert_non_null(strstr(make_said(t, &memory, false, -ENOTSUP), "cgroup_enable=memory"));
	assert_non_null(strstr(make_said(t, &class, false, -ENOTSUP), "mount -t cgroup -o net_cls cgroup /sys/fs/cgroup/net_cls"));
	assert_non_null(strstr(make_said(t, &prio, false, -ENOTSUP), "no controller 'net_prio' (it is switched off"));
	assert_non_null(strstr(make_said(t, &io, false, -ENOTSUP), "no controller 'blkio'"));
	assert_non_null(strstr(make_said(t, &devices, false, -ENOTSUP), "devices"));
	assert_non_null(strstr(make_said(t, &memory, true, 0), "cgroup_enable=memory"));
	/* At the top it is, but not where we may make groups. */
	tree_add_v2(t, "memory io", "/user.slice/me.scope");
	char top[PATH_MAX];
	snprintf(top, sizeof(top), "%s/sys/unified/cgroup.procs", t->root);
	assert_int_equal(unlink(top), 0);
	tree_write(t, "sys/unified/user.slice/cgroup.procs", "%s", "");
	tree_write(t, "sys/unified/user.slice/cgroup.controllers", "memory\n");
	assert_non_null(strstr(make_said(t, &io, false, -ENOTSUP), "not delegated"));
}

/* Whether a weight is heeded, as it is said; the kernel takes one in any case. */
static const char *weight_said(struct cgroup_tree *t, const char *scheduler, bool model, bool best_effort, int expected)
{
	static char said[1024];
	struct cgroup cgroup = {.best_effort = best_effort};
	struct cgroup_group group = {.v2 = true};
	char path[PATH_MAX];

	assert_int_equal(cgroup_host_find(&cgroup.host, t->proc), 0);
	snprintf(path, sizeof(path), "%s/sys/unified/tinyvmm/box", t->root);
	group.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(group.fd >= 0);
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = cgroup_check_weight(&cgroup, &group, scheduler, model);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	cgroup_host_release(&cgroup.host);
	close(group.fd);
	assert_int_equal(err, expected);
	return said;
}

static void weights(void **state)
{
	struct cgroup_tree *t = *state;

	tree_add_v2(t, "io", "/");
	tree_write(t, "sys/unified/tinyvmm/box/cgroup.procs", "%s", "");
	/* There is no telling, as in a namespace's groups, of which none has the file. */
	assert_string_equal(weight_said(t, "[bfq]", false, false, 0), "");
	assert_string_equal(weight_said(t, NULL, true, false, 0), "");
	tree_write(t, "sys/block/sda/queue/scheduler", "[mq-deadline] none bfq\n");
	tree_write(t, "sys/block/zram0/size", "1\n");
	tree_write(t, "sys/unified/io.cost.qos", "8:0 enable=0 ctrl=auto\n");
	assert_non_null(strstr(weight_said(t, "[bfq]", false, false, -ENOTSUP), "tinyvmm: no disk here heeds a weight: it takes"));
	assert_null(strstr(weight_said(t, "[bfq]", false, false, -ENOTSUP), "io.cost.qos"));
	assert_non_null(strstr(weight_said(t, "[bfq]", true, false, -ENOTSUP), "io.cost.qos"));
	assert_non_null(strstr(weight_said(t, "[bfq]", true, true, 0), "warning: no disk here heeds"));
	tree_write(t, "sys/block/sdb/queue/scheduler", "mq-deadline [bfq]\n");
	assert_string_equal(weight_said(t, "[bfq]", true, false, 0), "");
	assert_non_null(strstr(weight_said(t, NULL, true, false, -ENOTSUP), "no disk"));
	tree_write(t, "sys/unified/io.cost.qos", "8:16 enable=1 ctrl=auto\n");
	assert_string_equal(weight_said(t, NULL, true, false, 0), "");
}

/* And who sets one asks. */
static void weight_unheeded(void **state)
{
	const struct cgroup_limits l = {.io_weight = 5, .io_count = 1, .io[0] = {.dev = makedev(8, 0), .rbps = 9}};
	struct cgroup_tree *t = *state;

	tree_add_v1(t, "blkio", "blkio", "/");
	tree_write(t, "sys/block/sda/queue/scheduler", "[none]\n");
	assert_non_null(strstr(make_said(t, &l, false, -ENOTSUP), "no disk here heeds"));
	assert_null(tree_read(t, "sys/blkio/tinyvmm/box/blkio.throttle.read_bps_device"));
}

static void weight_unheeded_v2(void **state)
{
	const struct cgroup_limits l = {.io_weight = 5};
	struct cgroup_tree *t = *state;

	tree_add_v2(t, "io", "/");
	tree_write(t, "sys/block/sda/queue/scheduler", "[none]\n");
	tree_write(t, "sys/unified/io.cost.qos", "8:0 enable=0 ctrl=auto\n");
	assert_non_null(strstr(make_said(t, &l, true, 0), "warning: no disk here heeds"));
	assert_file(t, "sys/unified/tinyvmm/box/io.weight", "default 5");
}

static void opened_again(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.pids = 5, .memory_bytes = 1 << 20};
	struct cgroup *cgroup;
	char said[256];

	tree_add_v1(t, "memory", "memory", "/");
	tree_add_v1(t, "pids", "pids", "/");
	tree_add_v1(t, "cpu", "cpu", "/");
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = cgroup_open_from(&cgroup, t->proc, "box");
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -ENOENT);
	assert_null(cgroup);
	assert_string_equal(said, "");
	cgroup_free(make(t, &l));
	assert_int_equal(cgroup_open_from(&cgroup, t->proc, "box"), 0);
	assert_non_null(cgroup_group_of(cgroup, CONTROLLER_MEMORY));
	assert_non_null(cgroup_group_of(cgroup, CONTROLLER_PIDS));
	assert_null(cgroup_group_of(cgroup, CONTROLLER_CPU));
	cgroup_free(cgroup);
}

/* A group of that name with a process in it, even one of a group below, is somebody's. */
static void name_in_use(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits none = {.pids = 0};

	tree_add_v1(t, "memory", "memory", "/");
	tree_write(t, "sys/memory/tinyvmm/box/inner/cgroup.procs", "4242\n");
	assert_non_null(strstr(make_said(t, &none, true, -EEXIST), "choose another name"));
}

static void stats_v1(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits l = {.pids = 5, .io_weight = 100};
	struct cgroup_stats s;

	add_all_v1(t);
	escape_mount(t);
	struct cgroup *cgroup = make(t, &l);
	cgroup_stats(cgroup, &s);
	assert_false(s.has_memory || s.has_cpu || s.has_pids || s.has_io);
	tree_write(t, "sys/memory/tinyvmm/box/memory.usage_in_bytes", "8192\n");
	tree_write(t, "sys/memory/tinyvmm/box/memory.max_usage_in_bytes", "12288\n");
	tree_write(t, "sys/memory/tinyvmm/box/memory.limit_in_bytes", "9223372036854771712\n");
	tree_write(t, "sys/memory/tinyvmm/box/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	tree_write(t, "sys/cpu,cpuacct/tinyvmm/box/cpuacct.usage", "5000999\n");
	tree_write(t, "sys/pids/tinyvmm/box/pids.current", "4\n");
	tree_write(t, "sys/blk io/tinyvmm/box/blkio.throttle.io_service_bytes_recursive",
		   "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\n8:16 Read 1\n8:16 Write 2\nTotal 33\n");
	cgroup_stats(cgroup, &s);
	assert_true(s.has_memory && s.has_cpu && s.has_pids && s.has_io);
	assert_int_equal(s.memory_bytes, 8192);
	assert_int_equal(s.memory_peak_bytes, 12288);
	assert_true(s.memory_limit_bytes == UINT64_MAX);
	assert_int_equal(s.cpu_usec, 5000);
	assert_int_equal(s.pids, 4);
	assert_int_equal(s.io_read_bytes, 11);
	assert_int_equal(s.io_write_bytes, 22);
	assert_int_equal(cgroup_oom_kills(cgroup), 3);
	cgroup_free(cgroup);
}

static void stats_v2(void **state)
{
	struct cgroup_tree *t = *state;
	struct cgroup_stats s;
	struct cgroup *cgroup;

	tree_add_v2(t, "memory pids io", "/");
	tree_write(t, "sys/unified/tinyvmm/box/cgroup.controllers", "memory pids io\n");
	tree_write(t, "sys/unified/tinyvmm/box/cgroup.freeze", "0\n");
	tree_write(t, "sys/unified/tinyvmm/box/memory.current", "8192\n");
	tree_write(t, "sys/unified/tinyvmm/box/memory.max", "max\n");
	tree_write(t, "sys/unified/tinyvmm/box/memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n");
	tree_write(t, "sys/unified/tinyvmm/box/cpu.stat", "usage_usec 12345\nuser_usec 1\n");
	tree_write(t, "sys/unified/tinyvmm/box/pids.current", "2\n");
	tree_write(t, "sys/unified/tinyvmm/box/io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2\n");
	assert_int_equal(cgroup_open_from(&cgroup, t->proc, "box"), 0);
	cgroup_stats(cgroup, &s);
	assert_true(s.has_memory && s.has_cpu && s.has_pids && s.has_io);
	assert_int_equal(s.memory_bytes, 8192);
	assert_int_equal(s.memory_peak_bytes, 0);
	assert_true(s.memory_limit_bytes == UINT64_MAX);
	assert_int_equal(s.cpu_usec, 12345);
	assert_int_equal(s.pids, 2);
	assert_int_equal(s.io_read_bytes, 11);
	assert_int_equal(s.io_write_bytes, 22);
	assert_int_equal(cgroup_oom_kills(cgroup), 1);
	cgroup_free(cgroup);
}

/* Texts that no kernel writes must do nothing worse than find nothing. */
static void strange_texts(void **state)
{
	struct cgroup_tree *t = *state;
	const struct cgroup_limits none = {.pids = 0};

	tree_write(t, "proc/self/mountinfo",
		   " - cgroup\n - cgroup2\n1 2 3 - cgroup x rw,memory\n1 2 3 4 5 6 - cgroup\n"
		   "1 2 3 / /nonexistent\\04 rw - cgroup cgroup rw,memory\n1 2 3 /x /nonexistent2 rw - cgroup2 a\n - cgroup2");
	tree_write(t, "proc/self/cgroup", "::\n0\n0:\n0::\n4:memory\n:memory:/..\n0::/../../x\n");
	assert_string_equal(make_said(t, &none, false, 0), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(v1_values),
		TEST(v1_touches_little),
		TEST(v1_devices),
		TEST(v1_devices_all),
		TEST(v1_devices_without_order),
		TEST(v1_swap_needs_memory),
		TEST(v2_values),
		TEST(v2_enabled_before),
		TEST(v2_delegated),
		TEST(mount_of_a_part),
		TEST(nothing_permitted),
		TEST(hybrid),
		TEST(missing_controllers),
		TEST(weights),
		TEST(weight_unheeded),
		TEST(weight_unheeded_v2),
		TEST(opened_again),
		TEST(name_in_use),
		TEST(stats_v1),
		TEST(stats_v2),
		TEST(strange_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
