// SPDX-License-Identifier: Apache-2.0
/*
 * A control group of one's own, from systemd: an ordinary user's manager makes a transient scope and moves us there
 * (org.freedesktop.systemd1(5), StartTransientUnit; D-Bus Specification, "Authentication Protocol", "Message Protocol").
 *
 * Two messages and their answers are all there is to say, so it is said here: libsystemd would bring a MiB of libraries for it. Left out:
 * buses that are no socket with a path, and waiting for the job's signal: where we are the kernel says.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctr/cgroup/cgroup_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define ANSWER_MAX 4096
#define HEADER_BYTES 16
#define ANSWER_SECONDS 5

/* --- what is sent ----------------------------------------------------------------------------------------------------------------- */

/* What D-Bus aligns is aligned as in C, and every length is known but for the number of our process: so messages are structs. */
#define FIELD(name, text_)                \
	struct {                          \
		_Alignas(8) char code;    \
		char one, type, nul;      \
		uint32_t len;             \
		char text[sizeof(text_)]; \
	} name
#define FIELD_IS(code, type, text)                       \
	{                                                \
		code, 1, type, 0, sizeof(text) - 1, text \
	}
#define HEADER                            \
	char order, type, flags, version; \
	uint32_t body_len, serial, fields_len
#define CALL_IS(bytes, number, fields_end) 'l', 1, 0, 1, (bytes), (number), (fields_end)-HEADER_BYTES
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))

#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define START "StartTransientUnit"
#define START_SIGNATURE "ssa(sv)a(sa(sv))"
#define UNIT_FORMAT "tinyvmm-%010d.scope"

struct hello {
	HEADER;
	FIELD(path, BUS_PATH);
	FIELD(interface, BUS);
	FIELD(destination, BUS);
	FIELD(member, "Hello");
};

struct start {
	HEADER;
	FIELD(path, SYSTEMD_PATH);
	FIELD(interface, MANAGER);
	FIELD(destination, SYSTEMD);
	FIELD(member, START);
	struct {
		_Alignas(8) char code;
		char one, type, nul, len, text[sizeof(START_SIGNATURE)];
	} signature;
	struct {
		_Alignas(8) uint32_t unit_len;
		char unit[sizeof("tinyvmm-1234567890.scope")];
		uint32_t mode_len;
		char mode[sizeof("fail")];
		uint32_t properties_len;
		struct {
			_Alignas(8) uint32_t name_len;
			char name[sizeof("PIDs")], type_len, type[sizeof("au")];
			uint32_t list_bytes, pid;
		} pids;
		struct {
			_Alignas(8) uint32_t name_len;
			char name[sizeof("Delegate")], type_len, type[sizeof("b")];
			uint32_t yes, no_other_units;
		} delegate;
	} body;
};
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the messages say so");

static int say_hello(int fd)
{
	/* One NUL for the credentials that the kernel tells of us; whose they are nobody has to be told. */
	static const char login[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	static const struct hello hello = {
		CALL_IS(0, 1, END_OF(struct hello, member.text)),
		FIELD_IS(1, 'o', BUS_PATH),
		FIELD_IS(2, 's', BUS),
		FIELD_IS(6, 's', BUS),
		FIELD_IS(3, 's', "Hello"),
	};
	int err = write_full(fd, login, sizeof(login) - 1);

	return err ? err : write_full(fd, &hello, sizeof(hello));
}

static int ask(int fd, const char *unit)
{
	static const struct start call = {
		CALL_IS(sizeof(call.body), 2, END_OF(struct start, signature.text)),
		FIELD_IS(1, 'o', SYSTEMD_PATH),
		FIELD_IS(2, 's', MANAGER),
		FIELD_IS(6, 's', SYSTEMD),
		FIELD_IS(3, 's', START),
		{8, 1, 'g', 0, sizeof(START_SIGNATURE) - 1, START_SIGNATURE},
		{
			.unit_len = sizeof(call.body.unit) - 1,
			.mode_len = sizeof("fail") - 1,
			.mode = "fail",
			.properties_len = END_OF(struct start, body.delegate.yes) - offsetof(struct start, body.pids),
			.pids = {sizeof("PIDs") - 1, "PIDs", sizeof("au") - 1, "au", sizeof(uint32_t), 0},
			.delegate = {sizeof("Delegate") - 1, "Delegate", sizeof("b") - 1, "b", 1, 0},
		},
	};

	struct start start;

	memcpy(&start, &call, sizeof(start));
	start.body.pids.pid = (uint32_t)getpid();
	memcpy(start.body.unit, unit, sizeof(start.body.unit));
	return write_full(fd, &start, sizeof(start));
}

/* --- what is answered ------------------------------------------------------------------------------------------------------------- */

struct answer {
	size_t have;
	bool begun;       /* lines are over */
	unsigned returns; /* the first is Hello's */
	char bytes[ANSWER_MAX];
};

static uint32_t number_at(const char *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return number;
}

/* How long the line or message is that comes next; 0: that can't be said yet. */
static size_t next_length(const struct answer *a)
{
	const char *end = memmem(a->bytes, a->have, "\r\n", 2);

	if (!a->begun)
		return end ? (size_t)(end - a->bytes) + 2 : 0;
	if (a->have < HEADER_BYTES)
		return 0;
	/* Each below what could wrap around; too long for us is seen by the reader. */
	return HEADER_BYTES + (((size_t)number_at(a->bytes + 12) + 7) & ~(size_t)7) + number_at(a->bytes + 4);
}

/* 1: it is ours to go on; 0: not yet; or a negative errno. */
static int take(struct answer *a, size_t len)
{
	if (!a->begun) {
		a->begun = len > 3 && !memcmp(a->bytes, "OK ", 3);
		return a->begun || !memcmp(a->bytes, "DATA", 4) ? 0 : -EACCES;
	}
	if (a->bytes[1] == 2)
		return ++a->returns == 2;
	if (a->bytes[1] != 3)
		return 0;
	/* An error's first argument is what a human is told (a string: its length, its bytes, a NUL). */
	size_t body = number_at(a->bytes + 4), at = len - body + sizeof(uint32_t);
	log_warn("systemd gives no control group: %.*s", body > sizeof(uint32_t) ? (int)strnlen(a->bytes + at, len - at) : 0,
		 a->bytes + (body > sizeof(uint32_t) ? at : 0));
	return -EACCES;
}

static int hear(int fd)
{
	struct answer a = {.have = 0};
	int done = 0;

	while (!done) {
		ssize_t n = recv(fd, a.bytes + a.have, sizeof(a.bytes) - a.have, 0);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		a.have += (size_t)n;
		for (size_t len; !done && (len = next_length(&a)) && len <= a.have;) {
			done = take(&a, len);
			a.have -= len;
			memmove(a.bytes, a.bytes + len, a.have);
		}
	}
	return done < 0 ? done : 0;
}

/* --- the whole -------------------------------------------------------------------------------------------------------------------- */

static int bus_connect(void)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS"), *dir = getenv("XDG_RUNTIME_DIR");
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int len = -1;

	if (address && !strncmp(address, "unix:path=", 10))
		len = snprintf(name.sun_path, sizeof(name.sun_path), "%.*s", (int)strcspn(address + 10, ",;"), address + 10);
	else if (dir)
		len = snprintf(name.sun_path, sizeof(name.sun_path), "%s/bus", dir);
	if (len < 0 || len >= (int)sizeof(name.sun_path))
		return -ENOENT;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) &&
	    !connect(fd, (const struct sockaddr *)&name, sizeof(name)))
		return fd;
	int err = -errno;
	close(fd);
	return err;
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
	char unit[sizeof(((struct start *)NULL)->body.unit)];

	/* What is below his manager is the user's already. */
	snprintf(unit, sizeof(unit), "/user@%u.", geteuid());
	if (is_in(proc, unit))
		return -EALREADY;
	int fd = bus_connect();
	int err = fd < 0 ? fd : say_hello(fd);

	snprintf(unit, sizeof(unit), UNIT_FORMAT, (int)getpid());
	if (!err)
		err = ask(fd, unit);
	if (!err)
		err = hear(fd);
	if (!err)
		err = wait_until_in(proc, unit);
	close_fd(&fd);
	return err;
}
