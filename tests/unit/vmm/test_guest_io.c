// SPDX-License-Identifier: Apache-2.0
/* vmm/guest_io.c: the table in its header, what guest/init says and what a hostile guest says instead, and the log's last part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/protocol.h"
#include "tests/fakes/capture.h"
#include "vmm/guest_io.h"

static char *command[] = { "true", NULL };

/* Standard input and output as something else while the table is decided. */
struct streams {
	int in, out;
};

static struct streams put_streams(int in, int out)
{
	struct streams saved;

	fflush(stdout);
	saved.in = dup(STDIN_FILENO);
	saved.out = dup(STDOUT_FILENO);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	return saved;
}

static void take_back(struct streams saved)
{
	dup2(saved.in, STDIN_FILENO);
	dup2(saved.out, STDOUT_FILENO);
	close(saved.in);
	close(saved.out);
}

static int init_on(struct guest_io *io, const struct config *config, bool own_initramfs, bool terminal)
{
	int master = -1, fd;

	if (terminal) {
		master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(master >= 0);
		assert_int_equal(grantpt(master), 0);
		assert_int_equal(unlockpt(master), 0);
		fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	} else {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	assert_true(fd >= 0);
	struct streams saved = put_streams(fd, fd);
	int err = guest_io_init(io, config, own_initramfs);
	take_back(saved);
	close(fd);
	if (master >= 0)
		close(master);
	return err;
}

static struct guest_io *joined(const struct config *config, bool own_initramfs, bool terminal)
{
	struct guest_io *io = malloc(sizeof(*io));

	assert_int_equal(init_on(io, config, own_initramfs, terminal), 0);
	return io;
}

static void done(struct guest_io *io)
{
	guest_io_release(io);
	free(io);
}

static struct virtio_console_port *port(struct guest_io *io, const char *name)
{
	for (unsigned i = 0; i < io->port_count; i++) {
		if (io->port[i].name && !strcmp(io->port[i].name, name))
			return &io->port[i];
	}
	return NULL;
}

static void says(struct guest_io *io, const void *text, size_t len)
{
	struct virtio_console_port *control = port(io, PORT_CONTROL);

	control->output(control->arg, text, len);
}

/* --- the table -------------------------------------------------------------------------------------------------------- */

static void a_login(void **state)
{
	struct config config = { 0 };

	(void)state;
	for (int terminal = 0; terminal < 2; terminal++) {
		struct guest_io *io = joined(&config, true, terminal);
		assert_int_equal(io->port_count, 2);
		assert_true(io->port[0].console);
		assert_int_equal(io->port[0].in_fd, STDIN_FILENO);
		assert_int_equal(io->port[0].out_fd, STDOUT_FILENO);
		/* Escape keys are for people: in a pipe, Ctrl-A is a byte as any other. */
		assert_int_equal(io->port[0].filter != NULL, terminal);
		assert_int_equal(io->terminal_port, 0);
		assert_false(io->tty);
		assert_int_equal(io->serial.in_fd, -1);
		assert_int_equal(io->serial.out_fd, STDOUT_FILENO);
		assert_non_null(port(io, PORT_CONTROL));
		assert_null(port(io, PORT_STDIN));
		done(io);
	}
}

static void a_login_on_the_serial_port(void **state)
{
	struct config config = { .console = CONSOLE_SERIAL };

	(void)state;
	struct guest_io *io = joined(&config, true, true);
	assert_int_equal(io->serial.in_fd, STDIN_FILENO);
	assert_int_equal(io->serial.out_fd, STDOUT_FILENO);
	assert_non_null(io->serial.filter);
	/* hvc0 is not joined to the user: its output is the log's. */
	assert_int_equal(io->port[0].in_fd, -1);
	assert_int_equal(io->port[0].out_fd, -1);
	assert_non_null(io->port[0].output);
	done(io);
}

/* A foreign initramfs need not have a virtio console's driver. */
static void a_foreign_initramfs_gets_the_serial_port(void **state)
{
	struct config config = { 0 };

	(void)state;
	struct guest_io *io = joined(&config, false, false);
	assert_true(io->serial_console);
	done(io);
	config.console = CONSOLE_HVC;
	io = joined(&config, false, false);
	assert_false(io->serial_console);
	done(io);
}

static void a_command_with_pipes(void **state)
{
	struct config config = { .command = command };

	(void)state;
	struct guest_io *io = joined(&config, true, false);
	assert_false(io->tty);
	assert_int_equal(io->port_count, 5);
	assert_true(io->port[0].console);
	assert_int_equal(io->port[0].in_fd, -1);
	assert_int_equal(io->port[0].out_fd, -1);
	assert_int_equal(port(io, PORT_STDIN)->in_fd, STDIN_FILENO);
	assert_int_equal(port(io, PORT_STDIN)->out_fd, -1);
	assert_int_equal(port(io, PORT_STDOUT)->out_fd, STDOUT_FILENO);
	assert_int_equal(port(io, PORT_STDOUT)->in_fd, -1);
	assert_int_equal(port(io, PORT_STDERR)->out_fd, STDERR_FILENO);
	/* Binary-safe: nothing looks at the bytes. */
	for (unsigned i = 0; i < io->port_count; i++)
		assert_null(io->port[i].filter);
	assert_int_equal(io->serial.out_fd, -1);
	assert_int_equal(io->serial.in_fd, -1);
	assert_non_null(io->serial.output);
	done(io);
}

static void a_command_on_a_terminal(void **state)
{
	struct config config = { .command = command };

	(void)state;
	struct guest_io *io = joined(&config, true, true);
	assert_true(io->tty);
	assert_int_equal(io->port_count, 3);
	/* guest/init opens the second console. */
	assert_true(io->port[0].console && io->port[1].console);
	assert_int_equal(io->terminal_port, 1);
	assert_int_equal(io->port[1].in_fd, STDIN_FILENO);
	assert_int_equal(io->port[1].out_fd, STDOUT_FILENO);
	assert_non_null(io->port[1].filter);
	assert_int_equal(io->port[0].out_fd, -1);
	assert_null(port(io, PORT_STDIN));
	done(io);
}

static void a_log_that_cannot_be_made(void **state)
{
	struct config config = { .console_log = "/nonexistent/log" };
	struct guest_io io;
	char said[512];
	int saved;

	(void)state;
	int memory = capture_begin(STDERR_FILENO, &saved);
	int err = init_on(&io, &config, true, false);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -ENOENT);
	assert_non_null(strstr(said, "--console-log /nonexistent/log"));
	guest_io_release(&io);
}

/* --- the control port ------------------------------------------------------------------------------------------------- */

static struct guest_io *listening(void)
{
	struct config config = { .command = command };

	return joined(&config, true, false);
}

static void the_whole_story(void **state)
{
	struct guest_io *io = listening();

	(void)state;
	says(io, "up\n", 3);
	assert_true(io->up);
	assert_false(io->has_status);
	says(io, "exit 42\n", 8);
	assert_true(io->has_status);
	assert_int_equal(io->status, 42);
	done(io);
}

/* A port is a stream: lines come in any pieces. */
static void lines_in_pieces(void **state)
{
	struct guest_io *io = listening();
	static const char text[] = "up\nexit 7\n";

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		says(io, text + i, 1);
	assert_true(io->up);
	assert_int_equal(io->status, 7);
	done(io);

	io = listening();
	says(io, text, sizeof(text) - 1);
	assert_true(io->up);
	assert_int_equal(io->status, 7);
	done(io);
}

static void no_status_but_0_to_255(void **state)
{
	static const char *const bad[] = {
		"exit \n", "exit\n", "exit 256\n", "exit -1\n", "exit 1 2\n", "exit  1\n", "exit 99999999999999999999\n", "exit 1x\n",
		"EXIT 1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct guest_io *io = listening();
		says(io, bad[i], strlen(bad[i]));
		if (io->has_status)
			fail_msg("taken for a status: %s", bad[i]);
		done(io);
	}
}

/* Half a line is none, and a line that never ends takes no memory. */
static void a_line_without_end(void **state)
{
	struct guest_io *io = listening();
	char junk[1000];

	(void)state;
	says(io, "exit 3", 6);
	assert_false(io->has_status);
	memset(junk, 'x', sizeof(junk));
	for (unsigned i = 0; i < 1000; i++)
		says(io, junk, sizeof(junk));
	assert_true(io->line_used < GUEST_IO_LINE_BYTES);
	says(io, "\n", 1);
	assert_false(io->has_status);
	/* And the next line is heard. */
	says(io, "exit 3\n", 7);
	assert_true(io->has_status);
	done(io);
}

/* What comes to the user's terminal is text. */
static void a_fatal_message_is_made_harmless(void **state)
{
	struct guest_io *io = listening();
	static const char text[] = "fatal no \x1b]0;root\x07 here\r\x9b\xff\t!\n";

	(void)state;
	says(io, text, sizeof(text) - 1);
	assert_string_equal(io->fatal, "no ?]0;root? here\x3f\x3f\x3f\x3f!");
	done(io);
}

static void a_long_fatal_message_is_cut(void **state)
{
	struct guest_io *io = listening();
	char junk[4 * GUEST_IO_LINE_BYTES];

	(void)state;
	memset(junk, 'y', sizeof(junk));
	says(io, "fatal ", 6);
	says(io, junk, sizeof(junk));
	says(io, "\n", 1);
	assert_true(strlen(io->fatal) < GUEST_IO_LINE_BYTES);
	assert_true(strlen(io->fatal) > GUEST_IO_LINE_BYTES / 2);
	done(io);
}

/* Bytes 0 to 255, in every order that a small generator gives. */
static void noise(void **state)
{
	struct guest_io *io = listening();
	uint32_t seed = 12345;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t bytes[97];
		for (unsigned i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(seed >> 24);
		}
		says(io, bytes, sizeof(bytes));
	}
	assert_false(io->up);
	assert_false(io->has_status);
	for (const char *p = io->fatal; *p; p++)
		assert_true(*p >= ' ' && *p <= '~');
	done(io);
}

static void a_restart_forgets(void **state)
{
	struct guest_io *io = listening();

	(void)state;
	says(io, "up\nexit 3\nfatal x\nexi", 21);
	guest_io_restart(io);
	assert_false(io->up || io->has_status);
	assert_string_equal(io->fatal, "");
	/* Half a line of the last start is no half of this one's. */
	says(io, "t 5\nup\n", 7);
	assert_false(io->has_status);
	assert_true(io->up);
	done(io);
}

/* --- the log ---------------------------------------------------------------------------------------------------------- */

static char *shown_log(const struct guest_io *io)
{
	char *text = malloc(2 * GUEST_IO_TAIL_BYTES);
	int saved, memory = capture_begin(STDERR_FILENO, &saved);

	guest_io_show_log(io);
	capture_end(STDERR_FILENO, saved, memory, text, 2 * GUEST_IO_TAIL_BYTES);
	return text;
}

static char letter(size_t i)
{
	return (char)('a' + i % 23 + i / 1000 % 3);
}

static void log_bytes(struct guest_io *io, size_t from, size_t to)
{
	char piece[777];

	while (from < to) {
		size_t len = to - from < sizeof(piece) ? to - from : sizeof(piece);
		for (size_t i = 0; i < len; i++)
			piece[i] = letter(from + i);
		io->port[0].output(io->port[0].arg, piece, len);
		from += len;
	}
}

/* Whatever the length, the last part is shown, in order. */
static void the_last_part_is_kept(void **state)
{
	static const size_t totals[] = {
		0, 1, 1000, GUEST_IO_TAIL_BYTES - 1, GUEST_IO_TAIL_BYTES, GUEST_IO_TAIL_BYTES + 1, 2 * GUEST_IO_TAIL_BYTES, 200001,
	};

	(void)state;
	for (size_t t = 0; t < sizeof(totals) / sizeof(*totals); t++) {
		struct guest_io *io = listening();
		log_bytes(io, 0, totals[t]);
		char *text = shown_log(io);
		size_t kept = totals[t] < GUEST_IO_TAIL_BYTES ? totals[t] : GUEST_IO_TAIL_BYTES;
		assert_int_equal(strlen(text), kept);
		for (size_t i = 0; i < kept; i++)
			assert_int_equal(text[i], letter(totals[t] - kept + i));
		free(text);
		done(io);
	}
}

/* Messages that the user saw on the console are not shown again. */
static void a_login_saw_its_messages(void **state)
{
	struct config config = { .console = CONSOLE_SERIAL };
	struct guest_io *io = joined(&config, true, false);

	(void)state;
	log_bytes(io, 0, 100);
	char *text = shown_log(io);
	assert_string_equal(text, "");
	free(text);
	done(io);
}

static void the_log_file_has_everything(void **state)
{
	char dir[] = "/tmp/tinyvmm-log-XXXXXX", path[64], *text = malloc(300000);
	struct config config = { .console_log = path };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	/* Also on a login, where the user sees it too, and from the serial port. */
	struct guest_io *io = joined(&config, true, false);
	log_bytes(io, 0, 150000);
	io->serial.output(io->serial.arg, "serial\n", 7);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, 300000), 150007);
	assert_memory_equal(text + 150000, "serial\n", 7);
	for (size_t i = 0; i < 150000; i++)
		assert_int_equal(text[i], letter(i));
	close(fd);
	done(io);
	unlink(path);
	rmdir(dir);
	free(text);
}

/* A full disk costs the log, not the guest. */
static void a_log_file_that_fails(void **state)
{
	struct config config = { .command = command, .console_log = "/dev/full" };
	char said[4096];
	int saved;

	(void)state;
	if (access("/dev/full", W_OK))
		skip();
	struct guest_io *io = joined(&config, true, false);
	int memory = capture_begin(STDERR_FILENO, &saved);
	log_bytes(io, 0, 5000);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_non_null(strstr(said, "--console-log"));
	/* Once. */
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	char *text = shown_log(io);
	assert_int_equal(strlen(text), 5000);
	free(text);
	done(io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login),
		cmocka_unit_test(a_login_on_the_serial_port),
		cmocka_unit_test(a_foreign_initramfs_gets_the_serial_port),
		cmocka_unit_test(a_command_with_pipes),
		cmocka_unit_test(a_command_on_a_terminal),
		cmocka_unit_test(a_log_that_cannot_be_made),
		cmocka_unit_test(the_whole_story),
		cmocka_unit_test(lines_in_pieces),
		cmocka_unit_test(no_status_but_0_to_255),
		cmocka_unit_test(a_line_without_end),
		cmocka_unit_test(a_fatal_message_is_made_harmless),
		cmocka_unit_test(a_long_fatal_message_is_cut),
		cmocka_unit_test(noise),
		cmocka_unit_test(a_restart_forgets),
		cmocka_unit_test(the_last_part_is_kept),
		cmocka_unit_test(a_login_saw_its_messages),
		cmocka_unit_test(the_log_file_has_everything),
		cmocka_unit_test(a_log_file_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
