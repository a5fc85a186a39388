// SPDX-License-Identifier: Apache-2.0
/*
 * Where containers that outlive a command are kept: $XDG_STATE_HOME/tinyvmm/ctr (~/.local/state by default), for root /var/lib/tinyvmm/ctr;
 * one directory each.
 *
 *	NAME/config.json    what `create` was told (state.h); replaced as a whole
 *	NAME/status.json    its last start and end (state.h); replaced as a whole
 *	NAME/lock           held (an open file description lock, fcntl(2)) by whoever changes the container, for as long as that takes
 *	NAME/alive          held by the monitor for as long as the container runs: the kernel lets go of it whatever ends the monitor, so
 *	                    what the files say of a running container is believed only while it is held
 *	NAME/upper, work    what the container wrote, as overlayfs keeps it
 *	NAME/root           the root of a container that was made from an archive
 *	NAME/snapshots/S    copies of `upper` or `root`
 *	NAME/log, log.1     what it printed, and what it printed before that
 *	NAME/console        the monitor's socket, while it runs
 *	.new-*, .old-*      half made, half removed: entry_publish() and store_remove() rename, so no command ever finds a part of a container. Each
 *	                    is locked by who is at it; without that lock it is what a crash left, and the next store_open() removes it
 *
 * The directory is the user's own (0700). A file in it is still read as if a stranger had written it.
 *
 * Every failure is logged, with the container's name.
 */
#ifndef CTR_STORE_STORE_H
#define CTR_STORE_STORE_H

#include <stdbool.h>
#include <sys/types.h>

#define STORE_NAME_MAX 63

struct store {
	int fd;
	char path[3072];
};

/* One container. It is ours to change until entry_close(). */
struct entry {
	char name[STORE_NAME_MAX + 1];
	int fd;	     /* its directory */
	int lock_fd; /* of `lock`; -1: only looked at */
};

/* Opens it, makes it where it is missing, and removes what a crash left half done. 0 or a negative errno. */
int store_open(struct store *store);
void store_close(struct store *store);

/* A new container's directory, which no other command sees before entry_publish(). -EEXIST: the name is taken. */
int store_create(struct store *store, const char *name, struct entry *entry);
/* -EEXIST: somebody took the name meanwhile. */
int entry_publish(struct store *store, struct entry *entry);

/*
 * Finds a container and waits until nobody else changes it. -ENOENT: there is none, and the message has the name that is near.
 */
int store_find(struct store *store, const char *name, struct entry *entry);
/* The same without waiting or holding: for looking. Whatever is read may be changed right after. */
int store_look(struct store *store, const char *name, struct entry *entry);
void entry_close(struct entry *entry);

/* The container has ended. Removes all of it. */
int store_remove(struct store *store, struct entry *entry);
/* The container has ended. -EEXIST. */
int store_rename(struct store *store, struct entry *entry, const char *name);

/* All names, sorted, in one NULL-terminated list that the caller frees with store_free_names(). */
int store_names(struct store *store, char ***names);
void store_free_names(char **names);

/* Is it running? Then somebody holds `alive`. */
bool entry_is_alive(const struct entry *entry);
/* For the monitor: takes `alive`. A descriptor to keep, or a negative errno; -EBUSY, logged: it runs already. */
int entry_live(const struct entry *entry);
/* Waits until it has ended. 0 or a negative errno. */
int entry_wait(const struct entry *entry);

/* "PATH/NAME/FILE", for messages and for what takes a path. */
void entry_path(const struct store *store, const struct entry *entry, const char *file, char *path, size_t size);

/* Reads a file of the entry's, at most `limit` bytes; as read_file(), not logged. */
int entry_read(const struct entry *entry, const char *file, size_t limit, char **data, size_t *len);
/* Writes it beside the old one, to disk, and renames. Logged. */
int entry_write(const struct entry *entry, const char *file, const void *data, size_t len);

#endif
