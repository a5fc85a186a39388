// SPDX-License-Identifier: Apache-2.0
/*
 * A control group of one's own, from systemd: an ordinary user's manager makes a transient scope and moves us there
 * (org.freedesktop.systemd1(5), StartTransientUnit; sd-bus(3)). Not waited for is the job's signal: where we are the kernel says.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define ANSWER_US 5000000
#define SYSTEMD "org.freedesktop.systemd1"

#define SYSTEMD_CALLS(X)                  \
	X(sd_bus_open_user)               \
	X(sd_bus_set_method_call_timeout) \
	X(sd_bus_call_method)             \
	X(sd_bus_error_free)              \
	X(sd_bus_flush_close_unref)

LIB_STRUCT(systemd_lib, SYSTEMD_CALLS);

static int start_scope(const char *unit)
{
	struct systemd_lib lib;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int err = LIB_OPEN(&lib, "libsystemd.so.0", "libsystemd0", SYSTEMD_CALLS);

	if (err)
		return err;
	err = lib.sd_bus_open_user(&bus);
	if (err < 0)
		return err;
	lib.sd_bus_set_method_call_timeout(bus, ANSWER_US);
	err = lib.sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "StartTransientUnit", &error, NULL,
				     "ssa(sv)a(sa(sv))", unit, "fail", 2, "PIDs", "au", 1, (uint32_t)getpid(), "Delegate", "b", 1, 0);
	if (err < 0)
		log_error("systemd gives no control group: %s", error.message ? error.message : strerror(-err));
	lib.sd_bus_error_free(&error);
	lib.sd_bus_flush_close_unref(bus);
	return err < 0 ? err : 0;
}

/* Whether a name stands in the path of our group; or a negative errno. */
static int is_in(const char *proc, const char *name)
{
	char path[300], text[8192];

	snprintf(path, sizeof(path), "%s/self/cgroup", proc);
	int err = cgroup_read_at(AT_FDCWD, path, text, sizeof(text));
	return err ? err : strstr(text, name) != NULL;
}

/* The answer is a job's name; the job moves us. */
static int wait_until_in(const char *proc, const char *unit)
{
	int64_t deadline = cgroup_now_ms() + CGROUP_WAIT_MS;
	int in;

	while (!(in = is_in(proc, unit))) {
		if (cgroup_now_ms() >= deadline)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, 2);
	}
	return in < 0 ? in : 0;
}

int cgroup_scope(const char *proc)
{
	char unit[64];

	/* What is below his manager is the user's already. */
	snprintf(unit, sizeof(unit), "/user@%u.", geteuid());
	if (is_in(proc, unit))
		return -EALREADY;
	if (!getenv("DBUS_SESSION_BUS_ADDRESS") && !getenv("XDG_RUNTIME_DIR"))
		return -ENOENT;
	snprintf(unit, sizeof(unit), "tinyvmm-%d.scope", (int)getpid());
	int err = start_scope(unit);
	return err ? err : wait_until_in(proc, unit);
}
