// SPDX-License-Identifier: Apache-2.0
/* A worker in a user namespace: see mapped.h. */
#include "ctr/mapped.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

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
	if ((!m->map->deny_groups && setgroups(0, NULL)) || setresgid(0, 0, 0) || setresuid(0, 0, 0))
		return -errno;
	return m->job(m->arg);
}

int mapped_run(const char *name, int (*job)(void *arg), void *arg)
{
	struct idmap map;
	struct mapped m = {.job = job, .arg = arg, .map = &map, .go = {-1, -1}};
	struct worker worker = {0};
	char byte;

	if (!geteuid())
		return worker_run(name, job, arg);
	int err = idmap_choose(&map, true);
	if (!err && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, m.go))
		err = -errno;
	if (!err)
		err = worker_start(&worker, name, in_namespace, &m);
	if (err)
		goto close_go;
	close_fd(&m.go[1]);
	/* When it could not get that far, it has said why and is at its end. */
	bool ready = read(m.go[0], &byte, 1) == 1;
	int map_err = ready ? idmap_write(&map, worker.pid) : 0;
	if (ready && !map_err && write(m.go[0], &byte, 1) != 1)
		map_err = -errno;
	close_fd(&m.go[0]);
	err = worker_wait(&worker);
	if (map_err)
		err = map_err;
close_go:
	close_fd(&m.go[0]);
	close_fd(&m.go[1]);
	return err;
}
