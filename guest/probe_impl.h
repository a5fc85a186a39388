// SPDX-License-Identifier: Apache-2.0
/* What the parts of guest/probe share: see probe.h. */
#ifndef GUEST_PROBE_IMPL_H
#define GUEST_PROBE_IMPL_H

#include <stddef.h>

/* A result. Bytes that are not printable ASCII become spaces, several one, and what is too long is cut; nothing is "-". */
void probe_say(const char *name, const char *value, const char *text);
void probe_say_number(const char *name, unsigned long value, const char *text);

/*
 * A directory of the proc file system: /proc, or where that is none, one that is made and attached nowhere, as anybody with SYS_ADMIN can.
 * Negative errno: neither.
 */
int probe_proc(void);
/* The beginning of a file below `dir`, NUL-terminated; its length or a negative errno. */
long probe_read(int dir, const char *path, char *buf, size_t size);
/* A file system of this kind, new and attached nowhere: a descriptor or a negative errno (fsopen(2), fsmount(2)). */
int probe_mount(const char *type);

/* A connection by TCP, both numbers as decimal text, the address one of 32 bits; reading and writing wait CONNECT_S at most. A descriptor or a negative errno. */
int probe_connect(const char *address, const char *port);

/* probe_see.c */
void probe_see(void);
/* probe_can.c: `args` is NULL-terminated. */
void probe_can(char **args);

#endif
