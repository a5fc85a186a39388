// SPDX-License-Identifier: Apache-2.0
/* A worker in a user namespace: see mapped.h. */
#include "ctr/mapped.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctr/become.h"
#include "ctr/idmap.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

struct mapped {
	int (*job)(void *arg);
	void *arg;
	const struct idmap *map;
	int go[2]; /* [0] the parent's */
};

static int in_namespace(void *arg)
{
	const struct mapped *m = arg;
	char byte = 0;

	/* The parent's end of it must not keep us waiting for one that is dead. */
	close(m->go[0]);
	if (unshare(CLONE_NEWUSER)) {
		int err = -errno;
		log_error("a user namespace can't be made: %s (sysctl kernel.unprivileged_userns_clone, "
			  "kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces)",
			  strerror(-err));
		return err;
	}
	if (write(m->go[1], &byte, 1) != 1 || read(m->go[1], &byte, 1) != 1)
		return -ECONNRESET;
	int err = become_root(m->map);
	return err ? err : m->job(m->arg);
}

/* Once the worker has its namespace. */
static int let_go(const struct mapped *m, int (*ready)(void *arg, pid_t pid), pid_t pid)
{
	char byte = 0;
	int err = idmap_write(m->map, pid);

	if (!err && ready)
		err = ready(m->arg, pid);
	return !err && send(m->go[0], &byte, 1, MSG_NOSIGNAL) != 1 ? -errno : err;
}

int mapped_run_as(const struct idmap *map, const char *name, int (*ready)(void *arg, pid_t pid), int (*job)(void *arg), void *arg)
{
	struct mapped m = {.job = job, .arg = arg, .map = map, .go = {-1, -1}};
	struct worker worker = {0};
	int go_err = 0;
	char byte;

	if (!map->userns)
		return worker_run(name, job, arg);
	int err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, m.go) ? -errno : 0;
	if (!err)
		err = worker_start(&worker, name, in_namespace, &m);
	if (err)
		goto close_go;
	close_fd(&m.go[1]);
	/* When it could not get that far, it has said why and is at its end. */
	if (read(m.go[0], &byte, 1) == 1)
		go_err = let_go(&m, ready, worker.pid);
	close_fd(&m.go[0]);
	err = worker_wait(&worker);
	if (go_err)
		err = go_err;
close_go:
	close_fd(&m.go[0]);
	close_fd(&m.go[1]);
	return err;
}

int mapped_run(const char *name, int (*job)(void *arg), void *arg)
{
	struct idmap map;
	int err = idmap_choose(&map, false);

	return err ? err : mapped_run_as(&map, name, NULL, job, arg);
}
