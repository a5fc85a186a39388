// SPDX-License-Identifier: Apache-2.0
/* Copies of whole directories, as containers leave them: any owner, any mode, any depth, nothing to be trusted. */
#ifndef CTR_STORE_COPY_H
#define CTR_STORE_COPY_H

/*
 * Makes the directory `to_name`, and in it all that is in `from_name`: owners, modes, times, attributes (those of overlayfs, of capabilities and access
 * control lists included), links among its files, fifos, sockets' names, device nodes, overlayfs's whiteouts. Data is shared where the file system can
 * (ioctl_ficlone(2)), and holes stay holes. No link is followed. Runs in a worker, for an ordinary user with the rights over all subordinate ids
 * (ctr/mapped.h). The names of files with several are kept meanwhile in a directory ".links-PID" beside `to_name`.
 *
 * Nothing else changes either of them meanwhile. After an error there is no `to_name`, unless it was there before (-EEXIST). 0 or a negative errno, logged
 * with the place in the tree.
 */
int directory_copy(int from_dir_fd, const char *from_name, int to_dir_fd, const char *to_name);

#endif
