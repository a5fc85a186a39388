// SPDX-License-Identifier: Apache-2.0
/*
 * Who the command is to run as: --user against the image's own /etc/passwd and /etc/group (passwd(5), group(5)), which are as hostile as the rest of
 * the image. Numbers are strict: nothing may follow them (CVE-2026-30892).
 */
#ifndef CTR_PASSWD_H
#define CTR_PASSWD_H

#include <stddef.h>
#include <stdint.h>

#define PASSWD_GROUPS_MAX 64

struct passwd_user {
	uint32_t uid, gid;
	uint32_t groups[PASSWD_GROUPS_MAX]; /* supplementary */
	unsigned group_count;
	char home[256]; /* "/" when the file has none */
	char name[64];	/* "" when only a number is known */
};

/*
 * `wanted`: "name", "uid", "name:group", "uid:gid"; NULL for root. `root_fd`: the container's root, in which the files are found. A number that the file
 * does not have is taken as it is, with group 0; a name must be there. 0 or a negative errno, logged.
 */
int passwd_resolve(struct passwd_user *user, const char *wanted, int root_fd);

/* The same with the two files' texts: for the tests. NULL: there is no such file. */
int passwd_resolve_in(struct passwd_user *user, const char *wanted, const char *passwd, const char *group);

#endif
