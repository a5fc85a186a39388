// SPDX-License-Identifier: Apache-2.0
/* ctr/cgroup/scope.c against a bus of ours: what is asked, and what becomes of all kinds of answers. The real one's is in
 * tests/ctr/test_system.sh. */
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
#include <unistd.h>

#include <cmocka.h>

#include "ctr/cgroup/cgroup.h"
#include "tests/fakes/capture.h"
#include "tests/fakes/cgroup_tree.h"
#include "vmm/util/io.h"

#define LOGIN_BYTES 29
#define OK_LINES "DATA\r\nOK 0123456789abcdef\r\n"

struct answer {
	const char *bytes;
	size_t len;
	bool moves; /* and the process that asked is moved */
};

struct bus {
	struct cgroup_tree tree;
	int fd;
	pid_t server;
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
	snprintf(address, sizeof(address), "unix:path=%s,guid=1", name.sun_path);
	setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
	bus.server = 0;
	*state = &bus;
	return 0;
}

static int teardown(void **state)
{
	struct bus *bus = *state;

	close(bus->fd);
	tree_end(&bus->tree);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
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

static void read_bytes(int fd, char *bytes, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = read(fd, bytes + have, len - have);
		MUST(n > 0);
		have += (size_t)n;
	}
}

static uint32_t u32(const char *at)
{
	uint32_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

/* A message as the specification has it; its body's length. */
static uint32_t read_message(int fd, char bytes[1024], uint32_t serial)
{
	read_bytes(fd, bytes, 16);
	MUST(!memcmp(bytes, "l\1\0\1", 4));
	MUST(u32(bytes + 8) == serial);
	uint32_t body = u32(bytes + 4), fields = (u32(bytes + 12) + 7) & ~7u;
	MUST(16 + fields + body <= 1024);
	read_bytes(fd, bytes + 16, fields + body);
	memmove(bytes, bytes + 16, fields + body);
	return body;
}

static void check_body(const char *body, uint32_t len, pid_t asker)
{
	char unit[64];
	int n = snprintf(unit, sizeof(unit), "tinyvmm-%010d.scope", (int)asker);

	MUST(len == 96);
	MUST(u32(body) == (uint32_t)n && !strcmp(body + 4, unit));
	MUST(u32(body + 32) == 4 && !strcmp(body + 36, "fail"));
	MUST(u32(body + 44) == 44);
	MUST(!memcmp(body + 48, "\4\0\0\0PIDs\0\2au\0\0\0\0\4\0\0\0", 24 - 4));
	MUST(u32(body + 68) == (uint32_t)asker);
	MUST(!memcmp(body + 72, "\10\0\0\0Delegate\0\1b\0\1\0\0\0\0\0\0\0", 24));
}

static void serve(const struct bus *bus, const struct answer *answer)
{
	pid_t asker = getppid();
	char bytes[1024];
	int fd = accept(bus->fd, NULL, NULL);

	alarm(20);
	read_bytes(fd, bytes, LOGIN_BYTES);
	MUST(!memcmp(bytes, "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n", LOGIN_BYTES));
	MUST(read_message(fd, bytes, 1) == 0);
	MUST(memmem(bytes, 208, "Hello", 5));
	uint32_t body = read_message(fd, bytes, 2);
	const char *signature = memmem(bytes, 900, "ssa(sv)a(sa(sv))", 16);
	MUST(signature && memmem(bytes, 900, "StartTransientUnit", 19));
	check_body(signature + 16 + 8 - (signature + 16 - bytes) % 8, body, asker);
	/* However it comes apart. */
	for (size_t i = 0; i < answer->len; i++)
		MUST(write(fd, answer->bytes + i, 1) == 1 || errno == EPIPE || errno == ECONNRESET);
	if (answer->moves)
		tree_write((struct cgroup_tree *)&bus->tree, "proc/self/cgroup", "0::/app.slice/tinyvmm-%010d.scope\n", (int)asker);
	_exit(0);
}

static int ask(struct bus *bus, const struct answer *answer)
{
	int status = 1;

	bus->server = fork();
	if (!bus->server) {
		signal(SIGPIPE, SIG_IGN);
		serve(bus, answer);
	}
	int err = cgroup_scope(bus->tree.proc);
	assert_int_equal(waitpid(bus->server, &status, 0), bus->server);
	assert_int_equal(status, 0);
	return err;
}

/* A message without fields: type, then its body. */
#define MESSAGE(type, length) "l" type "\0\1" length "\0\0\0\1\0\0\0\0\0\0\0"
#define HELLO_BACK MESSAGE("\2", "\7") "\2\0\0\0:1\0"
#define SIGNAL MESSAGE("\4", "\0")
#define ANSWER(text)                          \
	{                                     \
		text, sizeof(text) - 1, false \
	}

static void granted(void **state)
{
	struct answer answer = ANSWER(OK_LINES HELLO_BACK SIGNAL MESSAGE("\2", "\0"));

	answer.moves = true;
	assert_int_equal(ask(*state, &answer), 0);
}

static void refused(void **state)
{
	static const struct answer error = ANSWER(OK_LINES HELLO_BACK MESSAGE("\3", "\7") "\2\0\0\0no\0");
	static const struct answer silent = ANSWER(OK_LINES HELLO_BACK MESSAGE("\3", "\0"));
	static const struct answer rejected = ANSWER("REJECTED\r\n");
	char said[1024];
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = ask(*state, &error);

	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -EACCES);
	assert_non_null(strstr(said, "systemd gives no control group: no\n"));
	assert_int_equal(ask(*state, &silent), -EACCES);
	assert_int_equal(ask(*state, &rejected), -EACCES);
}

static void nonsense(void **state)
{
	static const struct answer answers[] = {
		ANSWER(""),
		ANSWER("OK"),
		ANSWER(OK_LINES),
		ANSWER(OK_LINES "l\2\0\1\xff\xff\xff\xff\1\0\0\0\xff\xff\xff\xff rest"),
		ANSWER(OK_LINES HELLO_BACK "l\3\0\1\0\0\0\0\1\0\0\0\xf8\xff\xff\xff"),
	};
	static char long_line[20000];
	const struct answer too_long = {memset(long_line, 'x', sizeof(long_line)), sizeof(long_line), false};

	for (unsigned i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		assert_int_equal(ask(*state, &answers[i]), -ECONNRESET);
	assert_int_equal(ask(*state, &too_long), -ECONNRESET);
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
	assert_int_equal(cgroup_scope(bus->tree.proc), -ENOENT);
	/* Where it is by default. */
	setenv("XDG_RUNTIME_DIR", bus->tree.root, 1);
	struct answer answer = ANSWER(OK_LINES HELLO_BACK MESSAGE("\2", "\0"));
	answer.moves = true;
	assert_int_equal(ask(bus, &answer), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(granted), TEST(refused), TEST(nonsense), TEST(no_need), TEST(no_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
