// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr copy`: another container, described as this one is, with a copy of what this one wrote. Nobody sees it before it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctr/store/copy.h"
#include "ctr/store/snapshot.h"
#include "ctr/verbs/lifecycle.h"
#include "vmm/util/log.h"

static int fill(struct subject *subject, struct entry *fresh)
{
	struct description description = subject->description;
	const char *writes = entry_writes(description.image);

	description.created = time(NULL);
	int err = description_write(fresh, &description);
	/* One that was never started wrote nothing. */
	if (!err && !faccessat(subject->entry.fd, writes, F_OK, AT_SYMLINK_NOFOLLOW))
		err = directory_copy(subject->entry.fd, writes, fresh->fd, writes);
	if (!err && syncfs(fresh->fd)) {
		err = -errno;
		log_error("container '%s': can't be written to disk: %s", fresh->name, strerror(-err));
	}
	return err;
}

static int copy(struct subject *subject, const struct verb_line *line)
{
	struct entry fresh;
	int err = lifecycle_rest(subject);

	if (!err)
		err = store_create(&subject->store, line->words.word[1], &fresh);
	if (err)
		return err;
	err = fill(subject, &fresh);
	if (!err)
		err = entry_publish(&subject->store, &fresh);
	if (err)
		store_remove(&subject->store, &fresh);
	entry_close(&fresh);
	return err;
}

int verb_copy(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "copy",
		.usage = "NAME NEW-NAME",
		.help = "makes another container with the same options and a copy of all that this one wrote",
		.min = 2,
		.max = 2,
		.new_name = 1,
	};

	return verb_on_subject(&line, argc, argv, true, copy);
}
