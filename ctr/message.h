// SPDX-License-Identifier: Apache-2.0
/*
 * What a parent and its child tell each other while a container is made: messages over a pair of SOCK_SEQPACKET sockets, each with a descriptor
 * (SCM_RIGHTS, unix(7)) or none. Any thread.
 */
#ifndef CTR_MESSAGE_H
#define CTR_MESSAGE_H

#include <sys/types.h>

/* One byte, and fd, which stays the caller's, or none (-1). 0 or a negative errno. */
int send_message(int socket, char message, int fd);
/* Up to `size` bytes of a message, and a descriptor, the caller's to close, or -1 where none came. As recvmsg(2), but a negative errno. */
ssize_t receive_text(int socket, char *text, size_t size, int *fd);
/* The same of one byte. 0 or a negative errno; -ECONNRESET when the other side ended. */
int receive_message(int socket, char *message, int *fd);

#endif
