// SPDX-License-Identifier: Apache-2.0
/*
 * The two documents of a container that is kept (store.h), as JSON (RFC 8259) with a "version" of 1:
 *
 *	config.json  {"version", "created", "directory", "image", "arguments": [...]}
 *	status.json  {"version", "pid", "started", "finished", "status"}
 *
 * A container is described by the options that `ctr create` was given: they are parsed again at each start, in the directory in which they were
 * given, by the same code with the same messages. So there is one description (ctr/spec.h, which says what each part is called in an OCI
 * config.json) and one way into it.
 *
 * They are read in a worker, which has the JSON library so that nobody else needs it. Both may have been written by anybody: too long, truncated, of
 * another shape: an error, logged with the file's name, never a half-filled struct.
 */
#ifndef CTR_STORE_STATE_H
#define CTR_STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctr/store/store.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define CONFIG_ARGUMENTS_MAX 4096

struct description {
	int64_t created;   /* seconds since 1970 */
	char *directory;   /* the working directory of `create` */
	bool image;	   /* its root is NAME/root, unpacked from the --image that the arguments tell */
	char **arguments;  /* options, "--", command; NULL-terminated. description_release() frees all of it */
};

/* Zero: never. */
struct status {
	pid_t pid;	   /* of the container's first process, in the host's eyes; good only while entry_is_alive() */
	int64_t started, finished;
	int status;	   /* of the last end: as the exit status of `ctr run` */
};

int description_read(const struct entry *entry, struct description *config);
int description_write(const struct entry *entry, const struct description *config);
void description_release(struct description *config);

/* One that was never started has no status.json, and all of *status is zero. */
int status_read(const struct entry *entry, struct status *status);
int status_write(const struct entry *entry, const struct status *status);

/*
 * The parsers alone, in this process, for the tests: `text` of `len` bytes. `name` is for messages. 0, or a negative errno, logged: -EINVAL for what is
 * wrong with it, -ENOENT without a JSON library. After an error *config and *status are all zero.
 */
int description_parse(const char *name, const char *text, size_t len, struct description *config);
int status_parse(const char *name, const char *text, size_t len, struct status *status);

#endif
