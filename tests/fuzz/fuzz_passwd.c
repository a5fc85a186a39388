// SPDX-License-Identifier: Apache-2.0
/* Who a container's command is, by an image's /etc/passwd and /etc/group, and /etc/subuid: who is wanted, and the three files, a NUL byte
 * between. */
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctr/idmap.h"
#include "ctr/passwd.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int null_fd, error_fd;

/* What is said of unknown users goes nowhere; what the sanitizers find does not. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	error_fd = dup(STDERR_FILENO);
	__sanitizer_set_report_fd((void *)(intptr_t)error_fd);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char empty[] = "";
	char *text = malloc(size + 1), *part[4];
	size_t at = 0;
	struct idmap_extent extent;
	struct passwd_user user;

	memcpy(text, data, size);
	text[size] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		part[i] = at <= size ? text + at : empty;
		at += strlen(part[i]) + 1;
	}
	dup2(null_fd, STDERR_FILENO);
	int err = passwd_resolve_in(&user, part[0], part[1], part[2]);
	dup2(error_fd, STDERR_FILENO);
	/* What everybody behind it takes for granted. */
	if (!err) {
		if (user.uid == UINT32_MAX || user.gid == UINT32_MAX || user.group_count > PASSWD_GROUPS_MAX || user.home[0] != '/' ||
		    !memchr(user.home, '\0', sizeof(user.home)) || !memchr(user.name, '\0', sizeof(user.name)))
			abort();
	}
	if (idmap_find_range(part[3], part[0], 1000, 65536, &extent) &&
	    (extent.count < 65536 || !extent.outside || (uint64_t)extent.outside + extent.count > UINT32_MAX))
		abort();
	free(text);
	return 0;
}
