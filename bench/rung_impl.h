// SPDX-License-Identifier: Apache-2.0
/* What rung.c has from rung_foreign.c, and both from rung_words.c. */
#ifndef BENCH_RUNG_IMPL_H
#define BENCH_RUNG_IMPL_H

#include "bench/rung.h"

#define RUNG_TRY_S 300 /* a machine under an emulated processor boots for minutes */

/* Both 0, -E2BIG or -ENOMEM; the words are copied, and a NULL ends the list. */
int rung_add_word(struct rung *rung, const char *word);
int rung_add_words(struct rung *rung, const char *const *words);
/* The first reason counts. -ENOMEM. */
int rung_skip(struct rung *rung, const char *why);
/* A path as it stands among the parts of an option: a comma of its own is written twice, here as in QEMU's. Returns `text`. */
#define RUNG_DISK_BYTES 8192
char *rung_disk_text(char text[RUNG_DISK_BYTES], const char *path);
/* What such a one can't do without. */
#define RUNG_MACHINE_NEEDS "it needs a root image (--disk FILE) and a kernel (--kernel FILE)"
/* The command lines of a container and a machine of ours, up to where more options and the command go. */
int rung_container_words(struct rung *rung, const char *self, const struct ladder_options *o);
int rung_machine_words(struct rung *rung, const char *self, const struct ladder_options *o);

/* Peers that can be named without a command line: the programs that they are by, and whether one is there. */
extern const char *const foreign_known[]; /* NULL-terminated */
bool foreign_installed(const char *name);
/*
 * A foreign rung, whose name is filled in: by the user's own command line, or as one that is known by name (text is NULL), which is skipped where it
 * can't be had. 0 or a negative errno, logged.
 */
int foreign_fill(struct rung *rung, const char *self, const char *text, const struct ladder_options *o);
/* The configuration in its bundle gets this command. 0 or a negative errno, logged. */
int foreign_write_bundle(const struct rung *rung, char *const *command);

#endif
