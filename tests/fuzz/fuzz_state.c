// SPDX-License-Identifier: Apache-2.0
/* A kept container's documents: the first byte says which, the rest is the file. What is read must be what everybody behind it takes for
 * granted, and the reader of our own form may take nothing that the JSON library refuses, or reads otherwise. */
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctr/store/state.h"
#include "ctr/store/written.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int null_fd, error_fd;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	error_fd = dup(STDERR_FILENO);
	__sanitizer_set_report_fd((void *)(intptr_t)error_fd);
	return 0;
}

static void fail_unless(int good)
{
	if (!good)
		abort();
}

static void check_description(const char *text, size_t len)
{
	struct description read, written = {0};
	unsigned count = 0;
	int err = description_parse("config.json", text, len, &read);

	if (!err) {
		fail_unless(read.directory[0] == '/' && read.created >= 0);
		while (read.arguments[count])
			count++;
		fail_unless(count <= CONFIG_ARGUMENTS_MAX);
	}
	if (written_description(text, len, &written)) {
		fail_unless(!err && written.created == read.created && written.image == read.image);
		fail_unless(!strcmp(written.directory, read.directory));
		for (unsigned i = 0; i < count; i++)
			fail_unless(written.arguments[i] && !strcmp(written.arguments[i], read.arguments[i]));
		fail_unless(!written.arguments[count]);
		description_release(&written);
	}
	description_release(&read);
}

static void check_status(const char *text, size_t len)
{
	struct status read, written = {0};
	int err = status_parse("status.json", text, len, &read);

	if (!err)
		fail_unless(read.pid >= 0 && read.status >= 0 && read.status <= 255);
	if (written_status(text, len, &written))
		fail_unless(!err && written.pid == read.pid && written.started == read.started && written.finished == read.finished &&
			    written.status == read.status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > CONFIG_BYTES_MAX)
		return 0;
	char *text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	dup2(null_fd, STDERR_FILENO);
	if (data[0] & 1)
		check_description(text, size - 1);
	else
		check_status(text, size - 1);
	dup2(error_fd, STDERR_FILENO);
	free(text);
	return 0;
}
