// SPDX-License-Identifier: Apache-2.0
/*
 * What a container wrote, kept as it was at some time: NAME/snapshots/SNAP is a copy (copy.h) of NAME/upper, or of NAME/root. The entry is locked, and the
 * container rests, for all of these.
 *
 * What is half made has a name with a dot in front, in NAME or in NAME/snapshots, and gets its own by one rename(2), when it is on the disk. So whatever
 * ends a command, each name stands for the old or for the new, and the next command removes what is left (entry_sweep()).
 *
 * 0 or a negative errno; every failure is logged.
 */
#ifndef CTR_STORE_SNAPSHOT_H
#define CTR_STORE_SNAPSHOT_H

#include <stdbool.h>

#include "ctr/store/store.h"

/* What holds the writes of a container that was (`image`), or was not, made from an archive: a directory in the entry. */
const char *entry_writes(bool image);

/* Removes what a crash left in it. What can't be removed is a warning. */
void entry_sweep(const struct entry *entry);

/* `name` NULL: the first of snap0, snap1, ... that is not there; `chosen` gets the name. -EEXIST. */
int snapshot_take(const struct entry *entry, bool image, const char *name, char chosen[STORE_NAME_MAX + 1]);
/* The writes become a copy of the snapshot. -ENOENT: there is none of this name. */
int snapshot_restore(const struct entry *entry, bool image, const char *name);
int snapshot_delete(const struct entry *entry, const char *name);

/* Sorted, for store_free_names(); NULL when there is none. */
int snapshot_names(const struct entry *entry, char ***names);
/* When it was taken; 0 when that is not known. */
long long snapshot_time(const struct entry *entry, const char *name);

#endif
