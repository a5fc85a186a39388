// SPDX-License-Identifier: Apache-2.0
/* ctr/store/written.c: what state.c writes is read without a library, and nothing else is read otherwise than the library reads it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/store/written.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

static char dir[] = "/tmp/test_written.XXXXXX";
static struct entry entry = {.name = "box", .fd = -1, .lock_fd = -1};

static int set_up(void **state)
{
	(void)state;
	/* What the library says of damaged documents is not looked at here. */
	log_set_level(LOG_ERROR);
	if (!mkdtemp(dir))
		return -1;
	entry.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return entry.fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlinkat(entry.fd, "config.json", 0);
	unlinkat(entry.fd, "status.json", 0);
	close_fd(&entry.fd);
	return rmdir(dir);
}

static void is_same(const struct description *a, const struct description *b)
{
	unsigned i = 0;

	assert_int_equal(a->created, b->created);
	assert_int_equal(a->image, b->image);
	assert_string_equal(a->directory, b->directory);
	for (; a->arguments[i] && b->arguments[i]; i++)
		assert_string_equal(a->arguments[i], b->arguments[i]);
	assert_ptr_equal(a->arguments[i], b->arguments[i]);
}

static void write_and_load(const struct description *description, char **text, size_t *len)
{
	assert_int_equal(description_write(&entry, description), 0);
	assert_int_equal(entry_read(&entry, "config.json", CONFIG_BYTES_MAX, text, len), 0);
}

static void what_is_written_is_read(void **state)
{
	static char *none[] = {NULL}, *one[] = {"--", NULL};
	static char *many[] = {"box", "--rootfs",       "/", "--env", "A=b \"c\" \\ 'd'\t/\n\r\b\f~", "", "--", "sh",
			       "-c",  "echo {[,]}: $x", NULL};
	const struct description cases[] = {
		{.created = 0, .directory = "/", .arguments = none},
		{.created = 1700000000, .directory = "/a b/\"c\"", .image = true, .arguments = one},
		{.created = 999999999999999999, .directory = "/x", .arguments = many},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct description read;
		char *text;
		size_t len;
		write_and_load(&cases[i], &text, &len);
		assert_true(written_description(text, len, &read));
		is_same(&cases[i], &read);
		description_release(&read);
		free(text);
	}
}

/* It takes the library, and comes out the same. */
static void other_letters(void **state)
{
	static char *arguments[] = {"--env", "A=\xc3\xa9\x01", "--", "\xe2\x82\xac", NULL};
	const struct description description = {.created = 5, .directory = "/\xc3\xbc", .arguments = arguments};
	struct description read;
	char *text;
	size_t len;

	(void)state;
	write_and_load(&description, &text, &len);
	assert_false(written_description(text, len, &read));
	assert_null(read.directory);
	assert_null(read.arguments);
	assert_int_equal(description_read(&entry, &read), 0);
	is_same(&description, &read);
	description_release(&read);
	free(text);
}

/* Either it is left to the library, or it is read as that reads it. */
static void judge(const char *text, size_t len)
{
	struct description read, truth;

	if (!written_description(text, len, &read)) {
		assert_null(read.directory);
		assert_null(read.arguments);
		return;
	}
	assert_int_equal(description_parse("box", text, len, &truth), 0);
	is_same(&truth, &read);
	description_release(&truth);
	description_release(&read);
}

static void damaged_descriptions(void **state)
{
	static char *arguments[] = {"--env", "A=\"\\", "--", "true", NULL};
	static const char bytes[] = "\"\\,:[]{}0-9e.\n \x01/unx\x80";
	const struct description description = {.created = 170, .directory = "/d", .arguments = arguments};
	char *text;
	size_t len;

	(void)state;
	write_and_load(&description, &text, &len);
	for (size_t cut = 0; cut <= len; cut++)
		judge(text, cut);
	for (size_t at = 0; at < len; at++) {
		char was = text[at];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			text[at] = bytes[i];
			judge(text, len);
		}
		text[at] = was;
	}
	/* A byte more, a byte less. */
	char *other = malloc(len + 2);
	assert_non_null(other);
	for (size_t at = 0; at < len; at++) {
		memcpy(other, text, at);
		memcpy(other + at, text + at + 1, len - at - 1);
		judge(other, len - 1);
		memcpy(other + at + 1, text + at, len - at);
		for (size_t i = 0; i < sizeof(bytes); i++) {
			other[at] = bytes[i];
			judge(other, len + 1);
		}
	}
	free(other);
	free(text);
}

static void too_many_arguments(void **state)
{
	static const char head[] =
		"{\n  \"version\": 1,\n  \"created\": 1,\n  \"directory\": \"/\",\n  \"image\": false,\n  \"arguments\": [";
	char *text = malloc(sizeof(head) + (CONFIG_ARGUMENTS_MAX + 1) * 8 + 8), *end;
	struct description read;

	(void)state;
	assert_non_null(text);
	for (unsigned more = 0; more < 2; more++) {
		end = stpcpy(text, head);
		for (unsigned i = 0; i < CONFIG_ARGUMENTS_MAX + more; i++)
			end = stpcpy(end, i ? ",\n    \"\"" : "\n    \"\"");
		end = stpcpy(end, "\n  ]\n}");
		assert_int_equal(written_description(text, (size_t)(end - text), &read), !more);
		description_release(&read);
	}
	free(text);
}

static void is_same_status(const struct status *a, const struct status *b)
{
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->started, b->started);
	assert_int_equal(a->finished, b->finished);
	assert_int_equal(a->status, b->status);
}

static void statuses(void **state)
{
	const struct status status = {.pid = 4711, .started = 1700000000, .finished = 0, .status = 255};
	struct status read, truth;
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(status_write(&entry, &status), 0);
	assert_int_equal(entry_read(&entry, "status.json", 4096, &text, &len), 0);
	assert_true(written_status(text, len, &read));
	is_same_status(&read, &status);
	for (size_t at = 0; at < len; at++) {
		char was = text[at];
		for (int byte = 0; byte < 256; byte++) {
			text[at] = (char)byte;
			if (!written_status(text, len, &read))
				continue;
			assert_int_equal(status_parse("box", text, len, &truth), 0);
			is_same_status(&read, &truth);
		}
		text[at] = was;
		assert_false(written_status(text, at, &read));
		assert_int_equal(read.pid, 0);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(other_letters), cmocka_unit_test(damaged_descriptions),
		cmocka_unit_test(too_many_arguments),      cmocka_unit_test(statuses),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
