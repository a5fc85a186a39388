// SPDX-License-Identifier: Apache-2.0
/* The host's name servers for a container: see resolv.h. */
#include "ctr/resolv.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define RESOLV_BYTES_MAX 65536
#define BLANK " \t"

/* systemd-resolved(8): where it lists what it asks itself. */
static const char *const paths[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

static bool is_loopback(const char *address, size_t len)
{
	return (len >= 4 && !strncmp(address, "127.", 4)) || (len == 3 && !strncmp(address, "::1", 3));
}

bool resolv_reaches_out(const char *text)
{
	static const char keyword[] = "nameserver";

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, keyword, strlen(keyword)))
			continue;
		const char *address = line + strlen(keyword);
		size_t blank = strspn(address, BLANK);
		size_t len = strcspn(address + blank, BLANK "\r\n");
		if (blank && len && !is_loopback(address + blank, len))
			return true;
	}
	return false;
}

char *resolv_of_host(void)
{
	char *first = NULL, *text;
	size_t len;

	for (unsigned i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (read_file(paths[i], RESOLV_BYTES_MAX, &text, &len))
			continue;
		if (resolv_reaches_out(text)) {
			free(first);
			return text;
		}
		if (first)
			free(text);
		else
			first = text;
	}
	log_warn("the host's /etc/resolv.conf names no server that the container can reach, the host's loopback at most: --bind "
		 "FILE:/etc/resolv.conf:ro gives it another");
	return first;
}
