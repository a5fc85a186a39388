// SPDX-License-Identifier: Apache-2.0
/* Whole directories, as containers leave them: any owner, any mode, any depth, nothing to be trusted. */
#ifndef CTR_STORE_TREE_H
#define CTR_STORE_TREE_H

/*
 * Removes a directory and all that is in it; links are not followed. Where the user's own rights are not enough, with those over all subordinate
 * ids (ctr/mapped.h). 0, also when there is none, or a negative errno; not logged.
 */
int directory_remove(int dir_fd, const char *name);

#endif
