// SPDX-License-Identifier: Apache-2.0
/* --user: see passwd.h. */
#include "ctr/passwd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

#define FILE_BYTES_MAX (4 << 20)
#define FIELDS_MAX 7

/* Cuts a line at its colons. Returns the number of fields. */
static unsigned split(char *line, char *field[FIELDS_MAX])
{
	unsigned n = 0;

	while (line && n < FIELDS_MAX)
		field[n++] = strsep(&line, ":");
	return n;
}

static bool number(const char *text, uint32_t *value)
{
	uint64_t wide;

	/* parse_u64() takes 0x10, which no such file means. UINT32_MAX is "no change" to the kernel. */
	if (text[strspn(text, "0123456789")] || parse_u64(text, 0, UINT32_MAX - 1, &wide))
		return false;
	*value = (uint32_t)wide;
	return true;
}

/* The first line whose name or number is `who`. */
static bool find_user(struct passwd_user *user, const char *who, const char *passwd)
{
	char *copy = passwd ? strdup(passwd) : NULL, *rest = copy, *line, *field[FIELDS_MAX];
	uint32_t wanted = 0, uid, gid;
	bool by_number = number(who, &wanted), found = false;

	while (!found && rest && (line = strsep(&rest, "\n"))) {
		if (split(line, field) < 6 || !number(field[2], &uid) || !number(field[3], &gid))
			continue;
		if (by_number ? uid != wanted : strcmp(field[0], who) != 0)
			continue;
		user->uid = uid;
		user->gid = gid;
		snprintf(user->name, sizeof(user->name), "%s", field[0]);
		if (field[5][0] == '/' && strlen(field[5]) < sizeof(user->home))
			snprintf(user->home, sizeof(user->home), "%s", field[5]);
		found = true;
	}
	free(copy);
	if (!found && by_number) {
		user->uid = wanted;
		user->gid = 0;
		found = true;
	}
	return found;
}

static bool find_group(uint32_t *gid, const char *who, const char *group)
{
	char *copy = group ? strdup(group) : NULL, *rest = copy, *line, *field[FIELDS_MAX];
	bool found = number(who, gid);

	while (!found && rest && (line = strsep(&rest, "\n"))) {
		if (split(line, field) >= 3 && !strcmp(field[0], who))
			found = number(field[2], gid);
	}
	free(copy);
	return found;
}

static bool is_member(char *members, const char *name)
{
	char *one;

	while ((one = strsep(&members, ","))) {
		if (!strcmp(one, name))
			return true;
	}
	return false;
}

static void add_groups(struct passwd_user *user, const char *group)
{
	char *copy = group ? strdup(group) : NULL, *rest = copy, *line, *field[FIELDS_MAX];

	while (user->name[0] && rest && (line = strsep(&rest, "\n"))) {
		uint32_t gid;
		if (split(line, field) < 4 || !number(field[2], &gid) || !is_member(field[3], user->name))
			continue;
		if (user->group_count == PASSWD_GROUPS_MAX) {
			log_warn("--user %s: is in more than %d groups; the rest is left out", user->name, PASSWD_GROUPS_MAX);
			break;
		}
		user->groups[user->group_count++] = gid;
	}
	free(copy);
}

int passwd_resolve_in(struct passwd_user *user, const char *wanted, const char *passwd, const char *group)
{
	char who[256];
	const char *given = wanted ? wanted : "0";
	const char *colon = strchrnul(given, ':');

	*user = (struct passwd_user){.home = "/"};
	if (snprintf(who, sizeof(who), "%.*s", (int)(colon - given), given) >= (int)sizeof(who) || !*who || !find_user(user, who, passwd)) {
		log_error("--user %s: the image's /etc/passwd has no such user (a number needs none)", given);
		return -ENOENT;
	}
	if (!*colon) {
		add_groups(user, group);
		return 0;
	}
	if (!colon[1] || !find_group(&user->gid, colon + 1, group)) {
		log_error("--user %s: the image's /etc/group has no such group (a number needs none)", given);
		return -ENOENT;
	}
	return 0;
}

/* NULL when it is not there, no regular file, or too large to be what it says. */
static char *read_inside(int root_fd, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	struct stat st;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= FILE_BYTES_MAX && (text = malloc((size_t)st.st_size + 1))) {
		if (pread_full(fd, text, (size_t)st.st_size, 0)) {
			free(text);
			text = NULL;
		} else {
			text[st.st_size] = '\0';
		}
	}
	close(fd);
	return text;
}

int passwd_resolve(struct passwd_user *user, const char *wanted, int root_fd)
{
	char *passwd = read_inside(root_fd, "etc/passwd"), *group = read_inside(root_fd, "etc/group");
	int err = passwd_resolve_in(user, wanted, passwd, group);

	free(passwd);
	free(group);
	return err;
}
