// SPDX-License-Identifier: Apache-2.0
/* ctr/store/state.c: what is written is read back, and what is anything else is refused as a whole. */
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

#include "ctr/store/state.h"
#include "ctr/store/tree.h"
#include "vmm/util/log.h"

static char dir[64];
static struct entry entry;

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	strcpy(dir, "/tmp/test-state-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	entry = (struct entry){.name = "box", .fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .lock_fd = -1};
	return entry.fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	entry_close(&entry);
	return directory_remove(AT_FDCWD, dir);
}

static void a_description_is_read_as_it_was_written(void **state)
{
	static char *arguments[] = {"box", "--env", "A=\"quoted\" \\ and\ttab\nline \x01", "", "\xc3\xa4\xe2\x82\xac", "--", "sh", "-c",
				    "x",   NULL};
	const struct description told = {
		.created = 1795354695, .directory = "/a directory/\xc3\xa4", .image = true, .arguments = arguments};
	struct description read;

	(void)state;
	assert_int_equal(description_write(&entry, &told), 0);
	assert_int_equal(description_read(&entry, &read), 0);
	assert_int_equal(read.created, told.created);
	assert_string_equal(read.directory, told.directory);
	assert_true(read.image);
	for (unsigned i = 0; arguments[i]; i++)
		assert_string_equal(read.arguments[i], arguments[i]);
	assert_null(read.arguments[9]);
	description_release(&read);
}

static void what_json_has_no_form_for_is_refused(void **state)
{
	static char *arguments[] = {"\xff\xfe", NULL};
	const struct description told = {.directory = "/", .arguments = arguments};
	struct description read;

	(void)state;
	assert_int_equal(description_write(&entry, &told), -EILSEQ);
	assert_int_equal(description_read(&entry, &read), -ENOENT);
	description_release(&read);
}

static void a_status_is_read_as_it_was_written(void **state)
{
	const struct status told = {.pid = 4711, .started = 1795354695, .finished = 1795354699, .status = 255};
	struct status read;

	(void)state;
	assert_int_equal(status_read(&entry, &read), 0);
	assert_int_equal(read.started, 0);
	assert_int_equal(status_write(&entry, &told), 0);
	assert_int_equal(status_read(&entry, &read), 0);
	assert_int_equal(read.pid, told.pid);
	assert_int_equal(read.started, told.started);
	assert_int_equal(read.finished, told.finished);
	assert_int_equal(read.status, told.status);
}

static void a_damaged_description_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"version\": 2, \"created\": 1, \"directory\": \"/\", \"image\": false, \"arguments\": []}",
		"{\"version\": 1, \"created\": -1, \"directory\": \"/\", \"image\": false, \"arguments\": []}",
		"{\"version\": 1, \"created\": 1.5, \"directory\": \"/\", \"image\": false, \"arguments\": []}",
		"{\"version\": 1, \"created\": 1, \"directory\": \"x\", \"image\": false, \"arguments\": []}",
		"{\"version\": 1, \"created\": 1, \"directory\": \"/\", \"image\": 0, \"arguments\": []}",
		"{\"version\": 1, \"created\": 1, \"directory\": \"/\", \"image\": false, \"arguments\": {}}",
		"{\"version\": 1, \"created\": 1, \"directory\": \"/\", \"image\": false, \"arguments\": [1]}",
		"{\"version\": 1, \"created\": 1, \"directory\": \"/\", \"image\": false, \"arguments\": [\"\\u0000\"]}",
		"{\"version\": 1, \"version\": 1, \"created\": 1, \"directory\": \"/\", \"image\": false, \"arguments\": []}",
		"{\"version\": 1, \"created\": 1, \"directory\": \"/\", \"image\": false, \"arguments\": []} x",
	};
	struct description read;

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(entry_write(&entry, "config.json", texts[i], strlen(texts[i])), 0);
		if (description_read(&entry, &read) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
		assert_null(read.arguments);
		assert_null(read.directory);
	}
	char *large = calloc(1, CONFIG_BYTES_MAX + 1);
	assert_int_equal(entry_write(&entry, "config.json", large, CONFIG_BYTES_MAX + 1), 0);
	assert_int_equal(description_read(&entry, &read), -EFBIG);
	free(large);
}

static void a_damaged_status_is_refused(void **state)
{
	static const char *const texts[] = {
		"{\"version\": 1, \"pid\": -1, \"started\": 1, \"finished\": 1, \"status\": 0}",
		"{\"version\": 1, \"pid\": 99999999999, \"started\": 1, \"finished\": 1, \"status\": 0}",
		"{\"version\": 1, \"pid\": 1, \"started\": 1, \"finished\": 1, \"status\": 256}",
		"{\"version\": 1, \"pid\": 1, \"started\": 1, \"status\": 0}",
		"{\"version\": 1, \"pid\": \"1\", \"started\": 1, \"finished\": 1, \"status\": 0}",
	};
	struct status read;

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(entry_write(&entry, "status.json", texts[i], strlen(texts[i])), 0);
		assert_int_equal(status_read(&entry, &read), -EINVAL);
		assert_int_equal(read.pid, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_description_is_read_as_it_was_written),
		TEST(what_json_has_no_form_for_is_refused),
		TEST(a_status_is_read_as_it_was_written),
		TEST(a_damaged_description_is_refused),
		TEST(a_damaged_status_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
