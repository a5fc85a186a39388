// SPDX-License-Identifier: Apache-2.0
/* ctr/cgroup/scope.c against a bus of ours: what is asked, and what becomes of the answers. The real one's is in tests/ctr/test_system.sh. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/cgroup/cgroup.h"
#include "tests/fakes/capture.h"
#include "tests/fakes/cgroup_tree.h"
#include "vmm/util/lib.h"

#define SERVER_CALLS(X)                     \
	X(sd_bus_new)                       \
	X(sd_bus_set_fd)                    \
	X(sd_bus_set_server)                \
	X(sd_bus_start)                     \
	X(sd_bus_process)                   \
	X(sd_bus_wait)                      \
	X(sd_bus_flush)                     \
	X(sd_bus_message_is_method_call)    \
	X(sd_bus_message_get_path)          \
	X(sd_bus_message_has_signature)     \
	X(sd_bus_message_read)              \
	X(sd_bus_reply_method_return)       \
	X(sd_bus_reply_method_errorf)

LIB_STRUCT(server_lib, SERVER_CALLS);

enum answer { GRANTS, GRANTS_SLOWLY, REFUSES, HANGS_UP, MOVES_NOBODY };

struct bus {
	struct cgroup_tree tree;
	int fd;
};

static int setup(void **state)
{
	static struct bus bus;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char address[200];

	tree_begin(&bus.tree);
	tree_write(&bus.tree, "proc/self/cgroup", "0::/user.slice/user-1.slice/login.scope\n");
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/bus", bus.tree.root);
	bus.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bus.fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(bus.fd, 1), 0);
	snprintf(address, sizeof(address), "unix:path=%s", name.sun_path);
	setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
	*state = &bus;
	return 0;
}

static int teardown(void **state)
{
	struct bus *bus = *state;

	close(bus->fd);
	tree_end(&bus->tree);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

/* --- the other side: a process of its own, whose status says what it found wrong ---------------------------------------------------- */

#define MUST(what)                                      \
	do {                                            \
		if (!(what)) {                          \
			fprintf(stderr, "%s\n", #what); \
			_exit(1);                       \
		}                                       \
	} while (0)

static sd_bus_message *next_message(const struct server_lib *lib, sd_bus *bus)
{
	sd_bus_message *message = NULL;
	int n = 1;

	while (!message && n >= 0) {
		n = lib->sd_bus_process(bus, &message);
		if (!n)
			n = lib->sd_bus_wait(bus, UINT64_MAX);
	}
	MUST(message);
	return message;
}

static void check_request(const struct server_lib *lib, sd_bus_message *m, pid_t asker)
{
	const char *unit, *mode, *pids, *delegate;
	char expected[64];
	uint32_t pid;
	int yes;

	MUST(lib->sd_bus_message_is_method_call(m, "org.freedesktop.systemd1.Manager", "StartTransientUnit") > 0);
	MUST(!strcmp(lib->sd_bus_message_get_path(m), "/org/freedesktop/systemd1"));
	MUST(lib->sd_bus_message_has_signature(m, "ssa(sv)a(sa(sv))") > 0);
	MUST(lib->sd_bus_message_read(m, "ssa(sv)", &unit, &mode, 2, &pids, "au", 1, &pid, &delegate, "b", &yes) > 0);
	MUST(lib->sd_bus_message_read(m, "a(sa(sv))", 0) >= 0);
	snprintf(expected, sizeof(expected), "tinyvmm-%d.scope", (int)asker);
	MUST(!strcmp(unit, expected) && !strcmp(mode, "fail"));
	MUST(!strcmp(pids, "PIDs") && pid == (uint32_t)asker);
	MUST(!strcmp(delegate, "Delegate") && yes);
}

static void move(const struct bus *bus, pid_t asker)
{
	tree_write((struct cgroup_tree *)&bus->tree, "proc/self/cgroup", "0::/app.slice/tinyvmm-%d.scope\n", (int)asker);
}

static void serve(const struct bus *bus, enum answer answer)
{
	struct server_lib lib;
	sd_bus *server;
	pid_t asker = getppid();
	int fd = accept(bus->fd, NULL, NULL);

	alarm(20);
	MUST(!LIB_OPEN(&lib, "libsystemd.so.0", "libsystemd0", SERVER_CALLS));
	MUST(lib.sd_bus_new(&server) >= 0 && lib.sd_bus_set_fd(server, fd, fd) >= 0);
	MUST(lib.sd_bus_set_server(server, 1, (sd_id128_t){.bytes = {1}}) >= 0 && lib.sd_bus_start(server) >= 0);
	sd_bus_message *m = next_message(&lib, server);
	MUST(lib.sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello") > 0);
	MUST(lib.sd_bus_reply_method_return(m, "s", ":1.1") >= 0);
	m = next_message(&lib, server);
	check_request(&lib, m, asker);
	if (answer == HANGS_UP)
		_exit(0);
	if (answer == REFUSES)
		MUST(lib.sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "not for you") >= 0);
	else
		MUST(lib.sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/job/1") >= 0);
	if (answer == GRANTS)
		move(bus, asker);
	lib.sd_bus_flush(server);
	if (answer == GRANTS_SLOWLY) {
		usleep(50000);
		move(bus, asker);
	}
	_exit(0);
}

static int ask(struct bus *bus, enum answer answer)
{
	int status = 1;
	pid_t server = fork();

	if (!server)
		serve(bus, answer);
	int err = cgroup_scope(bus->tree.proc);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(status, 0);
	return err;
}

static void granted(void **state)
{
	assert_int_equal(ask(*state, GRANTS), 0);
}

static void waited_for(void **state)
{
	assert_int_equal(ask(*state, GRANTS_SLOWLY), 0);
}

static void refused(void **state)
{
	char said[1024];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = ask(*state, REFUSES);

	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -EACCES);
	assert_non_null(strstr(said, "systemd gives no control group: not for you\n"));
}

static void hung_up(void **state)
{
	assert_true(ask(*state, HANGS_UP) < 0);
}

static void not_moved(void **state)
{
	assert_int_equal(ask(*state, MOVES_NOBODY), -ETIMEDOUT);
}

static void no_need(void **state)
{
	struct bus *bus = *state;

	tree_write(&bus->tree, "proc/self/cgroup", "0::/user.slice/user-1.slice/user@%u.service/app.slice/x.scope\n", geteuid());
	assert_int_equal(cgroup_scope(bus->tree.proc), -EALREADY);
}

static void no_bus(void **state)
{
	struct bus *bus = *state;
	char dir[200];

	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/at/all", 1);
	assert_int_equal(cgroup_scope(bus->tree.proc), -ENOENT);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(cgroup_scope(bus->tree.proc), -ENOENT);
	memset(dir, 'x', sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	setenv("XDG_RUNTIME_DIR", dir, 1);
	assert_true(cgroup_scope(bus->tree.proc) < 0);
	/* Where it is by default. */
	setenv("XDG_RUNTIME_DIR", bus->tree.root, 1);
	assert_int_equal(ask(bus, GRANTS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(granted), TEST(waited_for), TEST(refused), TEST(hung_up), TEST(not_moved), TEST(no_need), TEST(no_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
