// SPDX-License-Identifier: Apache-2.0
/* Between content.c and content_dev.c: what they ask of each other. */
#ifndef CTR_CONTENT_IMPL_H
#define CTR_CONTENT_IMPL_H

#include <stdbool.h>

struct content;

/* Attaches `mount_fd`, which is closed (negative: the error that made it so), at a place in which no link is followed. Logs failures. */
int content_attach(const struct content *content, int mount_fd, const char *path, bool make);
/* May places for mounts be made in the root? */
bool content_may_make(const struct content *content);

/* /dev and what is below it. */
int content_dev(const struct content *content);
/* A copy of the container's null device as a mount, to cover a file with; it was seen to be that device (CVE-2025-31133). Not logged. */
int content_clone_null(const struct content *content);

#endif
