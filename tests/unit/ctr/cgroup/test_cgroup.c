// SPDX-License-Identifier: Apache-2.0
/*
 * ctr/cgroup/cgroup.c and its parts on this host's own control groups: made, joined, limited, frozen, out of memory, removed. Each test
 * runs on the hierarchies as they are and, where both versions are mounted, on each version alone. What the host can't do is skipped, with
 * the reason.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "tests/fakes/capture.h"
#include "tests/fakes/cgroup_tree.h"

#define DEADLINE_MS 10000

struct host {
	const char *without; /* mounts with this text are not seen */
	struct cgroup_tree tree;
	char name[32];
	atomic_ulong *shared; /* by our children */
};

static void *shared_page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static int setup(void **state)
{
	struct host *h = *state;

	tree_begin(&h->tree);
	tree_add_real(&h->tree, h->without);
	snprintf(h->name, sizeof(h->name), "unit-test-%d", (int)getpid());
	h->shared = shared_page();
	return 0;
}

static int teardown(void **state)
{
	struct host *h = *state;

	tree_end(&h->tree);
	munmap(h->shared, 4096);
	return 0;
}

static void skip_because(const char *reason)
{
	/* In one line: that is what a summary shows. */
	print_message("skipped: %.*s\n", (int)strcspn(reason, "\n"), reason);
	skip();
}

/* The group, or a skipped test if this host has none that serves all of `needed`. */
static struct cgroup *make(struct host *h, const struct cgroup_limits *limits, unsigned needed)
{
	const struct cgroup_limits none = {.pids = 0};
	struct cgroup *cgroup;

	assert_int_equal(tree_group(&cgroup, &h->tree, 0, h->name, &none, false), 0);
	bool any = cgroup->count > 0, freezes = cgroup_group_of(cgroup, CONTROLLER_FREEZER);
	cgroup_remove(cgroup);
	cgroup_free(cgroup);
	if (!any || (!freezes && needed & CONTROLLER_BIT(CONTROLLER_FREEZER)))
		skip_because("the host gives us no such control group");
	char said[4096];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = tree_group(&cgroup, &h->tree, 0, h->name, limits, false);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	if (err == -ENOTSUP)
		skip_because(said);
	if (err)
		print_message("%s", said);
	assert_int_equal(err, 0);
	return cgroup;
}

static uint64_t count_threads(pid_t pid)
{
	char path[32];
	uint64_t count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

/* A child in the group, which runs `job` once it is in. */
static pid_t start(const struct cgroup *cgroup, int (*job)(atomic_ulong *shared), atomic_ulong *shared)
{
	int gate[2];
	char go;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(gate[1]);
		_exit(read(gate[0], &go, 1) == 1 ? job(shared) : 99);
	}
	close(gate[0]);
	assert_int_equal(cgroup_join(cgroup, pid, true), 0);
	assert_int_equal(write(gate[1], "", 1), 1);
	close(gate[1]);
	return pid;
}

static int finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void wait_until_more(atomic_ulong *counter, unsigned long than)
{
	int64_t deadline = cgroup_now_ms() + DEADLINE_MS;

	while (atomic_load(counter) <= than) {
		assert_true(cgroup_now_ms() < deadline);
		(void)poll(NULL, 0, 1);
	}
}

static void assert_gone(const struct host *h)
{
	struct cgroup *cgroup;

	assert_int_equal(cgroup_open_from(&cgroup, h->tree.proc, h->name), -ENOENT);
}

static void end(struct cgroup *cgroup, const struct host *h)
{
	cgroup_remove(cgroup);
	cgroup_free(cgroup);
	assert_gone(h);
}

/* Should a test fail, what it started does not stay for ever. */
static bool is_time_left(void)
{
	static int64_t deadline;

	if (!deadline)
		deadline = cgroup_now_ms() + 2 * DEADLINE_MS;
	return cgroup_now_ms() < deadline;
}

static int count_forever(atomic_ulong *shared)
{
	while (is_time_left())
		atomic_fetch_add(shared, 1);
	return 0;
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------ */

static void assert_value(const struct cgroup *cgroup, enum cgroup_controller controller, const char *v1, const char *v2, const char *text)
{
	const struct cgroup_group *group = cgroup_group_of(cgroup, controller);
	char has[256];

	assert_non_null(group);
	assert_int_equal(cgroup_read_at(group->fd, group->v2 ? v2 : v1, has, sizeof(has)), 0);
	has[strcspn(has, "\n")] = '\0';
	assert_string_equal(has, text);
}

static void limits_read_back(void **state)
{
	const struct cgroup_limits l = {
		.memory_bytes = 32 << 20, .swap_set = true, .swap_bytes = 16 << 20, .cpu_millis = 500, .cpuset_cpus = "0", .pids = 20};
	struct cgroup *cgroup = make(*state, &l, 0);
	struct cgroup_stats s;

	cgroup_stats(cgroup, &s);
	assert_int_equal(s.memory_limit_bytes, 32 << 20);
	assert_value(cgroup, CONTROLLER_PIDS, "pids.max", "pids.max", "20");
	assert_value(cgroup, CONTROLLER_CPUSET, "cpuset.cpus", "cpuset.cpus", "0");
	const struct cgroup_group *memory = cgroup_group_of(cgroup, CONTROLLER_MEMORY), *cpu = cgroup_group_of(cgroup, CONTROLLER_CPU);
	assert_value(cgroup, CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max", memory->v2 ? "16777216" : "50331648");
	assert_value(cgroup, CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", cpu->v2 ? "50000 100000" : "50000");
	pid_t pid = start(cgroup, count_forever, ((struct host *)*state)->shared);
	wait_until_more(((struct host *)*state)->shared, 0);
	cgroup_stats(cgroup, &s);
	assert_true(s.has_memory && s.has_pids);
	/* It counts threads: a sanitizer may have one of its own. */
	assert_int_equal(s.pids, count_threads(pid));
	end(cgroup, *state);
	assert_int_equal(finish(pid), -SIGKILL);
}

/* A disk's limit, on the first disk that there is. */
static void disk_limit(void **state)
{
	struct cgroup_limits l = {.io_count = 1, .io_weight = 5000};
	char name[64] = "", text[96];
	unsigned major = 0, minor = 0;
	FILE *f = fopen("/proc/partitions", "re");

	while (f && fgets(text, sizeof(text), f) && sscanf(text, " %u %u %*u %63s", &major, &minor, name) != 3)
		;
	if (f)
		(void)fclose(f);
	if (!*name)
		skip_because("the host has no disk");
	snprintf(text, sizeof(text), "%u:%u:rbps=1M,wiops=100", major, minor);
	assert_null(cgroup_parse_io(text, &l));
	l.io[0] = l.io[1];
	l.io_count = 1;
	struct cgroup *cgroup = make(*state, &l, 0);
	const struct cgroup_group *io = cgroup_group_of(cgroup, CONTROLLER_IO);
	char has[256];
	assert_int_equal(cgroup_read_at(io->fd, io->v2 ? "io.max" : "blkio.throttle.read_bps_device", has, sizeof(has)), 0);
	assert_non_null(strstr(has, "1048576"));
	end(cgroup, *state);
}

static void refused_value(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits good = {.cpuset_cpus = "0"}, bad = {.cpuset_cpus = "8000"};
	struct cgroup *cgroup = make(h, &good, 0);
	char said[4096];

	end(cgroup, h);
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = tree_group(&cgroup, &h->tree, 0, h->name, &bad, false);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_true(err < 0);
	assert_non_null(strstr(said, "'8000'"));
	assert_non_null(strstr(said, "cpuset.cpus"));
	assert_gone(h);
	memory = capture_begin(STDERR_FILENO, &saved);
	err = tree_group(&cgroup, &h->tree, 0, h->name, &bad, true);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, 0);
	assert_non_null(strstr(said, "'8000'"));
	/* And it is a group that a process can be in. */
	pid_t pid = start(cgroup, count_forever, h->shared);
	wait_until_more(h->shared, 0);
	end(cgroup, h);
	assert_int_equal(finish(pid), -SIGKILL);
}

static void frozen_and_thawed(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits none = {.pids = 0};
	struct cgroup *cgroup = make(h, &none, CONTROLLER_BIT(CONTROLLER_FREEZER)), *again;

	pid_t pid = start(cgroup, count_forever, h->shared);
	wait_until_more(h->shared, 0);
	assert_int_equal(cgroup_freeze(cgroup, true), 0);
	unsigned long before = atomic_load(h->shared);
	(void)poll(NULL, 0, 50);
	assert_int_equal(atomic_load(h->shared), before);
	/* Another process finds it by its name. */
	assert_int_equal(cgroup_open_from(&again, h->tree.proc, h->name), 0);
	assert_int_equal(cgroup_freeze(again, false), 0);
	cgroup_free(again);
	wait_until_more(h->shared, before);
	struct cgroup_stats s;
	cgroup_stats(cgroup, &s);
	assert_true(s.has_cpu && s.cpu_usec > 0);
	/* What is frozen is ended as well. */
	assert_int_equal(cgroup_freeze(cgroup, true), 0);
	end(cgroup, h);
	assert_int_equal(finish(pid), -SIGKILL);
}

static int eat_memory(atomic_ulong *shared)
{
	for (size_t mib = 0; mib < 64; mib++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return 1;
		memset(p, 1, 1 << 20);
		atomic_fetch_add(shared, 1);
	}
	return 0;
}

static void out_of_memory(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits l = {.memory_bytes = 16 << 20, .swap_set = true, .swap_bytes = 0};
	struct cgroup *cgroup = make(h, &l, 0);

	assert_int_equal(cgroup_oom_kills(cgroup), 0);
	assert_int_equal(finish(start(cgroup, eat_memory, h->shared)), -SIGKILL);
	assert_int_equal(cgroup_oom_kills(cgroup), 1);
	assert_true(atomic_load(h->shared) < 17);
	struct cgroup_stats s;
	cgroup_stats(cgroup, &s);
	assert_true(s.memory_peak_bytes > 8 << 20 && s.memory_peak_bytes <= 16 << 20);
	end(cgroup, h);
}

static int fork_many(atomic_ulong *shared)
{
	for (;;) {
		pid_t pid = fork();
		if (pid < 0)
			return errno;
		if (!pid)
			_exit(poll(NULL, 0, 2 * DEADLINE_MS));
		atomic_fetch_add(shared, 1);
	}
}

static void process_limit(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits l = {.pids = 5};
	struct cgroup *cgroup = make(h, &l, 0);

	assert_int_equal(finish(start(cgroup, fork_many, h->shared)), EAGAIN);
	assert_int_equal(atomic_load(h->shared), 4);
	end(cgroup, h);
}

/* Ignores what can be ignored, and has children that do: sessions of their own, orphans. */
static int stubborn(atomic_ulong *shared)
{
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_IGN);
	for (int i = 0; i < 10; i++) {
		if (fork())
			continue;
		setsid();
		(void)fork();
		atomic_fetch_add(shared, 1);
		break;
	}
	return poll(NULL, 0, 2 * DEADLINE_MS);
}

static void stubborn_processes(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits none = {.pids = 0};
	struct cgroup *cgroup = make(h, &none, 0);

	pid_t pid = start(cgroup, stubborn, h->shared);
	wait_until_more(h->shared, 19);
	struct cgroup_stats s;
	cgroup_stats(cgroup, &s);
	assert_int_equal(s.pids, 21);
	end(cgroup, h);
	assert_int_equal(finish(pid), -SIGKILL);
}

static int fork_bomb(atomic_ulong *shared)
{
	while (is_time_left()) {
		pid_t pid = fork();
		if (pid > 0)
			_exit(0);
		atomic_fetch_add(shared, 1);
	}
	return 0;
}

/* A process that is always another: bounded by the limit, and killed though its number changes all the time. */
static void process_that_runs_away(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits none = {.pids = 0};
	struct cgroup *cgroup = make(h, &none, CONTROLLER_BIT(CONTROLLER_FREEZER));

	(void)finish(start(cgroup, fork_bomb, h->shared));
	wait_until_more(h->shared, 10);
	end(cgroup, h);
	unsigned long before = atomic_load(h->shared);
	(void)poll(NULL, 0, 20);
	assert_int_equal(atomic_load(h->shared), before);
}

static void groups_inside(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits none = {.pids = 0};
	struct cgroup *cgroup = make(h, &none, 0);
	char path[PATH_MAX], text[16];

	pid_t pid = start(cgroup, count_forever, h->shared);
	snprintf(text, sizeof(text), "%d", (int)pid);
	for (unsigned i = 0; i < cgroup->count; i++) {
		snprintf(path, sizeof(path), "%s/a", cgroup->group[i].path);
		assert_int_equal(mkdir(path, 0755), 0);
		snprintf(path, sizeof(path), "%s/a/b", cgroup->group[i].path);
		assert_int_equal(mkdir(path, 0755), 0);
		snprintf(path, sizeof(path), "a/b/cgroup.procs");
		assert_int_equal(cgroup_write_at(cgroup, cgroup->group[i].fd, path, text), 0);
	}
	/* Its name is in use, though only below it. */
	struct cgroup *second;
	char said[1024];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = tree_group(&second, &h->tree, 0, h->name, &none, false);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -EEXIST);
	end(cgroup, h);
	assert_int_equal(finish(pid), -SIGKILL);
}

/* What a run that was killed left, limits and all. */
static void made_anew(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits none = {.pids = 0}, little = {.memory_bytes = 1 << 20};
	struct cgroup *cgroup = make(h, &little, 0);
	struct cgroup_stats s;

	cgroup_free(cgroup);
	assert_int_equal(tree_group(&cgroup, &h->tree, 0, h->name, &none, false), 0);
	cgroup_stats(cgroup, &s);
	assert_true(s.memory_limit_bytes == UINT64_MAX);
	end(cgroup, h);
}

static int try_devices(atomic_ulong *shared)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), kmsg = open("/dev/kmsg", O_RDONLY | O_CLOEXEC), err = errno;
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)shared;
	return null < 0 ? 1 : kmsg >= 0 ? 2 : err != EPERM ? 3 : zero >= 0 ? 4 : 0;
}

static int try_kmsg(atomic_ulong *shared)
{
	(void)shared;
	return open("/dev/kmsg", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static void device_rules(void **state)
{
	struct host *h = *state;
	struct cgroup_limits l = {.devices_restricted = true};
	char zero[] = "c:1:5:rw", kmsg[] = "c:1:11:r";

	if (try_kmsg(h->shared))
		skip_because("/dev/kmsg can't be opened here in any case");
	assert_null(cgroup_parse_device(false, zero, &l));
	struct cgroup *cgroup = make(h, &l, 0);
	/* Version 1 has "making any node" in the way of no denial without an m. */
	assert_int_equal(finish(start(cgroup, try_devices, h->shared)), 0);
	end(cgroup, h);
	assert_null(cgroup_parse_device(true, kmsg, &l));
	cgroup = make(h, &l, 0);
	assert_int_equal(finish(start(cgroup, try_kmsg, h->shared)), 0);
	end(cgroup, h);
}

static void cloned_into(void **state)
{
	struct host *h = *state;
	const struct cgroup_limits none = {.pids = 0};
	struct cgroup *cgroup = make(h, &none, 0);
	int fd = cgroup_clone_fd(cgroup), gate[2];
	char go, want[64], has[4096];

	if (fd < 0) {
		end(cgroup, h);
		skip_because("there is no version 2 here");
	}
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)fd};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	assert_true(pid >= 0);
	if (!pid) {
		close(gate[1]);
		_exit((int)read(gate[0], &go, 1));
	}
	close(gate[0]);
	assert_int_equal(cgroup_join(cgroup, pid, false), 0);
	snprintf(has, sizeof(has), "/proc/%d", (int)pid);
	int dir = open(has, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(cgroup_read_at(dir, "cgroup", has, sizeof(has)), 0);
	close(dir);
	snprintf(want, sizeof(want), "/tinyvmm/%s\n", h->name);
	unsigned found = 0;
	for (const char *p = has; (p = strstr(p, want)); p++)
		found++;
	assert_int_equal(found, cgroup->count);
	close(gate[1]);
	assert_int_equal(finish(pid), 0);
	end(cgroup, h);
}

static uid_t owner_of(int fd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(fd, name, &st, 0), 0);
	return st.st_uid;
}

static void inits_own(void **state)
{
	struct host *h = *state;
	uid_t us = geteuid(), owner = us ? us : 4711;
	const struct cgroup_limits limits = {.inner = true, .inner_owner = owner};
	struct cgroup *cgroup = make(h, &limits, 0), *again;
	int made = 0;

	if (!cgroup_has_inner(cgroup)) {
		assert_int_equal(cgroup_enter_inner(cgroup), 0);
		assert_false(cgroup_has_inner(cgroup));
		end(cgroup, h);
		skip_because("version 2 is not mounted here");
	}
	int inner = cgroup_clone_fd(cgroup);
	assert_int_equal(owner_of(inner, "."), owner);
	assert_int_equal(owner_of(inner, "cgroup.procs"), owner);
	assert_int_equal(owner_of(inner, "cgroup.subtree_control"), owner);
	assert_int_equal(owner_of(inner, "cgroup.freeze"), us);
	assert_int_equal(owner_of(inner, ".."), us);
	/* Whoever joins later is in a group of it, wherever the init has its processes. */
	assert_int_equal(cgroup_open_from(&again, h->tree.proc, h->name), 0);
	assert_false(cgroup_has_inner(again));
	assert_int_equal(cgroup_enter_inner(again), 0);
	assert_int_equal(faccessat(inner, "exec/cgroup.procs", F_OK, 0), 0);
	assert_int_not_equal(cgroup_clone_fd(again), inner);
	pid_t pid = start(again, count_forever, h->shared);
	assert_true(cgroup_is_populated(cgroup_clone_fd(again), true));
	cgroup_free(again);
	/* As deep as can be removed again, and no deeper. */
	for (int at = dup(inner); at >= 0; made++) {
		int below = mkdirat(at, "x", 0755) ? -1 : openat(at, "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = below;
	}
	assert_in_range(made, 2, CGROUP_DEPTH_MAX);
	end(cgroup, h);
	assert_int_equal(finish(pid), -SIGKILL);
}

#ifdef __SANITIZE_THREAD__
#define THREAD_SANITIZER true
#else
#define THREAD_SANITIZER false
#endif

static void left_out(void **state)
{
	(void)state;
	skip_because("the thread sanitizer has a thread of its own in every process, and these tests count processes");
}

#define TEST(name, host)                                                                              \
	{                                                                                             \
#name "/" host_##host, THREAD_SANITIZER ? left_out : (name), setup, teardown, &(host) \
	}
#define host_all "as-it-is"
#define host_v1 "version-1"
#define host_v2 "version-2"
#define TESTS(host)                                                                                                                       \
	TEST(limits_read_back, host), TEST(disk_limit, host), TEST(refused_value, host), TEST(frozen_and_thawed, host),                   \
		TEST(out_of_memory, host), TEST(process_limit, host), TEST(stubborn_processes, host), TEST(process_that_runs_away, host), \
		TEST(groups_inside, host), TEST(made_anew, host), TEST(device_rules, host), TEST(cloned_into, host), TEST(inits_own, host)

int main(void)
{
	static struct host all = {.without = "\n"}, v1 = {.without = " - cgroup2 "}, v2 = {.without = " - cgroup "};
	const struct CMUnitTest tests[] = {TESTS(all), TESTS(v1), TESTS(v2)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
